/** What people do, and what used to buy twice, to lose orders, or to ask somebody without need. */
import express from 'express';
import type { IDataObject } from 'n8n-workflow';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { ensureN8n } from '../../tools/n8n/install.mts';
import { run } from '../../tools/n8n/npm.mts';
import { outputItems, type WorkflowJson } from '../../tools/n8n/rest.mts';
import { callOf, chain, inLoop, ITEM, node, streamSkill, subWorkflow, webhookWorkflow } from '../../tools/n8n/workflows.mts';
import { bought, onceEach, sent } from '../../tools/sandbox/counts.mts';
import { nameOn, pageOf } from '../../tools/sandbox/purchase.mts';
import { faults } from '../../tools/sandbox/sandbox.mts';
import { until } from '../../tools/until.mts';
import { createActive, createCalled, errorOf, hintsOf, runWebhook, runWebhooks, startWebhooks } from './executions.mts';
import { followText } from './uncertain.mts';
import { startWorld, version, type World } from './world.mts';

let world: World;
/** Somebody's sheet, and its rows. */
let sheet: Server;
let rows: IDataObject[] = [];

beforeAll(async () => {
	world = await startWorld();
	sheet = express()
		.get('/', (_, res) => void res.json(rows))
		.listen(0, '127.0.0.1');
	await once(sheet, 'listening');
});
afterAll(async () => {
	await world?.close();
	sheet?.close();
});
beforeEach(() => world.sandbox.reset());

const readSheet = () =>
	node('Sheet', 'httpRequest', { url: `http://127.0.0.1:${(sheet.address() as AddressInfo).port}/`, options: {} }, { typeVersion: 4.2 });

const CHANNEL = '={{ $json.channel }}';

const channels = (list: string) => [...list].map((channel) => ({ channel }));

test.each([
	['a row more in front', 'xabcdef'],
	['another sequence', 'fedcba'],
])('a loop is killed in round 4, and its list is read anew with %s: all are bought once', async (_, list) => {
	rows = channels('abcdef');
	world.sandbox.fault({ match: { channel: 'd' }, fault: faults.hang() });
	const fromSheet = webhookWorkflow(`killed-loop-${list}`, streamSkill({ tarifId: 1, channel: CHANNEL }));
	fromSheet.nodes[1] = readSheet();
	const workflow = await createActive(world, inLoop(fromSheet, 1));
	const [id] = await startWebhooks(world, workflow, [[]]);
	await until(() => 'd' in bought(world.sandbox), 'Round 4');
	await world.crashAndRestart();
	world.sandbox.behave();
	expect(await world.n8n.rest.waitForExecution(id)).toMatchObject({ status: 'crashed' });

	rows = channels(list);
	const retried = await world.n8n.rest.retryExecution(id);
	expect(retried.status).toBe('error');
	expect(await followText(world, workflow, retried)).toMatchObject({ status: 'success' });
	expect(bought(world.sandbox)).toEqual(onceEach([...list]));
});

test('by hand: a refused row is corrected in its sheet, and the workflow executed again', async () => {
	const { rest } = world.n8n;
	rows = channels('abc').map((row) => ({ ...row, tarif: row.channel === 'b' ? 1000 : 1 }));
	const purchase = streamSkill({ tarifId: '={{ $json.tarif }}', channel: CHANNEL });
	const { id } = await world.create(chain('By hand', [node('Start', 'manualTrigger'), readSheet(), purchase]));
	const execute = async () => await rest.waitForExecution(await rest.runWorkflow(id));
	const failed = await execute();
	expect(errorOf(failed)).toMatchObject({
		message: 'Channel b, tarif 1000: Tarif ID: Tarif not found',
		description: expect.stringContaining(
			'Then execute the workflow again: each StreamSkill node leaves out what it has bought by hand today or yesterday, unless you change it.',
		) as string,
	});
	expect(bought(world.sandbox)).toEqual({ a: 1 });

	rows = channels('abc').map((row) => ({ ...row, tarif: 1 }));
	const corrected = await execute();
	expect(corrected.status).toBe('success');
	expect(hintsOf(corrected)).toContain('Left out: 1 bought by hand before, today or yesterday');
	expect(bought(world.sandbox)).toEqual(onceEach([...'abc']));

	// Once more buys what the option says.
	expect(await execute()).toMatchObject({ status: 'success' });
	expect(bought(world.sandbox)).toEqual(onceEach([...'abc']));
	await rest.updateWorkflow(id, {
		nodes: corrected.workflowData.nodes.map((one) =>
			one.name === 'StreamSkill' ? { ...one, parameters: { ...one.parameters, options: { repeatManualOrders: true } } } : one,
		),
	});
	expect(await execute()).toMatchObject({ status: 'success' });
	expect(bought(world.sandbox)).toEqual({ a: 2, b: 2, c: 2 });
});

test('by hand: Execute step pressed twice buys once', async () => {
	const { rest } = world.n8n;
	const { id } = await world.create(chain('Step', [node('Start', 'manualTrigger'), streamSkill({ tarifId: 1, channel: 'a' })]));
	for (let press = 0; press < 2; press++) {
		const execution = await rest.runWorkflow(id, { destinationNode: 'StreamSkill' });
		expect(await rest.waitForExecution(execution)).toMatchObject({ status: 'success' });
	}
	expect(bought(world.sandbox)).toEqual({ a: 1 });
});

test('by hand: of two nodes one after the other, the second is refused its order, and the workflow executed again', async () => {
	const { rest } = world.n8n;
	const first = streamSkill({ tarifId: 1, channel: 'viewers' });
	const second = streamSkill({ tarifId: 1, channel: 'chatbot' }, { name: 'Second' });
	const { id } = await world.create(chain('Two nodes', [node('Start', 'manualTrigger'), first, second]));
	world.sandbox.fault({ match: { channel: 'chatbot' }, times: 1, fault: faults.rejected(422) });
	const execute = async () => await rest.waitForExecution(await rest.runWorkflow(id));
	expect(await execute()).toMatchObject({ status: 'error' });
	for (let again = 0; again < 2; again++) expect(await execute()).toMatchObject({ status: 'success' });
	expect(bought(world.sandbox)).toEqual({ viewers: 1, chatbot: 1 });
});

const KEYED = { tarifId: 1, channel: `={{ ${ITEM} }}`, options: { idempotencyKey: `={{ ${ITEM} }}` } };

test.each([
	['the node', 'keyed-loop', () => streamSkill(KEYED)],
	['a sub-workflow', 'loop-of-calls', async () => callOf(await createCalled(world, subWorkflow('called-in-loop', streamSkill(KEYED))))],
])('a loop around %s with keys, whose second order was bought before, goes on to the end', async (_, name, inner) => {
	const workflow = await createActive(world, inLoop(webhookWorkflow(name, await inner()), 1));
	await runWebhook(world, workflow, ['b']);
	const execution = await runWebhook(world, workflow, [...'abcd']);
	expect(execution.status).toBe('success');
	expect(bought(world.sandbox)).toEqual(onceEach([...'abcd']));
	expect(outputItems(execution, 'After').map(({ json }) => json.leftOut ?? nameOn(json.channel))).toEqual([
		'a',
		{ tarif: { id: 1 }, channel: 'b' },
		'c',
		'd',
	]);
});

test('in a loop, a second node without a key orders nothing where the first one leaves out what its key has bought', async () => {
	const workflow = inLoop(webhookWorkflow('two-in-loop', streamSkill(KEYED)), 1);
	workflow.nodes.push(streamSkill({ tarifId: 2, channel: '={{ $json.channel + "-bot" }}' }, { name: 'Second' }));
	workflow.connections.Second = workflow.connections.StreamSkill;
	workflow.connections.StreamSkill = { main: [[{ node: 'Second', type: 'main', index: 0 }]] };
	const stored = await createActive(world, workflow);
	await runWebhook(world, stored, ['b']);
	expect((await runWebhook(world, stored, [...'abc'])).status).toBe('success');
	expect(bought(world.sandbox)).toEqual(onceEach([...'abc'].flatMap((channel) => [channel, pageOf(`${channel}-bot`)])));
});

const to = (name: string, index = 0) => ({ node: name, type: 'main' as const, index });

/** Both outputs of the node meet in a Merge node, as the README advises. */
function mergeOutputs(workflow: WorkflowJson, next?: string): WorkflowJson {
	workflow.nodes.push(node('Merge', 'merge', {}, { typeVersion: 3.2 }));
	workflow.connections.StreamSkill = { main: [[to('Merge')], [to('Merge', 1)]] };
	if (next) workflow.connections.Merge = { main: [[to(next)]] };
	return workflow;
}

const ofEachRow = () => streamSkill({ tarifId: 1, channel: `={{ ${ITEM} }}` }, { onError: 'continueErrorOutput' });
const told = (json: IDataObject) => nameOn(json.channel) ?? (json.details as IDataObject).outcome;

test('a loop of several orders a round, whose outputs meet in a Merge node, goes on after refusals, and ends once', async () => {
	world.sandbox.fault({ match: { channel: 'x' }, fault: faults.rejected(422) });
	const workflow = await createActive(world, mergeOutputs(inLoop(webhookWorkflow('merged-loop', ofEachRow()), 2), 'Loop'));
	const execution = await runWebhook(world, workflow, [...'axxxbc']);
	expect(execution.data.resultData.runData.After).toHaveLength(1);
	expect(outputItems(execution, 'After').map(({ json }) => told(json))).toEqual(['a', 'rejected', 'rejected', 'rejected', 'b', 'c']);
});

test.each([
	['one order is refused', 'axb', ['a', 'b', 'rejected']],
	['none', 'ab', ['a', 'b']],
	['each', 'xx', ['rejected', 'rejected']],
])('a sub-workflow that ends with a Merge node of both outputs hands back all (%s)', async (_, list, expected) => {
	world.sandbox.fault({ match: { channel: 'x' }, fault: faults.rejected(422) });
	const name = `merged-${list}`;
	const called = await createCalled(world, mergeOutputs(subWorkflow(`called-${name}`, ofEachRow())));
	const execution = await runWebhook(world, await createActive(world, webhookWorkflow(name, callOf(called))), [...list]);
	expect(outputItems(execution, 'Call').map(({ json }) => told(json))).toEqual(expected);
});

test('one webhook delivered six times at once, with a key, buys once and asks nobody', async () => {
	world.sandbox.fault({ fault: faults.latency(3000) });
	const workflow = await createActive(world, webhookWorkflow('six-times', streamSkill(KEYED)));
	const executions = await runWebhooks(world, workflow, Array<string[]>(6).fill(['order-7']));
	expect(executions.map(({ status }) => status)).toEqual(Array(6).fill('success'));
	expect(sent(world.sandbox)).toEqual({ 'order-7': 1 });
	expect(executions.filter((execution) => outputItems(execution, 'StreamSkill').length > 0)).toHaveLength(1);
});

test('the first key is known after 10,000 others of the same workflow', async () => {
	const workflow = await createActive(world, webhookWorkflow('many-keys', streamSkill(KEYED)));
	await runWebhook(world, workflow, ['first']);
	// The rows that the node has made for the first key, under other keys.
	const rows = `SELECT "workflowId", replace(context, ':key:', ':key:' || key || '-'), "createdAt", "updatedAt", value
		FROM processed_data, keys WHERE "workflowId" = '${workflow.id}' AND context LIKE '%:key:%'`;
	const keys = 'WITH RECURSIVE keys(key) AS (SELECT 1 UNION ALL SELECT key + 1 FROM keys WHERE key < 10000)';
	const columns = '"workflowId", context, "createdAt", "updatedAt", value';
	const made = await sql(`INSERT INTO processed_data (${columns}) ${keys} ${rows} RETURNING 1`);
	expect(made).toHaveLength(20_000);
	for (const key of ['last', 'first', 'last']) expect(await runWebhook(world, workflow, [key])).toMatchObject({ status: 'success' });
	expect(sent(world.sandbox)).toEqual({ first: 1, last: 1 });
});

/** Runs a statement in n8n's database, and gives its rows. It waits for n8n, which writes what an execution did after its end. */
async function sql(statement: string): Promise<object[]> {
	const { nodeBin } = await ensureN8n(version);
	const database = join(world.n8n.userFolder, '.n8n', 'database.sqlite');
	const code = `const { DatabaseSync } = require('node:sqlite');
		const [file, sql] = process.argv.slice(1);
		const database = new DatabaseSync(file);
		database.exec('PRAGMA busy_timeout = 60000');
		console.log(JSON.stringify(database.prepare(sql).all()));`;
	return JSON.parse(await run(nodeBin, ['-e', code, database, statement], { cwd: world.n8n.userFolder })) as object[];
}

// n8n 1.x starts it in another way.
(version.startsWith('1.') ? test.skip : test)(
	'by hand, with "Listen for test event": the second of two nodes is refused, n8n is killed in the next try, and that is retried',
	async () => {
		const { rest } = world.n8n;
		const hook = node('Webhook', 'webhook', { path: 'by-hand', httpMethod: 'POST' }, { typeVersion: 2, webhookId: 'by-hand' });
		const viewers = streamSkill({ tarifId: 1, channel: 'viewers' });
		const { id } = await world.create(
			chain('by hand', [hook, viewers, streamSkill({ tarifId: 1, channel: 'chatbot' }, { name: 'Second' })]),
		);
		const listen = async () => {
			const before = (await rest.executions(id)).length;
			await rest.request('POST', `/rest/workflows/${id}/run`, {
				workflowData: await rest.workflow(id),
				triggerToStartFrom: { name: 'Webhook' },
			});
			await fetch(`${world.n8n.url}/webhook-test/by-hand`, { method: 'POST' });
			const [execution] = await until(async () => {
				const all = await rest.executions(id);
				return all.length > before && all;
			}, 'The execution');
			return execution.id;
		};
		world.sandbox.fault({ match: { channel: 'chatbot' }, times: 1, fault: faults.rejected(422) });
		expect(await rest.waitForExecution(await listen())).toMatchObject({ status: 'error', mode: 'manual' });
		expect(bought(world.sandbox)).toEqual({ viewers: 1 });

		world.sandbox.fault({ match: { channel: 'chatbot' }, times: 1, fault: faults.hang() });
		const again = await listen();
		await until(() => 'chatbot' in bought(world.sandbox), 'The second order');
		await world.crashAndRestart();
		world.sandbox.behave();
		expect(await world.n8n.rest.waitForExecution(again)).toMatchObject({ status: 'crashed' });
		await world.n8n.rest.retryExecution(again);
		expect(bought(world.sandbox)).toEqual({ viewers: 1, chatbot: 1 });
	},
);
