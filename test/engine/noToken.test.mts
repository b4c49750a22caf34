/** n8n before 2.14 has no token that an execution and all its retries share: what protects there, and what is held back. */
import { faults } from '../../tools/sandbox/sandbox.mts';
import { atNode, recovered } from './crash.mts';
import { createExecution } from './engine.mts';
import { onceEach, openShop, outcomes, referencesOf, told, type Orders } from './shop.mts';
import { agent, agentWithTool, earlierAgent, loop } from './wirings.mts';

const shop = openShop();
const { order, sent, sold } = shop;

const created = (channels: string[]) => {
	const execution = createExecution(channels.map((channel) => ({ channel })));
	delete (execution as { resumeToken?: string }).resumeToken;
	return execution;
};

test('a failed execution is retried, twice as well, without buying again', async () => {
	shop.sandbox.fault({ match: { channel: 'c' }, times: 1, fault: faults.rejected(422) });
	const first = await order([], { retryOf: created(['a', 'b', 'c', 'd']), mode: 'trigger' });
	expect(first.run.status).toBe('error');
	const second = await order([], { retryOf: first.data });
	expect(told(second.success)).toEqual([
		[0, 'a'],
		[1, 'b'],
		[2, 'c'],
		[3, 'd'],
	]);
	await order([], { retryOf: first.data });
	expect(sold()).toEqual(onceEach(['a', 'b', 'c', 'd']));
});

describe('an execution that failed before the node', () => {
	const failed = async () => {
		const execution = await shop.failBefore();
		delete (execution as { resumeToken?: string }).resumeToken;
		return execution;
	};
	const list = ['a', 'b', 'c'];
	const setup = { before: () => list.map((channel) => ({ channel })) };

	test('is held back: nothing tells it from one that was killed', async () => {
		const held = await order([], { ...setup, retryOf: await failed() });
		expect(referencesOf(held)).toHaveLength(3);
		expect(sent()).toEqual({});
	});

	test('buys once nobody finds its orders in the account, however often it is retried', async () => {
		const original = await failed();
		const held = await order([], { ...setup, retryOf: original });
		await order([], { ...setup, retryOf: held.data, options: { confirmedNotBought: referencesOf(held).join() } });
		expect(sold()).toEqual(onceEach(list));
		await order([], { ...setup, retryOf: original });
		expect(sold()).toEqual(onceEach(list));
	});
});

test('an execution that failed at one node is retried, and the next node, which had not begun, buys as well', async () => {
	const twin = { parameters: { tarifId: 2, channel: '={{ $("Start").item.json.channel }}-bot' } };
	shop.refuse('b');
	const first = await order([], { twin, retryOf: created(['a', 'b']), mode: 'trigger' });
	expect((await order([], { twin, retryOf: first.data })).error).toBeUndefined();
	expect(sold()).toEqual(onceEach(['a', 'a-bot', 'b', 'b-bot']));
});

test('a stalled job that n8n runs again under the same ID buys nothing again', async () => {
	const setup = { retryOf: created(['a', 'b']), mode: 'trigger', executionId: '90001' } as const;
	await order([], setup);
	const { success } = await order([], setup);
	expect(success).toEqual([]);
	expect(sold()).toEqual(onceEach(['a', 'b']));
});

describe('the retry of a killed execution', () => {
	const killed = () => recovered(created(['a', 'b', 'c']), ['Start'], 'StreamSkill');

	test('holds everything back: nothing tells what was sent', async () => {
		const { error } = await order([], { retryOf: killed() });
		expect(error!.message).toMatch(/may have been bought/);
		expect(referencesOf({ error, success: [], failed: [] } as never)).toHaveLength(3);
		expect(sent()).toEqual({});
	});

	test('holds an order back that has got a key since, where another key of the list is on record', async () => {
		const options = { idempotencyKey: '={{ $json.channel }}' };
		await order(['a'], { options });
		await order([], { retryOf: killed(), options, onError: 'continueErrorOutput' });
		expect(sent()).toEqual({ a: 1 });
	});

	test.each(['trigger', undefined] as const)(
		'holds it back too where n8n has stored it just before the node (context: %s)',
		async (source) => {
			const execution = created(['a', 'b']);
			if (source) execution.executionData!.runtimeData = { version: 1, establishedAt: 0, source };
			// A Wait, or the workflow's setting Save execution progress.
			const stored = atNode(execution);
			expect(referencesOf(await order([], { retryOf: stored }))).toHaveLength(2);
			expect(sent()).toEqual({});
		},
	);

	test('holds a row back that was wrong at first, once it is mended', async () => {
		const parameters = (wrong?: string) => ({ tarifId: `={{ $json.channel === '${wrong}' ? 0 : 1 }}` });
		const first = await order([], { retryOf: killed(), parameters: parameters('b'), onError: 'continueErrorOutput' });
		expect(outcomes(first)).toEqual(['unknown', 'invalid', 'unknown']);
		const stopped = await order([], { retryOf: killed(), parameters: parameters('b') });
		const options = { confirmedNotBought: referencesOf(stopped).join() };
		const mended = await order([], { retryOf: stopped.data, parameters: parameters(), options });
		expect(outcomes(mended)).toEqual(['unknown']);
		expect(sent()).toEqual({});
	});

	test('does not hold back again what was refused once it was settled', async () => {
		const held = await order([], { retryOf: killed() });
		shop.refuse('a');
		const refused = await order([], { retryOf: held.data, options: { confirmedNotBought: referencesOf(held).join() } });
		expect(outcomes(refused)).toEqual(['rejected']);
		expect((await order([], { retryOf: refused.data })).error).toBeUndefined();
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	});

	test('holds each round of a loop back, also where it is equal to one before', async () => {
		const setup: Orders = { wiring: loop(), before: () => [{ channel: 'x' }, { channel: 'x' }] };
		const first = await order([], { ...setup, retryOf: killed() });
		const second = await order([], { ...setup, retryOf: first.data, options: { confirmedBought: referencesOf(first).join() } });
		expect(outcomes(second)).toEqual(['unknown']);
		expect(sent()).toEqual({});
	});

	test('goes on with what a person has looked up', async () => {
		const held = await order([], { retryOf: killed() });
		const [a, b, c] = referencesOf(held);
		const { success, error } = await order([], { retryOf: held.data, options: { confirmedBought: a, confirmedNotBought: `${b} ${c}` } });
		expect(error).toBeUndefined();
		expect(told(success)).toEqual([
			[1, 'b'],
			[2, 'c'],
		]);
		expect(sold()).toEqual(onceEach(['b', 'c']));
	});
});

test('a model is told to leave it to a person what a killed execution has ordered', async () => {
	const killed = recovered(created(['a']), ['Start'], 'StreamSkill');
	const { success } = await order([], { retryOf: killed, node: { tool: true } });
	expect(told(success)).toEqual([[0, 'unknown']]);
	expect(success[0].json.message).toMatch(/^Do not order it again\. A person has to wait a few minutes, and to check/);
	expect(sent()).toEqual({});
});

test.each([
	['AI Agent 3', agent],
	['AI Agent 1 and 2', earlierAgent],
])('a model that orders anew after a crash, one order after the other, buys nothing again: %s', async (_name, made) => {
	const killed = recovered(created(['x']), ['Start'], 'Agent');
	const wiring = agentWithTool({ orders: () => ['a', 'b'].map((channel) => ({ channel })) }, false, made);
	const parameters = made === earlierAgent ? { channel: '={{ $fromAI("channel", "", "string") }}' } : {};
	await order([], { retryOf: killed, wiring, parameters, node: { tool: true } });
	expect(sent()).toEqual({});
});
