/** Where the node cannot order anything as it stands: it says why, and buys nothing. */
import type { IDataObject } from 'n8n-workflow';

import { olderAgent, withAgent3, type ChatModel } from './agents.mts';
import { tellsCause } from './engine.mts';
import { pageOf } from '../../tools/sandbox/purchase.mts';
import { until } from '../../tools/until.mts';
import { openShop, purchasesOf, type Orders } from './shop.mts';
import { sideBySide } from './wirings.mts';

const shop = openShop();
const { order, sold } = shop;

const a = { channel: 'a' };

describe('two nodes with the same ID, as hand-made JSON has them', () => {
	const reason = /the nodes (Twin|StreamSkill) and (Twin|StreamSkill) have the same ID/;
	const byTarif = (tarifId: number) => ({ tarifId, channel: '={{ $json.channel }}' });
	const setup = (twinId: string): Orders => ({
		node: { id: 'x', parameters: byTarif(1) },
		twin: { id: twinId, parameters: byTarif(2) },
	});

	test.each<[string, Orders]>([
		['side by side', { wiring: sideBySide }],
		['one after the other', {}],
	])('buy nothing, %s, until one of them is another one', async (_, wiring) => {
		const failed = await order([a], { ...setup('x'), ...wiring });
		expect(failed.error!.message).toMatch(reason);
		expect(sold()).toEqual({});
		await order([], { ...setup('y'), ...wiring, retryOf: failed.data });
		expect(shop.sandbox.purchases).toHaveLength(2);
	});

	test('say so for each item, with On Error = Continue', async () => {
		const { node, twin } = setup('x');
		const onError = 'continueErrorOutput';
		const { failed } = await order([a, { channel: 'b' }], { wiring: sideBySide, node: { ...node, onError }, twin: { ...twin, onError } });
		for (const { json } of failed)
			expect(json).toMatchObject({ error: expect.stringMatching(reason) as string, details: { outcome: 'notSent' } });
		expect(failed).toHaveLength(2);
		expect(sold()).toEqual({});
	});

	test('buy, where one of them is turned off', async () => {
		const { node, twin } = setup('x');
		const { success } = await order([a], { node, twin: { ...twin, more: { disabled: true } } });
		expect(success).toHaveLength(1);
	});
});

describe('the legacy order of execution, in which AI Agent 3 goes on before its tools are run', () => {
	const legacy = { executionOrder: 'v0' } as const;
	const model: ChatModel = (_item, steps, conversation) => {
		if (steps.length === 0) return [{ input: a }];
		return conversation === 0 ? 'fail' : 'done';
	};

	test('nothing is bought, also if the agent is run again', async () => {
		const { run } = await order([{}], { node: { tool: true }, wiring: withAgent3(model, {}, { retryOnFail: 'Agent' }), settings: legacy });
		expect(sold()).toEqual({});
		// n8n 1.x hands the tool's own input to the model, whatever the node throws.
		if (!tellsCause) return;
		const [{ error }] = run.data.resultData.runData.StreamSkill;
		expect(error!.message).toBe(
			'Nothing was bought now: with the execution order v0, n8n does not tell the AI agent what was bought. Choose v1 as Execution Order in the settings of the workflow.',
		);
	});

	test('without an agent, the node buys', async () => {
		expect(purchasesOf(await order([a], { settings: legacy }))).toHaveLength(1);
	});

	(tellsCause ? test : test.skip)('with v1, as the message advises, the model is told', async () => {
		const result = await order([{}], {
			node: { tool: true },
			wiring: withAgent3(model, {}, { retryOnFail: 'Agent' }),
			settings: { executionOrder: 'v1' },
		});
		expect(result.success.map(({ json }): IDataObject[string] => json.id)).toEqual([1, 1]);
		expect(sold()).toEqual({ a: 1 });
	});
});

describe('conversations of AI Agent 1 and 2 side by side, of which n8n mixes up what the models ask for', () => {
	const reason = 'Nothing was bought now: n8n has mixed up this order with another one that was placed at the same time';
	const filled: Orders = { node: { tool: true }, parameters: { channel: '={{ $fromAI("channel", "", "string") }}' } };

	/** Two conversations: the model of the second one is slower, and asks so many times. */
	const talk = async (channels: [string, string], times = 1) => {
		const answers: IDataObject[][] = [];
		const agent = olderAgent(
			async (call) => (answers[0] = await call({ channel: channels[0] })),
			async (call) => {
				await until(() => answers.length > 0, 'The first answer');
				for (let left = times; left > 0; left--) answers[1] = await call({ channel: channels[1] });
				return answers[1];
			},
		);
		const connections = { Agent: [['Success']], StreamSkill: [] };
		await order([{}], { ...filled, wiring: { entry: 'Agent', agent: 'Agent', nodes: { Agent: agent }, connections } });
		return answers;
	};

	test('the order of one is not bought for the other', async () => {
		expect(await talk(['a', 'b'])).toEqual([
			[expect.objectContaining({ channel: pageOf('a') })],
			[{ error: reason, message: expect.stringMatching(/^Order it again/) as string, details: { outcome: 'notSent' } }],
		]);
		expect(sold()).toEqual({ a: 1 });
	});

	test('whoever orders again, as the message says, buys it once', async () => {
		await talk(['a', 'b'], 2);
		expect(sold()).toEqual({ a: 1, b: 1 });
	});

	test('the same for both is the same, and bought for each', async () => {
		await talk(['a', 'a']);
		expect(sold()).toEqual({ a: 2 });
	});
});

describe("n8n's own Chat, which deletes the workflow of each message", () => {
	const chat: Orders = {
		mode: 'chat',
		node: { tool: true },
		wiring: withAgent3((_item, steps) => (steps.length === 0 ? [{ input: a }] : 'done')),
	};

	test('nothing is bought, and the model is told why', async () => {
		const { success } = await order([{}], { ...chat, workflowName: 'Chat 0f1c9a52-3b7e-4d6a-9e21-5c8f7a6b4d30' });
		expect(success.map(({ json }) => json)).toMatchObject([{ message: 'Use the AI Agent node in a workflow instead.' }]);
		expect(sold()).toEqual({});
	});

	test("a workflow of one's own buys in that mode, as n8n's MCP server starts one with a Chat Trigger", async () => {
		await order([{}], { ...chat, workflowName: 'Chat with our customers' });
		expect(sold()).toEqual({ a: 1 });
	});
});
