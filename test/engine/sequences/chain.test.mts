/** Two StreamSkill nodes, one after the other: what the first one leaves out, the second one may have ordered. */
import { logLines, type RunResult } from '../engine.mts';
import { openShop, wordsOf, type Orders } from '../shop.mts';

const shop = openShop();
const { kill, lookUp, lose, order, refuse, sold } = shop;

const twin = { parameters: { tarifId: 2, channel: '={{ $("Start").item.json.channel }}-bot' } };

/** All that anybody can read of what the second node did. */
const toldOfTwin = ({ data }: RunResult) =>
	[
		...(data.resultData.runData.Twin ?? []).flatMap(({ data, error, hints }) => [
			JSON.stringify([data, error]),
			...(hints ?? []).map(({ message }) => message),
		]),
		...logLines.map(({ message }) => message),
	].join('\n');

test.each([
	['killed while the order of the second node is on its way, and bought: its retry tells of it', 'answer'],
	['killed before the second node has sent anything: its retry tells of it', 'send'],
] as const)('%s', async (_name, at) => {
	const killed = await kill(['a'], { at, channel: 'a-bot', ended: ['Start', 'StreamSkill', 'Success'] }, { twin });
	logLines.length = 0;
	expect(toldOfTwin(await order([], { twin, retryOf: killed }))).toContain('may have been bought');
});

test.each([
	['the item', twin],
	['the purchase', { parameters: { ...twin.parameters, channel: '={{ $json.channel }}-bot' } }],
])('by hand: the order of the second node, for the channel of %s, is refused, and the workflow executed again', async (_, twin) => {
	refuse('a-bot');
	const setup: Orders = { mode: 'manual', twin };
	expect(wordsOf(await order(['a'], setup))).toContain('Then execute the workflow again');
	await order(['a'], setup);
	expect(sold()).toEqual({ a: 1, 'a-bot': 1 });
	// All of it was bought.
	await order(['a'], setup);
	expect(sold()).toEqual({ a: 1, 'a-bot': 1 });
});

test('an order of the first node is confirmed as bought: the second node orders for it', async () => {
	lose('a', true);
	const first = await order(['a', 'c'], { twin });
	await order([], { twin, options: lookUp(first), retryOf: first.data });
	expect(sold()).toEqual({ a: 1, 'a-bot': 1, c: 1, 'c-bot': 1 });
});

test('what a key has bought in another execution goes on to no other node, which may have no key', async () => {
	const setup: Orders = { options: { idempotencyKey: '={{ $json.channel }}' }, twin };
	await order(['a'], setup);
	await order(['a'], setup);
	expect(sold()).toEqual({ a: 1, 'a-bot': 1 });
});
