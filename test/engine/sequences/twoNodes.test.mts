/** Two StreamSkill nodes in one workflow: what one of them advises also holds for the other one. */
import type { IDataObject } from 'n8n-workflow';

import { nameOn } from '../../../tools/sandbox/purchase.mts';
import { faults } from '../../../tools/sandbox/sandbox.mts';
import type { RunResult, Wiring } from '../engine.mts';
import { onceEach, openShop, wordsOf, type Orders } from '../shop.mts';
import { agent, callOf, loop, sideBySide } from '../wirings.mts';

const shop = openShop();
const { lose, order, refuse, sold } = shop;

const twin = { parameters: { tarifId: 2, channel: '={{ $("Start").item.json.channel }}-bot' } };
/** The first one is deactivated. */
const onlyTwin: Wiring = { entry: 'Twin', connections: { Twin: [['Success']], Success: [] } };
const list = ['a', 'b', 'c'];
const byChannel = { idempotencyKey: '={{ $json.channel }}' };
const all = onceEach([...list, ...list.map((channel) => `${channel}-bot`)]);
const SEVERAL =
	'This workflow has several StreamSkill nodes: in a new execution, let an item go only to those that have not bought for it yet, and deactivate the others.';
const onError = 'continueErrorOutput';

const toldOfTwin = ({ data }: RunResult) => JSON.stringify(data.resultData.runData.Twin?.map(({ data, error }) => [data?.main, error]));

test.each([
	['in a row', undefined],
	['side by side', sideBySide],
])('%s, the second one is refused an order: it alone gets the item again', async (_, wiring) => {
	refuse('b-bot');
	const told = toldOfTwin(await order(list, { ...(wiring && { wiring }), onError, twin: { ...twin, onError } }));
	expect(told).toContain(`Then order this item alone in a new execution. ${SEVERAL}`);
	await order(['b'], { wiring: onlyTwin, twin });
	expect(sold()).toEqual(all);
});

describe('failed, and not saved', () => {
	const setup: Orders = { twin, settings: { saveDataErrorExecution: 'none' } };

	test('the second one is refused an order: the rows that are left go to it alone', async () => {
		refuse('b-bot');
		expect((await order(list, setup)).error?.description).toContain(SEVERAL);
		await order(['b', 'c'], { ...setup, wiring: onlyTwin });
		expect(sold()).toEqual(all);
	});

	test('the first one is refused an order: what it has bought goes to the second one alone', async () => {
		refuse('b');
		expect((await order(list, setup)).error?.description).toContain(SEVERAL);
		await order(['a'], { ...setup, wiring: onlyTwin });
		await order(['b', 'c'], setup);
		expect(sold()).toEqual(all);
	});
});

test('the first one has an uncertain order that was bought: what comes after it is left to do', async () => {
	lose('b', true);
	const result = await order(list, { onError, twin });
	expect(wordsOf(result)).toContain('If it is there, only what comes after this node is left to do.');
	expect(wordsOf(result)).toContain(SEVERAL);
	await order(['b'], { wiring: onlyTwin, twin });
	expect(sold()).toEqual(all);
});

test('nothing is said of others where all have keys, or the others are deactivated', async () => {
	refuse('b', 2);
	const keyed = { parameters: { ...twin.parameters, options: { idempotencyKey: '={{ $("Start").item.json.channel }} chatbot' } } };
	const options = { idempotencyKey: '={{ $json.channel }}' };
	expect(wordsOf(await order(list, { onError, options, twin: keyed }))).not.toContain('several StreamSkill nodes');
	await order(list, { onError, options, twin: keyed });
	expect(wordsOf(await order(['b'], { onError, twin: { ...twin, more: { disabled: true } } }))).not.toContain('several StreamSkill nodes');
});

test.each(['b', 'b-bot'])('by hand, with a key in the first one only, and %s is refused: executed again', async (refused) => {
	const setup: Orders = { mode: 'manual', options: byChannel, twin };
	refuse(refused);
	expect((await order(list, setup)).error?.description).toContain('Then execute the workflow again');
	expect((await order(list, setup)).run.status).toBe('success');
	expect(sold()).toEqual(all);
});

test('keys in both, not saved, and the first one is refused an order: what it has bought goes to the second one alone', async () => {
	const options = { idempotencyKey: '={{ $("Start").item.json.channel }} chatbot' };
	const setup: Orders = {
		options: byChannel,
		twin: { parameters: { ...twin.parameters, options } },
		settings: { saveDataErrorExecution: 'none' },
	};
	refuse('b');
	expect((await order(list, setup)).error?.description).toContain(SEVERAL);
	await order(['a'], { ...setup, wiring: onlyTwin });
	await order(['b', 'c'], setup);
	expect(sold()).toEqual(all);
});

describe('a sub-workflow and its caller buy', () => {
	let inner!: RunResult;
	const sub = (setup: Orders) => async (items: IDataObject[]) =>
		(inner = await order(items, { mode: 'integrated', workflowId: 'sub', wiring: { entry: 'StreamSkill', connections: {} }, ...setup }));
	const CALLER =
		'The workflow that has called this one may have StreamSkill nodes as well: in a new execution, let an item go only to those that have not bought for it yet.';
	const NO_RETRY =
		'Do not retry the execution of the workflow that has called this one: without Idempotency Keys, it would buy again what was bought.';
	const bots = { tarifId: 2, channel: '={{ $("Start").item.json.channel }}-bot' };

	test('the sub-workflow first, which is refused an order', async () => {
		const callFirst = (): Wiring => ({ ...callOf(sub({})), connections: { Call: [['StreamSkill']] } });
		refuse('b');
		await order(list, { parameters: bots, wiring: callFirst() });
		for (const remark of [CALLER, NO_RETRY]) expect(inner.error?.description).toContain(remark);
		await order(['a'], { parameters: bots });
		await order(['b', 'c'], { parameters: bots, wiring: callFirst() });
		expect(sold()).toEqual(all);
	});

	test.each(['trigger', 'manual'] as const)('the caller first, and the sub-workflow is refused an order (%s)', async (mode) => {
		const botsOf = sub({ parameters: { tarifId: 2, channel: '={{ $json.of }}-bot' } });
		// As an Edit Fields node gives them.
		const named = async (items: IDataObject[]) => await botsOf(items.map(({ channel }) => ({ of: nameOn(channel) })));
		const callLast: Wiring = { ...callOf(named), entry: 'StreamSkill', connections: { StreamSkill: [['Call']], Call: [['Success']] } };
		refuse('b-bot');
		await order(list, { mode, wiring: callLast });
		for (const remark of [CALLER, NO_RETRY]) expect(inner.error?.description).toContain(remark);
		await order(['b', 'c'], { mode, wiring: { ...callLast, entry: 'Call', connections: { Call: [['Success']] } } });
		expect(sold()).toEqual(all);
	});

	test.each([byChannel, {}])('by hand, the caller is refused an order: the output of the call is pinned (%j)', async (options) => {
		const calling = (called: (items: IDataObject[]) => Promise<RunResult>): Orders => ({
			mode: 'manual',
			parameters: bots,
			wiring: { ...callOf(called), connections: { Call: [['StreamSkill']] } },
		});
		refuse('a-bot');
		const { error } = await order(['a'], calling(sub({ options })));
		expect(error?.description).toContain(
			'If a sub-workflow buys, it buys again whenever it is called, by hand as well: before you execute the workflow again, pin the output of the node that calls it (',
		);
		await order(
			['a'],
			calling(async () => await Promise.resolve(inner)),
		);
		expect(sold()).toEqual({ a: 1, 'a-bot': 1 });
	});
});

test('in a loop, the message on a failed execution says that it lists one round only', async () => {
	refuse('c');
	expect((await order(list, { wiring: loop() })).error?.description).toContain('This lists one round only.');
});

test('keys in both, the first one in a sub-workflow: the whole list again', async () => {
	refuse('b');
	const options = { idempotencyKey: '={{ $json.channel }}' };
	const inner = async (items: IDataObject[]) =>
		await order(items, { mode: 'integrated', workflowId: 'sub', options, wiring: { entry: 'StreamSkill', connections: {} } });
	const outer = async () =>
		await order(list, {
			parameters: { tarifId: 2, channel: '={{ $("Start").item.json.channel }}-bot' },
			options: { idempotencyKey: '={{ $("Start").item.json.channel }} chatbot' },
			wiring: { ...callOf(inner), connections: { Call: [['StreamSkill']] } },
		});
	await outer();
	expect((await outer()).run.status).toBe('success');
	expect(sold()).toEqual(all);
});

test('by hand, the API answers with the address in lower case, and the second node orders for that', async () => {
	const purchase = { id: 7, price: 10, currency: 'usd', channel: 'https://www.twitch.tv/alice', tarif: 1 };
	shop.sandbox.fault({ match: { channel: 'Alice' }, fault: faults.body(JSON.stringify(purchase)) });
	const second = { parameters: { tarifId: 2, channel: '={{ $json.channel }}' } };
	for (let press = 0; press < 2; press++) await order(['Alice'], { mode: 'manual', twin: second });
	expect(sold()).toEqual({ Alice: 1, 'https://www.twitch.tv/alice': 1 });
});

test('bought on one site, and the field mended to another one: the message says for which it was bought', async () => {
	const rows = [
		{ was: 'https://www.twitch.tv/a', is: 'https://kick.com/a' },
		{ was: 'x', is: 'x' },
	];
	refuse('x', 2);
	const first = await order(rows, { parameters: { channel: '={{ $json.was }}' } });
	const retry = await order([], { parameters: { channel: '={{ $json.is }}' }, retryOf: first.data });
	expect(retry.error?.description).toContain('(for channel https://www.twitch.tv/a)');
});

describe('by hand, with Repeat Manual Orders', () => {
	const mode = 'manual';
	const options = { repeatManualOrders: true };

	const TURN_OFF =
		'In another StreamSkill node, Repeat Manual Orders is on: turn it off before you execute the workflow again, or that node buys again.';

	test('in the first one, and the second one is refused one of two equal orders', async () => {
		const rows = [1, 2].map((row) => ({ channel: 'a', row }));
		shop.sandbox.fault({ match: { channel: 'a-bot' }, skip: 1, times: 1, fault: faults.rejected(422) });
		expect((await order(rows, { mode, options, twin })).error?.description).toContain(TURN_OFF);
		await order(rows, { mode, twin });
		expect(sold()).toEqual({ a: 2, 'a-bot': 2 });
	});

	test('in the second one, and the first one is refused an order', async () => {
		refuse('b');
		const again = { parameters: { ...twin.parameters, options } };
		expect((await order(list, { mode, twin: again })).error?.description).toContain(TURN_OFF);
		await order(list, { mode, twin });
		expect(sold()).toEqual(all);
	});

	test('in the tool of an agent before the node, which is refused an order', async () => {
		const calling = (ofTool: IDataObject): Orders => ({
			mode,
			node: { tool: true },
			parameters: { tarifId: 2, channel: 'a-bot' },
			options: ofTool,
			twin: { parameters: { tarifId: 1, channel: 'a' } },
			wiring: {
				entry: 'Agent',
				agent: 'Agent',
				nodes: { Agent: agent({ orders: () => [{ channel: 'x' }] }) },
				connections: { Agent: [['Twin']], StreamSkill: [], Success: [] },
			},
		});
		refuse('a');
		expect((await order([{}], calling(options))).error?.description).toContain(TURN_OFF);
		await order([{}], calling({}));
		expect(sold()).toEqual({ a: 1, 'a-bot': 1 });
	});

	test('in the first one, which is refused an order: what it has bought goes to the second one alone', async () => {
		refuse('b');
		const { error } = await order(list, { mode, options, twin });
		expect(error?.description).toContain(SEVERAL);
		expect(error?.description).toContain(
			'Then take out of the list what this node has bought, turn off Repeat Manual Orders in all other StreamSkill nodes, and execute the workflow again today',
		);
		await order(['b', 'c'], { mode, options, twin });
		await order(['a'], { mode, wiring: onlyTwin, twin });
		expect(sold()).toEqual(all);
	});

	test('by an expression: what was bought is taken out, whatever the item that failed says', async () => {
		const items = [
			{ channel: 'a', again: true },
			{ channel: 'b', again: false },
		];
		const setup: Orders = { mode, options: { repeatManualOrders: '={{ $json.again }}' } };
		refuse('b');
		expect((await order(items, setup)).error?.description).toContain('Then take out of the list what this node has bought');
		await order(items.slice(1), setup);
		expect(sold()).toEqual(onceEach(['a', 'b']));
	});

	test('in a loop: the message says that it lists one round only', async () => {
		refuse('b');
		expect((await order(list, { mode, options, wiring: loop() })).error?.description).toContain('This lists one round only.');
	});
});

test('Max Purchases is that of a node', async () => {
	const limited = { parameters: { ...twin.parameters, options: { maxPurchases: 2 } } };
	const { error } = await order(list, { twin: limited, options: { maxPurchases: 3 } });
	expect(error?.message).toBe('3 orders are more than Max Purchases allows (2)');
	expect(sold()).toEqual(onceEach(list));
});
