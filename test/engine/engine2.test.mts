/**
 * n8n's Engine 2 (off by default): an execution has a UUID, and each step, also each round of a loop, has a new token
 * and an empty context (n8n 2.41.1: node-engine-compatibility, v1-adapters.js, toV1ExecuteContext). Nothing tells the
 * retries of an execution there, so the node goes by its ID, and holds back what it does not recognise.
 */
import { hintsOf, onceEach, openShop, outcomes, referencesOf, told, wordsOf } from './shop.mts';

const shop = openShop();
const { order, sent, sold } = shop;

const EXECUTION = '019ab3f0-5f7f-7d5e-9c0a-6a0f2a9f6c11';
const RETRY = '019ab3f1-0000-7d5e-9c0a-6a0f2a9f6c11';

/** One step of an execution. */
const step = async (...[items, setup]: Parameters<typeof order>) => await order(items, { executionId: EXECUTION, ...setup });

test('an execution buys what it is told to', async () => {
	const { success } = await step(['a', 'b']);
	expect(told(success)).toEqual([
		[0, 'a'],
		[1, 'b'],
	]);
	expect(sold()).toEqual(onceEach(['a', 'b']));
});

test('a step that is run again buys nothing again, and says so', async () => {
	await step(['a', 'b']);
	const again = await step(['a', 'b']);
	expect(again.success).toEqual([]);
	expect(hintsOf(again).join()).toMatch(/2 .*bought before/);
	expect(sold()).toEqual(onceEach(['a', 'b']));
});

test('a step that died is run again: what was on its way is held back, what a person has looked up goes on', async () => {
	await shop.kill(['a', 'b', 'c'], { at: 'answer', channel: 'b' }, { executionId: EXECUTION });
	expect(sold()).toEqual(onceEach(['a', 'b']));
	const again = await step(['a', 'b', 'c'], { onError: 'continueErrorOutput' });
	expect(told(again.failed)).toContainEqual([1, 'unknown']);
	expect(wordsOf(again)).toMatch(/may have been bought/);
	const last = await step(['a', 'b', 'c'], { onError: 'continueErrorOutput', options: shop.lookUp(again) });
	expect(outcomes(last)).toEqual([]);
	expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
});

describe('the next round of a loop', () => {
	test('does not send again what is uncertain', async () => {
		shop.lose('a', true);
		await step(['a'], { onError: 'continueErrorOutput' });
		const next = await step(['a'], { onError: 'continueErrorOutput' });
		expect(told(next.failed)).toEqual([[0, 'unknown']]);
		expect(sent()).toEqual({ a: 1 });
	});

	test('is held back, since it looks like a step that was run again with another list', async () => {
		await step(['a'], { onError: 'continueErrorOutput' });
		const next = await step(['b'], { onError: 'continueErrorOutput' });
		expect(told(next.failed)).toEqual([[0, 'notSent']]);
		expect(next.failed[0].json.error).toBe('This execution has placed orders before, and none of them is in the current list');
		expect(sold()).toEqual({ a: 1 });
	});
});

test('another execution is another order', async () => {
	await step(['a']);
	await step(['a'], { executionId: RETRY });
	expect(sold()).toEqual({ a: 2 });
});

test('a key counts in every execution', async () => {
	await step(['a'], { options: { idempotencyKey: 'one' } });
	const { success } = await step(['a'], { executionId: RETRY, options: { idempotencyKey: 'one' } });
	expect(success).toEqual([]);
	expect(sold()).toEqual({ a: 1 });
});

// Engine 2 retries no execution yet (n8n 2.41.1: engine-v2-dispatcher.service.js, ROUTED_MODES).
describe('if one is retried as n8n retries others', () => {
	test('what a failed execution has bought is handed back', async () => {
		shop.refuse('b');
		const first = await step(['a', 'b', 'c']);
		expect(first.error!.message).toMatch(/^Channel b/);
		for (const executionId of [RETRY, `${RETRY}-2`]) await step([], { retryOf: first.data, executionId });
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	});

	test.each(['send', 'request', 'answer'] as const)('everything is held back after a crash: %s', async (at) => {
		const killed = await shop.kill(['a', 'b', 'c'], { at, channel: 'b' }, { executionId: EXECUTION });
		const before = sold();
		const retry = await step([], { retryOf: killed, executionId: RETRY });
		expect(retry.error!.message).toMatch(/may have been bought/);
		expect(referencesOf(retry)).toHaveLength(3);
		expect(sold()).toEqual(before);
	});
});
