import type { IExecuteFunctions } from 'n8n-workflow';

import { callOf, type Call } from '../../n8n/calls';
import { isInLoop } from '../../n8n/host';
import { pause } from '../../n8n/pause';
import { refusalIn, type DatabaseRefusal } from '../../n8n/rows';
import type { Reason } from '../dispatch/outcome';
import type { Item } from '../order/order';
import { NAME } from '../../n8n/stored';
import { Claim } from './claim';
import { Confirmations } from './confirmations';
import { groupBy } from './groups';
import { conflictWith, isOfThisOrder, outranks, refuseKeysOfSeveralOrders, type Outranks } from './keyed';
import { Lookup } from './lookup';
import { match } from './match';
import { chainsOf, namesOf } from './names';
import { isTied, pastState, wasSentBefore, type Names, type PastOrder, type PastOrders } from './past';
import type { Knowledge, Planned, Recalled } from './recalled';
import { Recorder, type Attempt } from './recorder';
import { isByHand } from './records';
import type { ShownReference } from './knowledge';
import { referenceOf, shownReference } from './references';
import { openStores, type Stores } from './stores';

/** What is known of an order that an execution may have sent before, and lost all that tells of it. */
const UNTOLD: Reason = { kind: 'untold' };

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
	/** Why n8n's database could not be asked. */
	refusal?: DatabaseRefusal;

	/** Stands for the execution in n8n's log: it is the same in all retries. */
	readonly run: string;

	readonly confirmations: Confirmations;

	/** All that is on record of the list, item by item. */
	private list: Recalled[] = [];

	private readonly call: Call;

	private readonly stores: Stores;

	private readonly past: PastOrders;

	private readonly lookup: Lookup;

	private readonly recorder: Recorder;

	/**
	 * @param items those of the list: what a person has said in one of them holds for all
	 * @param timeout milliseconds that an answer is waited for
	 */
	constructor(
		private readonly context: IExecuteFunctions,
		private readonly items: Item[],
		private readonly timeout: number,
	) {
		const treatments = items.map(({ reading }) => reading.treatment);
		const isPreview = treatments.every(({ dryRun }) => dryRun);
		this.call = callOf(context);
		this.stores = openStores(context, isPreview);
		this.run = this.stores.run;
		this.past = this.stores.past;
		this.confirmations = new Confirmations(treatments, this.past.usedReferences);
		this.lookup = new Lookup(this.stores, this.confirmations.hasNotBought, timeout);
		this.recorder = new Recorder(this.stores, context.logger);
	}

	/** How many orders the execution has placed, in all its calls and retries, without those that were refused. */
	get placed(): number {
		return this.past.placed;
	}

	/** The items whose order was bought, or may have been, more than once, as far as this execution knows, in whatever round. */
	repeated(): ReadonlySet<Item> {
		const counts = this.past.counts();
		const isRepeated = ({ names: { order } }: Recalled) => order !== undefined && (counts.get(order) ?? 0) > 1;
		return new Set(this.list.filter(isRepeated).map(({ item }) => item));
	}

	/** Whether other executions may have sent the same orders: one that this one retries, or one that retries it. */
	get mayBeOfOthers(): boolean {
		return this.stores.isRetry || this.stores.own?.isShared === true;
	}

	/** Whether the execution is one of an evaluation, or retries one. */
	get isOfEvaluation(): boolean {
		return this.past.isOfEvaluation;
	}

	/** Whether n8n's database has a place for orders: it has none for a workflow that was never saved. */
	get keepsRecords(): boolean {
		return this.stores.own !== undefined;
	}

	/**
	 * Looks up what is on record of each item's order, and settles what a person has confirmed.
	 *
	 * If n8n's database refuses, only the execution's own data is asked: see `refusal`.
	 */
	async recall(): Promise<Recalled[]> {
		const names = namesOf(this.items, this.call.id);
		this.list = this.items.map(
			(item, index): Recalled => ({ item, names: { ...names[index] }, known: { kind: 'new' }, mayHaveRival: false, waitedFor: new Set() }),
		);
		await this.judge(this.list);
		return this.list;
	}

	/** Looks up anew what is on record of these orders. */
	async judge(recalled: Recalled[]): Promise<void> {
		for (const { taken } of recalled) if (taken) this.past.takenNow.delete(taken);
		await this.unlessRefused(async () => await this.findPastOrders(recalled));
		await this.unlessRefused(async () => await this.lookup.joinKeys(recalled));
		for (const one of recalled) await this.unlessRefused(async () => void (one.known = await this.knowledgeOf(one)));
		await this.unlessRefused(async () => {
			// What could not be looked up says nothing of what is on record.
			if (this.refusal) return;
			if (this.past.isMoved) await this.holdBackWhatMayBeAnotherCalls(recalled);
			await this.holdBackBlindly(this.unseen(recalled));
			await this.holdBackWhatIsUnrecognised(recalled);
		});
		const { refusal } = this;
		if (refusal && this.mayBeOfOthers) {
			for (const one of recalled) if (one.known.kind === 'new') one.known = { kind: 'unread', refusal };
		}
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

	/**
	 * Finds the past order of each, and of those equal ones that are still to be sent: what is on record by now may be theirs.
	 *
	 * @param isOver whether a past order cannot be that of any of them
	 */
	private async findPastOrders(recalled: Recalled[], isOver: (order: PastOrder) => boolean = () => false) {
		const wanted = new Set(recalled);
		const orders = new Set(recalled.map(({ names }) => names.order));
		const equals = this.list.filter((one) => wanted.has(one) || (!isTaken(one) && orders.has(one.names.order)));
		let isOutranked: Outranks = () => false;
		try {
			await this.lookup.learn(equals);
			await this.lookup.readKeys(recalled);
			isOutranked = outranks(equals, await this.lookup.linkEquals(equals));
		} finally {
			// What is only shown takes no order from what is sent.
			for (const isShown of [false, true]) {
				const group = equals.filter(({ item }) => item.reading.treatment.dryRun === isShown);
				this.pair(group, isOver, isOutranked);
			}
		}
	}

	/** Finds the past order of each of these items. */
	private pair(group: Recalled[], isOver: (order: PastOrder) => boolean, isOutranked: Outranks) {
		const { call } = this;
		const before = new Set(group.map(({ taken }) => taken));
		const isOfTry = ({ call: other, state }: PastOrder) =>
			other === undefined || call.isTryOf(other, state.kind === 'bought' ? state : undefined);
		const isFree = (order: PastOrder) =>
			order.state.kind !== 'void' && !this.past.takenNow.has(order) && !isOver(order) && (before.has(order) || isOfTry(order));
		// Of a refused item, its own record says that an equal order is another item's.
		const isUntied = (order: PastOrder, names: Names) => this.past.wasRefused(names.item) && !isByHand(order) && !isTied(order, names);
		const found = match(
			group.map(({ names }) => names),
			this.past.orders.filter(isFree),
			(order, names) => !isUntied(order, names) && !isOutranked(order, names),
		);
		group.forEach((one, place) => {
			const [order, ...others] = found[place] ?? [];
			one.taken = order;
			if (!order) return;
			for (const other of others) this.past.merge(order, other);
			order.call = call.id;
			order.place = one.names.place;
			// By hand, a row with other fields is another order.
			if (!isByHand(order)) order.takenBy = one.names.item;
			this.past.takenNow.add(order);
		});
		const left = groupBy(this.past.orders.filter(isFree), ({ order }) => order);
		for (const one of group) one.isAnothers = !one.taken && (left.get(one.names.order) ?? []).some((order) => isUntied(order, one.names));
	}

	/** What is on record of an order, in the sequence in which one thing outranks the next. */
	private async knowledgeOf(one: Recalled): Promise<Knowledge> {
		const { names, taken, key } = one;
		if (one.isOneOfMany) return { kind: 'unrecognised', why: 'tooMany' };
		if (taken?.state.kind === 'bought') {
			this.confirmations.refute(taken.records.map(referenceOf));
			const byHand = isOfThisOrder(key) ? 'editorKey' : 'editor';
			const { purchase, because = isByHand(taken) ? byHand : 'earlier' } = taken.state;
			return { kind: 'bought', purchase, because };
		}
		if (taken) return await this.judgeOpen(one, taken);
		if (key?.owner === 'same' && key.state === 'bought') {
			this.confirmations.refute([referenceOf(key)]);
			return { kind: 'bought', because: 'key' };
		}
		const open = this.openElsewhere(names);
		if (open) return await this.judgeOpen(one, open);
		if (one.isAnothers) return { kind: 'unrecognised', why: 'refused' };
		if (!key || key.state === 'void') return { kind: 'new' };
		if (key.state === 'bought') return conflictWith(key) ?? { kind: 'new' };
		const known = await this.judgeOpen(one, { ...names, records: [key], state: pastState(key.state) });
		if (known.kind === 'unknown' || known.kind === 'onItsWay') return { ...known, isOther: key.owner === 'other' };
		// What is confirmed is the order that the key was claimed for.
		return known.kind === 'bought' && known.because === 'confirmed' ? (conflictWith(key) ?? known) : known;
	}

	/** An uncertain order of another call: what it came to decides whether the same one here is another order. */
	private openElsewhere({ order }: Names, ofThisTry = false): PastOrder | undefined {
		if (order === undefined) return undefined;
		return this.past.orders.find(
			(other) =>
				other.order === order &&
				other.state.kind === 'unknown' &&
				other.call !== undefined &&
				(ofThisTry || !this.past.takenNow.has(other)),
		);
	}

	/** Judges an order that may have been bought, by what a person has said of it. */
	private async judgeOpen(one: Recalled, open: PastOrder): Promise<Knowledge> {
		const { taken, names } = one;
		const { records } = open;
		const shown = { ...shownReference(records, names.key), ...(open.order !== names.order && { mayBeMended: true }) };
		const references = records.map(referenceOf);
		const { reason, isSilent } = open.state.kind === 'unknown' ? open.state : { reason: undefined, isSilent: false };
		const mayBeAnswered = !isSilent && !references.some((other) => one.waitedFor.has(other));
		// Nobody can be left who waits for the answer: see `Lookup.learn`.
		const lists = records.flatMap(({ scope }) => this.past.isQuiet[scope] ?? []);
		const isQuiet = lists.length > 0 && lists.every(Boolean);
		switch (this.confirmations.of(references)) {
			case 'bought':
				await this.recorder.settleNow(records, 'bought', open.order);
				open.state = { kind: 'bought', because: 'confirmed' };
				open.item ??= names.item;
				// Also of one that another call has sent: its error output may be looped back, and this is the same order again.
				return { kind: 'bought', because: 'confirmed' };
			case 'notBought':
				if (mayBeAnswered && !isQuiet) return { kind: 'onItsWay', ...shown, references };
				if (!(await this.recorder.settleNow(records, 'void'))) {
					this.confirmations.refute(references);
					return { kind: 'bought', because: 'earlier' };
				}
				open.state = { kind: 'void' };
				// Somebody else may have confirmed the same at the same moment, and have sent the order once more.
				one.taken = undefined;
				one.mayHaveRival = true;
				await this.findPastOrders([one], (other) => wasSentBefore(other, open));
				return await this.knowledgeOf(one);
			case undefined:
				// In the retry of a killed execution nobody is left who could answer; of a key or a lost claim, somebody may be.
				if (mayBeAnswered && (one.mayHaveRival || this.stores.isRetried || !this.past.orders.includes(open)))
					return { kind: 'onItsWay', ...shown, references };
				return { kind: 'unknown', reason, ...shown, isRepeated: open !== taken && open.call !== undefined };
		}
	}

	/** Where the node stands elsewhere by now, another call may order what one before has bought. */
	private async holdBackWhatMayBeAnotherCalls(recalled: Recalled[]) {
		const open = recalled.filter(({ known }) => known.kind === 'new');
		const own = new Set(this.list.flatMap(({ taken }) => taken?.records ?? []).map(referenceOf));
		const others = (await this.lookup.sentBefore(open)).filter((record) => !own.has(referenceOf(record)));
		const ordered = new Set([...others.map(({ name }) => name), ...this.past.ofNamesake]);
		for (const one of open)
			if (one.names.order !== undefined && ordered.has(NAME.order(one.names.order))) one.known = { kind: 'unrecognised', why: 'moved' };
	}

	/**
	 * Those orders that may have been sent before, in a retry where n8n does not tell which execution it is of, nor whether
	 * that was killed: all but those that this call has held back before. A person settles these.
	 */
	private unseen(recalled: Recalled[]): Recalled[] {
		if (!this.past.isRootless) return [];
		// Where the killed execution had keys, that of an order on its way is uncertain. One that was bought may be another execution's.
		if (recalled.some(({ key }) => key?.state === 'claimed' || key?.state === 'silent')) return [];
		const ofCall = this.past.orders.filter(({ call }) => call === this.call.id);
		return recalled.filter(({ names }) => !ofCall.some((order) => isTied(order, names)));
	}

	private async holdBackBlindly(recalled: Recalled[]) {
		const isNew = ({ known, item }: Recalled) => known.kind === 'new' && item.reading.kind === 'valid' && !item.reading.treatment.dryRun;
		const attempts = recalled.filter(isNew).map((planned): Attempt => ({ planned, won: [], isLost: false }));
		if (attempts.length === 0) return;
		await this.recorder.claimInLists(attempts);
		for (const { planned, won, isLost } of attempts) {
			if (isLost || won.length === 0) continue;
			const state = { kind: 'unknown', reason: UNTOLD, isSilent: true } as const;
			planned.taken = { ...planned.names, call: this.call.id, records: won, state };
			this.past.keep(planned.taken);
			planned.known = { kind: 'unknown', reason: UNTOLD, ...shownReference(won) };
		}
		// n8n may run this execution a second time, at the same time: what one of them holds back, the other does not buy.
		const lost = attempts.filter(({ isLost }) => isLost).map(({ planned }) => planned);
		if (lost.length > 0) await this.judge(lost);
	}

	/**
	 * A net for what no name catches: the execution has lost its data, its list has records, and none of them is of what
	 * is ordered now.
	 */
	private async holdBackWhatIsUnrecognised(recalled: Recalled[]) {
		const { own } = this.stores;
		if (!own || this.past.lost !== 'unmet') return;
		const isOnRecord = ({ names }: Recalled) => chainsOf(names, own).some(({ name }) => this.past.used(own.scope, name) > 0);
		if (recalled.some(isOnRecord)) this.past.lost = 'met';
		// A loop shows one round at a time: what was sent before may come in a later one, so a person decides on this one.
		else if (isInLoop(this.context)) await this.holdBackBlindly(recalled);
		else for (const one of recalled) if (one.known.kind === 'new') one.known = { kind: 'unrecognised', why: 'noneInList' };
	}

	/**
	 * Waits, for Timeout at most, to see whether somebody else gets an answer for these orders, and looks up anew what is on
	 * record of them. Whoever has not got one by then is taken to be silent.
	 */
	async wait(recalled: Recalled[], stopSignal?: AbortSignal): Promise<void> {
		const until = performance.now() + this.timeout;
		for (let ms = LOOK_AGAIN.first; recalled.some(({ known }) => known.kind === 'onItsWay'); ms = Math.min(2 * ms, LOOK_AGAIN.most)) {
			const left = until - performance.now();
			if (stopSignal?.aborted || this.refusal) return;
			if (left > 0) {
				await pause(Math.min(ms, left), stopSignal);
			} else {
				for (const { known, waitedFor } of recalled)
					if (known.kind === 'onItsWay') for (const reference of known.references) waitedFor.add(reference);
			}
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
		const claims: Claim[] = [];
		const lost = orders.filter(isTaken);
		for (const { planned, won, isLost } of await this.recorder.claim(orders.filter((order) => !isTaken(order)))) {
			if (isLost) lost.push(planned);
			else claims.push(new Claim(planned, this.call, this.past, this.recorder, won));
		}
		for (const planned of lost) planned.mayHaveRival = true;
		return { claims, lost };
	}

	/**
	 * For a model's order: whether another of its calls, which run side by side, has sent the same meanwhile and has no
	 * answer. One that was bought is no reason against it: a model's repeated order is a new one.
	 */
	openBesides({ names }: Planned): ShownReference | undefined {
		const other = this.openElsewhere(names, true);
		return other && shownReference(other.records, names.key);
	}

	/** Tells n8n's database how the claims have ended. What it does not take reads as uncertain later. */
	async settle(): Promise<void> {
		await this.recorder.settle();
	}

	/** To be called at the end of the call. */
	close() {
		this.past.forgetVoid();
	}

	/** To be called once nothing of the call can be tried again, so that n8n stores each purchase once. */
	forgetBought() {
		this.past.forgetBought(this.call.id);
	}
}

/** Whether it has a past order, or is one by now. */
const isTaken = ({ taken }: Recalled) => taken !== undefined && taken.state.kind !== 'void';
