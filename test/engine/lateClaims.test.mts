/** Claims that come late: meanwhile others may have found the order uncertain, and a person may have confirmed that it was not bought. */
import { setTimeout as sleep } from 'node:timers/promises';

import { LOOK_UP_TIME, passTime, setForward } from './clock.mts';
import { createExecution, deduplicator, patience } from './engine.mts';
import { gate, has, holdLock, isClaim, oneByOne, who } from './late.mts';
import { openShop, outcomes, processOf, referencesOf, until, wordsOf, type Orders } from './shop.mts';

const shop = openShop();
const { lookUp, order, sent, slow, sold } = shop;

const setup: Orders = { ...oneByOne, options: { ...oneByOne.options, timeout: 1000 } };

const TOO_BUSY = 'n8n was too busy to keep the lock on its list of orders';

beforeAll(() => void (patience.isReal = true));
afterAll(() => void (patience.isReal = false));
afterEach(() => jest.restoreAllMocks());

/** Others find the order uncertain, a person looks it up, and it is bought. */
async function settle(run: (more?: Orders) => ReturnType<typeof order>, pass = passTime) {
	const uncertain = await run();
	expect(outcomes(uncertain)).toEqual(['unknown']);
	expect(sold()).toEqual({});
	pass(LOOK_UP_TIME);
	expect(outcomes(await run({ options: lookUp(uncertain) }))).toEqual([]);
	expect(sold()).toEqual({ a: 1 });
}

const retryOf =
	(created: Orders['retryOf']) =>
	async ({ options }: Orders = {}) =>
		await order([], { ...setup, options: { ...setup.options, ...options }, retryOf: created, streamSkill: processOf('worker') });

test('what a retry has claimed, and cannot give the lock free, it does not send', async () => {
	const created = createExecution([{ channel: 'a' }]);
	let hasClaimed = false;
	const free = holdLock(() => hasClaimed);
	deduplicator.pause = (before, entries) => {
		if (who.getStore() === 'late' && before === 'write' && isClaim(entries)) hasClaimed = true;
		return Promise.resolve();
	};
	const late = who.run('late', async () => await order([], { ...setup, retryOf: created, streamSkill: processOf('main') }));
	await until(() => free.isHeld);
	const settling = settle(retryOf(created));
	await sleep(3000);
	passTime(25_000);
	await settling;
	free.goOn();
	expect(wordsOf(await late)).toContain(TOO_BUSY);
	expect(sold()).toEqual({ a: 1 });
});

test.each([
	['much later', passTime],
	['after the machine has slept', setForward],
])('an execution by itself does not send what it has claimed under its key, and %s in its list', async (_name, pass) => {
	const claim = gate();
	deduplicator.pause = async (before, entries) => {
		if (who.getStore() === 'late' && before === 'write' && isClaim(entries) && !claim.isHeld) await claim.hold();
	};
	const keyed = { ...setup.options, idempotencyKey: 'k' };
	const late = who.run('late', async () => await order(['a'], { ...setup, options: keyed, streamSkill: processOf('main') }));
	await until(() => claim.isHeld);
	await settle(async ({ options } = {}) => await order(['a'], { ...setup, options: { ...keyed, ...options } }), pass);
	claim.goOn();
	expect(wordsOf(await late)).toContain(TOO_BUSY);
	expect(sold()).toEqual({ a: 1 });
});

test('an execution that is told late that it is alone does not send what it has claimed', async () => {
	const created = createExecution([{ channel: 'a' }]);
	const [claim, answer] = [gate(), gate()];
	const count = deduplicator.getProcessedDataCount.bind(deduplicator);
	jest.spyOn(deduplicator, 'getProcessedDataCount').mockImplementation(async (...call) => {
		const value = await count(...call);
		// It has read the row long ago.
		if (who.getStore() === 'late' && claim.isHeld && !answer.isHeld) await answer.hold();
		return value;
	});
	deduplicator.pause = async (before, entries) => {
		if (who.getStore() !== 'late' || before !== 'write' || !isClaim(entries) || claim.isHeld) return;
		claim.isHeld = true;
		// So long that it looks for the mark afterwards.
		await sleep(2000);
	};
	const late = who.run(
		'late',
		async () => await order([], { ...setup, mode: 'trigger', retryOf: created, streamSkill: processOf('main') }),
	);
	await until(() => answer.isHeld);
	await settle(retryOf(created));
	answer.goOn();
	expect(wordsOf(await late)).toContain(TOO_BUSY);
	expect((await late).failed[0].json.message).toContain('It may have been sent before.');
	expect(sold()).toEqual({ a: 1 });
});

test('of an execution that n8n runs twice, the one that has found the list empty does not wipe out what the other one claims', async () => {
	const created = createExecution([...'abc'].map((channel) => ({ channel })));
	const [empty, write] = [gate(), gate()];
	const count = deduplicator.getProcessedDataCount.bind(deduplicator);
	jest.spyOn(deduplicator, 'getProcessedDataCount').mockImplementation(async (...call) => {
		const value = await count(...call);
		if (who.getStore() === 'late' && !empty.isHeld) await empty.hold();
		return value;
	});
	deduplicator.pause = async (before, entries) => {
		if (who.getStore() === 'late' && before === 'write' && isClaim(entries)) await write.hold();
	};
	for (const channel of 'abc') slow(channel, 300);
	const twice = async (process: 'main' | 'worker') =>
		await order([], { ...setup, mode: 'trigger', retryOf: created, executionId: '77001', streamSkill: processOf(process) });
	const late = who.run('late', async () => await twice('main'));
	await until(() => empty.isHeld);
	const other = twice('worker');
	await until(() => sent().a === 1);
	empty.goOn();
	await Promise.race([late, until(() => sent().b === 1)]);
	write.goOn();
	await Promise.all([late, other]);
	await order([], { ...setup, retryOf: created, streamSkill: processOf('worker') });
	expect(sold()).toEqual({ a: 1, b: 1, c: 1 });
});

test.each([
	// The monotonic clock stands still meanwhile.
	['the machine sleeps', LOOK_UP_TIME],
	['the clock is put back', -2000],
])('an execution does not send what it claims while %s, and a retry buys', async (_name, ms) => {
	const created = createExecution([{ channel: 'a' }]);
	const claim = gate();
	deduplicator.pause = async (before, entries) => {
		if (who.getStore() === 'late' && before === 'write' && isClaim(entries) && !claim.isHeld) await claim.hold();
	};
	const late = who.run(
		'late',
		async () => await order([], { ...setup, mode: 'trigger', retryOf: created, streamSkill: processOf('main') }),
	);
	await until(() => claim.isHeld);
	setForward(ms);
	await retryOf(created)();
	expect(sold()).toEqual({ a: 1 });
	claim.goOn();
	expect(wordsOf(await late)).toContain(TOO_BUSY);
	expect(sold()).toEqual({ a: 1 });
});

test('Confirmed Not Bought waits for the answer to the order that was sent, not to one whose claim came late', async () => {
	slow('a', 12_000);
	const patient: Orders = { ...oneByOne, options: { ...oneByOne.options, timeout: 20_000 } };
	const created = createExecution([{ channel: 's' }, { channel: 'a' }]);
	const claim = gate();
	deduplicator.pause = async (before, entries) => {
		if (who.getStore() === 'late' && before === 'write' && isClaim(entries) && sold().s === 1 && !claim.isHeld) await claim.hold();
	};
	const late = who.run(
		'late',
		async () => await order([], { ...patient, retryOf: created, mode: 'trigger', streamSkill: processOf('main') }),
	);
	await until(() => claim.isHeld);
	const retry = async (more: object = {}) =>
		await order([], { ...patient, options: { ...patient.options, ...more }, retryOf: created, streamSkill: processOf('worker') });
	const first = retry();
	await until(() => 'a' in sent());
	claim.goOn();
	await late;
	const second = await order([], { ...patient, retryOf: created, streamSkill: processOf('doomed') });
	expect(outcomes(second)).toEqual(['unknown']);
	await order([], {
		...patient,
		options: { ...patient.options, confirmedNotBought: referencesOf(second)[0] },
		retryOf: created,
		streamSkill: processOf('doomed'),
	});
	await first;
	expect(sold()).toEqual({ s: 1, a: 1 });
});

test('a retry that dies while it looks unsettles nothing that was bought', async () => {
	// So slow that each is settled with the claim of the next one.
	for (const channel of 'ab') slow(channel, 200);
	const killed = await shop.kill([...'abc'], { at: 'request', channel: 'c' }, setup);
	const forever = gate();
	let isNext = false;
	deduplicator.pause = async (before, entries) => {
		if (who.getStore() !== 'dying') return;
		// It has recorded what it looks for, and does not remove it.
		if (isNext && before === 'read') await forever.hold();
		if (before === 'write') isNext = has(entries, 'order');
	};
	void who.run('dying', async () => await order([], { ...setup, retryOf: killed, streamSkill: processOf('doomed') }));
	await until(() => forever.isHeld);
	const retry = retryOf(killed)();
	await sleep(3000);
	passTime(25_000);
	expect(outcomes(await retry)).toEqual(['unknown']);
	expect(sold()).toEqual({ a: 1, b: 1 });
});

test('what a retry has claimed under a lock that others have given up meanwhile, it does not send', async () => {
	// So that the others wait as short as they ever do: the claim still comes in time to be sent.
	jest.spyOn(Math, 'random').mockReturnValue(0);
	const created = createExecution([{ channel: 'a' }]);
	const claim = gate();
	deduplicator.pause = async (before, entries) => {
		if (who.getStore() === 'late' && before === 'write' && isClaim(entries) && !claim.isHeld) await claim.hold();
	};
	const late = who.run('late', async () => await order([], { ...setup, retryOf: created, streamSkill: processOf('main') }));
	await until(() => claim.isHeld);
	const other = retryOf(created)();
	// Until it waits for the lock.
	await sleep(2500);
	passTime(10_000);
	await other;
	expect(sold()).toEqual({ a: 1 });
	claim.goOn();
	expect(wordsOf(await late)).toContain(TOO_BUSY);
	expect(sold()).toEqual({ a: 1 });
});
