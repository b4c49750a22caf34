/** What must not get lost, nor be left unsaid: orders of a loop, uncertain orders, conflicts. */
import type { INodeExecutionData } from 'n8n-workflow';

import { faults } from '../../../tools/sandbox/sandbox.mts';
import { LOOK_UP_TIME, passTime } from '../clock.mts';
import { deduplicator, logLines } from '../engine.mts';
import { agentWithTool, loop, earlierAgent } from '../wirings.mts';
import {
	failuresOf,
	hintsOf,
	onceEach,
	onErrors,
	openShop,
	outcomes,
	processOf,
	referencesOf,
	told,
	wordsOf,
	type Orders,
} from '../shop.mts';

const shop = openShop();
const { order, lose, refuse, slow, kill, lookUp, finish, sent, sold } = shop;
afterEach(() => jest.restoreAllMocks());

const byChannel = { idempotencyKey: '={{ $json.channel }}' };
const roundsOf = ({ data }: Awaited<ReturnType<typeof order>>) =>
	data.resultData.runData.StreamSkill.map((task) => task.data?.main.flat() ?? []);

describe('12. Loop Over Items', () => {
	const inLoop = (more: Orders = {}): Orders => ({ wiring: loop(), ...more });

	test.each(onErrors)('a round whose order was bought before does not end it (%s)', async (onError) => {
		await order(['b'], { options: byChannel });
		let isDone = false;
		const result = await order(['a', 'b', 'c', 'd'], inLoop({ onError, options: byChannel, after: () => (isDone = true) }));
		expect(result.run.status).toBe('success');
		expect(sold()).toEqual(onceEach(['a', 'b', 'c', 'd']));
		expect(isDone).toBe(true);
		// What comes after the loop sees that it is no purchase, and no failure.
		const ofRound = roundsOf(result);
		expect(ofRound.map(({ length }) => length)).toEqual([1, 1, 1, 1]);
		expect(ofRound[1][0]!.json).not.toHaveProperty('id');
		expect(ofRound[1][0]!.json).not.toHaveProperty('error');
		expect(hintsOf(result).join()).toMatch(/Left out: 1 /);
	});

	test.each([1, 2, 3])(
		'nor one of %d orders that were all bought before, and one with some that were puts out the rest only',
		async (size) => {
			await order(['c', 'd', 'e', 'f'], { options: byChannel });
			const result = await order([...'abcdefgh'], { wiring: loop({ size }), options: byChannel });
			expect(sold()).toEqual(onceEach([...'abcdefgh']));
			const ids = roundsOf(result).map((items) => items.filter((item) => 'id' in item!.json).length);
			for (const [round, items] of roundsOf(result).entries()) expect(items.length).toBe(ids[round] || Math.min(size, 8 - round * size));
		},
	);

	test('a round of which every order failed says that the error output has to lead back, or the loop ends there', async () => {
		refuse('b');
		const onError = 'continueErrorOutput';
		const ended = await order(['a', 'b', 'c'], inLoop({ onError }));
		expect(sold()).toEqual({ a: 1 });
		expect(hintsOf(ended).join()).toMatch(/n8n ends the loop here: connect the error output/);
		expect(logLines.map(({ message }) => message).join()).toMatch(/StreamSkill run [\w-]+: n8n ends the loop here/);

		shop.sandbox.reset();
		refuse('b');
		await order(['a', 'b', 'c'], { wiring: loop({ errorsToo: true }), onError });
		expect(sold()).toEqual({ a: 1, c: 1 });
		expect(hintsOf(await order(['d'], inLoop({ onError }))).join()).not.toMatch(/ends the loop/);
	});

	test('where the node is in no loop, nothing is put out for what was bought before', async () => {
		await order(['a'], { options: byChannel });
		expect((await order(['a'], { options: byChannel })).success).toEqual([]);
	});

	test.each([1, 2])('killed in a loop of five without keys, then retried: each is bought, and each is told (%d a round)', async (size) => {
		const channels = [...'abcde'];
		const killed = await kill(
			channels,
			{ at: 'answer', channel: 'c', ended: ['Start', 'Loop', 'StreamSkill'] },
			{ wiring: loop({ size }) },
		);
		const held = await order([], { wiring: loop({ size }), retryOf: killed });
		expect(held.run.status).toBe('error');
		expect(failuresOf(held)).toContainEqual(
			expect.objectContaining({ outcome: 'unknown', order: expect.objectContaining({ channel: 'c' }) }),
		);
		expect(hintsOf(held).join()).toMatch(size === 1 ? /Left out: 1 .*Left out: 1 /s : /Left out: 2 /);
		const { run } = await finish(killed, { wiring: loop({ size }) });
		expect(run.status).toBe('success');
		expect(sold()).toEqual(onceEach(channels));
	});

	test.each(['continueRegularOutput', 'continueErrorOutput'] as const)(
		'killed, and retried with On Error = %s: the loop goes on past the uncertain order',
		async (onError) => {
			const setup: Orders = { wiring: loop({ errorsToo: true }), onError };
			const killed = await kill([...'abcde'], { at: 'answer', channel: 'c', ended: ['Start', 'Loop', 'StreamSkill'] }, setup);
			const { run, success, failed } = await order([], { ...setup, retryOf: killed });
			expect(run.status).toBe('success');
			expect(outcomes({ success, failed })).toEqual(['unknown']);
			expect(sold()).toEqual(onceEach([...'abcde']));
		},
	);
});

describe('14. an AI agent', () => {
	const a = { channel: 'a' };
	const asTool = { tool: true };

	test('in a loop is given the purchase of each round', async () => {
		const { success } = await order([{ n: 1 }, { n: 2 }, { n: 3 }], { wiring: agentWithTool({ orders: () => [a] }, true), node: asTool });
		expect(success.map(({ json }) => json.id)).toEqual([1, 2, 3]);
		expect(sold()).toEqual({ a: 3 });
	});

	test('orders the same twice in one conversation, if its model does', async () => {
		const { success } = await order([{}], { wiring: agentWithTool({ orders: () => [a, a] }), node: asTool });
		expect(success.map(({ json }) => json.id)).toEqual([1, 2]);
	});

	test.each([
		['in a loop, in a later round', true],
		['by itself', false],
	])('that is tried again, %s, is given what it bought', async (_name, inLoop) => {
		const round = inLoop ? 1 : 0;
		const wiring = agentWithTool({ orders: () => [a], breaksOff: round }, inLoop);
		const items = inLoop ? [{ n: 1 }, { n: 2 }, { n: 3 }] : [{}];
		const first = await order(items, { wiring, node: asTool });
		expect(first.run.status).toBe('error');
		expect(sold()).toEqual({ a: round + 1 });
		const second = await order([], { wiring, node: asTool, retryOf: first.data });
		expect(second.run.status).toBe('success');
		expect(sold()).toEqual({ a: items.length });
	});

	test('that is killed at its second order, and begins anew: it is not bought again', async () => {
		const wiring = () => agentWithTool({ orders: () => [a, { channel: 'b' }] });
		const killed = await kill([{}], { at: 'answer', channel: 'b', ended: ['Start'] }, { wiring: wiring(), node: asTool });
		const { success } = await order([], { wiring: wiring(), node: asTool, retryOf: killed });
		expect(told(success).map(([, outcome]) => outcome)).toContain('unknown');
		expect(sold()).toEqual(onceEach(['a', 'b']));
	});

	test('in a loop is not given an order without an answer again', async () => {
		lose('a', true);
		const { success } = await order([{ n: 1 }, { n: 2 }], { wiring: agentWithTool({ orders: () => [a] }, true), node: asTool });
		expect(told(success).map(([, outcome]) => outcome)).toEqual(['unknown', 'unknown']);
		expect(referencesOf({ success, failed: [] })).toHaveLength(2);
		expect(sent()).toEqual({ a: 1 });
	});

	describe('of version 1 and 2', () => {
		const setup: Orders = { node: asTool, parameters: { channel: '={{ $fromAI("channel", "", "string") }}' } };
		const given = (result: Awaited<ReturnType<typeof order>>) =>
			(result.data.resultData.runData.Agent ?? []).flatMap((task) => task.data?.main[0] ?? []).map(({ json }) => json.id);

		test('in a loop is given the purchase of each round', async () => {
			const result = await order([{ n: 1 }, { n: 2 }, { n: 3 }], {
				...setup,
				wiring: agentWithTool({ orders: () => [a] }, true, earlierAgent),
			});
			expect(given(result)).toEqual([1, 2, 3]);
			expect(sold()).toEqual({ a: 3 });
		});

		test('orders the same twice in one conversation, if its model does', async () => {
			const result = await order([{}], { ...setup, wiring: agentWithTool({ orders: () => [a, a] }, false, earlierAgent) });
			expect(given(result)).toEqual([1, 2]);
		});

		test.each([true, false])('that is tried again is given what it bought (in a loop: %s)', async (inLoop) => {
			const round = inLoop ? 1 : 0;
			const items = inLoop ? [{ n: 1 }, { n: 2 }, { n: 3 }] : [{}];
			const wiring = agentWithTool({ orders: () => [a], breaksOff: round }, inLoop, earlierAgent);
			const first = await order(items, { ...setup, wiring });
			expect(first.run.status).toBe('error');
			const second = await order([], { ...setup, wiring, retryOf: first.data });
			expect(given(second)).toEqual(items.map((_, i) => i + 1));
			expect(sold()).toEqual({ a: items.length });
		});
	});

	test('counts against Max Purchases with all its calls', async () => {
		const { success } = await order([{}], {
			wiring: agentWithTool({ orders: () => ['a', 'b', 'c'].map((channel) => ({ channel })) }),
			node: asTool,
			options: { maxPurchases: 1 },
		});
		expect(sold()).toEqual({ a: 1 });
		expect(told(success).map(([, outcome]) => outcome)).toEqual(['a', 'notSent', 'notSent']);
	});
});

describe('15. Dry Run in a retry', () => {
	/** The items that show the request that would be sent. */
	const shown = (items: INodeExecutionData[]) => items.filter(({ json }) => JSON.stringify(json).includes('purchases/create'));

	test.each([
		['stopWorkflow', {}],
		['stopWorkflow', byChannel],
		['continueErrorOutput', {}],
	] as const)('shows what is uncertain as that, and does not forget it (%s, %j)', async (onError, options) => {
		lose('b', true);
		const first = await order(['a', 'b', 'c'], { options });
		const [reference] = referencesOf(first);
		const dry = await order([], { onError, options: { ...options, dryRun: true }, retryOf: first.data });
		expect(wordsOf(dry)).toContain(reference);
		expect([[], [2]]).toContainEqual(shown(dry.success).map(({ pairedItem }) => (pairedItem as { item: number }).item));
		// n8n retries what has failed.
		for (const retryOf of [first.data, dry.run.status === 'error' ? dry.data : first.data]) {
			const held = await order([], { options, retryOf });
			expect(referencesOf(held)).toEqual([reference]);
		}
		expect(sent()).toEqual({ a: 1, b: 1 });
	});

	test('counts what would be sent, and says that nothing was', async () => {
		const again = await order(['a', 'b'], { options: { dryRun: true } });
		expect(hintsOf(again).join()).toMatch(/2 .*would be/);
		expect(hintsOf(again).join()).toMatch(/nothing was/i);
		expect(sent()).toEqual({});
	});

	test('says of a key that was bought before that it would be left out', async () => {
		await order(['a'], { options: byChannel });
		const { success, failed } = await order(['a', 'b'], { onError: 'continueErrorOutput', options: { ...byChannel, dryRun: true } });
		expect(shown(success).map(({ pairedItem }) => (pairedItem as { item: number }).item)).toEqual([1]);
		expect(failed).toEqual([]);
	});
});

describe("16. n8n's database refuses", () => {
	test.each([byChannel, {}])('an order that may be bought is told with its reference (%j)', async (options) => {
		lose('a', true);
		const first = await order(['a'], { options });
		const [reference] = referencesOf(first);
		deduplicator.fail = true;
		const second = await order([], { options, retryOf: first.data });
		expect(referencesOf(second)).toEqual([reference]);
		expect(wordsOf(second)).not.toMatch(/nothing was bought/i);
		expect(sent()).toEqual({ a: 1 });
	});

	test('in the second try of Retry On Fail as well', async () => {
		lose('a', true);
		slow('a', 1);
		const running = order(['a'], { options: byChannel, tries: 3, onError: 'continueErrorOutput' });
		const record = deduplicator.checkProcessedAndRecord.bind(deduplicator);
		jest.spyOn(deduplicator, 'checkProcessedAndRecord').mockImplementation(async (...call) => {
			if (shop.sandbox.requests.length > 0) throw new Error('SQLITE_BUSY: database is locked');
			return await record(...call);
		});
		const { failed } = await running;
		expect(told(failed)).toEqual([[0, 'unknown']]);
		expect(sent()).toEqual({ a: 1 });
	});
});

describe('17. the same key for another order', () => {
	const same = { idempotencyKey: 'k' };

	test.each(onErrors)('in another execution is a conflict, not left out and not sent (%s)', async (onError) => {
		await order(['a'], { options: same });
		const second = await order(['b'], { options: same, onError });
		expect(outcomes(second)).toEqual(['conflict']);
		expect(wordsOf(second)).toContain('k');
		expect(sent()).toEqual({ a: 1 });
		expect(hintsOf(second).join()).not.toMatch(/Left out/);
	});

	test.each([
		['another quantity', { additionalFields: { quantity: 100 } }, { additionalFields: { quantity: 200 } }],
		['another tarif', { tarifId: 1 }, { tarifId: 2 }],
		['another language', { additionalFields: { lang: 'en' } }, { additionalFields: { lang: 'de' } }],
	])('%s is another order', async (_name, first, second) => {
		await order(['a'], { options: same, parameters: first });
		expect(outcomes(await order(['a'], { options: same, parameters: second }))).toEqual(['conflict']);
		expect(sold()).toEqual({ a: 1 });
	});

	test('another comment, answer or timeout is not', async () => {
		await order(['a'], { options: same, parameters: { additionalFields: { comment: 'one' } } });
		const again = await order(['a'], {
			options: { ...same, timeout: 5000, expand: ['tarif'] },
			parameters: { additionalFields: { comment: 'two' } },
		});
		expect(outcomes(again)).toEqual([]);
		expect(sold()).toEqual({ a: 1 });
	});

	test.each(onErrors)('in one list: known before anything is sent (%s)', async (onError) => {
		const result = await order(['a', 'b', 'c'], { onError, options: { idempotencyKey: '={{ $json.channel === "c" ? "other" : "k" }}' } });
		expect(outcomes(result)).toContain('conflict');
		expect((sold().a ?? 0) + (sold().b ?? 0)).toBeLessThan(2);
		if (onError === 'stopWorkflow') expect(sent()).toEqual({});
		else expect(sold().c).toBe(1);
		expect(hintsOf(result).join()).not.toMatch(/Left out/);
	});

	test('in two nodes of one workflow', async () => {
		const { data } = await order(['a'], {
			onError: 'continueErrorOutput',
			options: same,
			twin: { onError: 'continueErrorOutput', parameters: { tarifId: 2, channel: '={{ $json.channel }}', options: same } },
		});
		expect(sold()).toEqual({ a: 1 });
		expect(JSON.stringify(data.resultData.runData.Twin)).toContain('"conflict"');
	});

	test('the order that was refused leaves the key to another', async () => {
		refuse('a');
		await order(['a'], { options: same });
		expect(told((await order(['b'], { options: same })).success)).toEqual([[0, 'b']]);
	});

	test('an uncertain one does not: it is told with the reference of the first', async () => {
		lose('a', true);
		const first = await order(['a'], { options: same });
		const second = await order(['b'], { options: same });
		expect(referencesOf(second)).toEqual(referencesOf(first));
		expect(sent()).toEqual({ a: 1 });
	});

	test.each([
		['a field that is missing', '={{ String($json.missing) }}'],
		['an object', '={{ { "order": $itemIndex } }}'],
		['an object as text', '={{ "" + { "order": $itemIndex } }}'],
		['a number that is none', '={{ String(Number("x")) }}'],
		['nothing', '={{ String(null) }}'],
		['what cannot be seen', '={{ "\\u200b" }}'],
	])('%s is no key', async (_name, idempotencyKey) => {
		const result = await order(['a', 'b'], { onError: 'continueErrorOutput', options: { idempotencyKey } });
		expect(outcomes(result)).toEqual(['invalid', 'invalid']);
		expect(wordsOf(result)).toContain('Idempotency Key');
		expect(sent()).toEqual({});
	});
});

describe('18. one webhook that is delivered six times at once', () => {
	const options = { idempotencyKey: '={{ $json.channel }}', timeout: 5000 };
	const deliver = async (setup: Orders = {}) =>
		await Promise.all(
			Array.from(
				{ length: 6 },
				async (_, delivery) =>
					await order(['a'], { ...setup, options, mode: 'trigger', streamSkill: processOf(delivery % 2 ? 'main' : 'worker') }),
			),
		);

	test.each(['stopWorkflow', 'continueErrorOutput'] as const)('one buys, five leave it out, and nobody is asked (%s)', async (onError) => {
		slow('a', 200);
		const results = await deliver({ onError });
		expect(sold()).toEqual({ a: 1 });
		expect(results.map(({ run }) => run.status)).toEqual(Array(6).fill('success'));
		expect(results.flatMap(outcomes)).toEqual([]);
		expect(results.flatMap(({ success }) => told(success))).toEqual([[0, 'a']]);
		expect(results.filter((result) => /Left out: 1 /.test(hintsOf(result).join()))).toHaveLength(5);
	});

	test('with no answer, all six name the same reference', async () => {
		shop.sandbox.fault({ match: { channel: 'a' }, fault: faults.latency(100) });
		lose('a', true);
		const results = await deliver({ onError: 'continueErrorOutput' });
		expect(results.flatMap(outcomes)).toEqual(Array(6).fill('unknown'));
		expect(new Set(results.flatMap(referencesOf)).size).toBe(1);
		expect(sent()).toEqual({ a: 1 });
		await order(['a'], { options: { ...options, ...lookUp(results[0]) } });
		expect(sent()).toEqual({ a: 1 });
	});

	test('refused once, it is bought once at most, and nothing is uncertain', async () => {
		slow('a', 100);
		refuse('a');
		const results = await deliver({ onError: 'continueErrorOutput' });
		expect(results.flatMap(outcomes)).not.toContain('unknown');
		expect(results.flatMap(outcomes)).toContain('rejected');
		await order(['a'], { options });
		expect(sold()).toEqual({ a: 1 });
	});

	test("while n8n's database takes its time", async () => {
		deduplicator.pause = async () => await new Promise((resolve) => setTimeout(resolve, 30 * Math.random()));
		const results = await deliver();
		expect(sold()).toEqual({ a: 1 });
		expect(results.flatMap(outcomes)).toEqual([]);
	});
});

describe('Max Purchases counts for the execution, with its retries', () => {
	test('over the rounds of a loop', async () => {
		const result = await order(['a', 'b', 'c', 'd'], {
			wiring: loop({ errorsToo: true }),
			onError: 'continueErrorOutput',
			options: { maxPurchases: 2 },
		});
		expect(sold()).toEqual(onceEach(['a', 'b']));
		expect(outcomes(result)).toEqual(['notSent', 'notSent']);
	});

	test('over a retry', async () => {
		const wiring = loop();
		refuse('b');
		const first = await order(['a', 'b', 'c', 'd'], { wiring, options: { maxPurchases: 2 } });
		await order([], { wiring, options: { maxPurchases: 2 }, retryOf: first.data });
		expect(sold()).toEqual(onceEach(['a', 'b']));
	});

	test('over the retry of a killed one', async () => {
		const setup: Orders = { wiring: loop(), options: { maxPurchases: 3 } };
		const killed = await kill(['a', 'b', 'c', 'd'], { at: 'answer', channel: 'b', ended: ['Start', 'Loop', 'StreamSkill'] }, setup);
		const held = await order([], { ...setup, retryOf: killed });
		passTime(LOOK_UP_TIME);
		await order([], { ...setup, options: { ...setup.options, ...lookUp(held) }, retryOf: held.data });
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	});
});
