import type { Logger } from 'n8n-workflow';

import { TooBusy } from '../../n8n/lock';
import { msSince, now, type Moment } from '../../n8n/moment';
import { refusalIn, type DatabaseRefusal } from '../../n8n/rows';
import { NAME } from '../../n8n/stored';
import type { List } from './list';
import { chainsOf } from './names';
import type { Names } from './past';
import type { Recalled } from './recalled';
import { isOfItem, type End, type Ending, type RecordId } from './records';
import { CLAIMED_WITHIN } from './times';
import type { Stores } from './stores';

/** An order that is being claimed, with the records that were won for it. */
export interface Attempt<R extends Recalled = Recalled> {
	planned: R;
	won: RecordId[];
	/** Whether somebody else was faster to claim one of its names. */
	isLost: boolean;
}

/** Records orders under each of their names, and how they end. */
export class Recorder {
	/** Ends that are told with the next claim. */
	private readonly ends = new Map<List, Ending[]>();

	/** Why an end was not written: the write may still come, and wipe out what is claimed after it. */
	private refusal?: DatabaseRefusal;

	/** Ends of keys that are being told. */
	private readonly telling = new Set<Promise<void>>();

	constructor(
		private readonly stores: Stores,
		private readonly logger: Pick<Logger, 'warn'>,
	) {}

	/**
	 * Claims orders under each of their names, and tells n8n's database how those before have ended. What was won for one
	 * that somebody else was faster to claim is given back.
	 *
	 * @throws DatabaseRefusal when n8n's database refuses, or takes too long; then none of them is claimed
	 */
	async claim<R extends Recalled>(orders: R[]): Promise<Array<Attempt<R>>> {
		if (this.refusal) throw this.refusal;
		const attempts = orders.map((planned): Attempt<R> => ({ planned, won: [], isLost: false }));
		let lost = attempts;
		let firstWrite: Moment | undefined;
		const beforeWrite = () => void (firstWrite ??= now());
		try {
			// All have to end before what they have won can be given back below.
			const claimed = await Promise.allSettled(attempts.map(async (attempt) => await this.claimKey(attempt, beforeWrite)));
			for (const result of claimed) if (result.status === 'rejected') throw result.reason;
			await this.claimInLists(attempts, beforeWrite);
			if (firstWrite && msSince(firstWrite) > CLAIMED_WITHIN) throw new TooBusy();
			lost = attempts.filter(({ isLost }) => isLost);
		} finally {
			for (const { won } of lost) this.end(won, 'void');
		}
		if (lost.length > 0) await this.settle();
		return attempts;
	}

	private async claimKey(attempt: Attempt, beforeWrite: () => void) {
		const { keys } = this.stores;
		const { names, key } = attempt.planned;
		if (!keys || names.key === undefined || names.order === undefined) return;
		const record = keys.record(names.key, (key?.number ?? 0) + 1);
		// What was read as void may have been answered since: it was bought after all.
		const isBought = key !== undefined && (await keys.state(key)) === 'bought';
		beforeWrite();
		attempt.isLost = isBought || !(await keys.claim(record, names.order));
		if (!attempt.isLost) attempt.won.push(record);
	}

	/**
	 * Claims what orders go by besides their keys.
	 *
	 * @param beforeWrite called before each write
	 */
	async claimInLists(attempts: Attempt[], beforeWrite = () => {}) {
		for (const list of this.stores.lists) {
			const open = attempts.filter(({ isLost }) => !isLost);
			await this.write(list, open, beforeWrite);
		}
	}

	private async write(list: List, attempts: Attempt[], beforeWrite = () => {}) {
		const { past, keys } = this.stores;
		const given: Array<{ attempt: Attempt; record: RecordId; of: Names }> = [];
		const keyOf = new Map<RecordId, RecordId>();
		const ends = this.ends.get(list) ?? [];
		this.ends.delete(list);
		if (attempts.length + ends.length === 0) return;
		let isRefused = true;
		try {
			const lost = await list.write(
				ends,
				() => {
					beforeWrite();
					for (const attempt of attempts) {
						const key = attempt.won.find(({ scope }) => scope === keys?.scope);
						for (const { name, of } of chainsOf(attempt.planned.names, list)) {
							const record = { scope: list.scope, name, number: past.next(list.scope, name), part: 1 };
							given.push({ attempt, record, of });
							if (key && !isOfItem(record)) keyOf.set(record, key);
						}
					}
					return given.map(({ record }) => record);
				},
				keyOf,
			);
			for (const { attempt, record } of given) {
				if (lost.has(record)) attempt.isLost = true;
				else attempt.won.push(record);
			}
			const names = new Map(given.map(({ record, of }) => [record.name, of]));
			for (const record of await list.states([...lost])) past.adopt(record, names.get(record.name) ?? {});
			isRefused = false;
		} finally {
			if (isRefused) {
				past.giveBack(given.map(({ record }) => record));
				this.ends.set(list, [...ends, ...(this.ends.get(list) ?? [])]);
			}
		}
	}

	/**
	 * Tells n8n's database how records have ended: of a key at once, in a list with the next claim.
	 *
	 * @param order what was bought
	 */
	end(records: RecordId[], end: End, order?: string) {
		const { lists, unread, keys } = this.stores;
		for (const record of records) {
			const list = [...lists, ...unread].find(({ scope }) => scope === record.scope);
			const ordered = order !== undefined && isOfItem(record) ? NAME.order(order) : undefined;
			if (list) this.ends.set(list, [...(this.ends.get(list) ?? []), { record, end, order: ordered }]);
			else if (record.scope === keys?.scope) {
				const telling: Promise<void> = keys
					.settle(record, end, order)
					.catch((error: unknown) => this.warn(error))
					.then(() => void this.telling.delete(telling));
				this.telling.add(telling);
			}
		}
	}

	/**
	 * Says at once how records have ended.
	 *
	 * @param order what was bought, if that is known
	 * @returns whether all of them have ended so: what is on record as bought is not made void
	 * @throws DatabaseRefusal when n8n's database refuses
	 */
	async settleNow(records: RecordId[], end: 'bought' | 'void', order?: string): Promise<boolean> {
		const { keys, isPreview } = this.stores;
		if (isPreview) return true;
		let isSettled = true;
		for (const record of records) {
			if (record.scope === keys?.scope && !(await keys.settle(record, end, order))) isSettled = false;
		}
		if (!isSettled) return false;
		this.end(
			records.filter(({ scope }) => scope !== keys?.scope),
			end,
			order,
		);
		await this.writeEnds();
		return true;
	}

	/** Tells n8n's database all that is left to tell. What it does not take reads as uncertain later. */
	async settle(): Promise<void> {
		try {
			await this.writeEnds();
		} catch (error) {
			const refusal = refusalIn(error);
			// Of that one it is known that the write has come: a retry has begun.
			if (!(refusal instanceof TooBusy)) this.refusal = refusal;
			this.warn(error);
		}
		await Promise.all(this.telling);
	}

	private async writeEnds() {
		for (const list of [...this.ends.keys()]) await this.write(list, []);
	}

	private warn(error: unknown) {
		this.logger.warn(`StreamSkill could not record how its orders ended: ${refusalIn(error).message}`);
	}
}
