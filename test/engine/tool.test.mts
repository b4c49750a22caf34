/** What a model is told that orders through the node, and what it cannot buy. The rest is test/e2e/agent.test.mts. */
import type { INodeExecutionData } from 'n8n-workflow';

import { faults } from '../../tools/sandbox/sandbox.mts';
import { createExecution, tellsCause } from './engine.mts';
import { onceEach, openShop, told, type Orders } from './shop.mts';
import { agentWithTool, earlierAgent } from './wirings.mts';

const shop = openShop();
const { sent, sold } = shop;

const order = async (channels: string[], { node, ...more }: Orders = {}) =>
	await shop.order(channels, { ...more, node: { tool: true, ...node } });

/** What the model of an agent is told that orders for these channels, one call after the other. */
const converse = async (channels: string[]) =>
	await order(['a'], { wiring: agentWithTool({ orders: () => channels.map((channel) => ({ channel })) }) });

/** n8n 1.x hands what came in to the model, whatever the node does (workflow-execute.js). */
const isTold = tellsCause ? test : test.skip;

const everything = { batching: { batch: { batchSize: -1, batchInterval: 0 } } };

test('a rejection is an answer, with what to do', async () => {
	shop.sandbox.fault({ fault: faults.rejected(422, { errors: { channel: ['No such channel'] } }) });
	const { success, error } = await order(['a']);
	expect(error).toBeUndefined();
	expect(success.map(({ json }) => json)).toEqual([
		{
			error: 'Channel: No such channel',
			message: expect.stringMatching(/^This order was not bought\. .* Then order it again if it is still wanted\.$/) as string,
			details: expect.objectContaining({ outcome: 'rejected', httpCode: 422 }) as object,
		},
	]);
});

test('what was refused is sent when it is ordered again', async () => {
	shop.sandbox.fault({ times: 1, fault: faults.rejected(422) });
	const { success } = await converse(['a', 'a']);
	expect(told(success).map(([, outcome]) => outcome)).toEqual(['rejected', 'a']);
	expect(sold()).toEqual({ a: 1 });
});

test.each([undefined, 'stopWorkflow', 'continueRegularOutput'] as const)(
	'a rejection is told to the model (On Error: %s)',
	async (onError) => {
		shop.sandbox.fault({ fault: faults.rejected(422, { errors: { channel: ['No such channel'] } }) });
		const { success, error } = await order(['a'], { onError });
		expect(error).toBeUndefined();
		expect(success.map(({ json }) => json)).toEqual([expect.objectContaining({ error: 'Channel: No such channel' })]);
	},
);

test('an order without an answer is not sent again in the same call', async () => {
	shop.sandbox.fault({ fault: faults.serverErrorAfter(500) });
	expectOnlyOne((await order(['a', 'a'], { options: everything })).success);
});

test('nor in a later call of the conversation', async () => {
	shop.sandbox.fault({ fault: faults.serverErrorAfter(500) });
	expectOnlyOne((await converse(['a', 'a'])).success);
});

function expectOnlyOne(answers: INodeExecutionData[]) {
	expect(sent()).toEqual({ a: 1 });
	expect(told(answers).map(([, outcome]) => outcome)).toEqual(['unknown', 'unknown']);
	for (const { json } of answers) expect(json.message).toMatch(/^Do not order it again\. A person has to wait a few minutes, and to check/);
}

test("calls side by side all come to n8n's database, which knows them when all else is gone", async () => {
	const call = async (channel: string) => {
		const created = createExecution([{ channel }]);
		created.resumeToken = 'token';
		return (await order([], { retryOf: created, mode: 'trigger', executionId: '90003' })).success;
	};
	const channels = [...'abcde'];
	expect((await Promise.all(channels.map(call))).flatMap(told)).toEqual(channels.map((channel) => [0, channel]));
	await Promise.all(channels.map(call));
	expect(sent()).toEqual(onceEach(channels));
});

describe('a model that calls several times at once', () => {
	/** What AI Agent 2 is told, whose calls all begin before the first one has ended. */
	const callAtOnce = async (channels: string[], options = {}) => {
		const model = { orders: () => channels.map((channel) => ({ channel })), atOnce: true };
		const parameters = { channel: '={{ $fromAI("channel", "", "string") }}' };
		const { data } = await order([''], { wiring: agentWithTool(model, false, earlierAgent), parameters, options });
		return data.resultData.runData.Agent.flatMap(({ data }) => data?.main[0] ?? []).map(({ json }) => json);
	};

	test('buys no more than Max Purchases', async () => {
		const answers = await callAtOnce(['a', 'b', 'c'], { maxPurchases: 2 });
		expect(shop.sandbox.purchases).toHaveLength(2);
		expect(answers.filter(({ id }) => id !== undefined)).toHaveLength(2);
		const [refused] = answers.filter(({ error }) => error !== undefined);
		expect(refused.error).toMatch(/^With 1 more, this node would place 3 orders in this execution: Max Purchases allows 2/);
	});

	test('does not send again what has no answer', async () => {
		shop.sandbox.fault({ fault: faults.serverErrorAfter(500) });
		await callAtOnce(['a', 'a']);
		expect(sent()).toEqual({ a: 1 });
	});
});

test('a key that another execution has bought is told, not left out', async () => {
	const options = { idempotencyKey: 'order-7' };
	await order(['a'], { options });
	const { success } = await order(['a'], { options });
	expect(sold()).toEqual({ a: 1 });
	expect(success[0].json).toEqual({
		skipped: 'An order with the Idempotency Key "order-7" was bought before',
		message: 'Nothing was bought now. Do not order it again, unless a further one is asked for: then with another Idempotency Key.',
	});
});

describe('with On Error = Continue (using error output), which n8n empties for AI Agent 3', () => {
	const reason = /Nothing was bought.*Choose Continue instead/;

	test('nothing is bought, and the person reads why', async () => {
		const { run } = await order(['a'], { onError: 'continueErrorOutput' });
		const [{ error }] = run.data.resultData.runData.StreamSkill;
		expect(error!.message).toMatch(reason);
		expect(sent()).toEqual({});
	});

	isTold('the model reads why as well', async () => {
		const { success } = await order(['a'], { onError: 'continueErrorOutput' });
		expect(success.map(({ json }) => json)).toEqual([{ error: expect.stringMatching(reason) as string }]);
	});

	isTold('nor does Custom API Call leave the model to guess', async () => {
		const { success } = await order(['a'], { onError: 'continueErrorOutput', parameters: { operation: '__CUSTOM_API_CALL__' } });
		expect(success.map(({ json }) => json)).toEqual([{ error: expect.stringContaining('Nothing was bought') as string }]);
		expect(sent()).toEqual({});
	});
});

test('Custom API Call is an answer, with what to do', async () => {
	const { success } = await order(['a'], { parameters: { operation: '__CUSTOM_API_CALL__' } });
	expect(success.map(({ json }) => json)).toEqual([
		{
			error: 'Custom API Call works in the HTTP Request node only. Nothing was bought now',
			message: expect.stringContaining('choose Purchase as Resource') as string,
			details: { outcome: 'notSent' },
		},
	]);
});

test.each(['confirmedBought', 'confirmedNotBought'])('a model cannot fill %s', async (name) => {
	const { success } = await order(['a'], { options: { [name]: '={{ $json.channel }}' } });
	expect(told(success)).toEqual([[0, 'invalid']]);
	expect(sent()).toEqual({});
});
