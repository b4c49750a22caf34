import type { IExecuteFunctions } from 'n8n-workflow';

import type { Confirmations } from './confirmations';
import type { Knowledge } from './decide';
import { mayHaveRivals, type Identity } from './identity';
import { outcomeOf, type Ledger, type SentOrder, type SentState } from './ledger';
import { probe, readAttempts } from './memory';
import type { Order } from '../order/order';
import type { NotBought, Outcome } from '../dispatch/outcome';
import { referenceOf } from './references';
import { Row, type OpenRow } from '../../n8n/rows';
import { ENTRY, runRow } from './stored';
import { conversationOf, isTool } from '../../n8n/host';

/** How many Idempotency Keys n8n keeps for a node at least. */
export const KEY_HISTORY = 10_000;

/** An item whose fields are a valid order. */
export interface OrderedItem {
	item: number;
	order: Order;
}

/** An order without an answer that was found in a list again. */
export interface Uncertain {
	item: number;
	/** The order's own entry in n8n's database; the item's, where it is not known which order that is. */
	entry: string;
	isOwn: boolean;
	attempt: number;
	sent?: SentOrder;
}

/** What the claims of a run go by. */
export interface Recalled {
	identities: Identity[];
	/** The highest number that an order for the same tarif and channel has. */
	numbers: Map<string, number>;
	/** What somebody has confirmed not to have been bought, by item. */
	resent: Map<number, Uncertain>;
	confirmations: Confirmations;
}

/** An order on its way. */
interface Claim {
	item: number;
	row?: Row;
	/** The order's own entry. */
	entry: string;
	/** What is claimed: if it is there already, somebody else has it. */
	token: string;
	/** What is recorded with it, as long as it is not certainly not bought. */
	marks: string[];
	/** What is recorded until its outcome is known: a key may be forgotten, and what says that it is settled must not outlive it. */
	open: string[];
	/** What is recorded once it is bought: that takes no call of its own. */
	done: string[];
	attempt: number;
	/** In an AI agent's tool: see `conversationOf`. */
	call?: string;
	sent?: SentOrder;
}

const NO_ANSWER: NotBought = { kind: 'unknown', reason: { kind: 'abandoned' } };

/** A run's orders from when they are claimed in n8n's database until it is told what became of them. */
export class Claims {
	private readonly isTool: boolean;

	private readonly claims = new Map<number, Claim>();

	/** What n8n's database is still to be told. */
	private answers: Array<{ claim: Claim; kind: Outcome['kind'] }> = [];

	/** What Idempotency Keys are unique in. */
	private readonly keyScope: string;

	/** The rows of n8n's database. A workflow that was never saved has no place there. */
	readonly rows?: { run: Row; keys: Row };

	/** @param scope what the run's own entries are unique in */
	constructor(
		private readonly context: IExecuteFunctions,
		private readonly ledger: Ledger,
		private readonly scope: string,
	) {
		this.isTool = isTool(context);
		const { id: workflowId } = context.getWorkflow();
		const { id } = context.getNode();
		this.keyScope = `${workflowId} ${id}`;
		if (workflowId) {
			this.rows = {
				run: new Row(context, runRow(id, scope), mayHaveRivals(context)),
				keys: new Row(context, id, true, 2 * KEY_HISTORY),
			};
		}
	}

	/**
	 * Claims orders, and tells n8n's database what became of those before. Of orders with the same Idempotency Key,
	 * only one may be claimed at a time.
	 *
	 * @returns what n8n's database knows of each; what is `new` there is claimed now
	 * @throws Error when n8n's database refuses
	 */
	async claim(orders: OrderedItem[], recalled: Recalled): Promise<Knowledge[]> {
		const claims = orders.map(({ item }) =>
			recalled.identities[item].keyed ? this.claimForKey(item, recalled) : this.claimForOrder(item, recalled),
		);
		const known = new Map<Claim, Knowledge>();
		const { rows } = this;
		if (rows) {
			const ofRun = claims.filter(({ row }) => row === rows.run);
			const ofKeys = claims.filter(({ row }) => row === rows.keys);
			if (ofRun.length > 0) await this.claimInRun(rows.run, ofRun, known, recalled);
			if (ofKeys.length > 0) await rows.keys.change(async (row) => await this.claimKeys(row, ofKeys, known, recalled));
		}
		for (const claim of claims) this.claims.set(claim.item, claim);
		return claims.map((claim) => known.get(claim) ?? { kind: 'new' });
	}

	private claimForKey(item: number, { identities }: Recalled): Claim {
		const key = identities[item].what!;
		const sent = this.ledger.orders.find(({ what, state }) => what === key && state.kind === 'unknown');
		const call = this.callOf(item);
		return { item, call, row: this.rows?.keys, entry: key, token: key, marks: [key], open: [ENTRY.open(key)], done: [], attempt: 1, sent };
	}

	private claimForOrder(item: number, { identities, numbers, resent }: Recalled): Claim {
		const { at, what = '' } = identities[item];
		const before = resent.get(item);
		const number = (numbers.get(what) ?? 0) + 1;
		if (!before?.isOwn) numbers.set(what, number);
		const entry = before?.isOwn ? before.entry : ENTRY.nth(number, what);
		return {
			item,
			call: this.callOf(item),
			row: this.rows?.run,
			entry,
			token: before ? ENTRY.used(referenceOf(this.scope, before.entry, before.attempt)) : entry,
			marks: [entry, at, ENTRY.atFor(at, what)],
			open: [],
			done: [ENTRY.done(entry), ENTRY.done(at)],
			attempt: before?.isOwn ? before.attempt + 1 : 1,
			sent: before?.sent,
		};
	}

	private callOf(item: number): string | undefined {
		return this.isTool ? conversationOf(this.context, item).call : undefined;
	}

	private async claimInRun(row: Row, claims: Claim[], known: Map<Claim, Knowledge>, recalled: Recalled) {
		await row.change(async (opened) => {
			const taken = await this.tell(opened, row, claims.flatMap(({ token, marks }) => [token, ...marks]));
			const lost = claims.filter(({ token }) => taken.has(token));
			if (lost.length === 0) return;
			await opened.remove(lost.flatMap(({ marks }) => marks).filter((entry) => !taken.has(entry)));
			const settled = await probe(opened, lost.map(({ entry }) => ENTRY.done(entry)));
			for (const claim of lost) {
				const { item, entry, token, attempt } = claim;
				if (token === entry && settled.has(ENTRY.done(entry))) {
					known.set(claim, { kind: 'bought' });
					this.remember(claim, recalled.identities[item], { kind: 'bought' });
				} else {
					const reference = referenceOf(this.scope, entry, attempt);
					recalled.confirmations.of(reference);
					known.set(claim, { kind: 'unknown', reference });
				}
			}
		});
	}

	private async claimKeys(row: OpenRow, claims: Claim[], known: Map<Claim, Knowledge>, { confirmations }: Recalled) {
		const taken = await this.tell(row, this.rows!.keys, claims.flatMap(({ entry, open }) => [entry, ...open]));
		const uncertain = claims.filter(({ open: [open] }) => taken.has(open));
		const bought = claims.filter(({ entry, open: [open] }) => taken.has(entry) && !taken.has(open));
		// What is seen again counts as fresh: n8n forgets the oldest first. In between it reads as uncertain.
		const keys = bought.map(({ entry }) => entry);
		await row.remove(keys);
		await row.add(keys);
		await row.remove(keys.map(ENTRY.open));
		for (const claim of bought) known.set(claim, { kind: 'bought', because: 'key' });

		const attempts = await readAttempts(row, this.keyScope, uncertain.map(({ entry }) => entry));
		for (const claim of uncertain) {
			const attempt = attempts.get(claim.entry)!;
			const reference = referenceOf(this.keyScope, claim.entry, attempt);
			const said = confirmations.of(reference);
			if (said) await row.add([ENTRY.used(reference), claim.entry]);
			if (said === 'bought') {
				await row.remove(claim.open);
				known.set(claim, { kind: 'bought', because: 'confirmed' });
			} else if (said === 'notBought') {
				claim.attempt = attempt + 1;
			} else {
				known.set(claim, { kind: 'unknown', outcome: outcomeOf(claim.sent), reference });
			}
		}
	}

	/** Looks up, without claiming anything, which of these orders have an Idempotency Key that is uncertain. */
	async uncertainKeys(orders: OrderedItem[], { identities, confirmations }: Recalled) {
		const keyed = orders.filter(({ item }) => identities[item].keyed);
		if (!this.rows || keyed.length === 0) return [];
		const keyOf = ({ item }: OrderedItem) => identities[item].what!;
		return await this.rows.keys.change(async (row) => {
			const known = await probe(row, keyed.map((ordered) => ENTRY.open(keyOf(ordered))));
			const open = keyed.filter((ordered) => known.has(ENTRY.open(keyOf(ordered))));
			const attempts = await readAttempts(row, this.keyScope, open.map(keyOf));
			return open.map((ordered) => {
				const reference = referenceOf(this.keyScope, keyOf(ordered), attempts.get(keyOf(ordered))!);
				confirmations.of(reference);
				return { ordered, reference };
			});
		});
	}

	/**
	 * Whether another of an agent's calls, which run side by side, has sent the same order meanwhile and has no
	 * answer. One that was bought is no reason against it: a model's repeated order is a new one.
	 */
	uncertainCall(item: number, { what }: Identity): Knowledge | undefined {
		if (!this.isTool) return undefined;
		const { sent: own } = this.claims.get(item)!;
		const other = this.ledger.orders.find((sent) => sent !== own && sent.what === what && sent.state.kind === 'unknown');
		if (other?.state.kind !== 'unknown') return undefined;
		const { outcome, attempt } = other.state;
		return { kind: 'unknown', outcome, reference: referenceOf(this.scope, other.entry, attempt) };
	}

	/** To be called before an order is sent: if nothing else follows, nobody knows what became of it. */
	sending(item: number, identity: Identity) {
		const claim = this.claims.get(item)!;
		this.remember(claim, identity, { kind: 'unknown', outcome: NO_ANSWER, attempt: claim.attempt });
	}

	/**
	 * To be called with what became of an order that was sent.
	 *
	 * @returns the reference of one without an answer
	 */
	async answered(item: number, identity: Identity, outcome: Outcome): Promise<string> {
		const claim = this.claims.get(item)!;
		this.answers.push({ claim, kind: outcome.kind });
		if (outcome.kind === 'bought') this.remember(claim, identity, { kind: 'bought', purchase: outcome.purchase });
		if (outcome.kind === 'rejected') this.ledger.remove(claim.sent!);
		if (outcome.kind !== 'unknown') return '';
		if (identity.keyed) claim.attempt = await this.attemptOfKey(claim);
		this.remember(claim, identity, { kind: 'unknown', outcome, attempt: claim.attempt });
		return referenceOf(identity.keyed ? this.keyScope : this.scope, claim.entry, claim.attempt);
	}

	/** A key may have been tried, and a reference of it used, in another execution. */
	private async attemptOfKey({ entry, attempt }: Claim): Promise<number> {
		try {
			const attempts = await this.rows!.keys.change(async (row) => await readAttempts(row, this.keyScope, [entry]));
			return attempts.get(entry)!;
		} catch {
			return attempt;
		}
	}

	/** To be called for an order that was claimed and is not sent. */
	release(item: number) {
		this.answers.push({ claim: this.claims.get(item)!, kind: 'rejected' });
	}

	private remember(claim: Claim, { at, what = '' }: Identity, state: SentState) {
		const { entry, call } = claim;
		if (claim.sent) claim.sent.state = state;
		else this.ledger.add((claim.sent = { at, what, entry, state, call }));
	}

	/** Tells n8n's database what became of the orders that were claimed. */
	async settle() {
		try {
			for (const row of new Set(this.answers.map(({ claim }) => claim.row))) {
				await row?.change(async (opened) => await this.tell(opened, row));
			}
		} catch (error) {
			// What was bought is safe; it will read as uncertain after a crash, and nothing is bought twice.
			this.context.logger.warn(`StreamSkill could not record its orders: ${(error as Error).message}`);
		}
	}

	/** @returns which of the entries to add were there already */
	private async tell(opened: OpenRow, row: Row, entries: string[] = []): Promise<Set<string>> {
		const told = this.answers.filter(({ claim }) => claim.row === row);
		const of = (kind: Outcome['kind']) => told.filter((answer) => answer.kind === kind).map(({ claim }) => claim);
		// Within a run, a number is not given twice. A tool's are counted by what it has bought.
		const isNumbered = row === this.rows?.run && !this.isTool;
		const voided = new Set(isNumbered ? of('rejected').map(({ entry }) => entry) : []);
		await opened.remove([
			...of('bought').flatMap(({ open }) => open),
			...of('rejected').flatMap(({ marks, open }) => [...marks, ...open]).filter((entry) => !voided.has(entry)),
		]);
		const taken = await opened.add([...[...voided].map(ENTRY.void), ...of('bought').flatMap(({ done }) => done), ...entries]);
		this.answers = this.answers.filter((answer) => !told.includes(answer));
		return taken;
	}
}
