/** Calls of n8n's database that come so late that others have gone on without them. */
import { setTimeout as sleep } from 'node:timers/promises';

import { passTime } from './clock.mts';
import { createExecution, deduplicator, patience } from './engine.mts';
import { gate, has, holdLock, isClaim, oneByOne, who } from './late.mts';
import { openShop, outcomes, processOf, referencesOf, until, type Orders } from './shop.mts';

const shop = openShop();
const { finish, kill, lookUp, order, sent, slow, sold } = shop;

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
	])('wipes out nothing that another retry has %s, and is not sent', async (_state, answerAfter) => {
		for (const channel of 'abc') slow(channel, answerAfter);
		let goOn = () => {};
		const held = new Promise<void>((resolve) => (goOn = resolve));
		let isHeldUp = false;
		deduplicator.pause = async (before, entries) => {
			if (who.getStore() !== 'late' || before !== 'write' || !isClaim(entries) || (mode === 'trigger' && sold().s !== 1)) return;
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
	});
});

/** Another one's look is held up before it removes what was not there, until a late one has come. */
function crossLooks(entryOfLate: string, entryOfOther: string) {
	const [late, other] = [gate(), gate()];
	let isNext = false;
	deduplicator.pause = async (before, entries) => {
		if (who.getStore() === 'late' && before === 'write' && has(entries, entryOfLate) && !late.isHeld) await late.hold();
		if (who.getStore() !== 'other') return;
		if (isNext && before === 'read' && !other.isHeld) await other.hold();
		if (before === 'write') isNext = has(entries, entryOfOther);
	};
	return { late, other };
}

/** So long that others take whoever has the lock for dead. */
async function giveUpTheLock() {
	await sleep(3000);
	passTime(25_000);
}

describe.each([
	['bought, as void', 'answer', 'void', 'silent'],
	['not bought, as bought', 'send', 'bought', 'void'],
] as const)('a look that comes late leaves nothing behind that shows an order that was %s', (_name, at, entryOfLate, entryOfOther) => {
	test.each(['looks on', 'is refused then', 'dies then'])('and another one %s', async (end) => {
		const killed = await kill(['a'], { at, channel: 'a' }, oneByOne);
		const { late, other } = crossLooks(entryOfLate, entryOfOther);
		const count = deduplicator.getProcessedDataCount.bind(deduplicator);
		let hasEnded = end === 'looks on';
		jest.spyOn(deduplicator, 'getProcessedDataCount').mockImplementation(async (...call) => {
			if (who.getStore() !== 'other' || !other.isHeld || hasEnded) return await count(...call);
			hasEnded = true;
			// n8n reads it first.
			void call[1].node?.id;
			if (end === 'dies then') await new Promise(() => {});
			throw new Error('SQLITE_BUSY: database is locked');
		});
		const retry = async (name: string, process: 'main' | 'worker' | 'doomed') =>
			await who.run(name, async () => await order([], { ...oneByOne, retryOf: killed, streamSkill: processOf(process) }));
		const first = retry('late', 'main');
		await until(() => late.isHeld);
		const second = retry('other', 'doomed');
		await giveUpTheLock();
		await until(() => other.isHeld);
		late.goOn();
		await first;
		other.goOn();
		await until(() => hasEnded);
		if (end !== 'dies then') await second;
		deduplicator.pause = undefined;

		const third = retry('third', 'worker');
		if (end === 'dies then') await giveUpTheLock();
		expect(outcomes(await third)).toEqual(['unknown']);
		await finish(killed, oneByOne);
		expect(sold()).toEqual({ a: 1 });
	});
});

test('a look that comes late, and leaves as much behind as it wipes out, shows no order as bought that was not', async () => {
	const setup: Orders = {
		...oneByOne,
		options: { ...oneByOne.options, timeout: 1000, batching: { batch: { batchSize: 3, batchInterval: 0 } } },
	};
	slow('x', 300);
	shop.lose('x', false);
	const killed = await kill([...'abx'], { at: 'answer', channel: 'x' }, setup);
	const { late, other } = crossLooks('bought', 'void');
	const retry = async (name: string, process: 'main' | 'worker' | 'doomed', more: object = {}) =>
		await who.run(name, async () => {
			const options = { ...setup.options, ...more };
			return await order([], { ...setup, options, retryOf: killed, streamSkill: processOf(process) });
		});
	const [a, b, x] = referencesOf(await retry('before', 'worker'));
	const first = retry('late', 'main');
	await until(() => late.isHeld);
	const confirming = retry('confirming', 'worker', { confirmedBought: `${a} ${b}` });
	await giveUpTheLock();
	expect(outcomes(await confirming)).toEqual(['unknown']);
	const third = retry('other', 'doomed');
	await until(() => other.isHeld);
	late.goOn();
	await first;
	other.goOn();
	await third;
	deduplicator.pause = undefined;
	await retry('last', 'worker', { confirmedBought: `${a} ${b}`, confirmedNotBought: x });
	expect(sold()).toEqual({ a: 1, b: 1, x: 1 });
});

test('a lock that is given free late is not that of somebody else', async () => {
	const created = createExecution([...'sa'].map((channel) => ({ channel })));
	const retry = async (name: string, process: 'main' | 'worker' | 'doomed') =>
		await who.run(name, async () => await order([], { ...oneByOne, retryOf: created, streamSkill: processOf(process) }));
	const claim = gate();
	let hasClaimed = false;
	const free = holdLock(() => hasClaimed);
	deduplicator.pause = async (before, entries) => {
		if (before !== 'write' || !isClaim(entries)) return;
		if (who.getStore() === 'late') hasClaimed = true;
		if (who.getStore() === 'second' && !claim.isHeld) await claim.hold();
	};
	slow('a', 500);
	const first = retry('late', 'main');
	await until(() => free.isHeld);
	const second = retry('second', 'worker');
	await giveUpTheLock();
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
});

// n8n 2.41.1 is not known to do it. A worker that was taken for dead, and goes on, would.
test('an execution that is run twice at once, by two that both find nothing on record, buys each order once', async () => {
	const created = createExecution([...'ab'].map((channel) => ({ channel })));
	const run = async (name: string, process: 'main' | 'worker') =>
		await who.run(name, async () => await order([], { ...oneByOne, retryOf: created, mode: 'trigger', streamSkill: processOf(process) }));
	const held = { first: [gate(), gate()], second: [gate(), gate()] };
	const claims = { first: 0, second: 0 };
	deduplicator.pause = async (before, entries) => {
		const name = who.getStore() as keyof typeof held;
		if (!isClaim(entries)) return;
		if (before === 'read') claims[name]++;
		// The first claim before it is inserted, the second when the row is read.
		if (claims[name] === 1 && before === 'read') await held[name][0].hold();
		if (claims[name] === 2 && before === 'write') await held[name][1].hold();
	};
	slow('a', 300);
	const runs = [run('first', 'main'), run('second', 'worker')];
	await until(() => held.first[0].isHeld && held.second[0].isHeld);
	held.first[0].goOn();
	await until(() => 'a' in sent());
	held.second[0].goOn();
	const bothAtB = until(() => held.first[1].isHeld && held.second[1].isHeld);
	await Promise.race([bothAtB.catch(() => {}), sleep(4000)]);
	for (const { goOn } of [held.first[1], held.second[1]]) goOn();
	await Promise.all(runs);
	deduplicator.pause = undefined;
	await finish(created, oneByOne);
	expect(sold()).toEqual({ a: 1, b: 1 });
});

test.each([
	['an execution', 'trigger'],
	['a retry', 'retry'],
] as const)("of equal orders with keys, none is taken for that of %s whose key's end comes late", async (_name, mode) => {
	const created = createExecution([{}]);
	const keyed = { ...oneByOne, options: { ...oneByOne.options, idempotencyKey: '={{ $json.id }}' }, retryOf: created };
	const end = gate();
	deduplicator.pause = async (_before, entries) => {
		if (who.getStore() === 'late' && has(entries, 'end') && !end.isHeld) await end.hold();
	};
	const first = { channel: 'a', id: 'first' };
	const late = who.run('late', async () => await order([], { ...keyed, before: () => [first], mode, streamSkill: processOf('main') }));
	await until(() => end.isHeld);
	// The list is read anew, with an equal order more in front.
	const anew = [{ channel: 'a', id: 'second' }, first].map((row) => ({ ...row, readAt: 'now' }));
	const retry = order([], { ...keyed, before: () => anew, streamSkill: processOf('worker') });
	await sleep(4000);
	end.goOn();
	await late;
	expect(outcomes(await retry)).toEqual([]);
	expect(sold()).toEqual({ a: 2 });
});
