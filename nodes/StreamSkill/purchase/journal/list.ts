import { exclusively, oneAtATime, TooBusy, type Place } from '../../n8n/lock';
import { msSince, now } from '../../n8n/moment';
import { pause } from '../../n8n/pause';
import type { Lease, Rows } from '../../n8n/rows';
import { groupBy } from './groups';
import { Probe } from './probe';
import type { Ending, FoundRecord, ListState, RecordId } from './records';
import { ALONE_FOR, NOTICED_WITHIN, SHARED_AFTER } from './times';
import { ENTRY, GENERATION, ROW } from '../../n8n/stored';

/** How many entries a row has before the list goes on in the next one: n8n writes a row whole each time. */
const PART_LENGTH = 1000;

const generationOf = (part: number) => Math.floor(part / GENERATION);

/** @returns the number of the mark that ends the generation of a part; the next one begins with the part after it */
const markAfter = (part: number) => (generationOf(part) + 1) * GENERATION;

const lastGenerationFirst = (parts: readonly number[]) => [...parts].sort((a, b) => generationOf(b) - generationOf(a) || a - b);

const MINUTE = 60_000;

/** How many milliseconds the clock of whoever writes may be ahead of that of whoever reads. */
const AHEAD_BY = 60 * MINUTE;

/** And behind it. */
const BEHIND_BY = 2 * MINUTE;

const minuteOf = (time: number) => Math.floor(time / MINUTE);

/** The end of a list, where it is written to. */
type Tail = Pick<ListState, 'part' | 'earlier' | 'length'>;

const goOn = ({ part, earlier, length }: Tail, next: number): Tail => ({
	part: next,
	earlier: length > 0 ? [...earlier, part] : earlier,
	length: 0,
});

/** A part that is full is not the last one. */
const withRoom = (tail: Tail): Tail => (tail.length < PART_LENGTH ? tail : goOn(tail, tail.part + 1));

/** The entry that claims a record. */
const claimOf = ({ name, number }: RecordId) => ENTRY.claimed(name, number);

/** The record of an Idempotency Key, and that of the order that it was claimed for. */
export interface Link {
	key: RecordId;
	record: RecordId;
}

const linkEntry = ({ key, record }: Link, epoch: number) => ENTRY.keyed(key.name, key.number, record.name, record.number, epoch);

/** Which records of a chain are looked for: `count` of them, from a number on, and more if all of those are there. */
export interface Wanted {
	from: number;
	count: number;
	/** For the records of an item: the name of what it orders. */
	order?: string;
}

/**
 * A list of records in n8n's database, for an execution and all its retries, or for what a node has ordered by hand on a
 * day. A row for each record would cost as much as the order itself.
 *
 * Every method throws a DatabaseRefusal when n8n's database refuses.
 */
export class List {
	private readonly probe: Probe;

	/** Looks at links, which is seldom: they are still known where a look at how records have ended was broken off. */
	private readonly links: Probe;

	/** The first part that may have records which this call has not seen when it looked at all its orders. Later looks are at some of them only. */
	private unseenFrom?: number;

	/** @param scope the ID of the list's first row */
	constructor(
		private readonly rows: Rows,
		readonly scope: string,
		private readonly state: ListState,
	) {
		const isShared = () => state.isShared;
		this.probe = new Probe(rows, scope, isShared, ENTRY.reading);
		this.links = new Probe(rows, scope, isShared, ENTRY.linking);
	}

	/** Whether another n8n process may write to it at the same time, and whoever writes to it knows that. */
	get isShared(): boolean {
		return this.state.isShared;
	}

	/**
	 * To be called before a list is read that another execution has begun: if that still runs, it finds the list shared
	 * from now on.
	 */
	async share() {
		await this.tellOthers();
		// Another call of the same execution may be at work in the generation before.
		await oneAtATime(this.scope, async () => await this.follow());
	}

	private async tellOthers() {
		await this.giveUp();
		await pause(SHARED_AFTER);
		this.state.isShared = true;
	}

	/**
	 * Ends the generation: its rows are left to somebody who does not know of others, or had the lock. What that one writes
	 * late would wipe out what others have written to the same row since. Of the mark nothing can be wiped out: everybody
	 * writes the same.
	 */
	private async giveUp() {
		await this.rows.insert(this.rowOf(markAfter(this.state.part)), [ENTRY.left]);
	}

	/**
	 * Goes on in the last generation, if others have begun one since. What counts of the one before is there by then: after
	 * each write its writer looks for the mark as well, or has done so in time.
	 *
	 * @returns whether others have begun one
	 */
	private async follow(): Promise<boolean> {
		if (!(await this.isLeft(this.state.part))) return false;
		Object.assign(this.state, await this.tail());
		return true;
	}

	/**
	 * Looks whether somebody shares it by now, unless it has looked so many milliseconds ago at most: n8n's public API
	 * retries an execution that still runs.
	 */
	private async notice(ms: number) {
		const { state } = this;
		const isDue = !state.isShared && (!state.aloneAt || msSince(state.aloneAt) >= ms);
		if (isDue && (await this.follow())) state.isShared = true;
	}

	/** @returns whether somebody has begun another generation than that of this part */
	private async isLeft(part: number): Promise<boolean> {
		const { state } = this;
		const looked = now();
		const isLeft = (await this.rows.count(this.rowOf(markAfter(part)))) > 0;
		if (!isLeft && !state.isShared && generationOf(part) === generationOf(state.part)) state.aloneAt = looked;
		return isLeft;
	}

	/** Only reads. */
	async isEmpty(): Promise<boolean> {
		const { length, earlier } = await this.tail();
		return length === 0 && earlier.length === 0;
	}

	/** To be called before anything is looked up: if n8n is killed, nothing else tells a retry that the execution was started by hand. */
	async sayByHand() {
		if (this.state.saysByHand) return;
		await this.rows.insert(ROW.byHand(this.scope), [ENTRY.byHand]);
		this.state.saysByHand = true;
	}

	/** @returns whether the execution that began it was started by hand. Only reads. */
	async wasByHand(): Promise<boolean> {
		return (await this.rows.count(ROW.byHand(this.scope))) > 0;
	}

	/** @returns the records under these names, each chain from its number on, in the sequence of their numbers */
	async look(wanted: Map<string, Wanted>): Promise<FoundRecord[]> {
		if (wanted.size === 0) return [];
		return await this.exclusively(async (lease) => {
			await this.findTail();
			const found: RecordId[] = [];
			let ranges = [...wanted].map(([name, { from, count }]) => ({ name, from, to: from + count - 1 }));
			while (ranges.length > 0) {
				const records = ranges.flatMap(({ name, from, to }) => this.recordsOf(name, from, to));
				const claimed = await this.findParts(records, this.parts, lease);
				found.push(...claimed.values());
				// Numbers are given in turn: where the last one is taken, there may be more.
				ranges = ranges
					.filter(({ name, to }) => claimed.has(ENTRY.claimed(name, to)))
					.map(({ name, from, to }) => ({ name, from: to + 1, to: to + 2 * (to - from + 1) }));
			}
			this.unseenFrom ??= this.state.part;
			const records = await this.withStates(found, lease);
			const { part, length } = this.state;
			if (length > 0) await this.probe.findEpoch(part, lease);
			const bought = records.filter(({ state }) => state === 'bought');
			await this.markOrders(bought, ({ name }) => wanted.get(name)?.order, lease);
			return records.sort((a, b) => a.number - b.number);
		});
	}

	private recordsOf(name: string, from: number, to: number): RecordId[] {
		return Array.from({ length: to - from + 1 }, (_, i) => ({ scope: this.scope, name, number: from + i, part: 0 }));
	}

	/** Those that are not empty. */
	private get parts(): readonly number[] {
		const { earlier, part, length } = this.state;
		return length > 0 ? [...earlier, part] : earlier;
	}

	/**
	 * The last generation that has a claim is that of the order that was sent: one that came late is in an earlier one.
	 *
	 * @returns those that are claimed in these parts, with the part that they are in, by their entry
	 */
	private async findParts(records: RecordId[], parts: readonly number[], lease: Lease): Promise<Map<string, RecordId>> {
		const claimed = new Map<string, RecordId>();
		let open = records;
		for (const part of lastGenerationFirst(parts)) {
			if (open.length === 0) break;
			const known = await this.probe.entries(part, open.map(claimOf), lease);
			for (const record of open) if (known.has(claimOf(record))) claimed.set(claimOf(record), { ...record, part });
			open = open.filter((record) => !known.has(claimOf(record)));
		}
		return claimed;
	}

	/** @returns those links that are there: each key was claimed together with the order's record, in its last generation that has a link */
	async findLinks(links: Link[]): Promise<Set<Link>> {
		const found = new Set<Link>();
		if (links.length === 0) return found;
		return await this.exclusively(async (lease) => {
			await this.findTail();
			const linked = new Set<RecordId>();
			for (const part of lastGenerationFirst(this.parts)) {
				const open = links.filter(({ record }) => !linked.has(record));
				for (const link of await this.links.ends(part, open, linkEntry, lease)) {
					found.add(link);
					linked.add(link.record);
				}
			}
			return found;
		});
	}

	/** @returns what these records say by now */
	async states(records: RecordId[]): Promise<FoundRecord[]> {
		if (records.length === 0) return [];
		return await this.exclusively(async (lease) => await this.withStates(records, lease));
	}

	private async withStates(records: RecordId[], lease: Lease): Promise<FoundRecord[]> {
		const found: FoundRecord[] = [];
		for (const [part, group] of groupBy(records, ({ part }) => part)) {
			let open = group;
			// Most were bought, so that is asked first.
			for (const state of ['bought', 'void', 'silent'] as const) {
				const known = await this.probe.ends(part, open, ({ name, number }, epoch) => ENTRY[state](name, number, epoch), lease);
				found.push(...[...known].map((record) => ({ ...record, state })));
				open = open.filter((record) => !known.has(record));
			}
			found.push(...open.map((record) => ({ ...record, state: 'claimed' as const })));
		}
		return found;
	}

	/** Notes in items' records whether this is the order that was bought for them. */
	async markOrder(records: FoundRecord[], order: string) {
		await this.exclusively(async (lease) => await this.markOrders(records, () => order, lease));
	}

	/** Notes in each of these records the order that is asked for, if that was bought for it. */
	private async markOrders(records: FoundRecord[], orderOf: (record: RecordId) => string | undefined, lease: Lease) {
		const asked = records.filter((record) => orderOf(record) !== undefined);
		for (const [part, group] of groupBy(asked, ({ part }) => part)) {
			const entryOf = (record: RecordId, epoch: number) => ENTRY.boughtFor(orderOf(record) ?? '', record.name, record.number, epoch);
			for (const record of await this.probe.ends(part, group, entryOf, lease)) record.order = orderOf(record);
		}
	}

	/**
	 * Claims records and says how others have ended, in one call of n8n's where that is possible.
	 *
	 * @param claims gives the records that are to be claimed, when nobody else can claim any; they get their part
	 * @param keyOf the records of keys that were claimed for the same orders
	 * @returns those records that somebody else has claimed before
	 */
	async write(ends: Ending[], claims: () => RecordId[], keyOf: ReadonlyMap<RecordId, RecordId>): Promise<Set<RecordId>> {
		const unseenFrom = (this.unseenFrom ??= this.state.part);
		// The same execution is run by somebody else as well: this write would wipe out what that one claims meanwhile.
		if (!this.state.isShared && this.parts.length === 0 && (await this.rows.count(this.rowOf(this.state.part))) > 0)
			await this.tellOthers();
		return await this.exclusively(async (lease) => {
			const { isShared } = this.state;
			if (isShared) await this.findTail();
			const wanted = claims();
			const { part } = this.state;
			const endsByPart = groupBy(ends, ({ record }) => record.part);
			for (const [other, group] of endsByPart) {
				if (other !== part) await this.add(other, this.entriesOf(group), lease);
			}
			const unseen = this.state.earlier.filter((earlier) => earlier >= unseenFrom);
			const taken = isShared ? await this.findParts(wanted, unseen, lease) : new Map<string, RecordId>();
			const free = wanted.filter((record) => !taken.has(claimOf(record)));
			const linksOf = (records: RecordId[]) =>
				records.flatMap((record) => {
					const key = keyOf.get(record);
					return key ? [linkEntry({ key, record }, this.links.epochOf(part))] : [];
				});
			const entries = [...this.entriesOf(endsByPart.get(part)), ...free.map(claimOf), ENTRY.written(minuteOf(Date.now()))];
			const known = await this.add(part, isShared ? entries : [...entries, ...linksOf(free)], lease);
			const lost = new Set(wanted.filter((record) => taken.has(claimOf(record)) || known.has(claimOf(record))));
			// No key is linked to a record that somebody else has claimed.
			const links = linksOf(free.filter((record) => !lost.has(record)));
			if (isShared) await this.add(part, links, lease);
			this.state.length += entries.length - known.size + links.length;
			// It is not alone: the same execution is run by somebody else, who does not know of others either.
			if (!isShared && lost.size > 0) await this.tellOthers();
			// It took so long that a retry may not have seen it.
			await this.notice(NOTICED_WITHIN);
			if (this.state.isShared !== isShared) throw new TooBusy();
			Object.assign(this.state, withRoom(this.state));
			for (const record of wanted) record.part = taken.get(claimOf(record))?.part ?? part;
			return lost;
		});
	}

	private entriesOf(ends: Ending[] = []): string[] {
		return ends.flatMap(({ record: { name, number, part }, end, order }) => {
			const epoch = this.probe.epochOf(part);
			return [ENTRY[end](name, number, epoch), ...(order === undefined ? [] : [ENTRY.boughtFor(order, name, number, epoch)])];
		});
	}

	/**
	 * @returns whether nobody has written to the list for so many milliseconds, at least: who could still answer has stopped
	 * waiting. The clock of another worker may be ahead or behind, and this one may have been put back since.
	 */
	async isQuiet(ms: number): Promise<boolean> {
		return await this.exclusively(async (lease) => {
			await this.findTail();
			const last = minuteOf(Date.now() + AHEAD_BY);
			const minutes = Array.from({ length: Math.ceil((ms + AHEAD_BY + BEHIND_BY) / MINUTE) + 1 }, (_, i) => ENTRY.written(last - i));
			for (const part of [...this.parts].reverse()) {
				if ((await this.probe.entries(part, minutes, lease)).size > 0) return false;
			}
			return true;
		});
	}

	private async exclusively<T>(work: (lease: Lease) => Promise<T>): Promise<T> {
		const place: Place = {
			isShared: async () => {
				await this.notice(ALONE_FOR);
				return this.state.isShared;
			},
			lock: () => ROW.lock(this.rowOf(generationOf(this.state.part) * GENERATION + 1)),
			giveUp: async () => await this.giveUp(),
			follow: async () => await this.follow(),
		};
		return await exclusively(this.rows, this.scope, place, work);
	}

	/** Others may have made the list longer. */
	private async findTail() {
		Object.assign(this.state, withRoom(await this.tailOfGeneration(this.state)));
	}

	/** @returns where the list ends by now */
	private async tail(): Promise<Tail> {
		for (let from: Tail = this.state; ; ) {
			const tail = await this.tailOfGeneration(from);
			if (!(await this.isLeft(tail.part))) return withRoom(tail);
			from = goOn(tail, markAfter(tail.part) + 1);
		}
	}

	private async tailOfGeneration({ part, earlier }: Omit<Tail, 'length'>): Promise<Tail> {
		for (let tail: Tail = { part, earlier, length: 0 }; ; tail = goOn(tail, tail.part + 1)) {
			tail.length = await this.rows.count(this.rowOf(tail.part));
			if (tail.length === 0 || (await this.rows.count(this.rowOf(tail.part + 1))) === 0) return tail;
		}
	}

	private rowOf(part: number): string {
		return ROW.part(this.scope, part);
	}

	private async add(part: number, entries: string[], lease: Lease): Promise<Set<string>> {
		if (entries.length === 0) return new Set();
		await lease.renew();
		return await this.rows.add(this.rowOf(part), entries);
	}
}
