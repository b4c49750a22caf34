import type { IExecuteFunctions } from 'n8n-workflow';

import type { Knowledge } from './decide';
import { digest, identify, isRetryWithoutRoot, type Identity } from './identity';
import type { ReadItem } from './items';
import { Ledger, type SentOrder, type SentState } from './ledger';
import { noMemory, probe, readAttempts, readMemory, type Memory } from './memory';
import type { Order } from './order';
import type { NotBought, Outcome } from './outcome';
import { recognise, type Past, type Recognised } from './recognise';
import { referenceOf } from './references';
import { Row, type OpenRow } from './rows';
import { DIGEST, ENTRY, runRow } from './stored';
import { conversationOf, isTool } from './tool';

/** How many Idempotency Keys n8n keeps for a node at least. */
export const KEY_HISTORY = 10_000;

/** An item whose fields are a valid order. */
export interface OrderedItem {
	item: number;
	order: Order;
}

/** An order on its way. */
interface Claim {
	item: number;
	row?: Row;
	call?: string;
	/** The order's own entry. */
	entry: string;
	/** What is claimed: if it is there already, somebody else has it. */
	token: string;
	/** What is recorded with it, as long as it is not certainly not bought. */
	marks: string[];
	/** What is recorded until its outcome is known. */
	open: string[];
	attempt: number;
	sent?: SentOrder;
}

/** An order without an answer, as it is found when it comes again. */
interface Uncertain {
	item: number;
	/** The order's own entry; the item's, where it is not known which order that is. */
	entry: string;
	isOwn: boolean;
	outcome?: NotBought;
	sent?: SentOrder;
}

/** What the execution's own data and n8n's database know of the same order. */
interface KnownPast extends Past {
	sent?: SentOrder;
}

const NO_ANSWER: NotBought = { kind: 'unknown', networkCode: 'no answer' };

/**
 * What is known of orders that were sent before: the one door to what the execution's own data and n8n's database
 * keep of them. The first has the purchases, and is gone after a crash; the second has only that an order was sent
 * and whether it is settled, and outlives everything.
 */
export class Known {
	/** Stands for the run in n8n's log: it is the same in all retries. */
	readonly run: string;

	/** References of uncertain orders that this run has met. */
	private readonly references = new Set<string>();

	private readonly ledger: Ledger;

	private readonly isTool: boolean;

	/** What the run's entries are unique in. */
	private readonly scope: string;

	/** The rows of n8n's database. A workflow that was never saved has no place there. */
	private readonly rows?: { run: Row; keys: Row };

	/** Whether nobody else can know of the run's row yet. */
	private isFirst = false;

	private identities: Identity[] = [];

	/** The highest number that an order for the same has. */
	private numbers = new Map<string, number>();

	/** What somebody has confirmed not to have been bought, by item. */
	private readonly resent = new Map<number, Uncertain & { attempt: number }>();

	private readonly claims = new Map<number, Claim>();

	/** What n8n's database is still to be told. */
	private answers: Array<{ claim: Claim; kind: Outcome['kind'] }> = [];

	private confirmed = { bought: new Set<string>(), notBought: new Set<string>() };

	constructor(private readonly context: IExecuteFunctions) {
		this.isTool = isTool(context);
		this.ledger = new Ledger(context);
		this.scope = digest(DIGEST.run(this.ledger.root, this.ledger.run));
		this.run = this.scope.slice(0, 8);
		const { id } = context.getNode();
		if (context.getWorkflow().id) {
			this.rows = { run: new Row(context, runRow(id, this.scope)), keys: new Row(context, id, 2 * KEY_HISTORY) };
		}
	}

	/**
	 * Looks up what is known of each item's order, and settles what a person has confirmed.
	 *
	 * @returns what is known, and why n8n's database could not be asked if it could not
	 */
	async recall(items: ReadItem[]): Promise<{ known: Knowledge[]; refusal?: Error }> {
		const orders = items.map(({ reading }) => (reading.kind === 'valid' ? reading.value : undefined));
		this.identities = identify(this.context.getInputData().map(({ json }) => json), orders);
		for (const order of orders) {
			for (const reference of order?.confirmedBought ?? []) this.confirmed.bought.add(reference);
			for (const reference of order?.confirmedNotBought ?? []) this.confirmed.notBought.add(reference);
		}
		try {
			if (orders.some((order) => order && !order.dryRun)) this.ledger.begin();
			const isAsked = orders.some((order) => order && !order.dryRun && order.idempotencyKey === undefined);
			if (!this.rows || !isAsked || this.isTool || (await this.isNew(this.rows.run))) {
				return { known: await this.recallAll(orders, noMemory()) };
			}
			const known = await this.rows.run.change(
				async (row) => await this.recallAll(orders, await readMemory(row, this.identities), row),
			);
			return { known };
		} catch (error) {
			return { known: await this.recallAll(orders, noMemory()), refusal: error as Error };
		}
	}

	private async isNew(row: Row): Promise<boolean> {
		const isEmpty = await row.isEmpty();
		this.isFirst = isEmpty && this.context.getMode?.() !== 'retry';
		return isEmpty;
	}

	private async recallAll(orders: Array<Order | undefined>, memory: Memory, row?: OpenRow): Promise<Knowledge[]> {
		this.numbers = memory.numbers;
		const recognised = this.isTool
			? this.identities.map((identity, item) => this.recognisedCall(identity, item))
			: recognise(this.identities, orders, this.pasts(memory), memory.items);
		// What a killed execution has sent is not known in its retry where n8n has nothing that stays the same.
		const isBlind = !this.isTool && isRetryWithoutRoot(this.context) && this.ledger.orders.length === 0;
		const known = recognised.map((found): Knowledge => {
			if (found.kind === 'new' && !isBlind) return { kind: 'new' };
			if (found.kind === 'past' && found.past.isBought) return boughtBefore(found.past.sent);
			if (found.kind === 'item' && found.isBought) return { kind: 'bought' };
			return { kind: 'unknown', reference: '' };
		});
		const uncertain = recognised.flatMap((found, item) =>
			known[item].kind === 'unknown' ? this.uncertainAt(item, found) : [],
		);
		// n8n's database knows more of a key than this execution does, and is asked when it is claimed.
		for (const { item } of uncertain) if (this.identities[item].keyed) known[item] = { kind: 'new' };
		await this.confirm(uncertain.filter(({ item }) => !this.identities[item].keyed), known, row);
		return known;
	}

	/** What both stores know of this run's orders. */
	private pasts(memory: Memory): KnownPast[] {
		const pasts = new Map<string, KnownPast>(memory.pasts.map((past) => [past.entry, past]));
		for (const sent of this.ledger.orders) {
			const { entry, what, at, state } = sent;
			if (memory.refused.has(entry)) continue;
			pasts.set(entry, { entry, what, at, sent, isBought: state.kind === 'bought' || pasts.get(entry)?.isBought === true });
			this.numbers.set(what, Math.max(this.numbers.get(what) ?? 0, this.ledger.orders.filter((other) => other.what === what).length));
		}
		return [...pasts.values()];
	}

	/** An agent's order is recognised by what it orders: see `conversationOf`. */
	private recognisedCall({ what }: Identity, item: number): Recognised<KnownPast> {
		const conversation = conversationOf(this.context, item);
		const same = this.ledger.orders.filter((sent) => sent.what === what);
		this.numbers.set(what ?? '', same.length);
		const sent = same.find(({ state }) => state.kind === 'unknown') ?? same.find(({ call }) => !conversation.has(call));
		if (!sent) return { kind: 'new' };
		sent.call = conversation.call;
		return { kind: 'past', past: { ...sent, sent, isBought: sent.state.kind === 'bought' } };
	}

	private uncertainAt(item: number, found: Recognised<KnownPast>): Uncertain {
		if (found.kind === 'past') {
			const { entry, sent } = found.past;
			return { item, entry, isOwn: true, sent, outcome: outcomeOf(sent) };
		}
		const { at, what } = this.identities[item];
		return { item, isOwn: false, entry: what === undefined || found.kind === 'item' ? at : ENTRY.atFor(at, what) };
	}

	/** Gives uncertain orders their references, and settles those that a person has named. */
	private async confirm(uncertain: Uncertain[], known: Knowledge[], row?: OpenRow) {
		const attempts = row && (await readAttempts(row, this.scope, uncertain.map(({ entry }) => entry)));
		for (const order of uncertain) {
			const { item, entry, outcome, sent } = order;
			const attempt = Math.max(attempts?.get(entry) ?? 1, sent?.state.kind === 'unknown' ? sent.state.attempt : 1);
			const reference = this.referenceOf(entry, attempt);
			if (this.confirmed.bought.has(reference)) {
				const { at, what = '' } = this.identities[item];
				await row?.add([ENTRY.used(reference), at, ENTRY.atFor(at, what)]);
				await row?.remove([ENTRY.open(entry), ENTRY.open(at)]);
				const state: SentState = { kind: 'bought', because: 'confirmed' };
				if (sent) sent.state = state;
				else this.ledger.add({ at, what, entry, state });
				known[item] = { kind: 'bought', because: 'confirmed' };
			} else if (this.confirmed.notBought.has(reference)) {
				this.resent.set(item, { ...order, attempt });
				known[item] = { kind: 'new' };
			} else {
				known[item] = { kind: 'unknown', outcome, reference };
			}
		}
	}

	/** References that somebody has confirmed, and that stand for nothing here, or were used before. */
	get unknownReferences(): string[] {
		return [...this.confirmed.bought, ...this.confirmed.notBought].filter((reference) => !this.references.has(reference));
	}

	private referenceOf(entry: string, attempt: number, scope = this.scope): string {
		const reference = referenceOf(scope, entry, attempt);
		this.references.add(reference);
		return reference;
	}

	/**
	 * To be called before the first claim.
	 *
	 * @throws Error when n8n's database has no place for Idempotency Keys
	 */
	open(orders: OrderedItem[]) {
		if (this.rows || orders.every(({ order }) => order.idempotencyKey === undefined)) return;
		throw new Error('Save the workflow before you use an Idempotency Key: n8n keeps the keys with the saved workflow');
	}

	/**
	 * Claims orders in n8n's database, and tells it what became of those before. Of orders with the same Idempotency
	 * Key, only one may be claimed at a time.
	 *
	 * @returns what n8n's database knows of each; what is `new` there is claimed now
	 * @throws Error when n8n's database refuses
	 */
	async claim(orders: OrderedItem[]): Promise<Knowledge[]> {
		const claims = orders.map((ordered) => this.claimFor(ordered));
		const known = new Map<Claim, Knowledge>();
		const ofRun = claims.filter(({ row }) => row === this.rows?.run);
		const ofKeys = claims.filter(({ row }) => row === this.rows?.keys);
		if (this.rows && ofRun.length > 0) await this.claimInRun(this.rows.run, ofRun, known);
		if (this.rows && ofKeys.length > 0) {
			await this.rows.keys.change(async (row) => await this.claimKeys(row, this.rows!.keys, ofKeys, known));
		}
		for (const claim of claims) if (!known.has(claim)) this.claims.set(claim.item, claim);
		return claims.map((claim) => known.get(claim) ?? { kind: 'new' });
	}

	private claimFor({ item }: OrderedItem): Claim {
		const { at, what = '', keyed } = this.identities[item];
		const call = this.isTool ? conversationOf(this.context, item).call : undefined;
		if (keyed) {
			const sent = this.ledger.orders.find((one) => one.what === what && one.state.kind === 'unknown');
			return { item, call, row: this.rows?.keys, entry: what, token: what, marks: [what], open: [ENTRY.open(what)], attempt: 1, sent };
		}
		const resent = this.resent.get(item);
		const entry = resent?.isOwn ? resent.entry : ENTRY.nth(this.nextNumber(what), what);
		return {
			item,
			call,
			row: this.rows?.run,
			entry,
			token: resent ? ENTRY.used(referenceOf(this.scope, resent.entry, resent.attempt)) : entry,
			marks: [entry, at, ENTRY.atFor(at, what)],
			open: [ENTRY.open(entry), ENTRY.open(at)],
			attempt: resent?.isOwn ? resent.attempt + 1 : 1,
			sent: resent?.sent,
		};
	}

	private nextNumber(what: string): number {
		const number = (this.numbers.get(what) ?? 0) + 1;
		this.numbers.set(what, number);
		return number;
	}

	private async claimInRun(row: Row, claims: Claim[], known: Map<Claim, Knowledge>) {
		const entries = claims.flatMap(({ token, marks, open }) => [token, ...marks, ...open]);
		if (this.isFirst && !this.isTool) {
			this.isFirst = false;
			// Fails where another execution was faster after all.
			const taken = await row.begin(entries).catch(() => undefined);
			if (taken?.size === 0) return;
		}
		await row.change(async (open) => {
			await this.tell(open, row);
			const taken = await open.add(entries);
			const lost = claims.filter(({ token }) => taken.has(token));
			await open.remove(lost.flatMap(({ marks, open }) => [...marks, ...open]).filter((entry) => !taken.has(entry)));
			const refused = await probe(open, lost.map(({ entry }) => ENTRY.void(entry)));
			for (const claim of lost) {
				const { entry, token, attempt } = claim;
				if (token === entry && !taken.has(ENTRY.open(entry)) && !refused.has(ENTRY.void(entry))) {
					known.set(claim, { kind: 'bought' });
					this.remember(claim, { kind: 'bought' });
				} else {
					known.set(claim, { kind: 'unknown', reference: this.referenceOf(entry, attempt) });
				}
			}
		});
	}

	private async claimKeys(row: OpenRow, keys: Row, claims: Claim[], known: Map<Claim, Knowledge>) {
		await this.tell(row, keys);
		const taken = await row.add(claims.flatMap(({ entry, open }) => [entry, ...open]));
		const uncertain = claims.filter(({ open: [open] }) => taken.has(open));
		const bought = claims.filter(({ entry, open: [open] }) => taken.has(entry) && !taken.has(open)).map(({ entry }) => entry);
		// What is seen again counts as fresh: n8n forgets the oldest first. In between it reads as uncertain.
		await row.remove(bought);
		await row.add(bought);
		await row.remove(bought.map(ENTRY.open));
		for (const claim of claims) if (bought.includes(claim.entry)) known.set(claim, { kind: 'bought', because: 'key' });

		const attempts = await readAttempts(row, this.keyScope, uncertain.map(({ entry }) => entry));
		for (const claim of uncertain) {
			const attempt = attempts.get(claim.entry) ?? 1;
			const reference = this.referenceOf(claim.entry, attempt, this.keyScope);
			if (this.confirmed.bought.has(reference)) {
				await row.add([ENTRY.used(reference), claim.entry]);
				await row.remove(claim.open);
				known.set(claim, { kind: 'bought', because: 'confirmed' });
			} else if (this.confirmed.notBought.has(reference)) {
				await row.add([ENTRY.used(reference), claim.entry]);
				claim.attempt = attempt + 1;
			} else {
				known.set(claim, { kind: 'unknown', outcome: outcomeOf(claim.sent), reference });
			}
		}
	}

	/** Looks up, without claiming anything, which of these orders have an Idempotency Key that is uncertain. */
	async uncertainKeys(orders: OrderedItem[]): Promise<Array<{ ordered: OrderedItem; reference: string }>> {
		const keyed = orders.filter((ordered) => this.keyOf(ordered) !== undefined);
		if (!this.rows || keyed.length === 0) return [];
		return await this.rows.keys.change(async (row) => {
			const known = await probe(row, keyed.map((ordered) => ENTRY.open(this.keyOf(ordered)!)));
			const open = keyed.filter((ordered) => known.has(ENTRY.open(this.keyOf(ordered)!)));
			const attempts = await readAttempts(row, this.keyScope, open.map((ordered) => this.keyOf(ordered)!));
			return open.map((ordered) => {
				const key = this.keyOf(ordered)!;
				return { ordered, reference: this.referenceOf(key, attempts.get(key)!, this.keyScope) };
			});
		});
	}

	/** Whether an order that may be sent has no answer from another of an agent's calls, which run side by side. */
	isUncertain({ item }: OrderedItem): Knowledge | undefined {
		const claim = this.claims.get(item)!;
		const { what } = this.identities[item];
		const other = this.ledger.orders.find(
			(sent) => sent !== claim.sent && sent.what === what && sent.state.kind === 'unknown' && this.isTool,
		);
		if (other?.state.kind !== 'unknown') return undefined;
		const { outcome, attempt } = other.state;
		return { kind: 'unknown', outcome, reference: this.referenceOf(other.entry, attempt, this.scopeOf(item)) };
	}

	/** To be called before an order is sent: if nothing else follows, nobody knows what became of it. */
	sending({ item }: OrderedItem) {
		const claim = this.claims.get(item)!;
		this.remember(claim, { kind: 'unknown', outcome: NO_ANSWER, attempt: claim.attempt });
	}

	private remember(claim: Claim, state: SentState) {
		const { at, what = '' } = this.identities[claim.item];
		const { entry, call } = claim;
		if (claim.sent) claim.sent.state = state;
		else this.ledger.add((claim.sent = { at, what, entry, state, call }));
	}

	/**
	 * To be called with what became of an order that was sent.
	 *
	 * @returns the reference of one without an answer
	 */
	async answered({ item }: OrderedItem, outcome: Outcome): Promise<string> {
		const claim = this.claims.get(item)!;
		this.answers.push({ claim, kind: outcome.kind });
		switch (outcome.kind) {
			case 'bought':
				this.remember(claim, { kind: 'bought', purchase: outcome.purchase });
				return '';
			case 'rejected':
				if (claim.sent) this.ledger.remove(claim.sent);
				return '';
			case 'unknown':
				claim.attempt = await this.attemptOf(claim);
				this.remember(claim, { kind: 'unknown', outcome, attempt: claim.attempt });
				return this.referenceOf(claim.entry, claim.attempt, this.scopeOf(item));
		}
	}

	/** A key may have been tried, and a reference of it used, in another execution. */
	private async attemptOf({ item, entry, attempt }: Claim): Promise<number> {
		if (!this.identities[item].keyed) return attempt;
		try {
			const attempts = await this.rows!.keys.change(async (row) => await readAttempts(row, this.keyScope, [entry]));
			return attempts.get(entry) ?? attempt;
		} catch {
			return attempt;
		}
	}

	/** To be called for an order that was claimed and is not sent. */
	release({ item }: OrderedItem) {
		this.answers.push({ claim: this.claims.get(item)!, kind: 'rejected' });
	}

	/** Tells n8n's database what became of the orders that were claimed. */
	async settle() {
		const { rows } = this;
		if (!rows) return;
		try {
			for (const row of new Set(this.answers.map(({ claim }) => claim.row))) {
				await row?.change(async (open) => await this.tell(open, row));
			}
		} catch (error) {
			// What was bought is safe; it will read as uncertain after a crash, and nothing is bought twice.
			this.context.logger.warn(`StreamSkill could not record its orders: ${(error as Error).message}`);
		}
	}

	private async tell(open: OpenRow, row: Row) {
		const told = this.answers.filter(({ claim }) => claim.row === row);
		const of = (kind: Outcome['kind']) => told.filter((answer) => answer.kind === kind).map(({ claim }) => claim);
		// Within a run, a number is not given twice. A tool's are counted by what it has bought.
		const refused = of('rejected');
		const voided = refused.filter(({ item }) => !this.isTool && !this.identities[item].keyed).map(({ entry }) => entry);
		await open.add(voided.map(ENTRY.void));
		await open.remove([
			...of('bought').flatMap((claim) => claim.open),
			...refused.flatMap((claim) => [...claim.marks, ...claim.open]).filter((entry) => !voided.includes(entry)),
		]);
		this.answers = this.answers.filter((answer) => !told.includes(answer));
	}

	/** The Idempotency Key of an order, as it is in n8n's database. */
	keyOf({ item }: OrderedItem): string | undefined {
		const { keyed, what } = this.identities[item];
		return keyed ? what : undefined;
	}

	private get keyScope(): string {
		return `${this.context.getWorkflow().id} ${this.context.getNode().id}`;
	}

	private scopeOf(item: number): string {
		return this.identities[item].keyed ? this.keyScope : this.scope;
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

const outcomeOf = (sent?: SentOrder) => (sent?.state.kind === 'unknown' ? sent.state.outcome : undefined);
