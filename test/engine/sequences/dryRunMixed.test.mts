/** A list in which some rows are only shown: none of them stands for what an equal row has bought. */
import { openShop, referencesOf, type Orders } from '../shop.mts';

const shop = openShop();
const { finish, kill, lose, order, sent, slow, sold } = shop;

const rows = [
	{ row: 1, channel: 'a', test: true },
	{ row: 2, channel: 'a', test: false },
];
const options = { dryRun: '={{ $json.test }}' };

test('by hand: executed again, it buys nothing again', async () => {
	await order(rows, { mode: 'manual', options });
	await order(rows, { mode: 'manual', options });
	expect(sold()).toEqual({ a: 1 });
});

test('by hand: executed again, it does not send again what has no answer', async () => {
	lose('a', true);
	expect(referencesOf(await order(rows, { mode: 'manual', options }))).toHaveLength(1);
	await order(rows, { mode: 'manual', options });
	expect(sent()).toEqual({ a: 1 });
});

test('killed, and the rows have a fresh time stamp in the retry', async () => {
	let reads = 0;
	const before = () => [...rows, { row: 3, channel: 'b', test: false }].map((row) => ({ ...row, read: ++reads }));
	const setup: Orders = { options: { ...options, batching: { batch: { batchSize: 1, batchInterval: 0 } } }, before };
	slow('/a|b/', 200);
	const killed = await kill([{}], { at: 'request', channel: 'b' }, setup);
	await finish(killed, setup);
	expect(sold()).toEqual({ a: 1, b: 1 });
});
