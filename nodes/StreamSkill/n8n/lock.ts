import { sleep } from 'n8n-workflow';

import { DatabaseRefusal, refusalIn, UnknownN8n, type Rows } from './rows';
import { ROW } from './stored';

/**
 * How many milliseconds somebody may hold the lock without a sign of life, before others take them for dead. Each of
 * those who wait has a patience of its own, so that they do not all break it at once.
 */
const PATIENCE = 10_000;

/** How long a holder may work without renewing: well before the first of the others breaks the lock. */
const LEASE = PATIENCE / 2;

/** How long anybody waits for the lock in all. */
const MAX_WAIT = 4 * PATIENCE;

/** How many times in a row n8n's database may refuse before it is taken for broken. */
const MAX_FAILURES = 10;

/** Why nothing that was written may count. */
export const TOO_BUSY = 'n8n was too busy to keep the lock on its list of orders';

/** A lock that is held. */
export interface Lease {
	/**
	 * To be called before each write.
	 *
	 * @throws DatabaseRefusal if the lock may have been lost meanwhile
	 */
	renew(): Promise<void>;
}

const NOBODY_ELSE: Lease = { renew: async () => {} };

/**
 * Runs work on a row, one at a time: a queue keeps it apart within this n8n process, and a lock between processes. The
 * lock is a row as well: of two INSERTs at once one fails, and whoever is done removes it.
 *
 * @param row the ID of the row that the work changes
 * @param isShared whether another n8n process may change it at the same time
 * @param leave is called before the lock is broken: whoever had it may still write to the row, and wipe out what others do
 * @throws DatabaseRefusal when n8n's database refuses, others keep the lock for too long, or it may have been lost meanwhile
 */
export async function exclusively<T>(
	rows: Rows,
	row: string,
	isShared: () => Promise<boolean>,
	work: (lease: Lease) => Promise<T>,
	leave: () => Promise<void>,
): Promise<T> {
	return await oneAtATime(row, async () => {
		if (!(await isShared())) return await work(NOBODY_ELSE);
		const lock = await Lock.take(rows, ROW.lock(row), leave);
		try {
			const result = await work(lock);
			lock.checkWithin(PATIENCE);
			return result;
		} finally {
			await lock.release();
		}
	});
}

class Lock implements Lease {
	private renewals = 0;

	private constructor(
		private readonly rows: Rows,
		private readonly row: string,
		/** The last sign of life, as a time of the monotonic clock. */
		private renewedAt: number,
	) {}

	static async take(rows: Rows, row: string, leave: () => Promise<void>): Promise<Lock> {
		const start = performance.now();
		let patience = patienceOfOne();
		let owner = 0;
		let ownedSince = start;
		let failures = 0;
		while (performance.now() - start < MAX_WAIT) {
			let refusal: DatabaseRefusal | undefined;
			try {
				const now = performance.now();
				const current = await rows.count(row);
				if (current === 0 && (await rows.add(row, ownerEntries())).size === 0) return new Lock(rows, row, now);
				failures = 0;
				if (current !== owner) {
					owner = current;
					ownedSince = performance.now();
				} else if (current > 0 && performance.now() - ownedSince > patience) {
					await leave();
					// Others may have broken it meanwhile.
					if ((await rows.count(row)) === owner) await rows.clear(row);
					patience = patienceOfOne();
				}
			} catch (error) {
				refusal = refusalIn(error);
				failures++;
			}
			// Another process may have been faster to insert the row, but not so many times in a row.
			if (refusal instanceof UnknownN8n || (refusal && failures > MAX_FAILURES)) throw refusal;
			await sleep(5 + Math.random() * 10);
		}
		throw new DatabaseRefusal('other executions have kept its list of orders locked for too long');
	}

	async renew() {
		const now = performance.now();
		this.checkWithin(LEASE);
		if (now - this.renewedAt < LEASE / 2) return;
		// To those who wait, another number of entries is another owner.
		await this.rows.add(this.row, [`renewed ${++this.renewals}`]);
		this.renewedAt = now;
	}

	/** @throws DatabaseRefusal if the last sign of life is longer ago */
	checkWithin(ms: number) {
		if (!this.isWithin(ms)) throw new DatabaseRefusal(TOO_BUSY);
	}

	async release() {
		if (this.isWithin(LEASE)) await this.rows.clear(this.row);
	}

	private isWithin(ms: number) {
		return performance.now() - this.renewedAt <= ms;
	}
}

const patienceOfOne = () => PATIENCE * (1 + Math.random());

/** As many entries as by chance: their number tells one owner of the lock from the next. */
const ownerEntries = () => Array.from({ length: 1 + Math.floor(Math.random() * 64) }, (_, i) => `locked ${i}`);

const queues = new Map<string, Promise<unknown>>();

async function oneAtATime<T>(name: string, work: () => Promise<T>): Promise<T> {
	const turn = (queues.get(name) ?? Promise.resolve()).then(work, work);
	queues.set(name, turn);
	try {
		return await turn;
	} finally {
		if (queues.get(name) === turn) queues.delete(name);
	}
}
