import type { IDataObject } from 'n8n-workflow';

import type { Reason } from '../dispatch/outcome';
import { groupBy } from './groups';
import { isByHand, isOfEditor, isOfItem, type FoundRecord, type ListState, type RecordId } from './records';
import { NAME, PAST_ORDERS } from '../../n8n/stored';

/** What an order goes by. */
export interface Names {
	/** What is ordered: a mended comment does not make another order of it. Undefined if the item's fields are no order. */
	order?: string;
	/** The input item. Undefined if it is empty, or another item of the list is the same. */
	item?: string;
	/** Where an item stands that nothing else tells from the others. Each try of a call has the same list. */
	place?: string;
	/** The user's Idempotency Key. */
	key?: string;
}

export type PastState =
	/** Without its purchase where that is in another execution, or died with the process. */
	| { kind: 'bought'; purchase?: IDataObject; because?: 'confirmed' }
	/** Its sender has given up waiting if it is silent. */
	| { kind: 'unknown'; reason?: Reason; isSilent: boolean }
	| { kind: 'void' };

/** An order that this execution, or one before it, has sent. */
export interface PastOrder extends Names {
	/** Which call of the node has it. Undefined: any may take it. */
	call?: string;
	/** The item that has taken it, by what it orders: that counts once nothing else orders the same. */
	takenBy?: string;
	/** One for each name that it is recorded under, as far as they are known. */
	records: RecordId[];
	state: PastState;
}

/** What an execution's own data keeps of a node. */
interface Stored {
	/** What the node was called when the execution came to it: a copy that has its name now goes on in its place. */
	names: string[];
	/** The IDs of such copies. */
	copies: string[];
	/** Whether it stood elsewhere before: then the number of a call does not tell any more which calls before were tries of it. */
	isMoved?: true;
	/** The root where n8n has no token: the same for all nodes. */
	root?: string;
	/** Whether the execution retries another one, and nothing tells which: that one may have sent any order. */
	isRootless?: boolean;
	/** By scope and name: the highest number that was given or seen. */
	used: Record<string, Record<string, number>>;
	/** By scope. */
	lists: Record<string, ListState>;
	orders: PastOrder[];
	/** How many purchases are forgotten here because their call is complete, by what they ordered. */
	complete: Record<string, number>;
	/** What this execution has sent before is known from n8n's database at most. `unmet`: none of it was recognised yet. */
	lost?: 'unmet' | 'met';
	usedReferences?: string[];
	/** By the names of items: n8n's database says that they were sent, and certainly not bought. */
	refused?: Record<string, boolean>;
	/** Whether the execution is one of an evaluation, which its retry does not say. */
	isEvaluation?: true;
	/** Lists that nobody was writing to when this execution came to them. */
	quiet?: { executionId: string; scopes: Record<string, boolean> };
}

/** The node as the workflow has it now. */
interface Node {
	id: string;
	name: string;
	/** Whether the workflow was rearranged since the execution began, by what the node was called before. */
	isMoved(names: readonly string[]): boolean;
}

/**
 * The past orders of an execution, kept in its own data (`getContext('flow')`): they are there in each try of Retry On
 * Fail, in later rounds of a loop, and when a stored execution is retried from the Executions list (n8n:
 * execution.service.js, retry), but not after a crash. n8n's context of a node goes by its name, which may be changed
 * before a retry.
 */
export class PastOrders {
	private readonly stored: Stored;

	/** What items of this call, in this try, have taken or sent. */
	readonly takenNow = new Set<PastOrder>();

	/** Whether there was nothing: this is the node's first call, or the data was lost. */
	readonly isNew: boolean;

	/** The ID that the node had when the execution first came to it. */
	readonly nodeId: string;

	/** The names of another node's orders, where this node has the other one's name by now: n8n goes on with it in that one's place. */
	readonly ofNamesake: ReadonlySet<string>;

	/** By scope: whether nobody was writing to the list when this execution came to it. */
	readonly isQuiet: Partial<Record<string, boolean>>;

	/**
	 * @param container the workflow's context in the execution's data
	 * @param options.root the root of an execution that begins here, if n8n has no token
	 * @param options.isRetry whether the execution is the retry of another one
	 * @param options.isPreview whether nothing may be remembered
	 * @param options.isEvaluation whether the execution is one of an evaluation
	 */
	constructor(
		container: object,
		node: Node,
		{
			root,
			isRetry,
			executionId,
			isPreview,
			isEvaluation,
		}: { root?: string; isRetry: boolean; executionId: string; isPreview: boolean; isEvaluation: boolean },
	) {
		const data = container as { [PAST_ORDERS]?: Record<string, Stored> };
		const all = data[PAST_ORDERS] ?? {};
		const { id, name } = node;
		const own = all[id] ? id : Object.keys(all).find((other) => all[other]?.copies.includes(id));
		const namesake = Object.keys(all).find((other) => other !== own && all[other]?.names.includes(name));
		this.nodeId = own ?? namesake ?? id;
		const placed = namesake !== undefined && namesake !== this.nodeId ? Object.values(all[namesake]?.used ?? {}) : [];
		this.ofNamesake = new Set(placed.flatMap((numbers) => Object.keys(numbers)));
		const kept = all[this.nodeId];
		this.isNew = kept === undefined;
		const known = kept ?? Object.values(all)[0];
		const isRootless = known?.isRootless ?? (isRetry && root !== undefined && known?.root === undefined);
		const stored: Stored = kept ?? { names: [], copies: [], root: known?.root ?? root, used: {}, lists: {}, orders: [], complete: {} };
		this.stored = isPreview ? (JSON.parse(JSON.stringify(stored)) as Stored) : stored;
		if (!isPreview) data[PAST_ORDERS] = Object.assign(all, { [this.nodeId]: stored });
		// n8n counts the calls of a node by its name: if two have exchanged theirs, each goes on where the other one was.
		if (node.isMoved(this.stored.names) || (namesake ?? this.nodeId) !== this.nodeId) this.stored.isMoved = true;
		if (!this.stored.names.includes(name)) this.stored.names.push(name);
		if (id !== this.nodeId && !this.stored.copies.includes(id)) this.stored.copies.push(id);
		if (isRootless) this.stored.isRootless = true;
		if (isEvaluation) this.stored.isEvaluation = true;
		if (this.stored.quiet?.executionId !== executionId) this.stored.quiet = { executionId, scopes: {} };
		this.isQuiet = this.stored.quiet.scopes;
	}

	/** The root where n8n has no token: the same in all retries. */
	get root(): string | undefined {
		return this.stored.root;
	}

	get orders(): readonly PastOrder[] {
		return this.stored.orders;
	}

	/** How many orders the execution has placed, in all its calls and retries, without those that were refused. */
	get placed(): number {
		const isPlaced = ({ call, order, records, state }: PastOrder) =>
			state.kind !== 'void' && (call ?? order) !== undefined && !isByHand({ records });
		const complete = Object.values(this.stored.complete).reduce((sum, one) => sum + one, 0);
		return complete + this.stored.orders.filter(isPlaced).length;
	}

	/** Whether the execution retries another one, and nothing tells which: that one may have sent any order. */
	get isRootless(): boolean {
		return this.stored.isRootless === true;
	}

	/** Whether what the node has ordered by hand counts here, as far as this execution's own data says. */
	get countsByHand(): boolean {
		return Object.keys(this.stored.lists).some((scope) => isOfEditor({ scope }));
	}

	/** Whether this execution, or the one that it retries, is of an evaluation. */
	get isOfEvaluation(): boolean {
		return this.stored.isEvaluation === true;
	}

	/** Whether the node stands elsewhere in the workflow than when the execution first came to it. */
	get isMoved(): boolean {
		return this.stored.isMoved === true;
	}

	get lost(): Stored['lost'] {
		return this.stored.lost;
	}

	set lost(lost: Stored['lost']) {
		this.stored.lost = lost;
	}

	/** References that somebody has confirmed, and that have done something in this execution. */
	get usedReferences(): string[] {
		return (this.stored.usedReferences ??= []);
	}

	/** @param isShared whether all who write to a new list know that they share it */
	listState(scope: string, isShared: boolean): ListState {
		return (this.stored.lists[scope] ??= { part: 1, earlier: [], length: 0, isShared });
	}

	/** Whether any number in a list was given or seen: what is there may be what this call itself has written. */
	knows(scope: string): boolean {
		return scope in this.stored.used;
	}

	/** @returns the highest number that was given or seen */
	used(scope: string, name: string): number {
		return this.stored.used[scope]?.[name] ?? 0;
	}

	/** @returns how many orders there are, bought or uncertain, by what they order */
	counts(): Map<string, number> {
		const counts = new Map(Object.entries(this.stored.complete));
		for (const { order = '', state } of this.orders) if (state.kind !== 'void') counts.set(order, (counts.get(order) ?? 0) + 1);
		return counts;
	}

	/** Whether n8n's database says of an item that it was sent, and certainly not bought. */
	wasRefused(item?: string): boolean {
		return item !== undefined && this.stored.refused?.[NAME.item(item)] === true;
	}

	private setRefused(name: string, isRefused: boolean) {
		const refused = (this.stored.refused ??= {});
		if (isRefused || refused[name]) refused[name] = isRefused;
	}

	/** @returns the next number, which counts as given from now on */
	next(scope: string, name: string): number {
		const numbers = (this.stored.used[scope] ??= {});
		return (numbers[name] = (numbers[name] ?? 0) + 1);
	}

	/** Takes back numbers whose records were never tried, the last one first. */
	giveBack(records: RecordId[]) {
		for (const { scope, name, number } of [...records].reverse()) {
			const numbers = this.stored.used[scope];
			if (numbers?.[name] === number) numbers[name] = number - 1;
		}
	}

	/**
	 * Learns of records in n8n's database: a number above those that were given or seen is an order that nobody has taken
	 * yet, one up to there is known or over.
	 *
	 * @param found the records of one list, in the sequence of their numbers, with what their orders go by
	 */
	learn(found: Array<{ record: FoundRecord; names: Names }>) {
		const known = groupBy(this.orders, ({ order }) => order);
		const items = groupBy(
			found.filter(({ record }) => isOfItem(record)),
			({ record }) => record.name,
		);
		for (const [name, records] of items) {
			const isRefused = records.every(({ record }) => record.state === 'void');
			this.setRefused(name, isRefused);
		}
		for (const { record, names } of found) {
			const { state, order, ...id } = record;
			const numbers = (this.stored.used[id.scope] ??= {});
			if (id.number <= (numbers[id.name] ?? 0)) continue;
			numbers[id.name] = id.number;
			const equals = known.get(names.order) ?? [];
			if (order !== undefined && joinOrder(id, names, equals)) continue;
			if (isOfEditor(id) && joinByHand(id, state, names, equals)) continue;
			equals.push(...this.adopt({ ...id, state }, names));
			known.set(names.order, equals);
		}
	}

	/**
	 * Takes up the order that a record in n8n's database stands for, so that an item may take it.
	 *
	 * @returns that order; none if the record is void
	 */
	adopt({ state, ...record }: FoundRecord, names: Names): PastOrder[] {
		if (state === 'void') return [];
		// Somebody else has sent it once more since.
		if (isOfItem(record)) this.setRefused(record.name, false);
		const order: PastOrder = { ...names, records: [record], state: pastState(state) };
		this.stored.orders.push(order);
		return [order];
	}

	/** Makes one past order of two that are the same under different names. */
	merge(order: PastOrder, other: PastOrder) {
		Object.assign(order, { ...other, ...order, records: [...order.records, ...other.records] });
		other.state = { kind: 'void' };
	}

	/** Keeps an order that this call is about to send. */
	keep(order: PastOrder) {
		this.stored.orders.push(order);
		this.takenNow.add(order);
	}

	/** Forgets what was certainly not bought, unless it tells that an order was held back, and settled since. */
	forgetVoid() {
		if (this.isRootless) return;
		this.stored.orders = this.stored.orders.filter(({ state }) => state.kind !== 'void');
	}

	/** Forgets what a call has bought, but for how many they are. */
	forgetBought(call: string) {
		const { complete, orders } = this.stored;
		const isOver = ({ call: owner, state }: PastOrder) => owner === call && state.kind === 'bought';
		for (const one of orders) if (isOver(one) && !isByHand(one)) complete[one.order ?? ''] = (complete[one.order ?? ''] ?? 0) + 1;
		this.stored.orders = orders.filter((order) => !isOver(order));
	}
}

/** @returns what a record in n8n's database says of its order */
export const pastState = (state: 'claimed' | 'silent' | 'bought'): PastState =>
	state === 'bought' ? { kind: 'bought' } : { kind: 'unknown', isSilent: state === 'silent' };

/**
 * An order by hand has two records, that of its execution and that of its day: the second joins an equal order in the same
 * state that has none of a day yet.
 */
function joinByHand(record: RecordId, state: FoundRecord['state'], { order }: Names, equals: PastOrder[]): boolean {
	if (state === 'void' || order === undefined) return false;
	const { kind } = pastState(state);
	const other = equals.find((one) => one.state.kind === kind && !one.records.some(isOfEditor));
	other?.records.push(record);
	return other !== undefined;
}

/**
 * An item's record of an order that was bought is one more name of it. Where that order is not among those that are
 * known, another item has taken it, unless its own record does not say yet that it was bought.
 *
 * @returns whether the record is no order by itself
 */
function joinOrder(record: RecordId, { item }: Names, equals: PastOrder[]): boolean {
	const isOthers = (order: PastOrder) => order.item !== undefined && order.item !== item;
	const open = equals.filter(
		(order) => order.state.kind !== 'void' && !isOthers(order) && !order.records.some((one) => one.scope === record.scope && isOfItem(one)),
	);
	const bought = open.find(({ state }) => state.kind === 'bought');
	bought?.records.push(record);
	if (bought) bought.item ??= item;
	return bought !== undefined || open.length === 0;
}

/** Whether an order was sent before an equal one: each takes the next number. */
export function wasSentBefore(order: PastOrder, other: PastOrder): boolean {
	const records = order.records.filter((record) => !isOfItem(record));
	return records.some(({ scope, name, number }) =>
		other.records.some((one) => one.scope === scope && one.name === name && one.number > number),
	);
}

/** Whether something besides what is ordered says that a past order is this item's. */
export const isTied = (order: PastOrder, { item, key, place }: Names): boolean =>
	[
		[item, order.item],
		[key, order.key],
		[place, order.place],
	].some(([own, other]) => own !== undefined && own === other);
