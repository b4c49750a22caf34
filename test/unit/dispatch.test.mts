import fc from 'fast-check';

import { dispatch, type Work } from '../../nodes/StreamSkill/purchase/dispatch/dispatch.ts';

/** What became of orders, which are numbers, and of the claims for them, which are the same numbers. */
class Log {
	claimed: number[] = [];

	sent: number[] = [];

	answered: number[] = [];

	released: number[] = [];

	onTheirWay = 0;

	most = 0;

	/** How many were claimed and not answered, at most. */
	mostOpen = 0;
}

interface Given {
	isOver?: (log: Log) => boolean;
	/** Which of them are lost to somebody else. */
	lost?: number[];
	failing?: number[];
	failingClaim?: boolean;
	/** What happens between sending and answer. */
	answer?: (order: number) => Promise<void>;
}

const soon = async () => await new Promise<void>((resolve) => setImmediate(resolve));

function work({ isOver = () => false, lost = [], failing = [], failingClaim, answer = soon }: Given = {}) {
	const log = new Log();
	const doing: Work<number, number> = {
		claim: async (orders) => {
			await soon();
			if (failingClaim) throw new Error('no claim');
			const won = orders.filter((order) => !lost.includes(order));
			log.claimed.push(...won);
			log.mostOpen = Math.max(log.mostOpen, log.claimed.length - log.answered.length - log.released.length);
			return won;
		},
		send: async (order) => {
			log.sent.push(order);
			log.most = Math.max(log.most, ++log.onTheirWay);
			await answer(order);
			log.onTheirWay--;
			log.answered.push(order);
			if (failing.includes(order)) throw new Error(`a bug with ${order}`);
		},
		release: (order) => {
			log.released.push(order);
			return order;
		},
		isOver: () => isOver(log),
	};
	return { log, doing };
}

const count = (length: number) => Array.from({ length }, (_, i) => i);
const pace = (batchSize: number, batchInterval = 0) => ({ batchSize, batchInterval });

test('every order goes out once, in turn, never more than a batch at a time, and only once it is claimed', async () => {
	await fc.assert(
		fc.asyncProperty(
			fc.nat({ max: 40 }),
			fc.oneof(fc.integer({ min: 1, max: 8 }), fc.constant(Infinity)),
			fc.constantFrom(0, 1),
			fc.uniqueArray(fc.nat({ max: 40 })),
			async (length, size, interval, lost) => {
				const orders = count(length);
				const { log, doing } = work({ lost });
				expect(await dispatch(orders, pace(size, size === Infinity ? interval : 0), doing)).toEqual([]);
				expect(log.sent).toEqual(orders.filter((order) => !lost.includes(order)));
				expect(log.claimed).toEqual(log.sent);
				expect(log.answered).toHaveLength(log.sent.length);
				expect(log.released).toEqual([]);
				expect(log.most).toBeLessThanOrEqual(size);
				expect(orders).toEqual(count(length));
			},
		),
		{ numRuns: 60 },
	);
});

test('whenever a run is over, nothing more goes out, what is on its way is awaited, and the rest is given back in full', async () => {
	await fc.assert(
		fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 8 }), fc.nat({ max: 40 }), async (length, size, after) => {
			const { log, doing } = work({ isOver: ({ answered }) => answered.length >= after });
			const unsent = await dispatch(count(length), pace(size), doing);
			expect(log.answered).toHaveLength(log.sent.length);
			expect(log.sent.length).toBeLessThan(after + size);
			expect([...log.sent, ...unsent]).toEqual(count(length));
			expect(log.claimed).toEqual([...log.sent, ...log.released]);
		}),
	);
});

test('nothing is claimed when the run is over before it begins', async () => {
	const { log, doing } = work({ isOver: () => true });
	expect(await dispatch(count(3), pace(2), doing)).toEqual([0, 1, 2]);
	expect(log).toEqual(new Log());
});

test.each([1, 3])(
	'a bug is thrown on, once all that is on its way is answered, and what is left is given back (batches of %d)',
	async (size) => {
		const { log, doing } = work({ failing: [2] });
		await expect(dispatch(count(9), pace(size), doing)).rejects.toThrow('a bug with 2');
		expect(log.onTheirWay).toBe(0);
		expect(log.sent.length).toBeLessThan(3 + size);
		expect(log.claimed).toEqual([...log.sent, ...log.released]);
	},
);

test('the first of several bugs is the one that is told', async () => {
	const { doing } = work({ failing: [0, 1, 2] });
	await expect(dispatch(count(3), pace(3), doing)).rejects.toThrow('a bug with 0');
});

test('a claim that throws sends nothing', async () => {
	const { log, doing } = work({ failingClaim: true });
	await expect(dispatch(count(3), pace(2), doing)).rejects.toThrow('no claim');
	expect(log.sent).toEqual([]);
});

describe('with an interval', () => {
	test('a batch goes out together, and the next one after its last answer', async () => {
		const waiting: Array<() => void> = [];
		const { log, doing } = work({ answer: async () => await new Promise<void>((resolve) => waiting.push(resolve)) });
		const run = dispatch(count(5), pace(2, 1), doing);
		for (const batch of [[0, 1], [2, 3], [4]]) {
			while (waiting.length < batch.length) await soon();
			expect(log.sent.slice(-batch.length)).toEqual(batch);
			expect(log.claimed).toEqual(log.sent);
			const [last, ...others] = waiting.splice(0).reverse();
			others.forEach((answer) => answer());
			for (let i = 0; i < 20; i++) await soon();
			expect(log.onTheirWay).toBe(1);
			last();
		}
		expect(await run).toEqual([]);
	});

	test('Stop ends the pause, and what is left is given back', async () => {
		const stop = new AbortController();
		const { log, doing } = work({ isOver: () => stop.signal.aborted });
		const run = dispatch(count(3), pace(1, 6000), doing, stop.signal);
		while (log.answered.length === 0) await soon();
		for (let i = 0; i < 20; i++) await soon();
		stop.abort();
		expect(await run).toEqual([1, 2]);
		expect(log.sent).toEqual([0]);
	});
});

describe('what is claimed at a time', () => {
	/** Answers at this pace, by a clock of its own. */
	function setPace(msPerOrder: number) {
		let now = 1000;
		jest.spyOn(performance, 'now').mockImplementation(() => now);
		return async () => {
			await soon();
			now += msPerOrder;
		};
	}
	afterEach(() => jest.restoreAllMocks());

	test.each([
		[1, 100, 100],
		[10, 10, 10],
		[25, 4, 4],
		[100, 1, 1],
		[1000, 1, 1],
	])('at %d ms an order, is never more than %d', async (ms, most) => {
		const { log, doing } = work({ answer: setPace(ms) });
		await dispatch(count(300), pace(1), doing);
		expect(log.sent).toHaveLength(300);
		expect(log.mostOpen).toBeLessThanOrEqual(most);
		// Else each order would cost a claim.
		expect(log.mostOpen).toBeGreaterThan(most / 2);
	});

	test('is a batch at least', async () => {
		const { log, doing } = work({ answer: setPace(1000) });
		await dispatch(count(30), pace(7), doing);
		expect(log.mostOpen).toBe(7);
	});
});
