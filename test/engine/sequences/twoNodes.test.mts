/** Two StreamSkill nodes in one workflow: what one of them advises also holds for the other one. */
import type { IDataObject } from 'n8n-workflow';

import { faults } from '../../../tools/sandbox/sandbox.mts';
import type { RunResult, Wiring } from '../engine.mts';
import { onceEach, openShop, wordsOf, type Orders } from '../shop.mts';
import { callOf, loop, sideBySide } from '../wirings.mts';

const shop = openShop();
const { lose, order, refuse, sold } = shop;

const twin = { parameters: { tarifId: 2, channel: '={{ $("Start").item.json.channel }}-bot' } };
/** The first one is deactivated. */
const onlyTwin: Wiring = { entry: 'Twin', connections: { Twin: [['Success']], Success: [] } };
const list = ['a', 'b', 'c'];
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
	expect(wordsOf(result)).toContain('If it is, it was bought, and only what comes after this node is left to do.');
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

test('by hand, with a key in the first one only: the second one gets what is left to it alone', async () => {
	const options = { idempotencyKey: '={{ $json.channel }}' };
	refuse('b-bot');
	expect((await order(list, { mode: 'manual', options, twin })).error?.description).toContain(SEVERAL);
	await order(list, { mode: 'manual', wiring: onlyTwin, twin });
	expect(sold()).toEqual(all);
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

	test('in the first one, and the second one is refused an order', async () => {
		refuse('b-bot');
		expect((await order(list, { mode, options, twin })).error?.description).toContain(
			'Then take out of the list what this node has bought, turn off Repeat Manual Orders in all other StreamSkill nodes, and execute the workflow again today',
		);
		await order(['b', 'c'], { mode, twin });
		expect(sold()).toEqual(all);
	});

	test.each([options, {}])(
		'%j in the first one, which is refused an order: what it has bought goes to the second one alone',
		async (ofFirst) => {
			refuse('b');
			const second = { parameters: { ...twin.parameters, options: ofFirst === options ? {} : options } };
			expect((await order(list, { mode, options: ofFirst, twin: second })).error?.description).toContain(SEVERAL);
			await order(['b', 'c'], { mode, options: ofFirst, twin });
			await order(['a'], { mode, wiring: onlyTwin, twin });
			expect(sold()).toEqual(all);
		},
	);

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
