/** What a person is told of a retry, where the workflow has changed since, done word by word. */
import { list, reads } from './causes.mts';
import { other } from './engine.mts';
import { onceEach, openShop, wordsOf, type Orders } from './shop.mts';
import { loop, sideBySide } from './wirings.mts';

const shop = openShop();
const { order, lose, refuse, kill, lookUp, finish, sent, sold } = shop;

const renamed = { node: { name: 'Buy' } };

/** A later node, which fails so often. */
const failing = (times: number) => () => {
	if (times-- > 0) throw new Error('The mail cannot be sent');
};

describe('a node that was renamed', () => {
	test('since it failed: n8n retries it under its old name only, as the documents say', async () => {
		refuse('b');
		const failed = await order(list);
		reads(failed, 'Retry with currently saved workflow');
		await expect(order([], { ...renamed, retryOf: failed.data })).rejects.toThrow('Could not find the node "StreamSkill" in workflow.');
		expect((await order([], { retryOf: failed.data })).error).toBeUndefined();
		expect(sold()).toEqual(onceEach(list));
	});

	test.each([true, false])(
		'since it was executed by hand: its reference is added, and it is executed again (bought: %s)',
		async (wasBought) => {
			lose('b', wasBought);
			const first = await order(list, { mode: 'manual' });
			reads(first, 'Then execute the workflow again today.');
			expect((await order(list, { ...renamed, mode: 'manual', options: lookUp(first) })).error).toBeUndefined();
			expect(sold()).toEqual(onceEach(list));
		},
	);

	test('since a crash: what may have been bought is settled by its reference', async () => {
		await finish(await kill(list, { at: 'answer', channel: 'b' }), renamed);
		expect(sold()).toEqual(onceEach(list));
	});

	test('since a later node failed in a loop: the next rounds go on', async () => {
		const rounds = loop();
		const setup: Orders = {
			wiring: {
				...rounds,
				nodes: { ...rounds.nodes, Check: other(failing(1)) },
				connections: { ...rounds.connections, StreamSkill: [['Check'], ['Failed']], Check: [['Loop']] },
			},
		};
		const failed = await order(list, setup);
		expect(sold()).toEqual({ a: 1 });
		expect((await order([], { ...setup, ...renamed, retryOf: failed.data })).error).toBeUndefined();
		expect(sold()).toEqual(onceEach(list));
	});
});

describe.each([true, false])('a node that was deleted and pasted again under the same name (bought: %s)', (wasBought) => {
	const pasted = { node: { id: 'streamskill-pasted' } };

	test('since it failed: its reference settles it, however often the execution is retried', async () => {
		lose('b', wasBought);
		const first = await order(list);
		reads(first, 'Retry with currently saved workflow');
		const options = lookUp(first);
		for (let times = 0; times < 2; times++) expect((await order([], { ...pasted, options, retryOf: first.data })).error).toBeUndefined();
		expect(sold()).toEqual(onceEach(list));
	});
});

describe('nothing in the list is recognised', () => {
	const FIRST = 'select the execution that failed first, of which this one is a retry';

	test('after a crash: what is meant to be another list is ordered in a new execution', async () => {
		const killed = await kill(list, { at: 'answer', channel: 'b' });
		const other: Orders = { before: () => [{ channel: 'x' }, { channel: 'y' }] };
		reads(
			await order([], { ...other, retryOf: killed }),
			'none of them is in the current list',
			'If the list is meant to be another one, look in your StreamSkill account for what this execution has bought, and order the other rows in a new execution.',
		);
		await order(['x', 'y', 'c']);
		expect(sold()).toEqual(onceEach([...list, 'x', 'y']));
	});

	test('after a crash: its retry has the mended workflow as its original one, so the crashed execution is to be retried', async () => {
		let stamp = 0;
		const before = () => list.map((channel) => ({ channel, read: ++stamp }));
		const killed = await kill([{}], { at: 'answer', channel: 'c' }, { before });
		const mended: Orders = { before, parameters: { tarifId: 2 } };
		const held = await order([], { ...mended, retryOf: killed });
		reads(held, FIRST, 'Retry with original workflow');
		expect(wordsOf(await order([], { ...mended, retryOf: held.data }))).toContain('none of them is in the current list');
		expect(sent()).toEqual(onceEach(list));
		await finish(killed, { before });
		expect(sold()).toEqual(onceEach(list));
	});
});

describe('a copy of the node in the same workflow', () => {
	const withCopy: Orders = { wiring: sideBySide, twin: { parameters: { tarifId: 1, channel: '={{ $json.channel }}' } } };

	test('that was made since the execution failed: the retry goes on without it', async () => {
		refuse('b');
		const failed = await order(list);
		reads(failed, 'what was bought is not bought again');
		expect((await order([], { ...withCopy, retryOf: failed.data })).error).toBeUndefined();
		expect(sold()).toEqual(onceEach(list));
	});

	test('that was made since a crash: it buys for itself, as the documents say', async () => {
		await finish(await kill(list, { at: 'settle', channel: 'c' }), withCopy);
		expect(sold()).toEqual({ a: 2, b: 2, c: 2 });
	});
});
