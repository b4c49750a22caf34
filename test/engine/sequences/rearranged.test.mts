/** A workflow is changed between an execution that failed and its retry: the node stands elsewhere, has another name, or another ID. */
import { pageOf } from '../../../tools/sandbox/purchase.mts';
import { atNode } from '../crash.mts';
import { createExecution, other, type Wiring } from '../engine.mts';
import { onceEach, openShop, outcomes, wordsOf, type Orders } from '../shop.mts';
import { agentWithTool, branches, loop } from '../wirings.mts';

const { order, refuse, lose, sold } = openShop();

describe('the node stands elsewhere: what may be bought a second time is held back, and the advice tells how to go on', () => {
	const NOT_CLEAR = 'This execution has bought an equal order before, and it is not clear whether it was this one';

	test('a loop is put around it', async () => {
		refuse('b');
		const failed = await order(['a', 'b', 'c']);
		const retry = await order([], { wiring: loop(), retryOf: failed.data });
		expect(retry.run.status).toBe('error');
		expect(wordsOf(retry)).toContain(NOT_CLEAR);
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
		await order([], { retryOf: failed.data });
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
		// Nor is it forgotten when the original workflow goes on where the other one has ended.
		await order([], { retryOf: retry.data });
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	});

	const parameters = { channel: '={{ $("Start").item.json.channel }}' };

	test('a later node fails, and is put before it', async () => {
		let fails = 1;
		const nodes = {
			Sheet: other(() => {
				if (fails-- > 0) throw new Error('The sheet cannot be written');
			}),
		};
		const was: Wiring = { entry: 'StreamSkill', nodes, connections: { StreamSkill: [['Sheet']], Sheet: [['Success']] } };
		const is: Wiring = { entry: 'Sheet', nodes, connections: { Sheet: [['StreamSkill']], StreamSkill: [['Success']] } };
		const failed = await order(['a', 'b', 'c'], { wiring: was, parameters });
		const retry = await order([], { wiring: is, parameters, retryOf: failed.data, onError: 'continueErrorOutput' });
		expect(outcomes(retry)).toEqual(['notSent', 'notSent', 'notSent']);
		expect((await order([], { wiring: was, parameters, retryOf: failed.data })).run.status).toBe('success');
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	});

	test('two nodes change places', async () => {
		refuse('a-bot');
		const twin = { parameters: { tarifId: 2, channel: '={{ $("Start").item.json.channel + "-bot" }}' } };
		const was: Wiring = { entry: 'StreamSkill', connections: { StreamSkill: [['Twin']], Twin: [['Success']], Success: [] } };
		const is: Wiring = { entry: 'Twin', connections: { Twin: [['StreamSkill']], StreamSkill: [['Success']], Success: [] } };
		const failed = await order(['a'], { wiring: was, parameters, twin });
		await order([], { wiring: is, parameters, twin, retryOf: failed.data });
		expect(sold()).toEqual({ a: 1, 'a-bot': 1 });
	});

	test('two nodes in a loop change places', async () => {
		refuse('b');
		const twin = {
			parameters: { tarifId: 2, channel: '={{ $("Loop").item.json.channel + "-bot" }}' },
			onError: 'continueRegularOutput',
		} as const;
		const nodes = { parameters: { channel: '={{ $("Loop").item.json.channel }}' }, twin };
		const rounds = loop();
		const was: Wiring = {
			...rounds,
			connections: { Loop: [['Success'], ['Twin']], Twin: [['StreamSkill']], StreamSkill: [['Loop']], Success: [] },
		};
		const is: Wiring = {
			...rounds,
			connections: { Loop: [['Success'], ['StreamSkill']], StreamSkill: [['Twin']], Twin: [['Loop']], Success: [] },
		};
		const failed = await order(['a', 'b', 'c'], { wiring: was, ...nodes });
		expect(sold()).toEqual({ 'a-bot': 1, a: 1, 'b-bot': 1 });
		const retry = await order([], { wiring: is, ...nodes, retryOf: failed.data });
		expect(JSON.stringify(retry.data)).toContain(NOT_CLEAR);
		expect(sold()).toEqual(onceEach(['a', 'b', 'c', 'a-bot', 'b-bot', 'c-bot']));
	});

	test('it comes from behind a loop into the loop', async () => {
		refuse('c');
		const nodes = { ...loop().nodes, Wait: other() };
		const was: Wiring = {
			entry: 'Loop',
			nodes,
			connections: { Loop: [['StreamSkill'], ['Wait']], Wait: [['Loop']], StreamSkill: [['Loop']] },
		};
		const is: Wiring = { ...was, connections: { Loop: [['Success'], ['StreamSkill']], StreamSkill: [['Wait']], Wait: [['Loop']] } };
		const failed = await order(['a', 'b', 'c'], { wiring: was });
		expect(sold()).toEqual({ a: 1, b: 1 });
		await order([], { wiring: is, retryOf: failed.data });
		expect(Math.max(...Object.values(sold()))).toBe(1);
	});

	test('a loop is put around the agent that it is a tool of', async () => {
		const model = { orders: () => [{ channel: 'a' }], breaksOff: 0 };
		const tool = { node: { tool: true } };
		const failed = await order(['first'], { ...tool, wiring: agentWithTool(model) });
		expect(sold()).toEqual({ a: 1 });
		const retry = await order([], { ...tool, wiring: agentWithTool(model, true), retryOf: failed.data });
		expect(wordsOf(retry)).toContain(NOT_CLEAR);
		expect(sold()).toEqual({ a: 1 });
	});

	test('but a loop goes on in which a node was added, and an order that was refused in it is tried again', async () => {
		refuse('b');
		const rounds = loop({ errorsToo: true });
		const failed = await order(['a', 'b', 'b', 'c'], { wiring: rounds });
		const more: Wiring = {
			...rounds,
			nodes: { ...rounds.nodes, Added: other(() => {}) },
			connections: { ...rounds.connections, Start: [['Added']], Added: [[rounds.entry]] },
		};
		const retry = await order([], { wiring: more, retryOf: failed.data, onError: 'continueErrorOutput' });
		expect(sold()).toEqual({ a: 1, b: 1, c: 1 });
		expect(outcomes(retry)).toEqual(['notSent']);
	});
});

const named = (name: string, size = 1): Wiring => ({
	entry: name,
	nodes: { [name]: loop({ size }).nodes!.Loop },
	nodeIds: { [name]: 'loop-1' },
	connections: { [name]: [['Success'], ['StreamSkill']], StreamSkill: [[name], ['Failed']] },
});

test.each([1, 2])('"Loop Over Items" is renamed before the retry, so that n8n begins it anew (batch size %s)', async (size) => {
	refuse('b');
	const failed = await order(['a', 'b', 'c', 'd'], { wiring: named('Loop Over Items', size) });
	const retry = await order([], { wiring: named('Rows', size), retryOf: failed.data });
	expect(Math.max(...Object.values(sold()))).toBe(1);
	expect([retry.run.status, Object.keys(sold()).length]).not.toEqual(['success', 2]);
});

test('the node that failed later, and one in front, exchange their names', async () => {
	let fails = 1;
	const write = other(() => {
		if (fails-- > 0) throw new Error('The sheet cannot be written');
	});
	const way = (read: string, written: string): Wiring => ({
		entry: read,
		nodes: { [read]: read === 'Sheet' ? other() : write, [written]: written === 'Sheet1' ? write : other() },
		nodeIds: { [read]: 'read', [written]: 'write' },
		connections: { [read]: [['StreamSkill']], StreamSkill: [[written]], [written]: [['Success']] },
	});
	const failed = await order(['a', 'b'], { wiring: way('Sheet', 'Sheet1') });
	await order([], { wiring: way('Sheet1', 'Sheet'), retryOf: failed.data });
	expect(sold()).toEqual({ a: 1, b: 1 });
});

describe('nothing was ordered when the execution failed, and what is ordered in its retry comes to the node again', () => {
	const check = () => {
		let fails = 1;
		return other(() => {
			if (fails-- > 0) throw new Error('The sheet cannot be read');
		});
	};
	const looped = (Check: ReturnType<typeof other>, name: string): Wiring => ({
		entry: name,
		nodes: { Check, [name]: loop().nodes!.Loop },
		nodeIds: { [name]: 'loop-1' },
		connections: { [name]: [['Success'], ['Check']], Check: [['StreamSkill']], StreamSkill: [[name]] },
	});

	test('a loop is put around both', async () => {
		const Check = check();
		const plain: Wiring = { entry: 'Check', nodes: { Check }, connections: { Check: [['StreamSkill']], StreamSkill: [['Success']] } };
		const failed = await order(['a', 'b', 'c'], { wiring: plain });
		expect([failed.run.status, sold()]).toEqual(['error', {}]);
		await order([], { wiring: looped(Check, 'Loop Over Items'), retryOf: failed.data });
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	});

	test('the loop around both is renamed', async () => {
		const Check = check();
		const failed = await order(['a', 'b', 'c'], { wiring: looped(Check, 'Loop Over Items') });
		await order([], { wiring: looped(Check, 'Rows'), retryOf: failed.data });
		expect(sold().a ?? 0).toBeLessThan(2);
	});

	test('n8n was killed at the node, and saves the progress; a loop is put around it', async () => {
		const rows = ['a', 'b', 'c'];
		const created = createExecution(rows.map((channel) => ({ channel })));
		const killed = atNode(created);
		await order([], { wiring: loop(), retryOf: killed });
		expect(sold()).toEqual(onceEach(rows));
	});
});

test('pasted: retried with the saved workflow, which fails later; then the first execution with the original workflow', async () => {
	refuse('b');
	const failed = await order(['a', 'b', 'c']);
	refuse('c');
	const saved = await order([], { retryOf: failed.data, node: { id: 'pasted' } });
	expect([saved.run.status, sold()]).toEqual(['error', { a: 1, b: 1 }]);
	await order([], { retryOf: failed.data });
	expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
});

describe.each([
	['under its own name', {}],
	['renamed', { node: { name: 'Buy' } }],
])('a later node fails, the retry goes on %s', (_, more) => {
	/** A loop in which a later node fails once. */
	const failingLoop = (size: number): Wiring => {
		let fails = 1;
		const check = other(() => {
			if (fails-- > 0) throw new Error('The mail cannot be sent');
		});
		const rounds = loop({ size });
		return {
			...rounds,
			nodes: { ...rounds.nodes, Check: check },
			connections: { ...rounds.connections, StreamSkill: [['Check'], ['Failed']], Check: [['Loop']] },
		};
	};

	test('with the next rounds of a loop, which order the same', async () => {
		const wiring = failingLoop(1);
		const failed = await order(
			[1, 2, 3].map((visit) => ({ channel: 'a', visit })),
			{ wiring },
		);
		expect(sold()).toEqual({ a: 1 });
		const retry = await order([], { wiring, ...more, retryOf: failed.data });
		expect(retry.run.status).toBe('success');
		expect(sold()).toEqual({ a: 3 });
	});

	test('with the next round, after one in which an order was refused', async () => {
		refuse('x');
		const setup: Orders = { wiring: failingLoop(2), onError: 'continueErrorOutput' };
		const failed = await order(['a', 'x', 'a', 'b'], setup);
		await order([], { ...setup, ...more, retryOf: failed.data });
		expect(sold()).toEqual({ a: 2, b: 1 });
	});

	test('with a second branch, which orders the same', async () => {
		let fails = 1;
		const wiring = branches(
			(items) => items,
			(items) => {
				if (fails-- > 0) throw new Error('No');
				return items.map((item) => ({ ...item, second: true }));
			},
		);
		const failed = await order(['a'], { wiring });
		expect(sold()).toEqual({ a: 1 });
		await order([], { wiring, ...more, retryOf: failed.data });
		expect(sold()).toEqual({ a: 2 });
	});
});

test.each([
	['under its own name', {}],
	['while the original is kept under another name', { twin: { id: 'streamskill-1', more: { disabled: true } } }],
])('a copy has the name of the node, %s: what it has sent is not sent again', async (_, more) => {
	const wiring: Wiring = { entry: 'StreamSkill', connections: { StreamSkill: [['Success'], ['Failed']], Success: [] } };
	refuse('b');
	const failed = await order(['a', 'b'], { wiring });
	await order([], { wiring, node: { id: 'copy' }, ...more, retryOf: failed.data });
	expect(sold()).toEqual({ a: 1, b: 1 });
});

test('two nodes exchange their names: what may be bought a second time is held back', async () => {
	refuse('a-bot');
	const bot = { parameters: { tarifId: 2, channel: '={{ $json.channel + "-bot" }}' } };
	const wiring: Wiring = {
		entry: 'Split',
		nodes: { Split: other() },
		connections: { Split: [['StreamSkill', 'Twin']], StreamSkill: [[]], Twin: [[]], Success: [] },
	};
	const failed = await order(['a'], { wiring, twin: bot });
	const retry = await order([], {
		wiring,
		node: { id: 'streamskill-2', ...bot },
		twin: { id: 'streamskill-1', parameters: { tarifId: 1, channel: '={{ $json.channel }}' } },
		retryOf: failed.data,
	});
	expect(retry.run.status).toBe('error');
	expect(sold()).toEqual({ a: 1 });
	await order([], { wiring, twin: bot, retryOf: failed.data });
	expect(sold()).toEqual({ a: 1, 'a-bot': 1 });
});

const checked = (at: number[], size = 1): Wiring => {
	const rounds = loop({ size });
	let runs = 0;
	const Check = other(() => {
		if (at.includes(runs++)) throw new Error('The mail cannot be sent');
	});
	return {
		...rounds,
		nodes: { ...rounds.nodes, Check },
		connections: { Loop: [['Success'], ['StreamSkill']], StreamSkill: [['Check'], ['Check']], Check: [['Loop']] },
	};
};

test('renamed for one retry, deleted and pasted under its new name for the next', async () => {
	const wiring = checked([0], 2);
	const failed = await order(['a', 'x', 'b', 'c', 'd'], { wiring });
	refuse('c');
	const renamed = await order([], { wiring, node: { name: 'Buy' }, retryOf: failed.data });
	expect([renamed.run.status, sold()]).toEqual(['error', { a: 1, x: 1, b: 1 }]);
	await order([], { wiring, node: { name: 'Buy', id: 'pasted' }, retryOf: renamed.data });
	expect(sold()).toEqual(onceEach(['a', 'x', 'b', 'c', 'd']));
});

const twice = [...'abcd', 'b'].map((channel, row) => ({ channel, row }));

test('pasted for one retry, renamed for the next: an uncertain order is not sent again', async () => {
	lose('b', true);
	const setup: Orders = { wiring: checked([1, 3]), onError: 'continueErrorOutput' };
	const failed = await order(twice, setup);
	const pasted = await order([], { ...setup, node: { id: 'pasted' }, retryOf: failed.data });
	expect(pasted.run.status).toBe('error');
	await order([], { ...setup, node: { id: 'pasted', name: 'Buy' }, retryOf: pasted.data });
	expect(sold().b).toBe(1);
});

describe('a node goes on where another one was, whose name it has by now: what that one has placed is held back', () => {
	test('a script gives two nodes the same ID, and the advice is followed word by word', async () => {
		const wiring: Wiring = { entry: 'StreamSkill', connections: { StreamSkill: [['Twin']], Twin: [['Success']], Success: [] } };
		const twin = { parameters: { tarifId: 2, channel: '={{ $("Start").item.json.channel + "-bot" }}' } };
		refuse('b-bot');
		const failed = await order(['a', 'b', 'c'], { wiring, twin });
		expect([failed.run.status, sold()]).toEqual(['error', { a: 1, b: 1, c: 1, 'a-bot': 1 }]);
		const same = await order([], { wiring, twin: { ...twin, id: 'streamskill-1' }, retryOf: failed.data });
		expect(wordsOf(same)).toContain('In the editor, duplicate StreamSkill, connect the duplicate in its place, delete the original');
		// The duplicate has an ID of its own, and gets the name of the original; Twin keeps the ID that it has.
		const setup: Orders = { wiring, node: { id: 'duplicate' }, twin: { ...twin, id: 'streamskill-1' } };
		await order([], { ...setup, retryOf: failed.data });
		expect(Math.max(...Object.values(sold()))).toBe(1);
		await order([], { wiring, twin, retryOf: failed.data });
		expect(sold()).toEqual(onceEach(['a', 'b', 'c', 'a-bot', 'b-bot', 'c-bot']));
	});

	test('of two nodes in a loop, the first is deleted, and the second gets its name, its fields and its place', async () => {
		const rounds = loop({ size: 2 });
		const bots = { parameters: { tarifId: 2, channel: '={{ $json.channel + "-bot" }}' } };
		const both: Wiring = {
			...rounds,
			connections: { Loop: [['Success'], ['StreamSkill']], StreamSkill: [['Twin']], Twin: [['Loop']], Success: [] },
		};
		refuse('d');
		const failed = await order(['a', 'b', 'c', 'd'], { wiring: both, twin: bots });
		expect(sold()).toEqual(onceEach(['a', 'b', 'c', pageOf('a-bot'), pageOf('b-bot')]));
		await order([], { wiring: rounds, node: { id: 'streamskill-2' }, retryOf: failed.data });
		expect(sold().c).toBe(1);
	});
});
