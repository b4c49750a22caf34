import { oneAtATime } from '../../n8n/lock';
import type { Rows } from '../../n8n/rows';
import type { End, FoundRecord, RecordId } from './records';
import { KEY_ENTRIES, ROW } from '../../n8n/stored';

/** How many keys are looked up side by side. */
const SIDE_BY_SIDE = 100;

/** Which order a key stands for, seen from another one. It is unclear while, or after, somebody else asks the same. */
export type KeyOwner = 'same' | 'other' | 'unclear';

/**
 * The records of Idempotency Keys, for a whole workflow: a row for each claim and for each end, which are INSERTed and
 * never written back. Of two INSERTs at once one fails, so no lock is needed, and no key is ever forgotten.
 *
 * Every method throws a DatabaseRefusal when n8n's database refuses.
 */
export class Keys {
	constructor(
		private readonly rows: Rows,
		/** Of the records. */
		readonly scope: string,
	) {}

	/** @returns the last record of each key that has one */
	async look(names: string[]): Promise<Map<string, FoundRecord>> {
		const found = new Map<string, FoundRecord>();
		await sideBySide(new Set(names), async (name) => {
			const record = await this.last(name);
			if (record) found.set(name, record);
		});
		return found;
	}

	private async last(name: string): Promise<FoundRecord | undefined> {
		const isThere = async (number: number) => (await this.rows.count(ROW.claim(name, number))) > 0;
		let [there, beyond] = [0, 1];
		while (await isThere(beyond)) [there, beyond] = [beyond, 2 * beyond];
		while (beyond - there > 1) {
			const middle = Math.floor((there + beyond) / 2);
			if (await isThere(middle)) there = middle;
			else beyond = middle;
		}
		if (there === 0) return undefined;
		const record = this.record(name, there);
		return { ...record, state: await this.state(record) };
	}

	record(name: string, number: number): RecordId {
		return { scope: this.scope, name, number, part: 1 };
	}

	async state({ name, number }: RecordId): Promise<FoundRecord['state']> {
		const entries = await this.rows.count(ROW.end(name, number));
		if (entries > KEY_ENTRIES.void.length) return 'bought';
		if (entries > 0) return 'void';
		return (await this.rows.count(ROW.silent(name, number))) > 0 ? 'silent' : 'claimed';
	}

	/** Asks whether a key that is taken was claimed for this order. */
	async owner({ name, number }: RecordId, order: string): Promise<KeyOwner> {
		const row = ROW.claim(name, number);
		const isUntouched = async () => (await this.rows.count(row)) === 2;
		const isThere = async () => {
			const known = await this.rows.add(row, [order]);
			if (!known.has(order)) await this.rows.remove(row, [order]);
			return known.has(order);
		};
		return await this.alone(row, async () => {
			if (!(await isUntouched())) return 'unclear';
			if (!(await isThere())) return 'other';
			// What another process has added to ask the same is not there any more once the row is as it was.
			return (await isUntouched()) && (await isThere()) ? 'same' : 'unclear';
		});
	}

	/** @returns whether the key is now claimed for this order, by this claim */
	async claim({ name, number }: RecordId, order: string): Promise<boolean> {
		const row = ROW.claim(name, number);
		return await this.alone(row, async () => {
			const known = await this.rows.insert(row, [KEY_ENTRIES.claim, order]);
			if (known === undefined) return false;
			if (!known.has(KEY_ENTRIES.claim)) return true;
			if (!known.has(order)) await this.rows.remove(row, [order]);
			return false;
		});
	}

	/**
	 * Within this n8n process, whoever adds to a claim row and removes from it does so one at a time: a late write would
	 * bring back what was removed.
	 */
	private async alone<T>(row: string, work: () => Promise<T>): Promise<T> {
		return await oneAtATime(`${this.scope} ${row}`, work);
	}

	/**
	 * Says how a claim has ended. One that is bought after somebody took it for void takes the key again, whoever may
	 * have claimed it since.
	 *
	 * @param order what was bought, if that is known
	 * @returns whether it is so on record: an end that is there already is not made void
	 */
	async settle(record: RecordId, end: End, order?: string): Promise<boolean> {
		const { name, number } = record;
		switch (end) {
			case 'silent':
				await this.rows.insert(ROW.silent(name, number), KEY_ENTRIES.silent);
				return true;
			case 'void': {
				const row = ROW.end(name, number);
				if ((await this.rows.count(row)) > 0) return (await this.state(record)) === 'void';
				const known = await this.rows.insert(row, KEY_ENTRIES.void);
				// Somebody else was faster, perhaps to say the same.
				return known?.size === 0 || (await this.state(record)) === 'void';
			}
			case 'bought': {
				await this.markBought(record);
				const last = await this.last(name);
				if (last && last.number > number && last.state !== 'bought') await this.takeAgain(last, order);
				return true;
			}
		}
	}

	/** Makes the last record of a key one of the order that was bought: the last one may have been claimed for another. */
	private async takeAgain(last: RecordId, order?: string) {
		const next = this.record(last.name, last.number + 1);
		const isOther = order !== undefined && (await this.owner(last, order)) === 'other';
		await this.markBought(isOther && (await this.claim(next, order)) ? next : last);
	}

	private async markBought({ name, number }: RecordId) {
		const row = ROW.end(name, number);
		if ((await this.rows.insert(row, KEY_ENTRIES.bought)) === undefined) await this.rows.add(row, KEY_ENTRIES.bought);
	}
}

/** Does the work for each, many at a time. */
export async function sideBySide<T>(all: Iterable<T>, work: (one: T) => Promise<void>): Promise<void> {
	const queue = all[Symbol.iterator]();
	const worker = async () => {
		for (let next = queue.next(); !next.done; next = queue.next()) await work(next.value);
	};
	await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker));
}
