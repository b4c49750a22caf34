/** Two StreamSkill nodes in one workflow: what one of them advises also holds for the other one. */
import type { RunResult, Wiring } from '../engine.mts';
import { onceEach, openShop, wordsOf, type Orders } from '../shop.mts';
import { loop, sideBySide } from '../wirings.mts';

const { lose, order, refuse, sold } = openShop();

const twin = { parameters: { tarifId: 2, channel: '={{ $("Start").item.json.channel }}-bot' } };
/** The first one is deactivated. */
const onlyTwin: Wiring = { entry: 'Twin', connections: { Twin: [['Success']], Success: [] } };
const list = ['a', 'b', 'c'];
const all = onceEach([...list, ...list.map((channel) => `${channel}-bot`)]);
const SEVERAL =
	'This workflow has several StreamSkill nodes: in a new execution, let an item go only to those that have not bought for it yet.';
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

describe('by hand, with Repeat Manual Orders', () => {
	const mode = 'manual';
	const options = { repeatManualOrders: true };

	test('in the first one, and the second one is refused an order', async () => {
		refuse('b-bot');
		expect((await order(list, { mode, options, twin })).error?.description).toContain(
			'Then take out of the list what this node has bought, turn off Repeat Manual Orders in any other StreamSkill node, and execute the workflow again today',
		);
		await order(['b', 'c'], { mode, twin });
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
