/** Calls of n8n's database that come so late that others have gone on without them. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

import type { DeduplicationItemTypes } from 'n8n-workflow';

import { passTime } from './clock.mts';
import { createExecution, deduplicator, patience } from './engine.mts';
import { openShop, outcomes, processOf, until, type Orders } from './shop.mts';

const shop = openShop();
const { finish, kill, lookUp, order, sent, slow, sold } = shop;

/** Which of the executions makes a call of the database. */
const who = new AsyncLocalStorage<string>();

/** As the node's Timeout and batches of one have it. */
const oneByOne: Orders = {
	onError: 'continueErrorOutput',
	options: { timeout: 10_000, batching: { batch: { batchSize: 1, batchInterval: 0 } } },
};

const has = (entries: readonly DeduplicationItemTypes[], start: string) => entries.some((entry) => String(entry).startsWith(start));

/** Holds a call up until it is told to go on. */
function gate() {
	let open = () => {};
	const opened = new Promise<void>((resolve) => (open = resolve));
	const held = { isHeld: false, goOn: () => open(), hold: async () => ((held.isHeld = true), await opened) };
	return held;
}

beforeAll(() => void (patience.isReal = true));
afterAll(() => void (patience.isReal = false));
afterEach(() => jest.restoreAllMocks());

describe.each([
	['an execution that is being retried', 'trigger'],
	['a retry that has lost its lock', 'retry'],
] as const)('what %s writes late', (_name, mode) => {
	const created = createExecution([...'sabc'].map((channel) => ({ channel })));
	const inBatches = (batchSize: number, more = {}): Orders => ({
		retryOf: created,
		onError: 'continueErrorOutput',
		options: { timeout: 10_000, batching: { batch: { batchSize, batchInterval: 0 } }, ...more },
	});

	test.each([
		['bought', 100],
		['on its way', 3000],
	])(
		'wipes out nothing that another retry has %s, and is not sent',
		async (_state, answerAfter) => {
			for (const channel of 'abc') slow(channel, answerAfter);
			let goOn = () => {};
			const held = new Promise<void>((resolve) => (goOn = resolve));
			let isHeldUp = false;
			deduplicator.pause = async (before, entries) => {
				const isClaim = entries.some((entry) => String(entry).startsWith('order'));
				if (who.getStore() !== 'late' || before !== 'write' || !isClaim || (mode === 'trigger' && sold().s !== 1)) return;
				deduplicator.pause = undefined;
				isHeldUp = true;
				await held;
			};
			const late = who.run('late', async () => await order([], { ...inBatches(1), mode, streamSkill: processOf('main') }));
			await until(() => mode === 'retry' || isHeldUp);
			// All at once, so that the late write wipes out what its execution does not claim itself.
			const other = order([], { ...inBatches(4), streamSkill: processOf('worker') });
			if (mode === 'retry') {
				await until(() => isHeldUp);
				await sleep(1000);
				passTime(25_000);
			}
			await until(() => 'c' in (answerAfter > 1000 ? sent() : sold()));
			await sleep(50);
			goOn();
			expect((await late).failed.map(({ json }) => json.error)).toContainEqual(
				expect.stringContaining('n8n was too busy to keep the lock on its list of orders'),
			);

			for (const result of [await late, await other, await other]) await order([], inBatches(1, lookUp(result)));
			expect(sold()).toEqual({ s: 1, a: 1, b: 1, c: 1 });
		},
		60_000,
	);
});

test.each([
	['bought, as void', 'answer', 'void', 'silent'],
	['not bought, as bought', 'send', 'bought', 'void'],
] as const)(
	'a look that comes late leaves nothing behind that shows an order that was %s',
	async (_name, at, lateEntry, entryOfOther) => {
		const killed = await kill(['a'], { at, channel: 'a' }, oneByOne);
		const [late, other] = [gate(), gate()];
		let isNext = false;
		deduplicator.pause = async (before, entries) => {
			if (who.getStore() === 'late' && before === 'write' && has(entries, lateEntry) && !late.isHeld) await late.hold();
			if (who.getStore() !== 'other') return;
			// What was not there is removed next.
			if (isNext && before === 'read' && !other.isHeld) await other.hold();
			if (before === 'write') isNext = has(entries, entryOfOther);
		};
		const retry = async (name: string, process: 'main' | 'worker') =>
			await who.run(name, async () => await order([], { ...oneByOne, retryOf: killed, streamSkill: processOf(process) }));
		const first = retry('late', 'main');
		await until(() => late.isHeld);
		const second = retry('other', 'worker');
		await sleep(3000);
		passTime(25_000);
		await until(() => other.isHeld);
		late.goOn();
		await first;
		other.goOn();
		await second;
		deduplicator.pause = undefined;

		const third = await order([], { ...oneByOne, retryOf: killed });
		expect(outcomes(third)).toEqual(['unknown']);
		await finish(killed, oneByOne);
		expect(sold()).toEqual({ a: 1 });
	},
	60_000,
);

test('a lock that is given free late is not that of somebody else', async () => {
	const created = createExecution([...'sa'].map((channel) => ({ channel })));
	const retry = async (name: string, process: 'main' | 'worker' | 'doomed') =>
		await who.run(name, async () => await order([], { ...oneByOne, retryOf: created, streamSkill: processOf(process) }));
	const [free, claim] = [gate(), gate()];
	let hasClaimed = false;
	const clear = deduplicator.clearAllProcessedItems.bind(deduplicator);
	jest.spyOn(deduplicator, 'clearAllProcessedItems').mockImplementation(async (scope, data) => {
		const { id } = data.node!;
		if (who.getStore() === 'late' && hasClaimed && !free.isHeld) await free.hold();
		await clear(scope, { ...data, node: { ...data.node!, id } });
	});
	deduplicator.pause = async (before, entries) => {
		if (before !== 'write' || !has(entries, 'order') || !has(entries, 'written')) return;
		if (who.getStore() === 'late') hasClaimed = true;
		if (who.getStore() === 'second' && !claim.isHeld) await claim.hold();
	};
	slow('a', 500);
	const first = retry('late', 'main');
	await until(() => free.isHeld);
	const second = retry('second', 'worker');
	await sleep(3000);
	passTime(25_000);
	await until(() => claim.isHeld);
	free.goOn();
	await sleep(50);
	const third = retry('third', 'doomed');
	await Promise.race([third, sleep(4000)]);
	claim.goOn();
	await Promise.all([first, second, third]);
	deduplicator.pause = undefined;
	await finish(created, oneByOne);
	expect(sold()).toEqual({ s: 1, a: 1 });
}, 60_000);
