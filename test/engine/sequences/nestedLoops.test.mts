/** A loop in each round of another one: n8n counts the rounds of both as one row of calls. */
import { openShop, outcomes, purchasesOf, type Orders } from '../shop.mts';
import { nestedLoops } from '../wirings.mts';

const shop = openShop();
const { finish, kill, lookUp, lose, order, sold } = shop;

const words = [{ word: 'ab' }, { word: 'bc' }, { word: 'ad' }];
const all = { a: 2, b: 2, c: 1, d: 1 };
const setup: Orders = { before: () => words, wiring: nestedLoops() };

test('each round of both is bought once', async () => {
	const result = await order([{}], setup);
	expect(result.run.status).toBe('success');
	expect(sold()).toEqual(all);
	expect(purchasesOf(result)).toHaveLength(6);
});

describe.each(['stopWorkflow', 'continueErrorOutput'] as const)('On Error %s', (onError) => {
	test.each([
		['a', 1],
		['a', 2],
		['b', 1],
		['b', 2],
		['c', 1],
		['d', 1],
	])('killed at the answer for %s, the %d. time', async (channel, nth) => {
		const killed = await kill([{}], { at: 'answer', channel, nth }, { ...setup, onError });
		const result = await finish(killed, { ...setup, onError });
		expect(result.run.status).toBe('success');
		expect(sold()).toEqual(all);
	});
});

test('killed, and a round of the outer loop more comes first in the retry', async () => {
	const killed = await kill([{}], { at: 'answer', channel: 'b' }, setup);
	await finish(killed, { ...setup, before: () => [{ word: 'xa' }, ...words] });
	expect(sold()).toEqual({ ...all, a: 3, x: 1 });
});

test('an order that may be bought is settled, and the rest is ordered', async () => {
	lose('b', true);
	const first = await order([{}], setup);
	expect(outcomes(first)).toEqual(['unknown']);
	await order([], { ...setup, options: lookUp(first), retryOf: first.data });
	expect(sold()).toEqual(all);
});
