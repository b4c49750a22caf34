import express from 'express';
import type { IDataObject, INode, INodeParameters } from 'n8n-workflow';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { outputItems, type StoredExecution, type WorkflowJson } from '../../tools/n8n/rest.mts';
import { callOf, chain, inLoop, ITEM, node, streamSkill, subWorkflow, webhookWorkflow } from '../../tools/n8n/workflows.mts';
import { bought, onceEach, sent } from '../../tools/sandbox/counts.mts';
import { nameOn, pageOf } from '../../tools/sandbox/purchase.mts';
import { faults, type Fault, type Purchase } from '../../tools/sandbox/sandbox.mts';
import { until } from '../../tools/until.mts';
import { createActive, createCalled, errorOf, hintsOf, runWebhook, saveParameters } from './executions.mts';
import { startWorld, version, type World } from './world.mts';

let world: World;

beforeAll(async () => {
	// The most that n8n can be made to log must not show the token either.
	world = await startWorld({ env: { N8N_LOG_LEVEL: 'debug' } });
});
afterAll(async () => await world?.close());
beforeEach(() => world.sandbox.reset());

const isV1 = version.startsWith('1.');

const TEN = [...'abcdefghij'];

const ABC = ['a', 'b', 'c'];

const to = (name: string) => ({ main: [[{ node: name, type: 'main' as const, index: 0 }]] });

const threeTries: Partial<INode> = { retryOnFail: true, maxTries: 3, waitBetweenTries: 1 };

/** The node under test: an order per item, for the channel that the item names. */
const buy = (rest: Partial<INode> = {}, parameters: INodeParameters = {}) =>
	streamSkill({ tarifId: 1, channel: `={{ ${ITEM} }}`, ...parameters }, rest);

let workflows = 0;

/** A webhook workflow under a name of its own. */
const create = async (purchase: INode, change: (workflow: WorkflowJson) => WorkflowJson = (same) => same) =>
	await createActive(world, change(webhookWorkflow(`retries-${++workflows}`, purchase)));

const retry = async ({ id }: StoredExecution, loadWorkflow = false) => await world.n8n.rest.retryExecution(id, { loadWorkflow });

const refuse = (channel: string, times = Infinity) =>
	world.sandbox.fault({ match: { channel }, times, fault: faults.rejected(422, { errors: { channel: ['No such channel'] } }) });

/** The purchases that a stored execution hands over: in its error, or in the node's output. */
const handedOver = (execution: StoredExecution) =>
	execution.status === 'error'
		? (errorOf(execution)!.context.purchases as Array<{ item: number; purchase: Purchase }>)
		: outputItems(execution, 'StreamSkill')
				.filter(({ json }) => json.id)
				.map(({ json, pairedItem }) => ({ item: (pairedItem as { item: number }).item, purchase: json as unknown as Purchase }));

/** What `handedOver` has to be: everything the sandbox made and answered for these items. */
const purchasesFor = (items: string[], lost: string[] = []) =>
	items.flatMap((channel, item) => {
		const made = world.sandbox.purchases.find(({ order }) => order.channel === channel);
		return made && !lost.includes(channel) ? [{ item, purchase: made.purchase }] : [];
	});

describe('Retry On Fail', () => {
	test.each<[string, INode['onError'], string, string[], Record<string, number>]>([
		['stops at the refused item', 'stopWorkflow', 'b', ['a'], { a: 1, b: 3 }],
		['goes on after the refused item', 'continueRegularOutput', 'a', ['b', 'c'], { a: 3, b: 1, c: 1 }],
	])('%s, and tries only that again', async (_, onError, refused, expected, requests) => {
		const items = ['a', 'b', 'c'];
		refuse(refused);
		const execution = await runWebhook(world, await create(buy({ ...threeTries, onError })), items);

		expect(bought(world.sandbox)).toEqual(onceEach(expected));
		expect(sent(world.sandbox)).toEqual(requests);
		expect(handedOver(execution)).toEqual(purchasesFor(items));
	});

	const losses: Array<[string, Fault]> = [
		['500', faults.serverErrorAfter()],
		['hang', faults.hang()],
		['reset', faults.reset()],
	];
	const places: Array<[INode['onError'], string, string[]]> = [
		['stopWorkflow', 'f', TEN.slice(0, 6)],
		['stopWorkflow', 'a', ['a']],
		['continueRegularOutput', 'a', TEN],
		['continueErrorOutput', 'a', TEN],
		['continueErrorOutput', 'f', TEN],
	];
	test.each(losses.flatMap(([name, fault]) => places.map((place) => [name, ...place, fault] as const)))(
		'an answer lost after the purchase: %s, %s, at %s',
		async (_, onError, lost, expected, fault) => {
			world.sandbox.fault({ match: { channel: lost }, fault });
			const purchase = buy({ ...threeTries, onError }, { options: { timeout: 3000 } });
			const execution = await runWebhook(world, await create(purchase), TEN);

			expect(execution.status).toBe(onError === 'stopWorkflow' ? 'error' : 'success');
			expect(sent(world.sandbox)).toEqual(onceEach(expected));
			expect(bought(world.sandbox)).toEqual(onceEach(expected));
			expect(handedOver(execution)).toEqual(purchasesFor(TEN, [lost]));
			if (onError === 'continueErrorOutput') {
				expect(outputItems(execution, 'After')).toHaveLength(9);
				expect(outputItems(execution, 'StreamSkill', { output: 1 })).toMatchObject([
					{ json: { details: { outcome: 'unknown' } }, pairedItem: { item: TEN.indexOf(lost) } },
				]);
			}
		},
	);

	test('an error workflow receives the purchases', async () => {
		const handler = await createCalled(world, chain('Handler', [node('Error Trigger', 'errorTrigger'), node('Handled', 'noOp')]));
		refuse('f');
		const workflow = await create(buy(threeTries), (made) => ({
			...made,
			settings: { ...made.settings, errorWorkflow: handler.id },
		}));
		await runWebhook(world, workflow, TEN);

		const [{ id }] = await until(async () => {
			const handled = await world.n8n.rest.executions(handler.id);
			return handled.length > 0 && handled;
		}, 'The error workflow');
		const [{ json }] = outputItems(await world.n8n.rest.waitForExecution(id), 'Handled');
		const { error } = json.execution as { error: { context: IDataObject } };
		expect(error.context.purchases).toEqual(purchasesFor(TEN));
		expect(error.context.purchases).toHaveLength(5);
	});
});

describe('Retry execution', () => {
	const cases: Array<[string, boolean]> = [
		['the original workflow', false],
		['the saved workflow', true],
	];

	test.each(cases)('with %s, the fault gone, continues', async (_, loadWorkflow) => {
		refuse('e', 1);
		const failed = await runWebhook(world, await create(buy()), TEN);
		expect(bought(world.sandbox)).toEqual(onceEach(TEN.slice(0, 4)));

		const retried = await retry(failed, loadWorkflow);
		expect(retried.status).toBe('success');
		expect(bought(world.sandbox)).toEqual(onceEach(TEN));
		expect(handedOver(retried)).toEqual(purchasesFor(TEN));
		expect(outputItems(retried, 'After')).toHaveLength(10);
	});

	test('with a mended parameter, continues', async () => {
		const workflow = await create(buy({}, { tarifId: `={{ ${ITEM} === 'e' ? 1000 : 1 }}` }));
		const failed = await runWebhook(world, workflow, TEN);
		expect(errorOf(failed)).toMatchObject({ message: 'Channel e, tarif 1000: Tarif ID: Tarif not found' });

		await saveParameters(world, workflow, { tarifId: 1 });
		const original = await retry(failed);
		expect(original.status).toBe('error');
		expect(handedOver(original)).toEqual(purchasesFor(TEN));
		expect(bought(world.sandbox)).toEqual(onceEach(TEN.slice(0, 4)));

		const mended = await retry(original, true);
		expect(mended.status).toBe('success');
		expect(bought(world.sandbox)).toEqual(onceEach(TEN));
		expect(handedOver(mended)).toEqual(purchasesFor(TEN));
	});

	test.each<[string, string[]]>([
		['after purchases', ['e', 'h']],
		['before any purchase', ['a', 'd']],
	])('of an execution that was retried before buys nothing twice (it failed %s)', async (_, refused) => {
		for (const channel of refused) refuse(channel, 1);
		const failed = await runWebhook(world, await create(buy()), TEN);
		// The editor offers Retry for both of them, as long as no retry was successful.
		expect((await retry(failed)).status).toBe('error');
		await retry(failed);
		expect(twice()).toEqual({});
	});

	test.each(cases)('with %s, clicked twice at once, buys nothing twice', async (_, loadWorkflow) => {
		refuse('e', 1);
		world.sandbox.fault({ fault: faults.latency(50) });
		const failed = await runWebhook(world, await create(buy()), TEN);
		const retries = await Promise.all([retry(failed, loadWorkflow), retry(failed, loadWorkflow)]);
		expect(twice()).toEqual({});
		// Whoever goes on with one of them has it all in the end.
		for (const { id, status } of retries) if (status === 'error') await retry({ id } as StoredExecution);
		expect(bought(world.sandbox)).toEqual(onceEach(TEN));
	});

	// n8n 1.x has nothing that stays the same from an execution that failed so early to each of its retries.
	(isV1 ? test.skip : test)(
		'of an execution that failed before the node, and whose retry failed after it, buys nothing twice',
		async () => {
			/** Reads the list anew each time, with another time stamp in its rows; then something fails that comes after. */
			const down = new Set(['/list', '/report']);
			const app = express().use(({ path }, res) => {
				if (down.delete(path)) res.status(500).end();
				else res.json(TEN.map((channel) => ({ channel, at: performance.now() })));
			});
			const server = app.listen(0, '127.0.0.1');
			try {
				await once(server, 'listening');
				const get = (name: string, path: string) =>
					node(
						name,
						'httpRequest',
						{ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, options: {} },
						{ typeVersion: 4.2 },
					);
				const workflow = await create(buy({}, { channel: '={{ $json.channel }}' }), ({ name, nodes: [webhook, , purchase] }) =>
					chain(name, [webhook, get('List', '/list'), purchase, get('Report', '/report')]),
				);
				const failed = await runWebhook(world, workflow, []);
				expect([failed.status, world.sandbox.requests.length]).toEqual(['error', 0]);

				const first = await retry(failed);
				expect([first.status, bought(world.sandbox)]).toEqual(['error', onceEach(TEN)]);

				const second = await retry(failed);
				expect([second.status, bought(world.sandbox)]).toEqual(['success', onceEach(TEN)]);
				expect(hintsOf(second)).toContain('10 bought before, in an earlier try of this execution');
			} finally {
				server.close();
			}
		},
	);

	const twice = () => Object.fromEntries(Object.entries(bought(world.sandbox)).filter(([, count]) => count > 1));
});

describe('in a loop, a sub-workflow, twice in a workflow', () => {
	const SIX = TEN.slice(0, 6);

	const loop = (workflow: WorkflowJson) => inLoop(workflow, 2);

	test('a loop goes on after a refused item', async () => {
		refuse('c');
		const workflow = await create(buy({ ...threeTries, onError: 'continueRegularOutput' }), loop);
		const execution = await runWebhook(world, workflow, SIX);
		expect(execution.status).toBe('success');
		expect(bought(world.sandbox)).toEqual(onceEach([...'abdef']));
		expect(sent(world.sandbox)).toEqual({ ...onceEach(SIX), c: 3 });
		expect(outputItems(execution, 'After').map(({ json }) => nameOn(json.channel))).toEqual(['a', 'b', undefined, 'd', 'e', 'f']);
	});

	test('a loop that failed is continued', async () => {
		refuse('d', 3);
		const failed = await runWebhook(world, await create(buy(threeTries), loop), SIX);
		expect(failed.status).toBe('error');
		expect(bought(world.sandbox)).toEqual(onceEach([...'abc']));

		const retried = await retry(failed);
		expect(retried.status).toBe('success');
		expect(bought(world.sandbox)).toEqual(onceEach(SIX));
		expect(outputItems(retried, 'After').map(({ json }) => nameOn(json.channel))).toEqual(SIX);
	});

	/** A workflow that calls another one, in which the purchases are made. */
	async function createParent(purchase: INode, caller: Partial<INode> = {}) {
		const child = await createCalled(world, subWorkflow(`child-${workflows}`, purchase));
		return { child, parent: await create(callOf(child, caller)) };
	}

	test('a sub-workflow', async () => {
		refuse('b', 2);
		const { child, parent } = await createParent(buy(threeTries));
		const execution = await runWebhook(world, parent, SIX);
		expect(execution.status).toBe('success');
		expect(bought(world.sandbox)).toEqual(onceEach(SIX));
		expect(sent(world.sandbox)).toEqual({ ...onceEach(SIX), b: 3 });
		expect(outputItems(execution, 'After')).toHaveLength(6);
		expect(await world.n8n.rest.executions(child.id)).toHaveLength(1);
	});

	test('a sub-workflow that is called again buys nothing twice with an Idempotency Key', async () => {
		refuse('d', 4);
		const { parent } = await createParent(buy({}, { options: { idempotencyKey: `={{ ${ITEM} }}` } }), threeTries);
		const failed = await runWebhook(world, parent, SIX);
		expect(failed.status).toBe('error');
		expect(bought(world.sandbox)).toEqual(onceEach([...'abc']));
		await retry(failed);
		await retry(failed);
		expect(bought(world.sandbox)).toEqual(onceEach(SIX));
	});

	test('twice in one workflow, each node buys its own', async () => {
		const items = ['a', 'b', 'c'];
		// The second node orders tarif 2; its b is refused in all of its tries.
		world.sandbox.fault({ match: { channel: pageOf('b'), tarifId: 2 }, times: 3, fault: faults.rejected(403) });
		const workflow = await create(buy({ name: 'StreamSkill 1' }), ({ name, nodes, settings }) =>
			chain(
				name,
				[
					...nodes.slice(0, 3),
					buy({ ...threeTries, name: 'StreamSkill 2' }, { tarifId: 2, channel: '={{ $json.channel }}' }),
					...nodes.slice(3),
				],
				settings,
			),
		);
		const orders = () => world.sandbox.purchases.map(({ order }) => order.tarif.id + nameOn(order.channel)!);
		const failed = await runWebhook(world, workflow, items);
		expect(failed.status).toBe('error');
		expect(orders()).toEqual(['1a', '1b', '1c', '2a']);

		const retried = await retry(failed);
		expect(retried.status).toBe('success');
		expect(orders()).toEqual(['1a', '1b', '1c', '2a', '2b', '2c']);
		expect(outputItems(retried, 'After').map(({ json }) => json.tarif)).toEqual([2, 2, 2]);
	});
});

describe('what n8n stores', () => {
	/** How many purchases the ledger holds. */
	const inLedger = ({ data }: StoredExecution) => JSON.stringify(data.executionData?.contextData ?? {}).split('"purchase":{').length - 1;

	test('each purchase once, and none in the ledger, unless the run failed', async () => {
		const items = Array.from({ length: 20 }, (_, i) => `channel-${i}`);
		const workflow = await create(buy());
		const execution = await runWebhook(world, workflow, items);
		expect(handedOver(execution)).toEqual(purchasesFor(items));
		const stored = JSON.stringify(execution.data.resultData.runData.StreamSkill);
		for (const item of items) expect(stored.split(`"${pageOf(item)}"`)).toHaveLength(2);
		expect(inLedger(execution)).toBe(0);

		refuse('channel-19', 1);
		const failed = await runWebhook(world, workflow, items);
		expect(inLedger(failed)).toBe(19);
		expect(inLedger(await retry(failed))).toBe(0);
	});

	test('the token nowhere', async () => {
		const outcomes: Fault[] = [
			faults.rejected(401),
			faults.rejected(422),
			faults.redirect('http://127.0.0.1:9/'),
			faults.serverErrorAfter(),
			faults.reset(),
			faults.html(),
			faults.hang(),
		];
		const ids: string[] = [];
		for (const onError of ['stopWorkflow', 'continueErrorOutput'] as const) {
			const workflow = await create(buy({ onError }, { options: { timeout: 1000, idempotencyKey: `={{ ${ITEM} }}` } }));
			for (const [i, fault] of outcomes.entries()) {
				world.sandbox.fault({ match: { channel: `leak-${i}` }, fault });
				ids.push((await runWebhook(world, workflow, ['ok', `leak-${i}`])).id);
			}
			const dryRun = await create(buy({ onError }, { options: { dryRun: true } }));
			ids.push((await runWebhook(world, dryRun, ['dry'])).id);
		}
		expect(world.sandbox.requests.at(-1)!.headers.authorization).toBe(`Bearer ${world.sandbox.token}`);

		const folder = join(world.n8n.userFolder, '.n8n');
		const databases = (await readdir(folder)).filter((name) => name.startsWith('database.sqlite')).map((name) => join(folder, name));
		expect(databases).not.toEqual([]);
		for (const file of [world.n8n.logFile, ...databases]) {
			expect([file, (await readFile(file)).includes(world.sandbox.token)]).toEqual([file, false]);
		}
		for (const id of ids) {
			const raw = JSON.stringify(await world.n8n.rest.request('GET', `/rest/executions/${id}`));
			expect(raw).toContain('StreamSkill');
			expect(raw).not.toContain(world.sandbox.token);
		}
	});
});

describe('the workflow is changed before the retry', () => {
	test('a loop is put around the node: what it has bought is held back, and the original workflow settles it', async () => {
		refuse('b', 1);
		// After the retry, what comes out of the node goes through the loop.
		const workflow = await create(buy({}, { channel: `={{ ${ITEM} ?? $json.channel }}` }));
		const failed = await runWebhook(world, workflow, ABC);
		expect(bought(world.sandbox)).toEqual({ a: 1 });
		const { nodes, connections } = inLoop(workflow, 1);
		await world.n8n.rest.updateWorkflow(workflow.id, { nodes, connections });
		const retried = await retry(failed, true);
		expect(retried.status).toBe('error');
		expect(errorOf(retried)!.message).toContain(
			'This execution has bought an equal order before, and it is not clear whether it was this one',
		);
		expect(errorOf(retried)!.description).toContain('Retry with original workflow');
		expect(bought(world.sandbox)).toEqual(onceEach(ABC));
		expect((await retry(failed)).status).toBe('success');
		expect(bought(world.sandbox)).toEqual(onceEach(ABC));
	});

	test('the node is renamed after a later one failed in a loop: each round buys its own', async () => {
		const workflow = await create(buy(), (made) => {
			const { nodes, connections } = inLoop(made, 1);
			const check = node('Check', 'stopAndError', { errorMessage: 'Not yet' });
			return { ...made, nodes: [...nodes, check], connections: { ...connections, StreamSkill: to('Check'), Check: to('Loop') } };
		});
		const failed = await runWebhook(world, workflow, ['a', 'a', 'b']);
		expect(bought(world.sandbox)).toEqual({ a: 1 });
		const { StreamSkill: purchase, ...connections } = workflow.connections;
		const [items, atLoop] = [connections.Items, connections.Loop];
		await world.n8n.rest.updateWorkflow(workflow.id, {
			nodes: workflow.nodes.map((one) => {
				if (one.name === 'Check') return { ...node('Check', 'noOp'), id: one.id };
				return one.name === 'StreamSkill' ? { ...one, name: 'Buy' } : one;
			}),
			connections: { ...connections, Items: items, Loop: { main: [atLoop.main[0], to('Buy').main[0]] }, Buy: purchase },
		});
		expect((await retry(failed, true)).status).toBe('success');
		expect(bought(world.sandbox)).toEqual({ a: 2, b: 1 });
	});

	test('the loop is renamed, so that n8n begins it anew: what it brings once more is held back', async () => {
		refuse('b', 1);
		const workflow = await create(buy({}, { channel: `={{ ${ITEM} ?? $json.channel }}` }), (made) => inLoop(made, 1));
		const failed = await runWebhook(world, workflow, ABC);
		expect(bought(world.sandbox)).toEqual({ a: 1 });
		const { Loop: atLoop, ...connections } = workflow.connections;
		await world.n8n.rest.updateWorkflow(workflow.id, {
			nodes: workflow.nodes.map((one) => (one.name === 'Loop' ? { ...one, name: 'Rows' } : one)),
			connections: { ...connections, Items: to('Rows'), StreamSkill: to('Rows'), Rows: atLoop },
		});
		const retried = await retry(failed, true);
		expect(errorOf(retried)!.message).toContain('it is not clear whether it was this one');
		expect(bought(world.sandbox)).toEqual({ a: 1, b: 1 });
		expect((await retry(failed)).status).toBe('success');
		expect(bought(world.sandbox)).toEqual(onceEach(ABC));
	});

	test('the node is pasted, the saved workflow fails later, and the original one is retried', async () => {
		refuse('b', 1);
		const workflow = await create(buy());
		const failed = await runWebhook(world, workflow, ABC);
		await world.n8n.rest.updateWorkflow(workflow.id, {
			nodes: workflow.nodes.map((one) => (one.name === 'StreamSkill' ? { ...one, id: 'pasted-since' } : one)),
		});
		refuse('c', 1);
		expect((await retry(failed, true)).status).toBe('error');
		expect(bought(world.sandbox)).toEqual({ a: 1, b: 1 });
		expect((await retry(failed)).status).toBe('success');
		expect(bought(world.sandbox)).toEqual(onceEach(ABC));
	});
});

describe('three nodes in a row', () => {
	/** A node that orders for the item's channel with this ending. */
	const buyFor = (name: string, ending: string) =>
		streamSkill({ tarifId: 1, channel: `={{ $('Rows').item.json['body.items'] }}-${ending}` }, { name });

	const inRow = (made: WorkflowJson): WorkflowJson => {
		const [webhook, items, first, after] = made.nodes;
		const nodes = [webhook, items, node('Rows', 'noOp'), first, buyFor('Second', '2'), buyFor('Third', '3'), after];
		return { ...made, ...chain(made.name, nodes, made.settings) };
	};

	const inRowInLoop = (made: WorkflowJson): WorkflowJson => {
		const { nodes, connections } = inRow(made);
		const loop = node('Loop', 'splitInBatches', { batchSize: 1 }, { typeVersion: 3 });
		return {
			...made,
			nodes: [...nodes, loop],
			connections: {
				...connections,
				Items: to('Loop'),
				Loop: { main: [to('After').main[0], to('Rows').main[0]] },
				Third: to('Loop'),
			},
		};
	};

	const all = onceEach(ABC.flatMap((channel) => [channel, `${channel}-2`, `${channel}-3`]));

	describe.each([
		['one after the other', inRow],
		['in a loop', inRowInLoop],
	])('%s', (_, change) => {
		test.each(['b', 'b-2', 'b-3'])('an order of one of them (%s) is refused: the retry buys what is left', async (refused) => {
			refuse(refused, 1);
			const failed = await runWebhook(world, await create(buy(), change), ABC);
			expect(failed.status).toBe('error');
			const retried = await retry(failed);
			expect(retried.status).toBe('success');
			expect(bought(world.sandbox)).toEqual(all);
			expect(outputItems(retried, 'After')).toHaveLength(3);
		});
	});
});
