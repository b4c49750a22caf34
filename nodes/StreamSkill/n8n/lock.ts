import { sleep } from 'n8n-workflow';

import { DatabaseRefusal, refusalIn, UnknownN8n, type Lease, type Rows } from './rows';

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

/** It took so long that others may have gone on meanwhile, and nothing that was written may count. */
export class TooBusy extends DatabaseRefusal {
	constructor() {
		super('n8n was too busy to keep the lock on its list of orders');
	}
}

const NOBODY_ELSE: Lease = { renew: async () => {} };

/**
 * Something that one works on at a time. A lock is never taken away from somebody: whatever that one has on its way may
 * still come. Others give the place up where it is locked, and go on in another one that has a lock of its own.
 */
export interface Place {
	/** Whether another n8n process may work on it at the same time. */
	isShared(): Promise<boolean>;
	/** @returns the ID of the row that is the lock of the place */
	lock(): string;
	/** To be called when whoever has the lock gives no sign of life. */
	giveUp(): Promise<void>;
	/**
	 * Goes on in the other place if somebody has given this one up.
	 *
	 * @returns whether somebody has
	 */
	follow(): Promise<boolean>;
}

/**
 * Does work one at a time: a queue keeps it apart within this n8n process, and a lock between processes. The lock is a
 * row: of two INSERTs at once one fails, and whoever is done removes it.
 *
 * @param queue the name of the queue
 * @throws DatabaseRefusal when n8n's database refuses, others keep the lock for too long, or have given the place up
 * meanwhile: then what was written does not count
 */
export async function exclusively<T>(rows: Rows, queue: string, place: Place, work: (lease: Lease) => Promise<T>): Promise<T> {
	return await oneAtATime(queue, async () => {
		if (!(await place.isShared())) return await work(NOBODY_ELSE);
		const lock = await Lock.take(rows, place);
		try {
			const result = await work(lock);
			if (await place.follow()) throw new TooBusy();
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
		/** Until when nobody else gives the place up, as a time of the monotonic clock. */
		private until: number,
	) {}

	static async take(rows: Rows, place: Place): Promise<Lock> {
		const start = performance.now();
		let patience = patienceOfOne();
		let owner = 0;
		let ownedSince = start;
		let failures = 0;
		while (performance.now() - start < MAX_WAIT) {
			let refusal: DatabaseRefusal | undefined;
			try {
				const until = performance.now() + LEASE;
				const row = place.lock();
				const current = await rows.count(row);
				const isTaken = current === 0 && (await rows.add(row, ownerEntries())).size === 0;
				failures = 0;
				if (await place.follow()) {
					owner = 0;
					patience = patienceOfOne();
				} else if (isTaken) {
					return new Lock(rows, row, until);
				} else if (current !== owner) {
					owner = current;
					ownedSince = performance.now();
				} else if (current > 0 && performance.now() - ownedSince > patience) {
					await place.giveUp();
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
		if (now > this.until) throw new TooBusy();
		if (now < this.until - LEASE / 2) return;
		// To those who wait, another number of entries is another owner.
		await this.rows.add(this.row, [`renewed ${++this.renewals}`]);
		this.until = now + LEASE;
	}

	async release() {
		await this.rows.clear(this.row);
	}
}

const patienceOfOne = () => PATIENCE * (1 + Math.random());

/** A random number of entries: it tells one owner of the lock from the next. */
const ownerEntries = () => Array.from({ length: 1 + Math.floor(Math.random() * 64) }, (_, i) => `locked ${i}`);

const queues = new Map<string, Promise<unknown>>();

/**
 * Does work one at a time within this n8n process.
 *
 * @param name the name of the queue
 */
export async function oneAtATime<T>(name: string, work: () => Promise<T>): Promise<T> {
	const turn = (queues.get(name) ?? Promise.resolve()).then(work, work);
	queues.set(name, turn);
	try {
		return await turn;
	} finally {
		if (queues.get(name) === turn) queues.delete(name);
	}
}
