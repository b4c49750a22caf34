import type { IExecuteFunctions } from 'n8n-workflow';

import { Claims, type OrderedItem, type Recalled, type Uncertain } from './claims';
import { Confirmations } from './confirmations';
import type { Knowledge } from './decide';
import { couldNotAsk } from '../report/errors';
import { digest, identify, isRetryWithoutRoot, type Identity } from './identity';
import type { ReadItem } from '../order/items';
import { Ledger, outcomeOf, type SentOrder, type SentState } from './ledger';
import { noMemory, readAttempts, readMemory, type Memory } from './memory';
import type { Order } from '../order/order';
import type { Outcome } from '../dispatch/outcome';
import { recognise, type Past, type Recognised } from './recognise';
import { referenceOf } from './references';
import type { OpenRow } from '../../n8n/rows';
import { DIGEST, ENTRY } from './stored';
import { conversationOf, isTool } from '../../n8n/host';

/** A past order as the execution's own data and n8n's database know it together. */
interface KnownPast extends Past {
	sent?: SentOrder;
}

/**
 * What is known of orders that were sent before: the one door to what the execution's own data and n8n's database
 * keep of them. The first has the purchases, and is gone after a crash; the second has only that an order was sent
 * and whether it is settled, and outlives everything.
 */
export class Known {
	/** Stands for the run in n8n's log: it is the same in all retries. */
	readonly run: string;

	private readonly ledger: Ledger;

	private readonly claims: Claims;

	private readonly isTool: boolean;

	/** What the run's entries are unique in. */
	private readonly scope: string;

	private recalled: Recalled;

	/** Why n8n's database could not be asked. */
	private refusal?: Error;

	constructor(private readonly context: IExecuteFunctions) {
		this.isTool = isTool(context);
		this.ledger = new Ledger(context);
		this.scope = digest(DIGEST.run(this.ledger.root, this.ledger.run));
		this.run = this.scope.slice(0, 8);
		this.claims = new Claims(context, this.ledger, this.scope);
		this.recalled = { identities: [], numbers: new Map(), resent: new Map(), confirmations: new Confirmations([]) };
	}

	/**
	 * Looks up what is known of each item's order, and settles what a person has confirmed.
	 *
	 * If n8n's database cannot be asked, only the execution's own data is: see `open`.
	 */
	async recall(items: ReadItem[]): Promise<Knowledge[]> {
		const orders = items.map(({ reading }) => (reading.kind === 'valid' ? reading.value : undefined));
		this.recalled.identities = identify(this.context.getInputData().map(({ json }) => json), orders);
		this.recalled.confirmations = new Confirmations(orders.filter((order) => order !== undefined));
		try {
			return await this.recallFromBoth(orders);
		} catch (error) {
			this.refusal = error as Error;
			return await this.recallAll(orders, noMemory());
		}
	}

	private async recallFromBoth(orders: Array<Order | undefined>): Promise<Knowledge[]> {
		const { rows } = this.claims;
		const paid = orders.filter((order) => order && !order.dryRun);
		if (paid.length > 0) this.ledger.begin();
		// What has a key is asked for when it is claimed, and a tool goes by its conversation.
		const isAsked = !this.isTool && paid.some((order) => order?.idempotencyKey === undefined);
		if (!rows || !isAsked) return await this.recallAll(orders, noMemory());
		if (await rows.run.isEmpty()) return await this.recallAll(orders, noMemory());
		return await rows.run.change(
			async (row) => await this.recallAll(orders, await readMemory(row, this.recalled.identities), row),
		);
	}

	private async recallAll(orders: Array<Order | undefined>, memory: Memory, row?: OpenRow): Promise<Knowledge[]> {
		const { identities } = this.recalled;
		this.recalled.numbers = memory.numbers;
		const recognised = this.isTool
			? identities.map((identity, item) => this.recogniseCall(identity, item))
			: recognise(identities, orders, this.pasts(memory), memory.items);
		// What a killed execution has sent is not known in its retry where n8n has nothing that stays the same.
		const isBlind = this.ledger.orders.length === 0 && isRetryWithoutRoot(this.context);
		const uncertain = new Map<number, Uncertain>();
		const known = recognised.map((found, item): Knowledge => {
			if (found.kind === 'past' && found.past.isBought) return boughtBefore(found.past.sent);
			if (found.kind === 'item' && found.isBought) return { kind: 'bought' };
			// n8n's database knows more of a key than this execution does, and is asked when it is claimed.
			if (!identities[item].keyed && (found.kind !== 'new' || isBlind)) uncertain.set(item, this.uncertainAt(item, found));
			return { kind: 'new' };
		});
		const attempts = row && (await readAttempts(row, this.scope, [...uncertain.values()].map(({ entry }) => entry)));
		for (const [item, order] of uncertain) {
			order.attempt = Math.max(order.attempt, attempts?.get(order.entry) ?? 1);
			known[item] = await this.judge(order, row);
		}
		return known;
	}

	/** What both stores know of this run's orders. */
	private pasts(memory: Memory): KnownPast[] {
		const pasts = new Map<string, KnownPast>(memory.pasts.map((past) => [past.entry, past]));
		const counts = new Map<string, number>();
		for (const sent of this.ledger.orders) {
			const { entry, what, at, state } = sent;
			counts.set(what, (counts.get(what) ?? 0) + 1);
			if (memory.refused.has(entry)) continue;
			pasts.set(entry, { entry, what, at, sent, isBought: state.kind === 'bought' || pasts.get(entry)?.isBought === true });
		}
		for (const [what, count] of counts) memory.numbers.set(what, Math.max(memory.numbers.get(what) ?? 0, count));
		return [...pasts.values()];
	}

	/** An agent's order is recognised by what it orders: see `conversationOf`. */
	private recogniseCall({ what = '' }: Identity, item: number): Recognised<KnownPast> {
		const conversation = conversationOf(this.context, item);
		const same = this.ledger.orders.filter((sent) => sent.what === what);
		this.recalled.numbers.set(what, same.length);
		const sent = same.find(({ state }) => state.kind === 'unknown') ?? same.find(({ call }) => !conversation.has(call));
		if (!sent) return { kind: 'new' };
		sent.call = conversation.call;
		return { kind: 'past', past: { ...sent, sent, isBought: sent.state.kind === 'bought' } };
	}

	private uncertainAt(item: number, found: Recognised<KnownPast>): Uncertain {
		if (found.kind === 'past') {
			const { entry, sent } = found.past;
			return { item, entry, isOwn: true, sent, attempt: sent?.state.kind === 'unknown' ? sent.state.attempt : 1 };
		}
		const { at, what } = this.recalled.identities[item];
		const entry = what === undefined || found.kind === 'item' ? at : ENTRY.atFor(at, what);
		return { item, entry, isOwn: false, attempt: 1 };
	}

	/** Gives an uncertain order its reference, and settles it if a person has named that. */
	private async judge(order: Uncertain, row?: OpenRow): Promise<Knowledge> {
		const { item, entry, sent, attempt } = order;
		const reference = referenceOf(this.scope, entry, attempt);
		switch (this.recalled.confirmations.of(reference)) {
			case 'bought': {
				const { at, what = '' } = this.recalled.identities[item];
				await row?.add([ENTRY.used(reference), at, ENTRY.atFor(at, what), ENTRY.done(entry), ENTRY.done(at)]);
				const state: SentState = { kind: 'bought', because: 'confirmed' };
				if (sent) sent.state = state;
				else this.ledger.add({ at, what, entry, state });
				return { kind: 'bought', because: 'confirmed' };
			}
			case 'notBought':
				this.recalled.resent.set(item, order);
				return { kind: 'new' };
			default:
				return { kind: 'unknown', outcome: outcomeOf(sent), reference };
		}
	}

	/** The Idempotency Key of an order, as it is in n8n's database. */
	keyOf({ item }: OrderedItem): string | undefined {
		const { keyed, what } = this.recalled.identities[item];
		return keyed ? what : undefined;
	}

	/**
	 * To be called before the first claim.
	 *
	 * @throws Error when n8n's database could not be asked, or has no place for Idempotency Keys
	 */
	open(orders: OrderedItem[]) {
		if (this.refusal && orders.length > 0) throw new Error(couldNotAsk(this.refusal));
		if (this.claims.rows || orders.every((ordered) => this.keyOf(ordered) === undefined)) return;
		throw new Error('Save the workflow before you use an Idempotency Key: n8n keeps the keys with the saved workflow');
	}

	/** See `Claims.claim`. */
	async claim(orders: OrderedItem[]): Promise<Knowledge[]> {
		return await this.claims.claim(orders, this.recalled);
	}

	/** See `Claims.uncertainKeys`. */
	async uncertainKeys(orders: OrderedItem[]) {
		return await this.claims.uncertainKeys(orders, this.recalled);
	}

	/** See `Claims.uncertainCall`. */
	uncertainCall({ item }: OrderedItem): Knowledge | undefined {
		return this.claims.uncertainCall(item, this.recalled.identities[item]);
	}

	/** See `Claims.sending`. */
	sending({ item }: OrderedItem) {
		this.claims.sending(item, this.recalled.identities[item]);
	}

	/** See `Claims.answered`. */
	async answered({ item }: OrderedItem, outcome: Outcome): Promise<string> {
		return await this.claims.answered(item, this.recalled.identities[item], outcome);
	}

	/** See `Claims.release`. */
	release({ item }: OrderedItem) {
		this.claims.release(item);
	}

	/** See `Claims.settle`. */
	async settle() {
		await this.claims.settle();
	}

	/** References that somebody has confirmed, and that stand for no uncertain order here. */
	get unknownReferences(): string[] {
		return this.recalled.confirmations.unmet;
	}

	/** To be called when the run has ended and nothing of it can be retried, so that n8n stores each purchase once. */
	forget() {
		if (!this.isTool) this.ledger.forget();
	}
}

const boughtBefore = (sent?: SentOrder): Knowledge =>
	sent?.state.kind === 'bought'
		? { kind: 'bought', purchase: sent.state.purchase, because: sent.state.because }
		: { kind: 'bought' };
