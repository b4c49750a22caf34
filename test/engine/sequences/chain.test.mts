/** Two StreamSkill nodes, one after the other: what the first one leaves out, the second one may have ordered. */
import { logLines, type RunResult, type Wiring } from '../engine.mts';
import { onceEach, openShop, outcomes, wordsOf, type Orders } from '../shop.mts';
import { callOf, loop } from '../wirings.mts';

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

describe('what keeps a loop going is no order for the next node', () => {
	const options = { idempotencyKey: '={{ $json.channel }}' };
	const twinOf = (channel: string) => ({ parameters: { tarifId: 2, channel } });
	const inLoop = (size: number): Wiring => {
		const { nodes, entry } = loop({ size });
		return { nodes, entry, connections: { Loop: [['Success'], ['StreamSkill']], StreamSkill: [['Twin']], Twin: [['Loop']], Success: [] } };
	};
	const hintsOfTwin = ({ data }: RunResult) =>
		data.resultData.runData.Twin.flatMap(({ hints }) => hints?.map(({ message }) => message) ?? []);

	test.each([
		['of the item of the loop', '={{ $("Loop").item.json.channel }}-bot', 1],
		['of the purchase', '={{ $json.channel + "-bot" }}', 1],
		['of the purchase, several orders a round', '={{ $json.channel + "-bot" }}', 2],
		['that is always the same', 'a-bot', 2],
	])('for a channel %s', async (_, channel, size) => {
		const setup: Orders = { options, twin: twinOf(channel), wiring: inLoop(size) };
		await order(['a', 'b', 'c'], setup);
		const once = sold();
		const again = await order(['a', 'b', 'c', 'd'], setup);
		expect(again.run.status).toBe('success');
		expect(hintsOfTwin(again)).toContain(`Left out: ${size} by the StreamSkill node before this one`);
		const more = channel === 'a-bot' ? { 'a-bot': once['a-bot'] + 1 } : { 'd-bot': 1 };
		expect(sold()).toEqual({ ...once, d: 1, ...more });
		// All rounds come to the end.
		expect(again.success).toHaveLength(4 / size);
	});

	test.each(['send', 'answer'] as const)(
		'but what the execution itself has bought before it was killed (%s) is: the next node goes on',
		async (at) => {
			const setup: Orders = { options, twin: twinOf('={{ $("Loop").item.json.channel }}-bot'), wiring: inLoop(1) };
			const killed = await kill(['a', 'b', 'c'], { at, channel: 'b-bot', ended: ['Start', 'Loop', 'StreamSkill', 'Twin'] }, setup);
			const onError = 'continueRegularOutput';
			const retry = await order([], { ...setup, twin: { ...setup.twin, onError }, onError, retryOf: killed });
			expect(toldOfTwin(retry)).toContain('may have been bought');
			expect(sold()).toEqual({ a: 1, 'a-bot': 1, b: 1, ...(at === 'answer' && { 'b-bot': 1 }), c: 1, 'c-bot': 1 });
		},
	);

	test('in a sub-workflow, and in the workflow that has called it', async () => {
		const connections = { StreamSkill: [['Twin']], Twin: [['Success']], Success: [] };
		const call = async () =>
			await order(['a'], {
				mode: 'integrated',
				options,
				twin: twinOf('={{ $("Start").item.json.channel }}-bot'),
				wiring: { entry: 'StreamSkill', connections },
			});
		await call();
		const again = await call();
		expect(again.success.map(({ json }) => json.leftOut)).toEqual([[{ tarif: { id: 1 }, channel: 'a' }]]);
		const caller = callOf(async () => again);
		await order(['a'], {
			parameters: { channel: 'other' },
			wiring: { ...caller, connections: { Call: [['StreamSkill']], StreamSkill: [['Success']] } },
		});
		expect(sold()).toEqual(onceEach(['a', 'a-bot']));
	});

	test('beside other items, it is left out, and they are ordered', async () => {
		const { leftOut, ...item } = {
			leftOut: [{ tarif: { id: 1 }, channel: 'a' }],
			message: 'What is left out was bought before. Nothing was bought now.',
		};
		const mixed = await order([{ ...item, leftOut }, 'b', 'c'], { onError: 'continueRegularOutput' });
		expect(outcomes(mixed)).toEqual([]);
		expect(mixed.success.map(({ pairedItem }) => pairedItem)).toEqual([{ item: 1 }, { item: 2 }]);
		expect(sold()).toEqual(onceEach(['b', 'c']));
	});

	test('an item of the same shape that somebody gave a channel is an order', async () => {
		await order([{ channel: 'a', leftOut: [], message: 'What is left out was bought before. Nothing was bought now.' }]);
		expect(sold()).toEqual({ a: 1 });
	});
});
