/** The lock between n8n processes, of which the other ones are played by what they leave in n8n's database. */
import { digest } from '../../nodes/StreamSkill/n8n/digest.ts';
import { exclusively as exclusivelyOn } from '../../nodes/StreamSkill/n8n/lock.ts';
import { DatabaseRefusal, type Lease } from '../../nodes/StreamSkill/n8n/rows.ts';
import { createExecution, deduplicator } from './engine.mts';
import { rows } from './rows.mts';
import { openShop, told, until } from './shop.mts';

const shop = openShop();
const { order, sent, sold } = shop;

const ROW = `streamskill-1:orders:${digest('root 7')}`;
const LOCK = `workflow-1 ${ROW}:lock`;

/** An execution of an n8n without token, which may run it a second time while the first one still does. */
const buy = async () => {
	const created = createExecution([{ channel: 'a' }]);
	delete (created as { resumeToken?: string }).resumeToken;
	return await order([], { retryOf: created, mode: 'trigger', executionId: '7', onError: 'continueErrorOutput' });
};

beforeEach(() => void deduplicator.lists.set(LOCK, ['locked 0']));
afterEach(() => jest.restoreAllMocks());

/** Each look at the clock is a second later. */
function letTimeFly() {
	const now = performance.now();
	let seconds = 0;
	jest.spyOn(performance, 'now').mockImplementation(() => now + 1000 * seconds++);
}

/** Each look whether the lock is free finds that its owner has renewed it meanwhile. */
function letOthersRenew(times: number) {
	const count = deduplicator.getProcessedDataCount.bind(deduplicator);
	let looks = 0;
	jest.spyOn(deduplicator, 'getProcessedDataCount').mockImplementation(async (...call) => {
		if (call[1].node?.id === `${ROW}:lock`) {
			if (looks++ < times) deduplicator.lists.get(LOCK)?.push(`renewed ${looks}`);
			else deduplicator.lists.delete(LOCK);
		}
		return await count(...call);
	});
}

test('an order waits while another process has the lock, and goes out once that gives it free', async () => {
	const buying = buy();
	const { counts } = deduplicator;
	await until(() => deduplicator.counts > counts + 3);
	expect(sent()).toEqual({});
	deduplicator.lists.delete(LOCK);
	expect(told((await buying).success)).toEqual([[0, 'a']]);
	expect(sold()).toEqual({ a: 1 });
	expect(deduplicator.lists.has(LOCK)).toBe(false);
});

test('another process that died with the lock does not hold up orders for ever', async () => {
	letTimeFly();
	expect(told((await buy()).success)).toEqual([[0, 'a']]);
	expect(told((await buy()).success)).toEqual([]);
	expect(sold()).toEqual({ a: 1 });
});

test('another process that works for long, and renews the lock, is not taken for dead', async () => {
	letTimeFly();
	const clear = jest.spyOn(deduplicator, 'clearAllProcessedItems');
	letOthersRenew(9);
	expect(await exclusively(new Place(), async () => await Promise.resolve('in turn'))).toBe('in turn');
	// By whoever had it last.
	expect(clear).toHaveBeenCalledTimes(1);
});

test('the lock of a process that gives no sign of life is left to it', async () => {
	letTimeFly();
	const place = new Place();
	const locked = await exclusively(place, async () => await Promise.resolve([...deduplicator.lists.keys()]));
	expect(locked).toEqual([LOCK, `${LOCK}1`]);
	expect([...deduplicator.lists]).toEqual([[LOCK, ['locked 0']]]);
});

test('without the lock nothing is bought, and no order is touched', async () => {
	letTimeFly();
	letOthersRenew(Infinity);
	const { failed } = await buy();
	expect(told(failed)).toEqual([[0, 'notSent']]);
	expect(failed[0].json.error).toMatch(/other executions have kept its list of orders locked for too long/);
	expect(sent()).toEqual({});
	expect([...deduplicator.lists.keys()]).toEqual([LOCK]);
});

test.each([1, 10])('others that are faster to insert the lock, %d times in a row, are waited for', async (times) => {
	deduplicator.lists.delete(LOCK);
	beFaster(times);
	expect(told((await buy()).success)).toEqual([[0, 'a']]);
});

test('a database that refuses the lock time and again is broken', async () => {
	deduplicator.lists.delete(LOCK);
	beFaster(11);
	const { failed } = await buy();
	expect(told(failed)).toEqual([[0, 'notSent']]);
	expect(failed[0].json.error).toMatch(/UNIQUE constraint failed$/);
	expect(sent()).toEqual({});
});

/** Somebody else inserts the lock at the same moment, and gives it free at once. */
function beFaster(times: number) {
	const record = deduplicator.checkProcessedAndRecord.bind(deduplicator);
	let left = times;
	jest.spyOn(deduplicator, 'checkProcessedAndRecord').mockImplementation(async (...call) => {
		if (call[2].node?.id !== `${ROW}:lock` || left-- <= 0) return await record(...call);
		throw new Error('SQLITE_CONSTRAINT: UNIQUE constraint failed');
	});
}

test('who stalls with the lock for so long that others may have gone on without it buys nothing', async () => {
	const record = deduplicator.checkProcessedAndRecord.bind(deduplicator);
	deduplicator.lists.delete(LOCK);
	jest.spyOn(deduplicator, 'checkProcessedAndRecord').mockImplementationOnce(async (...locking) => {
		const answer = await record(...locking);
		const later = performance.now() + 30_000;
		jest.spyOn(performance, 'now').mockReturnValue(later);
		return answer;
	});
	const { failed } = await buy();
	expect(told(failed)).toEqual([[0, 'notSent']]);
	expect(failed[0].json.error).toMatch(/n8n was too busy to keep the lock on its list of orders/);
	expect(sent()).toEqual({});
	expect([...deduplicator.lists]).toEqual([]);
});

/** A place that is locked by LOCK until somebody gives it up, and by another row then. */
class Place {
	times = 0;

	constructor(private readonly shared = true) {}

	isShared = async () => await Promise.resolve(this.shared);
	lock = () => `${ROW}:lock${this.gone || ''}`;
	giveUp = async () => await Promise.resolve(void this.times++);
	follow = async () => {
		const hasGone = this.gone < this.times;
		this.gone = this.times;
		return await Promise.resolve(hasGone);
	};

	private gone = 0;
}

const exclusively = async <T,>(place: Place, work: (lease: Lease) => Promise<T>) => await exclusivelyOn(rows(), ROW, place, work);

describe('who has the lock', () => {
	beforeEach(() => void deduplicator.lists.delete(LOCK));

	/** Lets the clock show what the test says. */
	function clock() {
		let now = performance.now();
		jest.spyOn(performance, 'now').mockImplementation(() => now);
		return { forward: (ms: number) => void (now += ms) };
	}

	const length = () => deduplicator.lists.get(LOCK)!.length;

	test('may work for as long as it renews', async () => {
		const time = clock();
		await exclusively(new Place(), async (lease) => {
			for (let renewals = 0; renewals < 10; renewals++) {
				const before = length();
				time.forward(4000);
				await lease.renew();
				// To those who wait, it shows as another number of entries.
				expect(length()).toBe(before + 1);
			}
		});
		expect(deduplicator.lists.has(LOCK)).toBe(false);
	});

	test('does not ask the database each time', async () => {
		const time = clock();
		await exclusively(new Place(), async (lease) => {
			const before = length();
			for (let i = 0; i < 5; i++) await lease.renew();
			time.forward(2000);
			await lease.renew();
			expect(length()).toBe(before);
		});
	});

	test('has lost it after a pause that others may have taken for death, and says so before it writes', async () => {
		const time = clock();
		const work = exclusively(new Place(), async (lease: Lease) => {
			time.forward(5001);
			await lease.renew();
		});
		await expect(work).rejects.toThrow(DatabaseRefusal);
	});

	test('has written nothing that counts if others have given the place up meanwhile', async () => {
		const place = new Place();
		const work = exclusively(place, place.giveUp);
		await expect(work).rejects.toThrow('n8n was too busy to keep the lock on its list of orders');
	});

	test('goes by a clock that nobody sets', async () => {
		await exclusively(new Place(), async (lease) => {
			jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 3_600_000);
			await lease.renew();
		});
		expect(deduplicator.lists.has(LOCK)).toBe(false);
	});

	test('gives it free when its work fails', async () => {
		const work = exclusively(new Place(), async () => await Promise.reject(new Error('a bug')));
		await expect(work).rejects.toThrow('a bug');
		expect(deduplicator.lists.has(LOCK)).toBe(false);
	});
});

test('within one process, work on a row is done in turn, with a lock or without, also after one that failed', async () => {
	deduplicator.lists.delete(LOCK);
	const steps: string[] = [];
	const work =
		(name: string, fails = false) =>
		async () => {
			steps.push(`${name} begins`);
			await new Promise((resolve) => setImmediate(resolve));
			steps.push(`${name} ends`);
			if (fails) throw new Error(name);
		};
	const all = [
		exclusively(new Place(), work('first', true)),
		exclusively(new Place(false), work('second')),
		exclusively(new Place(), work('third')),
	];
	await Promise.allSettled(all);
	expect(steps).toEqual(['first', 'second', 'third'].flatMap((name) => [`${name} begins`, `${name} ends`]));
});
