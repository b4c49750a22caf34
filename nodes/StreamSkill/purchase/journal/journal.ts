import type { IExecuteFunctions } from 'n8n-workflow';

import { digest } from '../../n8n/digest';
import { callsOf, isInLoop, isManual } from '../../n8n/host';
import { pause } from '../../n8n/pause';
import { isRetryWithoutRoot, tokenRoot } from '../../n8n/root';
import { refusalIn, Rows, type DatabaseRefusal } from '../../n8n/rows';
import { RATE_LIMIT } from '../dispatch/attempt';
import type { Item } from '../order/order';
import { Claim, type Book } from './claim';
import { Confirmations } from './confirmations';
import { Keys, sideBySide } from './keys';
import { List, type Wanted } from './list';
import { match } from './match';
import { namesOf } from './names';
import { PastOrders, pastState, type Names, type PastOrder } from './past';
import { isOfEditor, type End, type FoundRecord, type RecordId } from './records';
import type { Knowledge, Planned, Recalled } from './recalled';
import { preferred, referenceOf } from './references';
import { DIGEST, NAME, ROW } from '../../n8n/stored';

/** How many milliseconds lie between two looks whether somebody else has got an answer, at first and at most. */
const LOOK_AGAIN = { first: 25, most: 1000 };

/**
 * What is on record of orders: the one door to what the execution's own data and n8n's database keep of them. The first
 * has the purchases, and is gone after a crash; the second has only that an order was sent and how that ended, and
 * outlives everything.
 *
 * @see README.md beside this file
 */
export class Journal {
	/** Stands for the execution in n8n's log: it is the same in all retries. */
	readonly run: string;

	private readonly past: PastOrders;

	private readonly keys?: Keys;

	/** Every order is recorded in each of these. */
	private readonly lists: List[] = [];

	/** Where orders may be on record that the execution's own data does not know. */
	private readonly unread: List[] = [];

	/** Ends that are told with the next claim. */
	private readonly ends = new Map<List, Array<{ record: RecordId; end: End }>>();

	/** Ends of keys that are being told. */
	private readonly telling = new Set<Promise<void>>();

	private readonly confirmations: Confirmations;

	/** What items of this call, in this try, have taken or sent. */
	private readonly takenNow = new Set<PastOrder>();

	/** Why n8n's database could not be asked. */
	refusal?: DatabaseRefusal;

	private readonly isPreview: boolean;

	/**
	 * @param items those of the list: what a person has said in one of them holds for all
	 * @param timeout milliseconds that an answer is waited for
	 */
	constructor(
		private readonly context: IExecuteFunctions,
		private readonly items: Item[],
		private readonly timeout: number,
	) {
		const container = context.getContext('node');
		const token = tokenRoot(context);
		const root = token ?? PastOrders.rootIn(container) ?? digest(DIGEST.root(context.getExecutionId()));
		this.isPreview = items.every(({ reading }) => reading.treatment.dryRun);
		this.past = new PastOrders(container, {
			root: token === undefined ? root : undefined,
			executionId: context.getExecutionId(),
			isPreview: this.isPreview,
		});
		this.confirmations = new Confirmations(
			items.map(({ reading }) => reading.treatment),
			this.past.usedReferences,
		);

		const { id: workflowId } = context.getWorkflow();
		const { id: nodeId } = context.getNode();
		const scope = ROW.orders(nodeId, root);
		this.run = digest(scope).slice(0, 8);
		// A workflow that was never saved has no place in n8n's database.
		if (!workflowId) return;
		const rows = new Rows(context);
		this.keys = new Keys(rows, `key ${workflowId}`);
		const list = (id: string, isShared: boolean) => new List(rows, id, this.past.endOf(id), isShared);
		// Others may have the same root: retries, and, in n8n 1.x, a worker that n8n took for stalled.
		const mayHaveRivals = token === undefined || context.getMode() === 'retry' || this.past.lost !== undefined;
		const own = list(scope, mayHaveRivals);
		this.lists.push(own);
		if (mayHaveRivals || this.past.isNew) this.unread.push(own);
		if (!isManual(context)) return;
		const [today, yesterday] = [0, 1].map((daysAgo) => list(ROW.editor(nodeId, dayOf(daysAgo)), true));
		if (!today || !yesterday) return;
		this.lists.push(today);
		this.unread.push(today, yesterday);
	}

	/** How many orders the execution has placed, in all its calls and retries, without those that were refused. */
	get placed(): number {
		return this.past.placed;
	}

	/** References that somebody has confirmed, and that stand for no uncertain order here. */
	get unmetReferences(): string[] {
		return this.confirmations.unmet;
	}

	get contradictoryReferences(): string[] {
		return this.confirmations.contradictory;
	}

	/** Whether n8n's database has a place for keys: it has none for a workflow that was never saved. */
	get keepsKeys(): boolean {
		return this.keys !== undefined;
	}

	/**
	 * Looks up what is on record of each item's order, and settles what a person has confirmed.
	 *
	 * If n8n's database refuses, only the execution's own data is asked: see `refusal`.
	 */
	async recall(): Promise<Recalled[]> {
		const inputs = this.context.getInputData().map(({ json }) => json);
		const names = namesOf(
			inputs,
			this.items.map(({ reading }) => reading),
		);
		const callAt = callsOf(this.context);
		const recalled = this.items.map(
			(item, index): Recalled => ({
				item,
				names: names[index] ?? {},
				call: callAt(item.itemIndex),
				known: { kind: 'new' },
				isLost: false,
				waitedFor: new Set(),
			}),
		);
		await this.judge(recalled);
		return recalled;
	}

	/** Looks up anew what is on record of these orders. */
	async judge(recalled: Recalled[]): Promise<void> {
		for (const { taken } of recalled) if (taken) this.takenNow.delete(taken);
		await this.unlessRefused(async () => {
			await this.learn(recalled);
			await this.readKeys(recalled);
		});
		for (const group of groupByCall(recalled)) this.pair(group);
		for (const one of recalled) await this.unlessRefused(async () => void (one.known = await this.knowledgeOf(one)));
		await this.unlessRefused(async () => {
			if (this.isBlind(recalled)) await this.holdBackBlindly(recalled);
			if (this.recognisesNone(recalled)) await this.holdBackWhatIsUnrecognised(recalled);
		});
		refuseKeysOfSeveralOrders(recalled);
	}

	/** Where n8n's database refuses, what the execution's own data knows still counts, and nothing more is sent. */
	private async unlessRefused(work: () => Promise<void>) {
		try {
			await work();
		} catch (error) {
			this.refusal = refusalIn(error);
		}
	}

	/** Reads what n8n's database has under the names of these orders into the execution's own data. */
	private async learn(recalled: Recalled[]) {
		for (const list of this.unread) {
			const chains = recalled.flatMap(({ names }) => chainsOf(names, list));
			await this.refresh(list);
			if (await list.isEmpty()) continue;
			if (list === this.lists[0] && this.past.isNew) {
				this.past.lost = 'unmet';
				list.share();
			}
			// Whoever could still get an answer has written to the list before this execution does. A killed one has stopped.
			if (this.confirmations.hasNotBought)
				await this.past.noteQuiet(list.scope, async () => await list.isQuiet(this.timeout + RATE_LIMIT.wait));
			const wanted = new Map<string, Wanted>();
			for (const { name } of chains) {
				const count = (wanted.get(name)?.count ?? 0) + 1;
				wanted.set(name, { from: this.past.used(list.scope, name) + 1, count });
			}
			const names = new Map(chains.map((chain) => [chain.name, chain.of]));
			const isRepeated = ({ scope, state }: FoundRecord) => isOfEditor({ scope }) && state === 'bought' && this.repeatsManualOrders;
			for (const record of await list.look(wanted)) {
				this.past.learn(isRepeated(record) ? { ...record, state: 'void' } : record, names.get(record.name) ?? {});
			}
		}
	}

	private get repeatsManualOrders(): boolean {
		return this.items.every(({ reading }) => reading.treatment.repeatManualOrders);
	}

	/** What was unknown when the execution's data was stored may be settled by now. */
	private async refresh(list: List) {
		const open = this.past.orders.filter(({ state }) => state.kind === 'unknown');
		const records = open.flatMap((order) => order.records.filter(({ scope }) => scope === list.scope));
		const states = new Map((await list.states(records)).map((record) => [referenceOf(record), record.state]));
		for (const order of open) {
			const found = order.records.flatMap((record) => states.get(referenceOf(record)) ?? []);
			if (found.includes('bought')) order.state = { kind: 'bought' };
			else if (found.includes('void')) order.state = { kind: 'void' };
			else if (found.includes('silent') && order.state.kind === 'unknown') order.state.isSilent = true;
		}
	}

	private async readKeys(recalled: Recalled[]) {
		const { keys } = this;
		if (!keys) return;
		const found = await keys.look(recalled.flatMap(({ names }) => names.key ?? []));
		await sideBySide(recalled, async (one) => {
			const { order, key } = one.names;
			const before = one.key;
			const record = key === undefined ? undefined : found.get(key);
			if (!record || record.state === 'void' || order === undefined) {
				one.key = record;
				return;
			}
			// A claim is for one order for ever, so that is asked once, and not of what was sent by this execution itself.
			const isOwn = this.past.orders.some((other) => other.key === key && other.order === order);
			const owner = before?.number === record.number && before.owner !== 'unclear' ? before.owner : undefined;
			one.key = { ...record, owner: isOwn ? 'same' : (owner ?? (await keys.owner(record, order))) };
		});
	}

	/** Finds the past order of each item of one call. */
	private pair(group: Recalled[]) {
		const [first] = group;
		if (!first) return;
		const isFree = (order: PastOrder) =>
			order.state.kind !== 'void' && !this.takenNow.has(order) && (order.call === undefined || first.call.isTryOf(order.call));
		const found = match(
			group.map(({ names, key }) => ({ names, keyState: stateOfKey(key) })),
			this.past.orders.filter(isFree),
		);
		group.forEach((one, place) => {
			const [order, ...others] = found[place] ?? [];
			one.taken = order;
			if (!order) return;
			for (const other of others) this.past.merge(order, other);
			order.call = one.call.id;
			this.takenNow.add(order);
		});
	}

	/** What is on record of an order, in the sequence in which one thing outranks the next. */
	private async knowledgeOf(one: Recalled): Promise<Knowledge> {
		const { names, taken, key } = one;
		if (taken?.state.kind === 'bought') {
			// What is done about a key holds in any execution, so it outranks what was ordered by hand.
			const byHand = stateOfKey(key) === 'bought' ? 'key' : 'editor';
			const { purchase, because = taken.records.every(isOfEditor) ? byHand : 'earlier' } = taken.state;
			return { kind: 'bought', purchase, because };
		}
		if (stateOfKey(key) === 'bought') return { kind: 'bought', because: 'key' };
		const open = taken ?? this.openElsewhere(names);
		if (open) return await this.judgeOpen(one, open);
		if (!key || key.state === 'void') return { kind: 'new' };
		// Of an item that is no order by now, or where n8n's database refuses, nothing tells whose the key is.
		if (key.state === 'bought' && key.owner === undefined) return { kind: 'new' };
		if (key.state === 'bought') return { kind: 'conflict', with: key.owner === 'other' ? 'record' : 'unclear' };
		return await this.judgeOpen(one, { ...names, records: [key], state: pastState(key.state) });
	}

	/** An uncertain order of another call: what it came to decides whether the same one here is another order. */
	private openElsewhere({ order }: Names, ofThisTry = false): PastOrder | undefined {
		if (order === undefined) return undefined;
		return this.past.orders.find(
			(other) =>
				other.order === order && other.state.kind === 'unknown' && other.call !== undefined && (ofThisTry || !this.takenNow.has(other)),
		);
	}

	/** Judges an order that may have been bought, by what a person has said of it. */
	private async judgeOpen(one: Recalled, open: PastOrder): Promise<Knowledge> {
		const { key, taken } = one;
		const records = [...open.records];
		// The same order under its key, which was recorded apart.
		if (open === taken && key && stateOfKey(key) === 'unknown' && !records.some(({ scope }) => scope === key.scope)) records.push(key);
		const reference = preferred(records);
		const references = records.map(referenceOf);
		const { outcome, isSilent } = open.state.kind === 'unknown' ? open.state : { outcome: undefined, isSilent: false };
		const mayBeAnswered = !isSilent && !references.some((other) => one.waitedFor.has(other));
		switch (this.confirmations.of(references)) {
			case 'bought':
				await this.settleNow(records, 'bought');
				open.state = { kind: 'bought', because: 'confirmed' };
				// Also of one that another call has sent: its error output may be looped back, and this is the same order again.
				return { kind: 'bought', because: 'confirmed' };
			case 'notBought':
				if (mayBeAnswered && !this.isQuiet(records)) return this.onItsWay(one, reference, references);
				if (!(await this.settleNow(records, 'void'))) return { kind: 'bought', because: 'earlier' };
				open.state = { kind: 'void' };
				return await this.knowledgeAfterVoid(one);
			case undefined:
				// In the retry of a killed execution nobody is left who could answer; of a key or a lost claim, somebody may be.
				if (mayBeAnswered && (one.isLost || !this.past.orders.includes(open))) return this.onItsWay(one, reference, references);
				return { kind: 'unknown', outcome, reference };
		}
	}

	/** Somebody else may have confirmed the same at the same moment, and have sent the order once more. */
	private async knowledgeAfterVoid(one: Recalled): Promise<Knowledge> {
		one.taken = undefined;
		one.isLost = true;
		await this.learn([one]);
		await this.readKeys([one]);
		this.pair([one]);
		return await this.knowledgeOf(one);
	}

	/** Whether nobody can be left who waits for the answer: see `learn`. */
	private isQuiet(records: RecordId[]): boolean {
		return records.some(({ scope }) => this.past.isQuiet(scope));
	}

	private onItsWay(one: Recalled, reference: string, references: string[]): Knowledge {
		one.waitsFor = references;
		return { kind: 'onItsWay', reference };
	}

	/** The retry of a killed execution, where n8n has nothing that tells which one: what it has sent is not known. */
	private isBlind(recalled: Recalled[]): boolean {
		if (!isRetryWithoutRoot(this.context)) return false;
		const calls = new Set(recalled.map(({ call }) => call.id));
		if (this.past.orders.some(({ call }) => call !== undefined && calls.has(call))) return false;
		// Where the killed execution had keys, one of them is on record if it has sent anything.
		return !recalled.some(({ key }) => key !== undefined);
	}

	private async holdBackBlindly(recalled: Recalled[]) {
		const isNew = ({ known, item }: Recalled) => known.kind === 'new' && item.reading.kind === 'valid' && !item.reading.treatment.dryRun;
		const attempts = recalled.filter(isNew).map((planned) => ({ planned, won: [] as RecordId[], isLost: false }));
		for (const list of this.lists) await this.claimIn(list, attempts);
		for (const { planned, won } of attempts) {
			if (won.length === 0) continue;
			planned.taken = { ...planned.names, call: planned.call.id, records: won, state: { kind: 'unknown', isSilent: true } };
			this.keep(planned.taken);
			planned.known = { kind: 'unknown', reference: preferred(won) };
		}
	}

	/**
	 * A net for what no name catches: the execution has lost its data, its list has records, and none of them is of what
	 * is ordered now.
	 */
	private recognisesNone(recalled: Recalled[]): boolean {
		const [own] = this.lists;
		if (!own || this.past.lost !== 'unmet') return false;
		const isOnRecord = ({ names }: Recalled) => chainsOf(names, own).some(({ name }) => this.past.used(own.scope, name) > 0);
		if (recalled.some(isOnRecord)) this.past.lost = 'met';
		return this.past.lost === 'unmet';
	}

	private async holdBackWhatIsUnrecognised(recalled: Recalled[]) {
		// A loop shows one round at a time: what was sent before may come in a later one, so a person decides on this one.
		if (isInLoop(this.context)) await this.holdBackBlindly(recalled);
		else for (const one of recalled) if (one.known.kind === 'new') one.known = { kind: 'unrecognised' };
	}

	/**
	 * Waits, as long as Timeout at most, whether somebody else gets an answer for these orders; then looks
	 * up anew what is on record of them. Who has not got one by then is taken to be silent.
	 */
	async wait(recalled: Recalled[], stopSignal?: AbortSignal): Promise<void> {
		const until = performance.now() + this.timeout;
		for (let ms = LOOK_AGAIN.first; recalled.some(({ known }) => known.kind === 'onItsWay'); ms = Math.min(2 * ms, LOOK_AGAIN.most)) {
			const left = until - performance.now();
			if (stopSignal?.aborted || this.refusal) return;
			if (left <= 0) for (const { waitedFor, waitsFor = [] } of recalled) for (const reference of waitsFor) waitedFor.add(reference);
			else await pause(Math.min(ms, left), stopSignal);
			await this.judge(recalled);
			if (left <= 0) return;
		}
	}

	/**
	 * Claims orders under each of their names, and tells n8n's database how those before have ended.
	 *
	 * @returns the claims that were won, and the orders that somebody else was faster to claim
	 * @throws DatabaseRefusal when n8n's database refuses; then none of them is claimed
	 */
	async claim(orders: Planned[]): Promise<{ claims: Claim[]; lost: Planned[] }> {
		const attempts = orders.map((planned): Attempt<Planned> => ({ planned, won: [], isLost: false }));
		let isRefused = true;
		try {
			await Promise.all(attempts.map(async (attempt) => await this.claimKey(attempt)));
			for (const list of this.lists)
				await this.claimIn(
					list,
					attempts.filter(({ isLost }) => !isLost),
				);
			isRefused = false;
		} finally {
			if (isRefused) for (const { won } of attempts) this.end(won, 'void');
		}
		const lost = attempts.filter(({ isLost }) => isLost);
		for (const { won, planned } of lost) {
			this.end(won, 'void');
			planned.isLost = true;
		}
		if (lost.length > 0) await this.settle();
		const book: Book = { keep: (order) => this.keep(order), end: (records, end) => this.end(records, end) };
		return {
			claims: attempts.filter(({ isLost }) => !isLost).map(({ planned, won }) => new Claim(planned, book, won)),
			lost: lost.map(({ planned }) => planned),
		};
	}

	private async claimKey(attempt: Attempt) {
		const { names, key } = attempt.planned;
		if (!this.keys || names.key === undefined || names.order === undefined) return;
		const record = this.keys.record(names.key, (key?.number ?? 0) + 1);
		attempt.isLost = !(await this.keys.claim(record, names.order));
		if (!attempt.isLost) attempt.won.push(record);
	}

	private async claimIn(list: List, attempts: Attempt[]) {
		const given: Array<{ attempt: Attempt; record: RecordId }> = [];
		const ends = this.ends.get(list) ?? [];
		this.ends.delete(list);
		if (attempts.length + ends.length === 0 || this.isPreview) return;
		let isRefused = true;
		try {
			const written = await list.write(ends, () => {
				for (const attempt of attempts) {
					for (const { name } of chainsOf(attempt.planned.names, list)) {
						given.push({ attempt, record: { scope: list.scope, name, number: this.past.next(list.scope, name), part: 1 } });
					}
				}
				return given.map(({ record }) => record);
			});
			const rivals = written.filter(({ isLost }) => isLost).map(({ record }) => record);
			written.forEach(({ record, isLost }, i) => {
				const attempt = given[i]?.attempt;
				if (isLost && attempt) attempt.isLost = true;
				else attempt?.won.push(record);
			});
			const of = new Map(attempts.flatMap(({ planned }) => chainsOf(planned.names, list).map((chain) => [chain.name, chain.of])));
			for (const record of await list.states(rivals)) this.past.adopt(record, of.get(record.name) ?? {});
			isRefused = false;
		} finally {
			if (isRefused) {
				this.past.giveBack(given.map(({ record }) => record));
				this.ends.set(list, [...ends, ...(this.ends.get(list) ?? [])]);
			}
		}
	}

	/**
	 * For a model's order: whether another of its calls, which run side by side, has sent the same meanwhile and has no
	 * answer. One that was bought is no reason against it: a model's repeated order is a new one.
	 */
	openBesides({ names }: Planned): string | undefined {
		const other = this.openElsewhere(names, true);
		return other && preferred(other.records);
	}

	private keep(order: PastOrder) {
		this.past.add(order);
		this.takenNow.add(order);
	}

	private end(records: RecordId[], end: End) {
		if (this.isPreview) return;
		for (const record of records) {
			const list = this.lists.find(({ scope }) => scope === record.scope) ?? this.unread.find(({ scope }) => scope === record.scope);
			if (list) this.ends.set(list, [...(this.ends.get(list) ?? []), { record, end }]);
			else if (record.scope === this.keys?.scope) this.tellKey(record, end);
		}
	}

	private tellKey(record: RecordId, end: End) {
		const telling = this.keys
			?.settle(record, end)
			.catch((error: unknown) => this.warn(error))
			.then(() => void (telling && this.telling.delete(telling)));
		if (telling) this.telling.add(telling);
	}

	/** @returns whether all of them have ended so: what is on record as bought is not made void */
	private async settleNow(records: RecordId[], end: 'bought' | 'void'): Promise<boolean> {
		if (this.isPreview) return true;
		let isSettled = true;
		for (const record of records.filter(({ scope }) => scope === this.keys?.scope)) {
			isSettled = ((await this.keys?.settle(record, end)) ?? true) && isSettled;
		}
		if (!isSettled) return false;
		this.end(
			records.filter(({ scope }) => scope !== this.keys?.scope),
			end,
		);
		for (const list of this.ends.keys()) await this.claimIn(list, []);
		return true;
	}

	/** Tells n8n's database how the claims have ended. What it does not take reads as uncertain later. */
	async settle(): Promise<void> {
		try {
			for (const list of [...this.ends.keys()]) await this.claimIn(list, []);
		} catch (error) {
			this.warn(error);
		}
		await Promise.all(this.telling);
	}

	private warn(error: unknown) {
		this.context.logger.warn(`StreamSkill could not record how its orders ended: ${refusalIn(error).message}`);
	}

	/** How many claims of keys have ended, and are not on record as that. */
	get untold(): number {
		return this.telling.size;
	}

	/**
	 * To be called at the end of the call.
	 *
	 * @param isComplete whether nothing of it can be tried again, so that n8n stores each purchase once
	 */
	close(isComplete: boolean) {
		const callAt = callsOf(this.context);
		for (const id of new Set(this.items.map(({ itemIndex }) => callAt(itemIndex).id))) this.past.close(id, isComplete);
	}
}

/** An order that is being claimed, with the records that were won for it. */
interface Attempt<R extends Recalled = Recalled> {
	planned: R;
	won: RecordId[];
	isLost: boolean;
}

/** The chains of a list that an order has a record in. By hand, a row with other fields is another order. */
const chainsOf = ({ order, item }: Names, list: List): Array<{ name: string; of: Names }> => [
	...(order === undefined ? [] : [{ name: NAME.order(order), of: { order } }]),
	...(item === undefined || isOfEditor(list) ? [] : [{ name: NAME.item(item), of: { item } }]),
];

const stateOfKey = (key: Recalled['key']): 'bought' | 'unknown' | undefined => {
	if (key?.owner !== 'same' || key.state === 'void') return undefined;
	return key.state === 'bought' ? 'bought' : 'unknown';
};

/** The same key for different orders: which of them it is meant for cannot be told. */
function refuseKeysOfSeveralOrders(recalled: Recalled[]) {
	const orders = new Map<string, Set<string>>();
	for (const { names, known } of recalled) {
		if (names.key === undefined || names.order === undefined || known.kind !== 'new') continue;
		const others = orders.get(names.key) ?? new Set();
		orders.set(names.key, others.add(names.order));
	}
	for (const one of recalled) {
		const { key } = one.names;
		if (key !== undefined && one.known.kind === 'new' && (orders.get(key)?.size ?? 0) > 1) one.known = { kind: 'conflict', with: 'list' };
	}
}

/** Calls differ between the items of an agent's tool only. */
function groupByCall(recalled: Recalled[]): Recalled[][] {
	const groups = new Map<string, Recalled[]>();
	for (const one of recalled) {
		const group = groups.get(one.call.id);
		if (group) group.push(one);
		else groups.set(one.call.id, [one]);
	}
	return [...groups.values()];
}

const dayOf = (daysAgo: number) => new Date(Date.now() - daysAgo * 86_400_000).toISOString().slice(0, 10);
