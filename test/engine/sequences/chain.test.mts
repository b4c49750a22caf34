/** Two StreamSkill nodes, one after the other: what the first one leaves out, the second one may have ordered. */
import { pageOf } from '../../../tools/sandbox/purchase.mts';
import { faults } from '../../../tools/sandbox/sandbox.mts';
import { logLines, type RunResult, type Wiring } from '../engine.mts';
import { onceEach, openShop, wordsOf, type Orders } from '../shop.mts';
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
	['the item', twin, 'a-bot'],
	['the purchase', { parameters: { ...twin.parameters, channel: '={{ $json.channel }}-bot' } }, pageOf('a-bot')],
])('by hand: the order of the second node, for the channel of %s, is refused, and the workflow executed again', async (_, twin, bot) => {
	refuse(bot);
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

const inLoop = (size: number): Wiring => ({
	...loop({ size }),
	connections: { Loop: [['Success'], ['StreamSkill']], StreamSkill: [['Twin']], Twin: [['Loop']], Success: [] },
});

describe('what keeps a loop going is no order for the next node', () => {
	const options = { idempotencyKey: '={{ $json.channel }}' };
	const twinOf = (channel: string) => ({ parameters: { tarifId: 2, channel } });
	const hintsOfTwin = ({ data }: RunResult) =>
		data.resultData.runData.Twin.flatMap(({ hints }) => hints?.map(({ message }) => message) ?? []);

	test.each([
		['of the item of the loop', '={{ $("Loop").item.json.channel }}-bot', 1, 'd-bot'],
		['of the purchase', '={{ $json.channel + "-bot" }}', 1, pageOf('d-bot')],
		['of the purchase, several orders a round', '={{ $json.channel + "-bot" }}', 2, pageOf('d-bot')],
		['that is always the same', 'a-bot', 2, 'a-bot'],
	])('for a channel %s', async (_, channel, size, added) => {
		const setup: Orders = { options, twin: twinOf(channel), wiring: inLoop(size) };
		await order(['a', 'b', 'c'], setup);
		const once = sold();
		const again = await order(['a', 'b', 'c', 'd'], setup);
		expect(again.run.status).toBe('success');
		expect(hintsOfTwin(again)).toContain(`Left out: ${size} by a StreamSkill node before this one`);
		expect(sold()).toEqual({ ...once, d: 1, [added]: (once[added] ?? 0) + 1 });
		// All rounds come to the end.
		expect(again.success).toHaveLength(size === 1 ? 4 : 3);
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
		expect(again.success.map(({ json }) => json.leftOut)).toEqual([{ tarif: { id: 1 }, channel: 'a' }]);
		const caller = callOf(async () => again);
		await order(['a'], {
			parameters: { channel: 'other' },
			wiring: { ...caller, connections: { Call: [['StreamSkill']], StreamSkill: [['Success']] } },
		});
		expect(sold()).toEqual(onceEach(['a', 'a-bot']));
	});

	test('beside other items, it is left out, and they are ordered', async () => {
		const leftOut = {
			channel: 'a',
			leftOut: { tarif: { id: 1 }, channel: 'a' },
			because: 'key',
			message: 'This order was bought before, and is left out. Nothing was bought now.',
		};
		const mixed = await order([leftOut, 'b', 'c', { ...leftOut, because: 'earlier', channel: 'd' }]);
		expect(mixed.success.map(({ pairedItem }) => pairedItem)).toEqual([{ item: 1 }, { item: 2 }, { item: 3 }]);
		expect(sold()).toEqual(onceEach(['b', 'c', 'd']));
	});
});

describe('both nodes have keys: the second one orders what it has not bought yet', () => {
	const options = { idempotencyKey: '={{ $json.channel }}' };
	const keyOf = (row: string) => ({ ...twin.parameters, channel: `${row}-bot`, options: { idempotencyKey: `${row} chatbot` } });
	const second = { parameters: keyOf('={{ $("Start").item.json.channel }}') };
	const all = onceEach(['a', 'b', 'c', 'a-bot', 'b-bot', 'c-bot']);

	test('by hand, the second one is refused an order, and the workflow executed again', async () => {
		refuse('b-bot');
		const setup: Orders = { mode: 'manual', options, twin: second };
		expect(wordsOf(await order(['a', 'b', 'c'], setup))).toContain('Then execute the workflow again');
		expect((await order(['a', 'b', 'c'], setup)).run.status).toBe('success');
		expect(sold()).toEqual(all);
	});

	test('in production, the first one is refused an order, and the whole list comes again', async () => {
		refuse('b');
		await order(['a', 'b', 'c'], { options, twin: second });
		expect((await order(['a', 'b', 'c'], { options, twin: second })).run.status).toBe('success');
		expect(sold()).toEqual(all);
		await order(['a', 'b', 'c'], { options, twin: second });
		expect(sold()).toEqual(all);
	});

	test.each([
		['the channel too', '={{ $json.channel }}-bot'],
		['the key only', '={{ $("Start").item.json.channel }}-bot'],
	])(
		'made of what the first one has bought, %s: where that was left out, the second one buys nothing, and says why',
		async (_, channel) => {
			const parameters = { ...twin.parameters, channel, options: { idempotencyKey: '={{ $json.channel }} chatbot' } };
			const setup: Orders = { options, twin: { parameters } };
			await order(['a', 'b'], setup);
			const once = sold();
			const again = await order(['a', 'b'], setup);
			expect(sold()).toEqual(once);
			expect(again.run.status).toBe('error');
			const told = toldOfTwin(again);
			expect(told).toContain('fill Channel and Idempotency Key from the node that the list comes from');
			expect(told).toContain('Do not retry this execution, which has the stored list, but order the rows that are left in a new one.');
			expect(told).not.toContain('Retry with');
			await order(['c'], { options, twin: second });
			await order(['c'], { options, twin: second });
			expect(sold()).toEqual({ ...once, c: 1, 'c-bot': 1 });
		},
	);

	test('On Error = Continue: "run the item again with the same Idempotency Key"', async () => {
		const onError = 'continueErrorOutput';
		lose('b-bot', false);
		const told = toldOfTwin(await order(['a', 'b', 'c'], { onError, options, twin: { ...second, onError } }));
		expect(told).toContain('run the item again with the same Idempotency Key');
		const [, confirmedNotBought] = /add (\S+) to the option/.exec(told)!;
		const parameters = { ...second.parameters, options: { ...second.parameters.options, confirmedNotBought } };
		await order(['b'], { onError, options, twin: { parameters, onError } });
		expect(sold()).toEqual(all);
	});

	test.each([1, 2])('in a loop, %i a round', async (size) => {
		const setup: Orders = { wiring: inLoop(size), options, twin: { parameters: keyOf('={{ $("Loop").item.json.channel }}') } };
		await order(['a', 'b'], setup);
		expect((await order(['a', 'b', 'c'], setup)).run.status).toBe('success');
		expect(sold()).toEqual(all);
	});
});

describe('the API answers with the address of the channel, and the second node orders for that', () => {
	const second = { parameters: { tarifId: 2, channel: '={{ $json.channel }}' } };
	const total = () => Object.values(sold()).reduce((sum, one) => sum + one, 0);

	test('by hand: the workflow is executed again', async () => {
		for (let press = 0; press < 2; press++) await order(['a'], { mode: 'manual', twin: second });
		expect(sold()).toEqual({ a: 1, [pageOf('a')]: 1 });
	});

	test.each([
		['Trovo', (name: string) => `https://trovo.live/s/${name}`],
		['YouTube', (name: string) => `https://www.youtube.com/@${name}`],
	])('of %s, by hand: the workflow is executed again', async (_, address) => {
		const answer = { id: 7, price: 10, currency: 'usd', channel: address('Name'), tarif: 1 };
		shop.sandbox.fault({ fault: faults.body(JSON.stringify(answer)) });
		for (let press = 0; press < 2; press++) await order(['Name'], { mode: 'manual', twin: second });
		expect(sold()).toEqual({ Name: 1, [address('Name')]: 1 });
	});

	test('killed in the first one, and again after the second one', async () => {
		const killed = await kill(['a', 'b', 'c'], { at: 'send', channel: 'c' }, { twin: second });
		const options = lookUp(await order([], { twin: second, retryOf: killed }));
		for (let retry = 0; retry < 2; retry++) {
			await order([], { twin: second, options, retryOf: killed });
			expect(total()).toBe(6);
		}
	});

	test('killed in the second one: its orders are recognised', async () => {
		const ended = ['Start', 'StreamSkill', 'Success'];
		const killed = await kill(['a', 'b', 'c'], { at: 'answer', channel: pageOf('b'), ended }, { twin: second });
		expect(toldOfTwin(await order([], { twin: second, retryOf: killed }))).toContain('may have been bought');
	});

	test('one node, and a loop is put around it before the retry', async () => {
		refuse('x');
		const failed = await order(['a', 'x', 'c']);
		await order([], { wiring: loop(), retryOf: failed.data });
		expect(sold()).toEqual(onceEach(['a', 'x', 'c']));
	});
});
