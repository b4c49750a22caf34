/** Whose order it is: of an agent that is run again, that is another one's tool, that asks a person, or that has several items. */
import type { EngineResponse, IDataObject, INodeExecutionData, INodeType } from 'n8n-workflow';

import { agent3, asTool, olderAgent, withAgent3, type ChatModel, type ToolCall } from './agents.mts';
import { other, tellsCause, type RunResult, type Wiring } from './engine.mts';
import { openShop, type Orders } from './shop.mts';
import { agent as laterAgent, agentWithTool, earlierAgent } from './wirings.mts';

const shop = openShop();
const { sold } = shop;

const a = { channel: 'a' };
const b = { channel: 'b' };

const order = async (items: IDataObject[], setup: Orders) => await shop.order(items, { ...setup, node: { tool: true } });

/** The IDs of the purchases that the models were told of. */
const ids = (result: RunResult) => result.success.map(({ json }) => json.id);

/** Makes these calls, one after the other, and fails in its first conversations as often as it is told. */
const calls =
	(conversations: (conversation: number) => ToolCall[], failures = 0): ChatModel =>
	(_item, steps, conversation) => {
		const next = conversations(conversation)[steps.length];
		if (next) return [next];
		return conversation < failures ? 'fail' : 'done';
	};

const runAgain: Partial<Wiring> = { retryOnFail: 'Agent' };

describe('an agent with On Error = Continue that Retry On Fail runs again', () => {
	test('is given what it bought', async () => {
		const result = await order([{}], {
			wiring: withAgent3(
				calls(() => [{ input: a }], 1),
				{},
				runAgain,
			),
		});
		expect(ids(result)).toEqual([1, 1]);
		expect(sold()).toEqual({ a: 1 });
	});

	test('in another sequence', async () => {
		const model = calls((conversation) => (conversation === 0 ? [a, b] : [b, a]).map((input) => ({ input })), 1);
		const result = await order([{}], { wiring: withAgent3(model, {}, runAgain) });
		expect(ids(result)).toEqual([1, 2, 2, 1]);
		expect(sold()).toEqual({ a: 1, b: 1 });
	});

	describe('whose provider counts the calls of each conversation (functions.StreamSkill:0, as Kimi K2 does)', () => {
		const counted = (orders: IDataObject[]) => orders.map((input, place) => ({ input, id: `functions.StreamSkill:${place}` }));

		test.each<[string, IDataObject[], IDataObject[], unknown[]]>([
			['the same again', [a, b], [a, b], [1, 2, 1, 2]],
			['in another sequence', [a, b], [b, a], [1, 2, 2, 1]],
			['with one order more in front', [a], [b, a], [1, 2, 1]],
			['the same twice in the second one', [a], [a, a], [1, 1, 2]],
		])('%s', async (_, first, second, given) => {
			const model = calls((conversation) => counted(conversation === 0 ? first : second), 1);
			const result = await order([{}], { wiring: withAgent3(model, {}, runAgain) });
			expect(ids(result)).toEqual(given);
			expect(Object.values(sold()).reduce((sum, n) => sum + n)).toBe(new Set(given).size);
		});

		const look = { node: 'Look', input: { q: 'price' } };
		const review = (input: IDataObject) => ({ input, review: 'Review' });
		const isDeclined: boolean[] = [];
		const nodes = { Look: other(), Review: other(() => [{ approved: isDeclined.shift() !== true }]) };

		test.each<[string, ToolCall[][], ToolCall[][], boolean[]?]>([
			['after a call of another tool', [[{ input: a }]], [[look], [{ input: a }]]],
			['in place of a call of another tool', [[look], [{ input: a }]], [[{ input: a }]]],
			['after an order that a person declines', [[review(a)]], [[review(b)], [review(a)]], [false, true]],
			['the same, which is declined at first', [[review(a)]], [[review(a)], [review(a)]], [false, true]],
			['together with another tool that has its ID by now', [[look], [{ input: a }]], [[{ input: a }, look]]],
			['the other one of two at once', [[{ input: a }, look]], [[look, { input: a }]]],
		])('%s', async (_, first, second, declined = []) => {
			isDeclined.splice(0, Infinity, ...declined);
			const model: ChatModel = (_item, steps, conversation) => {
				let count = 0;
				const rounds = (conversation === 0 ? first : second).map((round) => round.map((call) => ({ ...call, id: `call_${count++}` })));
				for (let done = 0; rounds.length > 0; done += rounds.shift()!.length) if (done === steps.length) return rounds[0];
				return conversation === 0 ? 'fail' : 'done';
			};
			await order([{}], { wiring: withAgent3(model, nodes, runAgain) });
			expect(sold()).toEqual({ a: 1 });
		});
	});
});

test('an agent that is run again, and sees what it has bought through another tool first, buys nothing twice', async () => {
	const ledger = other(() => shop.sandbox.purchases.map(({ purchase }) => purchase as unknown as IDataObject));
	const list = { node: 'Ledger', input: { q: 'all' } };
	const model = calls((conversation) => (conversation === 0 ? [{ input: a }] : [list, { input: a }]), 1);
	await order([{}], { wiring: withAgent3(model, { Ledger: ledger }, runAgain) });
	expect(sold()).toEqual({ a: 1 });
});

test('an agent that gets version 3 before the execution is retried is given what it has bought', async () => {
	const parameters = { channel: '={{ $fromAI("channel", "", "string") || $json.channel }}' };
	const first = await order([{}], { parameters, wiring: agentWithTool({ orders: () => [a], breaksOff: 0 }, false, earlierAgent) });
	expect(first.run.status).toBe('error');
	await order([], { parameters, retryOf: first.data, wiring: agentWithTool({ orders: () => [a] }, false, laterAgent) });
	expect(sold()).toEqual({ a: 1 });
});

describe('the same order twice in one conversation, of which the first was bought before, without its purchase at hand', () => {
	const once = () => withAgent3(calls(() => [{ input: a }]));
	const twice = () => withAgent3(calls(() => [{ input: a }, { input: a }]));

	test('by hand', async () => {
		await order([{}], { mode: 'manual', wiring: once() });
		await order([{}], { mode: 'manual', wiring: twice() });
		expect(sold()).toEqual({ a: 2 });
	});

	test('by hand, as a person has confirmed', async () => {
		shop.lose('a', true);
		const options = shop.lookUp(await order([{}], { mode: 'manual', wiring: once() }));
		await order([{}], { mode: 'manual', options, wiring: twice() });
		expect(sold()).toEqual({ a: 2 });
	});

	// Before n8n 2.14, all of it is held back.
	(tellsCause ? test : test.skip)('by an execution that was killed', async () => {
		const death = { at: 'later', channel: undefined as never } as const;
		const killed = await shop.kill([{}], death, { node: { tool: true }, wiring: once(), executionId: '95001' });
		await order([], { retryOf: killed, wiring: twice() });
		expect(sold()).toEqual({ a: 2 });
	});

	test('by hand, where the provider counts the calls and the agent is run again', async () => {
		await order([{}], { mode: 'manual', wiring: once() });
		const look = { node: 'Look', input: { q: 'price' } };
		const model = calls((conversation) => {
			const list: ToolCall[] = conversation === 0 ? [{ input: a }] : [look, { input: a }];
			return list.map((call, place) => ({ ...call, id: `call_${place}` }));
		}, 1);
		await order([{}], { mode: 'manual', wiring: withAgent3(model, { Look: other() }, runAgain) });
		expect(sold()).toEqual({ a: 1 });
	});
});

describe('an order that a person approves', () => {
	const review = other(() => [{ approved: true }]);
	const approved = (...orders: IDataObject[]) => orders.map((input) => ({ input, review: 'Review' }));

	test.each<[string, IDataObject[], unknown[]]>([
		['one', [a], [1]],
		['another', [a, b], [1, 2]],
		['the same once more in one conversation is a new one', [a, a], [1, 2]],
	])('%s', async (_, orders, given) => {
		const result = await order([{}], {
			wiring: withAgent3(
				calls(() => approved(...orders)),
				{ Review: review },
			),
		});
		expect(ids(result)).toEqual(given);
	});

	test.each<[string, IDataObject[][], object]>([
		['that asks for nothing', [[a], []], { a: 1 }],
		['of which another order is approved', [[a], [b]], { a: 1, b: 1 }],
		['of which an equal order is approved', [[a], [a]], { a: 2 }],
	])('is bought once for each approval, with a second item %s', async (_, orders, all) => {
		const model: ChatModel = (item, steps) => (steps.length === 0 && orders[item].length > 0 ? approved(...orders[item]) : 'done');
		await order([{ customer: 1 }, { customer: 2 }], { wiring: withAgent3(model, { Review: review }) });
		expect(sold()).toEqual(all);
	});

	test('again, since the agent is run again, is the same', async () => {
		const wiring = withAgent3(
			calls(() => approved(a), 1),
			{ Review: review },
			runAgain,
		);
		const result = await order([{}], { wiring });
		expect(ids(result)).toEqual([1, 1]);
		expect(sold()).toEqual({ a: 1 });
	});

	test('again, in the retry of the execution, is the same', async () => {
		const setup = () => ({
			wiring: withAgent3((_item, steps) => (steps.length === 0 ? approved(a) : 'break'), { Review: review }),
		});
		const first = await order([{}], setup());
		expect(first.run.status).toBe('error');
		await order([], { ...setup(), retryOf: first.data });
		expect(sold()).toEqual({ a: 1 });
	});
});

describe('an agent that is a tool of another agent', () => {
	const parameters = { channel: '={{ $fromAI("channel", "", "string") }}' };
	const task = { node: 'SubAgent', input: { task: 'buy a' } };
	/** What each run of it orders. */
	const subs: Record<string, () => INodeType> = {
		'AI Agent 2': () => asTool(olderAgent(async (call) => await call(a))),
		// n8n 1.x has no AI Agent Tool 3.
		...(tellsCause && { 'AI Agent 3': () => asTool(agent3(calls(() => [{ input: a }]))) }),
	};
	const given = ({ data }: RunResult) =>
		data.resultData.runData.StreamSkill.flatMap(({ data }) => data?.ai_tool?.[0] ?? []).flatMap(({ json }) =>
			((json.response as IDataObject[] | undefined) ?? [json]).map(({ id }) => id),
		);

	describe.each(Object.entries(subs))('%s, of an AI Agent 3', (_, sub) => {
		const setup = (model: ChatModel, more: Partial<Wiring> = {}): Orders => ({
			parameters,
			wiring: withAgent3(model, { SubAgent: sub() }, { agent: 'SubAgent', tools: { SubAgent: 'Agent' }, ...more }),
		});

		test.each<[string, ChatModel]>([
			['one after the other', calls(() => [task, task])],
			['at once', (_item, steps) => (steps.length === 0 ? [task, task] : 'done')],
		])('that is called twice, %s: each order is placed', async (_, model) => {
			const result = await order([{}], setup(model));
			expect(given(result)).toEqual([1, 2]);
			expect(sold()).toEqual({ a: 2 });
		});

		test('whose caller is run again: the same', async () => {
			await order(
				[{}],
				setup(
					calls(() => [task], 1),
					runAgain,
				),
			);
			expect(sold()).toEqual({ a: 1 });
		});

		test('in the retry of the execution: the same', async () => {
			const model: ChatModel = (_item, steps) => (steps.length === 0 ? [task] : 'break');
			const first = await order([{}], setup(model));
			expect(first.run.status).toBe('error');
			await order([], { ...setup(calls(() => [task])), retryOf: first.data });
			expect(sold()).toEqual({ a: 1 });
		});
	});

	/** Answers with text, as agents do. */
	const inWords = (agent: INodeType): INodeType =>
		Object.create(agent, {
			execute: {
				async value(this: never, response?: EngineResponse) {
					const result = (await agent.execute!.call(this, response)) as INodeExecutionData[][];
					return Array.isArray(result) ? [result[0].map(() => ({ json: { output: 'I have bought it' } }))] : result;
				},
			},
		}) as INodeType;

	test.each(Object.entries(subs))('%s, whose caller orders the same by itself then: a new one', async (_, sub) => {
		const model = calls(() => [task, { input: a }]);
		const wiring = withAgent3(model, { SubAgent: inWords(sub()) }, { agent: 'SubAgent', tools: { SubAgent: 'Agent' } });
		await order([{}], { parameters: { channel: '={{ $fromAI("channel", "", "string") || $json.channel }}' }, wiring });
		expect(sold()).toEqual({ a: 2 });
	});

	describe('AI Agent 2, of an AI Agent 2', () => {
		const setup = (failures: { caller?: number; sub?: number } = {}, more: Partial<Wiring> = {}, times = 1): Orders => {
			const { caller = 0, sub = 0 } = failures;
			const left = { caller, sub };
			const failing = (name: 'caller' | 'sub', tasks: IDataObject[]) =>
				olderAgent(async (call) => {
					const answers: IDataObject[] = [];
					for (const input of tasks) answers.push(...(await call(input)));
					if (left[name]-- > 0) throw new Error('The model cannot be reached');
					return answers;
				});
			return {
				parameters,
				wiring: {
					entry: 'Agent',
					agent: 'SubAgent',
					tools: { SubAgent: 'Agent' },
					nodes: {
						Agent: failing(
							'caller',
							Array.from({ length: times }, () => ({ task: 'buy a' })),
						),
						SubAgent: asTool(failing('sub', [a])),
					},
					connections: { Agent: [['Success']], StreamSkill: [] },
					...more,
				},
			};
		};

		test('that is called twice: each order is placed', async () => {
			const result = await order([{}], setup({}, {}, 2));
			expect(given(result)).toEqual([1, 2]);
			expect(sold()).toEqual({ a: 2 });
		});

		test('whose caller is run again: the same', async () => {
			await order([{}], setup({ caller: 1 }, runAgain));
			expect(sold()).toEqual({ a: 1 });
		});

		test('that is run again itself, which is a call more in one conversation: a new one', async () => {
			await order([{}], setup({ sub: 1 }, { retryOnFail: 'SubAgent' }));
			expect(sold()).toEqual({ a: 2 });
		});

		test('in the retry of the execution: the same', async () => {
			const first = await order([{}], setup({ caller: 1 }));
			expect(first.run.status).toBe('error');
			await order([], { ...setup(), retryOf: first.data });
			expect(sold()).toEqual({ a: 1 });
		});
	});
});

describe('several items, each with a conversation of its own', () => {
	test('that order the same at the same step: each buys', async () => {
		const model: ChatModel = (_item, steps) => (steps.length > 0 ? 'done' : [{ input: a }]);
		await order([{ customer: 1 }, { customer: 2 }], { wiring: withAgent3(model) });
		expect(sold()).toEqual({ a: 2 });
	});

	test('that were bought for by hand before, whose provider counts the calls, and whose agent is run again: nothing twice', async () => {
		const look: ToolCall = { node: 'Look', input: { q: 'price' } };
		const counted = (list: (item: number, conversation: number) => ToolCall[], failures: number): ChatModel => {
			const turns: Record<string, number> = {};
			return (item, _steps, conversation) => {
				const turn = `${conversation}/${item}`;
				const place = (turns[turn] = (turns[turn] ?? -1) + 1);
				const next = list(item, conversation)[place];
				if (next) return [{ ...next, id: `call_${place}` }];
				return conversation < failures && item === 0 ? 'fail' : 'done';
			};
		};
		await order([{}, {}], { mode: 'manual', wiring: withAgent3(counted(() => [{ input: a }], 0)) });
		const model = counted((item, conversation) => {
			if (conversation === 0) return [look, { input: a }];
			return item === 0 ? [look, { input: a }, { input: b }] : [look, look, { input: a }];
		}, 1);
		await order([{}, {}], { mode: 'manual', wiring: withAgent3(model, { Look: other() }, runAgain) });
		expect(sold()).toEqual({ a: 2, b: 1 });
	});

	test('one a step later than the other: each buys', async () => {
		const isBought = (steps: Parameters<ChatModel>[1]) => steps.some(({ action }) => action.tool === 'StreamSkill');
		let turns = 0;
		const model: ChatModel = (item, steps) => {
			// n8n 2.41.1 shows the second item the steps of the first one from the third turn on.
			if (item === 0) return turns++ > 0 ? 'done' : [{ input: a }];
			if (steps.length === 0) return [{ node: 'Look', input: { q: 'price' } }];
			return isBought(steps) ? 'done' : [{ input: a }];
		};
		await order([{ customer: 1 }, { customer: 2 }], { wiring: withAgent3(model, { Look: other() }) });
		expect(sold()).toEqual({ a: 2 });
	});
});
