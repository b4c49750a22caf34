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
 * @throws DatabaseRefusal when n8n's database refuses, or others keep the lock for too long
 */
export async function exclusively<T>(rows: Rows, row: string, isShared: boolean, work: (lease: Lease) => Promise<T>): Promise<T> {
	return await oneAtATime(row, async () => {
		if (!isShared) return await work(NOBODY_ELSE);
		const lock = await Lock.take(rows, ROW.lock(row));
		try {
			return await work(lock);
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
		/** Until when nobody else breaks it, as a time of the monotonic clock. */
		private until: number,
	) {}

	static async take(rows: Rows, row: string): Promise<Lock> {
		const start = performance.now();
		let patience = patienceOfOne();
		let owner = 0;
		let ownedSince = start;
		let failures = 0;
		while (performance.now() - start < MAX_WAIT) {
			let refusal: DatabaseRefusal | undefined;
			try {
				const until = performance.now() + LEASE;
				const current = await rows.count(row);
				if (current === 0 && (await rows.add(row, ownerEntries())).size === 0) return new Lock(rows, row, until);
				failures = 0;
				if (current !== owner) {
					owner = current;
					ownedSince = performance.now();
				} else if (current > 0 && performance.now() - ownedSince > patience) {
					await rows.clear(row);
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
		if (now > this.until) throw new DatabaseRefusal('n8n was too busy to keep the lock on its list of orders');
		if (now < this.until - LEASE / 2) return;
		// To those who wait, another number of entries is another owner.
		await this.rows.add(this.row, [`renewed ${++this.renewals}`]);
		this.until = now + LEASE;
	}

	async release() {
		if (performance.now() <= this.until) await this.rows.clear(this.row);
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
