/** What a person is told of orders that were left out or kept back, by a message or a hint beside the output, done word by word. */
import type { IDataObject } from 'n8n-workflow';

import { list, onContinue, reads } from './causes.mts';
import { logLines } from './engine.mts';
import { hintsOf, onceEach, openShop, told, type Orders } from './shop.mts';
import { loop } from './wirings.mts';

const shop = openShop();
const { order, lose, refuse, lookUp, sent, sold } = shop;

const byChannel = { idempotencyKey: '={{ $json.channel }}' };

describe('If Already Purchased = Fail ends the execution, and Skip goes on without what was bought', () => {
	const SKIP = 'To go on without buying it again, set If Already Purchased to Skip.';

	test('by a key', async () => {
		await order(['a'], { options: byChannel });
		const failed = await order(list, { options: { ...byChannel, onDuplicate: 'fail' } });
		reads(failed, 'An order with the Idempotency Key "a" was bought before', SKIP);
		const { success } = await order([], { options: { ...byChannel, onDuplicate: 'skip' }, retryOf: failed.data });
		expect(told(success)).toEqual([
			[1, 'b'],
			[2, 'c'],
		]);
		expect(sold()).toEqual(onceEach(list));
	});

	test.each([{}, byChannel])('not by Confirmed Bought, which goes on by itself (%j)', async (key) => {
		lose('b', true);
		const first = await order(list, { options: key });
		const options: IDataObject = { ...key, ...lookUp(first), onDuplicate: 'fail' };
		const second = await order([], { options, retryOf: first.data });
		expect(second.error).toBeUndefined();
		expect(hintsOf(second).join()).toContain('Left out: 1 confirmed as bought');
		expect(sold()).toEqual(onceEach(list));
	});

	test('nor in a tool, whose model is told', async () => {
		const tool: Orders = { node: { tool: true }, options: { ...byChannel, onDuplicate: 'fail' } };
		lose('a', true);
		const first = await order(['a'], tool);
		const { success } = await order(['a'], { ...tool, options: { ...tool.options, ...lookUp(first) } });
		expect(success.map(({ json }) => json)).toEqual([
			{
				skipped: 'This order is confirmed as bought',
				message: 'Nothing was bought now. Do not order it again, unless a further one is asked for.',
			},
		]);
		expect(sold()).toEqual({ a: 1 });
	});

	test.each([
		['in a sub-workflow', { mode: 'integrated' }],
		['in the editor', { mode: 'manual' }],
	] as Array<[string, Orders]>)('%s', async (_where, setup) => {
		await order(['a'], { ...setup, options: byChannel });
		reads(await order(list, { ...setup, options: { ...byChannel, onDuplicate: 'fail' } }), SKIP);
		expect((await order(list, { ...setup, options: { ...byChannel, onDuplicate: 'skip' } })).error).toBeUndefined();
		expect(sold()).toEqual(onceEach(list));
	});

	test.each(onContinue)('with %s the others have gone on, and nothing is left to do', async (onError) => {
		await order(['a'], { options: byChannel });
		const { success, failed } = await order(list, { onError, options: { ...byChannel, onDuplicate: 'fail' } });
		const [item] = [...success, ...failed].filter(({ json }) => 'error' in json);
		expect(item.json.message).toBe('This order was not sent. Give it another Idempotency Key if it is meant to be bought as well.');
		expect(sold()).toEqual(onceEach(list));
	});
});

describe('Max Purchases over', () => {
	const raise = 'If all of them are meant to be bought, raise the limit.';

	test('the rounds of a loop: it is raised, and the execution retried', async () => {
		const failed = await order(list, { wiring: loop(), options: { maxPurchases: 2 } });
		reads(failed, 'With 1 more, this node would place 3 orders in this execution: Max Purchases allows 2', raise);
		await order([], { wiring: loop(), options: { maxPurchases: 3 }, retryOf: failed.data });
		expect(sold()).toEqual(onceEach(list));
	});

	test('a retry with one more round', async () => {
		refuse('c');
		const first = await order(list, { options: { maxPurchases: 3 } });
		const failed = await order([], { options: { maxPurchases: 2 }, retryOf: first.data });
		reads(failed, 'Max Purchases allows 2', raise);
		await order([], { options: { maxPurchases: 3 }, retryOf: failed.data });
		expect(sold()).toEqual(onceEach(list));
	});
});

describe('a hint', () => {
	test('of a Dry Run: it is turned off, and the orders are placed', async () => {
		const shown = await order(list, { mode: 'manual', options: { dryRun: true } });
		expect(hintsOf(shown)).toEqual(['Dry Run: nothing was sent. 3 orders would be sent']);
		expect(sent()).toEqual({});
		await order(list, { mode: 'manual', options: { dryRun: false } });
		expect(sold()).toEqual(onceEach(list));
	});

	test('of a loop that n8n ends: the error output is connected as well, and the others are ordered', async () => {
		const setup: Orders = { onError: 'continueErrorOutput', options: byChannel };
		refuse('a');
		const ended = await order(list, { ...setup, wiring: loop() });
		expect(hintsOf(ended)).toContain(
			'n8n ends the loop here: connect the error output to the loop as well, through a Merge node if a round may have several orders',
		);
		expect(sold()).toEqual({});
		refuse('a');
		const whole = await order(list, { ...setup, wiring: loop({ errorsToo: true }) });
		expect(hintsOf(whole).join()).not.toMatch(/ends the loop/);
		expect(sold()).toEqual(onceEach(['b', 'c']));
	});

	test.each([true, false])(
		'of a reference that is mistyped: it is compared with the message, and corrected (bought: %s)',
		async (wasBought) => {
			lose('b', wasBought);
			const first = await order(list);
			const options = lookUp(first);
			const option = wasBought ? 'confirmedBought' : 'confirmedNotBought';
			const mistyped = await order([], { options: { [option]: 'AAAA-AAAA' }, retryOf: first.data });
			reads(
				mistyped,
				'The reference AAAA-AAAA did nothing: used before, and no longer needed; or mistyped; or of another round, branch or node',
			);
			await order([], { options, retryOf: mistyped.data });
			expect(sold()).toEqual(onceEach(list));
		},
	);

	test('of a reference that was used before: it stays, and does nothing more', async () => {
		lose('b', false);
		const first = await order(list);
		const options = lookUp(first);
		await order([], { options, retryOf: first.data });
		reads(await order(['d'], { options }), 'did nothing: used before, and no longer needed');
		expect(sold()).toEqual(onceEach([...list, 'd']));
	});

	test("of what an earlier try has bought: n8n's log has it by its run", async () => {
		refuse('b');
		const { data } = await order(list);
		await order([], { retryOf: data });
		const hints = hintsOf(await order([], { retryOf: data })).join();
		const [, run] = /lines of n8n's log that have "run":"(\S+?)"/.exec(hints)!;
		const lines = logLines.map(({ message }) => message).filter((line) => line.includes(`"run":"${run}"`));
		for (const channel of list) expect(lines.filter((line) => line.includes(`"channel":"${channel}"`))).toHaveLength(1);
		expect(sold()).toEqual(onceEach(list));
	});
});

describe('your first purchase, as the README tells it', () => {
	const step = async (options: IDataObject) => hintsOf(await order(['a'], { mode: 'manual', options })).join();

	test('step by step', async () => {
		expect(await step({ dryRun: true })).toBe('Dry Run: nothing was sent. 1 order would be sent');
		expect(sold()).toEqual({});
		await step({ dryRun: false });
		expect(sold()).toEqual({ a: 1 });
		expect(await step({ dryRun: false })).toContain('Left out: 1 bought by hand before, today or yesterday');
		expect(sold()).toEqual({ a: 1 });
		await step({ repeatManualOrders: true });
		expect(sold()).toEqual({ a: 2 });
	});

	test('in production with a key, a new execution does not buy again', async () => {
		await order(['a'], { options: byChannel });
		await order(['a'], { options: byChannel });
		expect(sold()).toEqual({ a: 1 });
	});
});

test('Custom API Call: Purchase and Create are chosen', async () => {
	const failed = await order(list, { parameters: { operation: '__CUSTOM_API_CALL__' } });
	reads(failed, 'Nothing was bought');
	expect((await order([], { retryOf: failed.data })).error).toBeUndefined();
	expect(sold()).toEqual(onceEach(list));
});

test('a tool that buys nothing for its error output buys with On Error = Stop Workflow', async () => {
	await order(['a'], { node: { tool: true }, onError: 'continueErrorOutput' });
	expect(sold()).toEqual({});
	await order(['a'], { node: { tool: true }, onError: 'stopWorkflow' });
	expect(sold()).toEqual({ a: 1 });
});
