import type { Lease, Rows } from '../../n8n/rows';
import { ENTRY, ROW } from '../../n8n/stored';

/** How many entries are looked up in one call: n8n searches the row for each that it removes again. */
const CHUNK = 200;

/**
 * Tells what is in the rows of a list. n8n has no way to look without recording, so what was not there is taken away
 * again.
 *
 * Every method throws a DatabaseRefusal when n8n's database refuses.
 */
export class Probe {
	/** By part: how often a look was broken off. */
	private readonly epochs = new Map<number, number>();

	/**
	 * @param scope the ID of the list's first row
	 * @param markOf the mark of an epoch: what one kind of look leaves behind does not end the epochs of another
	 */
	constructor(
		private readonly rows: Rows,
		private readonly scope: string,
		private readonly isShared: () => boolean,
		private readonly markOf: (epoch: number) => string,
	) {}

	/** @returns those entries that are there. What a crash in between leaves behind looks like a claim that nobody has answered. */
	async entries(part: number, entries: string[], lease: Lease): Promise<Set<string>> {
		const known = new Set<string>();
		for (let i = 0; i < entries.length; i += CHUNK) {
			const looked = entries.slice(i, i + CHUNK);
			const there = await this.recordAndRemove(part, looked, lease);
			for (const entry of there) known.add(entry);
		}
		return known;
	}

	/**
	 * The same for the ends of records. A crash in between must not leave an order that reads as bought, so it leaves a mark
	 * as well, and with that the epoch is over: what was said in it does not count, and what is said from then on is said in
	 * the next. If somebody else's look comes late meanwhile, the mark is that one's as well, and what it has left behind
	 * must not count either: then the row has another length than it should, and the mark stays.
	 *
	 * @returns those records that have ended so
	 */
	async ends<T>(part: number, records: T[], entryOf: (record: T, epoch: number) => string, lease: Lease): Promise<Set<T>> {
		const known = new Set<T>();
		for (let i = 0; i < records.length; ) {
			const epoch = this.epochOf(part);
			const chunk = records.slice(i, i + CHUNK);
			const entries = new Map(chunk.map((record) => [record, entryOf(record, epoch)]));
			const mark = this.markOf(epoch);
			const there = await this.recordUnderMark(part, mark, [...entries.values()], lease);
			if (there.has(mark)) {
				this.epochs.set(part, epoch + 1);
				continue;
			}
			this.epochs.set(part, epoch);
			for (const [record, entry] of entries) if (there.has(entry)) known.add(record);
			i += CHUNK;
		}
		return known;
	}

	/** @returns the mark as well if what is there does not count, because others have looked or are looking */
	private async recordUnderMark(part: number, mark: string, entries: string[], lease: Lease): Promise<Set<string>> {
		if (!this.isShared()) return await this.recordAndRemove(part, [mark, ...entries], lease);
		const row = ROW.part(this.scope, part);
		// A random number of them, so that what a late look leaves behind is not as long as what it wipes out.
		const filler = Array.from({ length: 1 + Math.floor(Math.random() * 64) }, () => ENTRY.looking(Math.random()));
		const before = await this.rows.count(row);
		const there = await this.recordAndRemove(part, [mark, ...filler, ...entries], lease, mark);
		if (there.has(mark)) return there;
		// The mark is the last to go.
		const isCrossed = (await this.rows.count(row)) !== before + 1;
		if (!isCrossed) {
			await this.rows.remove(row, [mark]);
			return there;
		}
		await lease.renew();
		await this.rows.add(row, [mark]);
		return there.add(mark);
	}

	/** To be called where nothing may have been looked for: an end that is said in an epoch that is over does not count. */
	async findEpoch(part: number, lease: Lease) {
		if (!this.epochs.has(part)) await this.ends(part, [ENTRY.looking(Math.random())], (entry) => entry, lease);
	}

	/** @returns in which epoch of a part an end is to be said */
	epochOf(part: number): number {
		return this.epochs.get(part) ?? 0;
	}

	/** @param kept an entry that is not removed again */
	private async recordAndRemove(part: number, entries: string[], lease: Lease, kept?: string): Promise<Set<string>> {
		const row = ROW.part(this.scope, part);
		await lease.renew();
		const there = await this.rows.add(row, entries);
		await lease.renew();
		await this.rows.remove(
			row,
			entries.filter((entry) => entry !== kept && !there.has(entry)),
		);
		return there;
	}
}
