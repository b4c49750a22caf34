import express from 'express';
import type { INode, INodeParameters } from 'n8n-workflow';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { StoredExecution, WorkflowJson } from '../../tools/n8n/rest.mts';
import { ITEM, node, webhookWorkflow } from '../../tools/n8n/workflows.mts';
import { bought, onceEach, sent } from '../../tools/sandbox/counts.mts';
import { pageOf } from '../../tools/sandbox/purchase.mts';
import { faults, type Fault, type Purchase } from '../../tools/sandbox/sandbox.mts';
import { until } from '../../tools/until.mts';
import { startChatModel, type Arguments, type ChatModel } from './chatModel.mts';
import { createActive, errorOf, startWebhooks } from './executions.mts';
import { startWorld, version, type World } from './world.mts';

let world: World;
let model: ChatModel;
let modelCredential: { id: string; name: string };

beforeAll(async () => {
	[world, model] = await Promise.all([startWorld(), startChatModel()]);
	modelCredential = await world.n8n.rest.createCredential({
		name: 'Chat model',
		type: 'openAiApi',
		data: { apiKey: 'scripted', url: model.url },
	});
});
afterAll(async () => {
	await world?.close();
	await model?.close();
});
beforeEach(() => {
	world.sandbox.reset();
	model.reset();
});
afterEach(() => expect(JSON.stringify(model.conversations)).not.toContain(world.sandbox.token));

const isV1 = version.startsWith('1.');

/** Who calls the tool. n8n has an older and a newer way to run it, in 1.x and 2.x alike. */
interface Caller {
	/** Version of the AI Agent. */
	agent: number;
	/** Version of an AI Agent Tool in between, which is what calls the tool then. */
	helper?: number;
	/** The older way: LangChain calls the tool. It checks the arguments before, and swallows what the tool throws. */
	older?: true;
}

const CALLERS: Array<[string, Caller]> = [
	['AI Agent 1.9', { agent: 1.9, older: true }],
	['AI Agent 2', { agent: isV1 ? 2.2 : 2.3, older: true }],
	['AI Agent 3', { agent: isV1 ? 3 : 3.1 }],
	['an AI Agent Tool 2.2', { agent: 3, helper: 2.2, older: true }],
	// n8n 1.x has no other version of it.
	...(isV1 ? [] : [['an AI Agent Tool 3', { agent: 3.1, helper: 3 }] as [string, Caller]]),
];

interface Options {
	parameters?: INodeParameters;
	/** Settings of the tool node. */
	tool?: Partial<INode>;
	/** Settings of the agent node. */
	agent?: Partial<INode>;
	/** A node that asks somebody for approval before the tool is run. */
	review?: INode;
	/** Whether the agent stands in a loop, which gives it one prompt a round. */
	loops?: boolean;
	/** How many prompts AI Agent 2 and 3 work on at the same time. */
	batchSize?: number;
}

let workflows = 0;

/** Webhook → an item per prompt → AI Agent → After, with the node as the agent's tool. */
function agentWorkflow(
	{ agent, helper }: Caller,
	{ parameters, tool, agent: agentSettings, review, loops, batchSize }: Options,
): WorkflowJson {
	const langchain = (name: string, type: string, typeVersion: number, rest: INodeParameters, more: Partial<INode> = {}) =>
		node(name, `@n8n/n8n-nodes-langchain.${type}`, { options: {}, ...rest }, { typeVersion, ...more });
	const workflow = webhookWorkflow(
		`agent-${++workflows}`,
		langchain(
			'Agent',
			'agent',
			agent,
			{
				...(agent < 2 && { agent: 'toolsAgent' }),
				promptType: 'define',
				text: `={{ ${ITEM} }}`,
				options: { ...(batchSize && { batching: { batchSize } }) },
			},
			agentSettings,
		),
	);
	const connect = (from: string, type: 'ai_tool' | 'ai_languageModel', ...to: string[]) => {
		workflow.connections[from] = { [type]: [to.map((name) => ({ node: name, type, index: 0 }))] };
	};
	workflow.nodes.push(
		langchain(
			'Model',
			'lmChatOpenAi',
			1.2,
			{ model: { __rl: true, mode: 'id', value: 'scripted' }, options: { maxRetries: 0 } },
			{
				credentials: { openAiApi: { id: modelCredential.id, name: modelCredential.name } },
			},
		),
		node(
			'Buy promotion',
			'n8n-nodes-streamskill.streamSkillTool',
			{
				resource: 'purchase',
				operation: 'create',
				tarifId: "={{ $fromAI('Tarif_ID', 'ID of the tarif', 'number') }}",
				channel: "={{ $fromAI('Channel', 'The channel to promote', 'string') }}",
				additionalFields: {},
				options: {},
				...parameters,
			},
			tool,
		),
	);
	connect('Model', 'ai_languageModel', 'Agent');
	connect('Buy promotion', 'ai_tool', 'Agent');
	if (helper) {
		workflow.nodes.push(
			langchain('Helper', 'agentTool', helper, { toolDescription: 'Buys', text: "={{ $fromAI('Prompt', '', 'string') }}" }),
		);
		connect('Model', 'ai_languageModel', 'Agent', 'Helper');
		connect('Buy promotion', 'ai_tool', 'Helper');
		connect('Helper', 'ai_tool', 'Agent');
	}
	if (review) {
		workflow.nodes.push(review);
		connect('Buy promotion', 'ai_tool', review.name);
		connect(review.name, 'ai_tool', 'Agent');
	}
	if (loops) {
		const to = (name: string) => [{ node: name, type: 'main' as const, index: 0 }];
		workflow.nodes.push(node('Loop', 'splitInBatches', { batchSize: 1 }, { typeVersion: 3 }));
		Object.assign(workflow.connections, {
			Items: { main: [to('Loop')] },
			Loop: { main: [to('After'), to('Agent')] },
			Agent: { main: [to('Loop')] },
		});
	}
	return workflow;
}

/** Has an agent act out a script per prompt, each of them an item of the same run; gives the ID of its execution. */
async function start(caller: Caller, scripts: Record<string, Arguments[][]>, options: Options = {}): Promise<string> {
	const prompts = Object.keys(scripts).map((prompt) => {
		model.script(prompt, scripts[prompt]);
		if (!caller.helper) return prompt;
		model.script(`Have the helper ${prompt}`, [[{ Prompt: prompt }]]);
		return `Have the helper ${prompt}`;
	});
	const workflow = await createActive(world, agentWorkflow(caller, options));
	const [id] = await startWebhooks(world, workflow, [prompts]);
	return id;
}

/** Like `start`, but gives the execution, once it has ended. */
const ask = async (...args: Parameters<typeof start>): Promise<StoredExecution> =>
	await world.n8n.rest.waitForExecution(await start(...args));

/** What the model was told, call by call: purchases, and text where it was told something else. */
const told = (prompt = 'buy') =>
	model.results(prompt).map((result) => {
		const answer = /^\[\{"id":/.test(result) ? (JSON.parse(result) as Purchase[]) : [];
		return answer.length === 1 ? answer[0] : result;
	});

const made = () => world.sandbox.purchases.map(({ purchase }) => purchase);

const a = { Tarif_ID: 1, Channel: 'a' };
const b = { Tarif_ID: 2, Channel: 'b' };
const c = { Tarif_ID: 3, Channel: 'c' };

const threeTries: Partial<INode> = { retryOnFail: true, maxTries: 3, waitBetweenTries: 1 };

const withKey: INodeParameters = { idempotencyKey: "={{ $fromAI('Order_number', '', 'string') }}" };

const refuse = (times = Infinity) =>
	world.sandbox.fault({ times, fault: faults.rejected(422, { errors: { channel: ['No such channel'] } }) });

/** Says that an order may have been bought, and that it is not to be given again. */
const UNCERTAIN = /may have been bought.*do not (repeat|order|buy|send)/is;

const REJECTED: unknown = expect.stringMatching(/Channel: No such channel.*This order was not bought/s);

describe.each(CALLERS)('%s', (_, caller) => {
	test.each<[string, INodeParameters, string]>([
		['by itself', { descriptionType: 'auto' }, 'Create paid purchase in StreamSkill'],
		['in the words of the user', { descriptionType: 'manual', toolDescription: 'Buys viewers. Ask first.' }, 'Buys viewers. Ask first.'],
	])('the model sees what the tool does and what to fill in: %s', async (__, parameters, description) => {
		await ask(caller, { buy: [[a]] }, { parameters });
		expect(model.tools.find(({ name }) => name === 'Buy_promotion')).toMatchObject({
			description,
			parameters: {
				type: 'object',
				properties: {
					Tarif_ID: { type: 'number', description: 'ID of the tarif' },
					Channel: { type: 'string', description: 'The channel to promote' },
				},
				required: ['Tarif_ID', 'Channel'],
			},
		});
	});

	test('a call buys once, and the model is told of the purchase', async () => {
		expect(await ask(caller, { buy: [[a]] })).toMatchObject({ status: 'success' });
		expect(bought(world.sandbox)).toEqual({ a: 1 });
		expect(told()).toEqual(made());
	});

	test.each<[string, Arguments[][]]>([
		['one after the other', [[a], [b], [c]]],
		['in one message', [[a, b, c]]],
	])('each call buys its own order: %s', async (__, calls) => {
		await ask(caller, { buy: calls });
		expect(bought(world.sandbox)).toEqual({ a: 1, b: 1, c: 1 });
		expect(told()).toMatchObject([a, b, c].map(({ Tarif_ID: tarif, Channel: channel }) => ({ tarif, channel: pageOf(channel) })));
		expect(new Set(told())).toEqual(new Set(made()));
	});

	test('the same order after it was bought is another order', async () => {
		await ask(caller, { buy: [[a], [a]] });
		expect(told()).toEqual(made());
		expect(told()).toHaveLength(2);
	});

	test('of the same order twice in one message, each is bought, or the model is told why not', async () => {
		await ask(caller, { buy: [[a, a]] });
		const [purchases, refusals] = [told().filter((one) => typeof one === 'object'), told().filter((one) => typeof one === 'string')];
		expect(new Set(purchases)).toEqual(new Set(made()));
		expect(purchases.length).toBeGreaterThan(0);
		expect(purchases.length + refusals.length).toBe(2);
		for (const refusal of refusals) expect(refusal).toMatch(/order/);
	});

	test.each<[string, Arguments, string, boolean]>([
		['a blank channel', { Tarif_ID: 1, Channel: ' ' }, 'Channel is required but blank', false],
		['no channel', { Tarif_ID: 1 }, 'Channel is required but blank', true],
		['a tarif that is no number', { Tarif_ID: 'abc', Channel: 'a' }, 'Tarif ID must be a whole number of 1 or more, not "abc"', true],
		['a tarif out of range', { Tarif_ID: 0, Channel: 'a' }, 'Tarif ID must be a whole number of 1 or more, not 0', false],
	])('%s buys nothing, and the model is told why', async (__, args, why, breaksSchema) => {
		const execution = await ask(caller, { buy: [[args]] });
		expect(world.sandbox.requests).toEqual([]);
		if (caller.older && breaksSchema) {
			// n8n does not ask the node then: it ends the execution, or the helper with an answer to its agent.
			expect(errorOf(execution)?.message ?? told('Have the helper buy')[0]).toMatch(
				/tool input did not match expected schema.*(Channel|Tarif_ID)/s,
			);
		} else {
			expect(told()).toEqual([expect.stringContaining(JSON.stringify(why).slice(1, -1))]);
			expect(told()).toEqual([expect.stringContaining('This order was not sent')]);
		}
	});

	test.each<[string, Fault, INodeParameters?]>([
		['status 500', faults.serverErrorAfter()],
		['no answer in time', faults.hang(), { timeout: 1000 }],
		['a broken connection', faults.reset()],
	])('%s: neither Retry On Fail nor the model sends the order again, and other orders go on', async (__, fault, options = {}) => {
		world.sandbox.fault({ match: { channel: 'a' }, fault });
		await ask(caller, { buy: [[a], [a], [b]] }, { parameters: { options }, tool: threeTries });
		expect(sent(world.sandbox)).toEqual({ a: 1, b: 1 });
		expect(told()).toEqual([
			expect.stringMatching(UNCERTAIN),
			expect.stringMatching(UNCERTAIN),
			expect.objectContaining({ channel: pageOf('b') }),
		]);
	});

	test('an unknown outcome: the same order in the same message is not sent either', async () => {
		world.sandbox.fault({ fault: faults.serverErrorAfter() });
		await ask(caller, { buy: [[a, a, a, a], [a]] });
		expect(sent(world.sandbox)).toEqual({ a: 1 });
		expect(told()).toEqual(Array(5).fill(expect.stringMatching(UNCERTAIN)));
	});

	test('Retry On Fail after a rejection buys once, or leaves the repetition to the model', async () => {
		refuse(1);
		await ask(caller, { buy: [[a]] }, { tool: threeTries });
		// The older way repeats only what throws, and does not tell the model what the last try threw.
		if (!caller.older) expect(made()).toHaveLength(1);
		expect(told()).toEqual(made().length > 0 ? [made()[0]] : [REJECTED]);
	});

	test.each<[string, Partial<INode>]>([
		['by default', {}],
		['with On Error = Continue', { onError: 'continueRegularOutput' }],
		['with On Error = Stop Workflow', { onError: 'stopWorkflow' }],
		['with Retry On Fail', threeTries],
	])('the model is told of a rejection: %s', async (__, tool) => {
		refuse();
		expect(await ask(caller, { buy: [[a]] }, { tool })).toMatchObject({ status: 'success' });
		expect(told()).toEqual([REJECTED]);
	});

	// In the newer way, n8n drops what the tool puts out then: the model would not know of a purchase,
	// and order it again. In 1.x it cannot be told why nothing is bought, either.
	test('On Error = Continue (using error output) tells the model what was bought, or buys nothing', async () => {
		await ask(caller, { buy: [[a]] }, { tool: { onError: 'continueErrorOutput' } });
		expect(made()).toHaveLength(caller.older ? 1 : 0);
		if (caller.older) expect(told()).toEqual(made());
		else if (!isV1) expect(told()).toEqual([expect.stringMatching(/Nothing was bought.*On Error/)]);
	});

	test.each(['skip', 'fail'])('an Idempotency Key that was bought buys nothing, and the model is told so: %s', async (onDuplicate) => {
		const order = { ...a, Order_number: 'order-7' };
		await ask(caller, { buy: [[order], [order]] }, { parameters: { options: { ...withKey, onDuplicate } } });
		expect(sent(world.sandbox)).toEqual({ a: 1 });
		expect(told()).toEqual([...made(), expect.stringMatching(/order-7.*bought before/s)]);
	});

	test('each item of a run buys its own', async () => {
		await ask(caller, { 'buy a': [[a]], 'buy b': [[b]] });
		expect(bought(world.sandbox)).toEqual({ a: 1, b: 1 });
		expect([...told('buy a'), ...told('buy b')]).toMatchObject([
			{ channel: pageOf('a'), tarif: 1 },
			{ channel: pageOf('b'), tarif: 2 },
		]);
	});

	test('with a Batch Size, no model buys what another one has asked for', async () => {
		const channels = ['a', 'b', 'c', 'd'];
		const scripts = Object.fromEntries(channels.map((channel) => [`buy ${channel}`, [[{ Tarif_ID: 1, Channel: channel }]]]));
		await ask(caller, scripts, { batchSize: channels.length });
		// Of AI Agent 2, n8n mixes up what the models ask for.
		const isMixedUp: unknown = expect.stringMatching(/Nothing was bought now: n8n has mixed up/);
		const answers = channels.map((channel) => told(`buy ${channel}`));
		channels.forEach((channel, i) =>
			expect([[expect.objectContaining({ channel: pageOf(channel) })], [isMixedUp]]).toContainEqual(answers[i]),
		);
		expect(answers.flat().filter((answer) => typeof answer === 'object')).toHaveLength(made().length);
		expect(made().length).toBeGreaterThan(0);
	});

	test.each<[string, Partial<INode>]>([
		['Retry On Fail', threeTries],
		// Here AI Agent 3 begins its conversation anew as well.
		['Retry On Fail with On Error = Continue', { ...threeTries, onError: 'continueRegularOutput' }],
		['Retry execution', {}],
	])('%s of the agent, whose model broke off, buys nothing twice', async (__, agent) => {
		model.failOnce();
		const execution = await ask(caller, { buy: [[a], [b]] }, { agent });
		if (execution.status === 'error') await world.n8n.rest.retryExecution(execution.id);
		const { a: first, b: second } = sent(world.sandbox);
		expect(first).toBe(1);
		// A helper that broke off is an answer to its agent, which may leave it at that.
		expect(caller.helper ? [1, undefined] : [1]).toContain(second);
		expect(told()).toEqual(expect.arrayContaining(made()));
	});

	test('in a loop, each round buys its own, also the same order as the round before', async () => {
		await ask(caller, { 'buy first': [[a]], 'buy second': [[b]], 'buy third': [[a]] }, { loops: true });
		expect(bought(world.sandbox)).toEqual({ a: 2, b: 1 });
		expect(['buy first', 'buy second', 'buy third'].flatMap(told)).toEqual(made());
	});

	// The newer way loses an item's history when its conversation is shorter than another's: the
	// model does not see what it has bought, and orders it again.
	test('items with conversations of different lengths: an Idempotency Key keeps each order single', async () => {
		const [first, second, other] = [a, c, b].map((order) => ({ ...order, Order_number: order.Channel }));
		await ask(caller, { long: [[first], [second]], short: [[other]] }, { parameters: { options: withKey } });
		expect(sent(world.sandbox)).toEqual({ a: 1, b: 1, c: 1 });
	});
});

describe('an agent that is a tool of an agent', () => {
	const helpers: Array<[string, Caller]> = [
		...CALLERS.filter(([, { helper }]) => helper),
		// n8n 1.x has no other version of it that AI Agent 2 can call.
		['an AI Agent Tool 2.2 of an AI Agent 2', { agent: isV1 ? 2.2 : 2.3, helper: 2.2, older: true }],
	];
	const [prompt, other] = ['Have the helper buy', 'buy once more'];

	describe.each(helpers)('%s', (_, caller) => {
		test.each<[string, Partial<INode>]>([
			['Retry On Fail', threeTries],
			['Retry On Fail with On Error = Continue', { ...threeTries, onError: 'continueRegularOutput' }],
			['Retry execution', {}],
		])('%s of its caller, whose model broke off, buys nothing twice', async (__, agent) => {
			model.failOnce(prompt);
			const execution = await ask(caller, { buy: [[a]] }, { agent });
			if (execution.status === 'error') await world.n8n.rest.retryExecution(execution.id);
			expect(bought(world.sandbox)).toEqual({ a: 1 });
		});

		test.each<[string, Arguments[][]]>([
			['one after the other', [[{ Prompt: 'buy' }], [{ Prompt: other }]]],
			['in one message', [[{ Prompt: 'buy' }, { Prompt: other }]]],
		])('two that are asked for the same order, %s, each buy one, or are told why not', async (__, calls) => {
			model.script(other, [[a]]);
			const workflow = await createActive(world, agentWorkflow(caller, {}));
			model.script('buy', [[a]]);
			model.script(prompt, calls);
			const [id] = await startWebhooks(world, workflow, [[prompt]]);
			await world.n8n.rest.waitForExecution(id);
			// AI Agent 2 calls them side by side: while one is on its way, the other may be told that it may have been bought.
			const answers = [...told('buy'), ...told(other)];
			const refusals = answers.filter((one) => typeof one === 'string');
			for (const refusal of refusals) expect(refusal).toMatch(UNCERTAIN);
			expect(refusals.length > 0 && (caller.agent >= 3 || calls.length > 1)).toBe(false);
			expect(answers).toEqual(expect.arrayContaining(made()));
			expect(made().length + refusals.length).toBe(2);
		});
	});
});

describe.each([
	[3, 2.2],
	[2.2, 3],
	[3, 3],
	[2.2, 2.2],
])('AI Agent %d, and then AI Agent %d, which share the tool', (first, second) => {
	/** Webhook → … → Agent → Second → After */
	async function runBoth(orders: Arguments[][]) {
		const workflow = agentWorkflow({ agent: first }, {});
		const agent = workflow.nodes.find(({ name }) => name === 'Agent')!;
		const to = (name: string, type: 'main' | 'ai_tool' | 'ai_languageModel') => ({ node: name, type, index: 0 });
		workflow.nodes.push({
			...agent,
			id: 'second',
			name: 'Second',
			typeVersion: second,
			parameters: { ...agent.parameters, text: 'second' },
		});
		workflow.connections.Model.ai_languageModel[0]!.push(to('Second', 'ai_languageModel'));
		workflow.connections['Buy promotion'].ai_tool[0]!.push(to('Second', 'ai_tool'));
		Object.assign(workflow.connections, { Agent: { main: [[to('Second', 'main')]] }, Second: { main: [[to('After', 'main')]] } });
		model.script('first', [[a]]);
		model.script('second', orders);
		const [id] = await startWebhooks(world, await createActive(world, workflow), [['first']]);
		return await world.n8n.rest.waitForExecution(id);
	}

	test.each([false, true])(
		'Retry execution of the second one, whose model broke off, buys nothing twice (saved workflow: %s)',
		async (loadWorkflow) => {
			model.failOnce('second');
			const { id, status } = await runBoth([[b]]);
			expect(status).toBe('error');
			await world.n8n.rest.retryExecution(id, { loadWorkflow });
			expect(bought(world.sandbox)).toEqual({ a: 1, b: 1 });
		},
	);

	test('the same order twice in the conversation of the second one is bought twice', async () => {
		await runBoth([[b], [b]]);
		expect(bought(world.sandbox)).toEqual({ a: 1, b: 2 });
	});
});

test.each([3, 3.1].filter((version) => !isV1 || version === 3))(
	'AI Agent %d, whose provider counts the calls of each conversation from 0, orders in another sequence when it is run again, and once more',
	async (agent) => {
		model.countCalls();
		model.failOnce('buy', [[b], [a], [a]]);
		await ask({ agent }, { buy: [[a]] }, { agent: { ...threeTries, onError: 'continueRegularOutput' } });
		expect(bought(world.sandbox)).toEqual({ a: 2, b: 1 });
	},
);

test('AI Agent 2 breaks off, is given version 3, and is retried with the saved workflow: what it has bought', async () => {
	model.failOnce('buy');
	model.script('buy', [[a]]);
	const workflow = await createActive(world, agentWorkflow({ agent: isV1 ? 2.2 : 2.3 }, {}));
	const [id] = await startWebhooks(world, workflow, [['buy']]);
	expect(await world.n8n.rest.waitForExecution(id)).toMatchObject({ status: 'error' });
	const nodes = workflow.nodes.map((one) => (one.name === 'Agent' ? { ...one, typeVersion: isV1 ? 3 : 3.1 } : one));
	await world.n8n.rest.updateWorkflow(workflow.id, { nodes });
	await world.n8n.rest.retryExecution(id, { loadWorkflow: true });
	expect(bought(world.sandbox)).toEqual({ a: 1 });
});

test('AI Agent 3 in the legacy execution order, in which n8n does not tell it what was bought: nothing is', async () => {
	model.failOnce('buy');
	model.script('buy', [[a]]);
	const again = agentWorkflow({ agent: isV1 ? 3 : 3.1 }, { agent: { ...threeTries, onError: 'continueRegularOutput' } });
	const workflow = await createActive(world, { ...again, settings: { executionOrder: 'v0' } });
	const [id] = await startWebhooks(world, workflow, [['buy']]);
	const { data } = await world.n8n.rest.waitForExecution(id);
	expect(bought(world.sandbox)).toEqual({});
	// n8n 1.x hands the tool's own input to the model, whatever the node throws.
	if (!isV1) expect(JSON.stringify(data.resultData.runData['Buy promotion'])).toContain('Choose v1 as Execution Order');
});

test('kill -9 while agents order, and Retry execution: the models are told what was bought, and what may have been', async () => {
	world.sandbox.fault({ match: { channel: /^second/ }, fault: faults.hang() });
	const orders = CALLERS.map((_, i) => ['first', 'second'].map((name) => ({ Tarif_ID: 1, Channel: `${name} ${i}` })));
	const ids = await Promise.all(
		CALLERS.map(async ([, caller], i) => await start(caller, { [`buy ${i}`]: orders[i].map((order) => [order]) })),
	);
	const channels = orders.flat().map(({ Channel }) => Channel);
	await until(() => channels.every((channel) => channel in bought(world.sandbox)), 'The orders of all agents');
	await world.crashAndRestart();
	world.sandbox.behave();
	for (const [i, id] of ids.entries()) {
		expect(await world.n8n.rest.waitForExecution(id)).toMatchObject({ status: 'crashed' });
		await world.n8n.rest.retryExecution(id);
		// n8n 1.x keeps nothing by which a killed execution's retry could tell what was bought.
		expect(told(`buy ${i}`)).toEqual([expect.stringMatching(isV1 ? UNCERTAIN : /bought before/), expect.stringMatching(UNCERTAIN)]);
	}
	expect(sent(world.sandbox)).toEqual(onceEach(channels));
});

// n8n 1.x has no such nodes.
(isV1 ? describe.skip : describe)('human approval', () => {
	/** What Telegram was asked to send: the text, and where its buttons lead. */
	const messages: Array<{ text: string; buttons: Record<string, string> }> = [];
	const telegram = createServer(
		express().post('/bottoken/sendMessage', express.json(), (req, res) => {
			const { text, reply_markup } = req.body as {
				text: string;
				reply_markup: { inline_keyboard: Array<Array<{ text: string; url: string }>> };
			};
			messages.push({ text, buttons: Object.fromEntries(reply_markup.inline_keyboard.flat().map((button) => [button.text, button.url])) });
			res.json({ ok: true, result: {} });
		}),
	);
	let review: INode;

	beforeAll(async () => {
		await new Promise<void>((resolve) => telegram.listen(0, '127.0.0.1', resolve));
		const { id, name } = await world.n8n.rest.createCredential({
			name: 'Telegram',
			type: 'telegramApi',
			data: { accessToken: 'token', baseUrl: `http://127.0.0.1:${(telegram.address() as AddressInfo).port}` },
		});
		review = node(
			'Review',
			'telegramHitlTool',
			{
				chatId: '1',
				// By default it is "[object Object]" what one is asked to approve.
				message: '=Buy? {{ $tool.name }}: {{ JSON.stringify($tool.parameters) }}',
				approvalOptions: { values: { approvalType: 'double', approveLabel: 'Yes', disapproveLabel: 'No' } },
			},
			{ typeVersion: 1.2, webhookId: 'review', credentials: { telegramApi: { id, name } } },
		);
	});
	afterAll(() => telegram.close());
	beforeEach(() => void messages.splice(0));

	const reviewed = (order: object) => ({ toolParameters: order, hitlParameters: {} });

	/** Presses a button of the next question, as a browser: n8n does not take the answers of bots. */
	async function press(execution: string, button: string): Promise<string> {
		const { text, buttons } = await until(() => messages.shift(), 'The question');
		// It is asked a moment before an answer is taken.
		await until(async () => (await world.n8n.rest.execution(execution)).status === 'waiting', 'Waiting for the answer');
		const { pathname, search } = new URL(buttons[button]);
		await fetch(world.n8n.url + pathname + search, { headers: { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0' } });
		return text;
	}

	test('what is approved is bought once', async () => {
		const id = await start({ agent: 3.1 }, { buy: [[reviewed(a)]] }, { review });
		const question = await press(id, 'Yes');
		expect(question).toContain('Buy? Buy_promotion: {"Tarif_ID":1,"Channel":"a"}');
		await world.n8n.rest.waitForExecution(id);
		expect(bought(world.sandbox)).toEqual({ a: 1 });
		expect(told()).toEqual(made());
	});

	test.each<[string, Record<string, Arguments[][]>, object]>([
		['that asks for nothing', { buy: [[reviewed(a)]], 'only talk': [] }, { a: 1 }],
		['of which another order is approved', { buy: [[reviewed(a)]], 'buy b': [[reviewed(b)]] }, { a: 1, b: 1 }],
	])('what is approved is bought once, with a second item %s', async (_, scripts, orders) => {
		const id = await start({ agent: 3.1 }, scripts, { review });
		for (const turns of Object.values(scripts)) if (turns.length > 0) await press(id, 'Yes');
		await world.n8n.rest.waitForExecution(id);
		expect(messages).toEqual([]);
		expect(bought(world.sandbox)).toEqual(orders);
	});

	test('the same once more in one conversation is bought as well', async () => {
		const id = await start({ agent: 3.1 }, { buy: [[reviewed(a)], [reviewed(a)]] }, { review });
		await press(id, 'Yes');
		await press(id, 'Yes');
		await world.n8n.rest.waitForExecution(id);
		expect(bought(world.sandbox)).toEqual({ a: 2 });
		expect(told()).toEqual(made());
	});

	test.each<[string, Partial<INode>]>([
		['Retry On Fail with On Error = Continue', { ...threeTries, onError: 'continueRegularOutput' }],
		['Retry execution', {}],
	])('%s, in which a person approves the same once more, buys nothing twice', async (_, agent) => {
		model.failOnce('buy');
		const id = await start({ agent: 3.1 }, { buy: [[reviewed(a)]] }, { review, agent });
		await press(id, 'Yes');
		if (agent.retryOnFail) {
			await press(id, 'Yes');
			await world.n8n.rest.waitForExecution(id);
		} else {
			expect(await world.n8n.rest.waitForExecution(id)).toMatchObject({ status: 'error' });
			await world.n8n.rest.retryExecution(id);
			// n8n may go on with what was approved, and ask nobody.
		}
		expect(bought(world.sandbox)).toEqual({ a: 1 });
	});

	test('what is declined is not bought, and the model is told so', async () => {
		const id = await start({ agent: 3.1 }, { buy: [[reviewed(a)]] }, { review });
		await press(id, 'No');
		await world.n8n.rest.waitForExecution(id);
		expect(world.sandbox.requests).toEqual([]);
		expect(told()).toEqual([expect.stringContaining('User rejected the tool call to Buy promotion')]);
	});

	test.each(CALLERS.filter(([, { older, helper }]) => older && !helper))(
		'%s buys nothing: it does not know of approvals',
		async (_, caller) => {
			await ask(caller, { buy: [[reviewed(a)]] }, { review });
			expect(messages).toEqual([]);
			expect(world.sandbox.requests).toEqual([]);
		},
	);

	test('an unknown outcome is not sent again, not even when that is approved', async () => {
		world.sandbox.fault({ fault: faults.serverErrorAfter() });
		const id = await start({ agent: 3.1 }, { buy: [[reviewed(a)], [reviewed(a)]] }, { review });
		await press(id, 'Yes');
		await press(id, 'Yes');
		await world.n8n.rest.waitForExecution(id);
		expect(sent(world.sandbox)).toEqual({ a: 1 });
		expect(told()).toEqual(Array(2).fill(expect.stringMatching(UNCERTAIN)));
	});
});
