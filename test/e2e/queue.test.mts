import type { INodeParameters } from 'n8n-workflow';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Postgres } from '../../tools/n8n/postgres.mts';
import { startQueue } from '../../tools/n8n/queue.mts';
import { outputItems, type StoredWorkflow } from '../../tools/n8n/rest.mts';
import { startWorker, type N8nProcess } from '../../tools/n8n/server.mts';
import { ITEM, streamSkill, webhookWorkflow } from '../../tools/n8n/workflows.mts';
import { bought, onceEach, sent } from '../../tools/sandbox/counts.mts';
import { faults } from '../../tools/sandbox/sandbox.mts';
import { until } from '../../tools/until.mts';
import { createActive, startWebhooks } from './executions.mts';
import { confirm, followText, uncertainIn } from './uncertain.mts';
import { packageTarball, startWorld, version, type World } from './world.mts';

let queue: Postgres;
let world: World;
let workers: N8nProcess[] = [];
let folder: string;

/** How many executions a worker takes at a time. */
const CONCURRENCY = 5;

/** n8n gives up on a dead worker after half a minute at the earliest; here after seconds. */
const SOON = { QUEUE_WORKER_STALLED_INTERVAL: '2000', QUEUE_WORKER_LOCK_DURATION: '4000', QUEUE_WORKER_LOCK_RENEW_TIME: '1000' };

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), 'streamskill-workers-'));
	queue = await startQueue();
	world = await startWorld({ env: queue.env });
	await startWorkers(['first', 'second']);
});
afterAll(async () => {
	await Promise.all(workers.map(async (worker) => await worker.stop()));
	await world?.close();
	await queue?.close();
	await rm(folder, { recursive: true, force: true });
});
beforeEach(() => world.sandbox.reset());

/** Each has its own folder with the package in it, as in a container of its own. */
async function startWorkers(names: string[], env: Record<string, string> = {}) {
	const start = async (name: string) =>
		await startWorker({
			version,
			userFolder: join(folder, name),
			packageTarball,
			concurrency: CONCURRENCY,
			env: { ...queue.env, ...SOON, ...env },
		});
	workers = await Promise.all(names.map(start));
}

/** Calls the webhook once per list of items, `parallel` calls at a time, and waits for all executions to end. */
async function runAll(workflow: StoredWorkflow, calls: string[][], parallel = 20) {
	const ended = (await executions(workflow)).ended + calls.length;
	await callAll(workflow, calls, parallel);
	await until(async () => (await executions(workflow)).ended === ended, `The end of ${calls.length} executions`, { timeout: 120_000 });
}

async function callAll({ name }: StoredWorkflow, calls: string[][], parallel = 20) {
	const rest = calls.values();
	// On a busy machine n8n may say that it has lost its database for a moment; nothing has started then.
	const isTaken = async (items: string[]) => (await world.n8n.rest.callWebhook(name, { items })).status === 200;
	await Promise.all(
		Array.from({ length: parallel }, async () => {
			for (const items of rest) await until(async () => await isTaken(items), 'The webhook');
		}),
	);
}

/** How many executions of a workflow have ended, and how each did. */
async function executions({ id }: StoredWorkflow) {
	const rows = await queue.query(`SELECT status, count(*) FROM execution_entity WHERE "workflowId" = '${id}' GROUP BY status`);
	const counts = Object.fromEntries(rows.map(([status, count]) => [status, Number(count)]));
	const { new: waiting = 0, running = 0, ...rest } = counts;
	return { ended: Object.values(rest).reduce((sum, count) => sum + count, 0), open: waiting + running, ...counts };
}

const order = { tarifId: 1, channel: `={{ ${ITEM} }}` };

const KEYED = { idempotencyKey: `={{ ${ITEM} }}` };

/** A workflow with Idempotency Keys, in which other items go on when one is uncertain. */
const keyed = (name: string, options: INodeParameters) =>
	webhookWorkflow(name, streamSkill({ ...order, options }, { onError: 'continueErrorOutput' }));

const series = (prefix: string, length: number) => Array.from({ length }, (_, i) => `${prefix}-${i}`);

test('two workers share 80 executions, and buy each order once', async () => {
	const workflow = await createActive(world, webhookWorkflow('shared', streamSkill(order)));
	const channels = series('shared', 80);
	await runAll(
		workflow,
		channels.map((channel) => [channel]),
	);

	expect(bought(world.sandbox)).toEqual(onceEach(channels));
	const traces = await Promise.all(workers.map(tracesOf));
	expect(traces.flat().sort()).toEqual(world.sandbox.purchases.map(({ purchase }) => String(purchase.id)).sort());
	for (const trace of traces) expect(trace.length).toBeGreaterThan(8);
});

/** The IDs of the purchases that a worker logged. */
async function tracesOf({ logFile }: N8nProcess) {
	return [...(await readFile(logFile, 'utf8')).matchAll(/StreamSkill purchase (\d+) was made/g)].map(([, id]) => id);
}

test.each([1, 5])('one key, two workers, the same moment (%d items per batch)', async (batchSize) => {
	const options = { ...KEYED, batching: { batch: { batchSize, batchInterval: 0 } } };
	const workflow = await createActive(world, keyed(`rivals${batchSize}`, options));
	const orders = series('rival', 15).map((name) => series(name, 5));
	// Each list twice in a row, and two calls at a time: one for each worker.
	await runAll(
		workflow,
		orders.flatMap((items) => [items, items]),
		2,
	);
	expect(bought(world.sandbox)).toEqual(onceEach(orders.flat()));
});

test('ten executions at once on the same keys, in two workers: each is bought once, and nobody is asked', async () => {
	world.sandbox.fault({ fault: faults.latency(200) });
	const workflow = await createActive(world, keyed('ten', KEYED));
	const channels = series('ten', 10);
	await runAll(workflow, Array<string[]>(10).fill(channels));
	expect(sent(world.sandbox)).toEqual(onceEach(channels));
	expect(await executions(workflow)).toMatchObject({ success: 10 });
	expect(await uncertainKeys(workflow)).toEqual([]);
});

test('many keys at the same moment: none is forgotten', async () => {
	const workflow = await createActive(world, keyed('crowd', KEYED));
	const channels = series('crowd', 30);
	const calls = channels.map((channel) => [channel]);
	await runAll(workflow, calls);
	await runAll(workflow, calls);
	expect(bought(world.sandbox)).toEqual(onceEach(channels));
	// All of them are known as bought.
	expect(await uncertainKeys(workflow)).toEqual([]);
});

/** Orders 5 items each in executions of both workers, and kills one worker with `kill -9` in the middle of its own. */
async function killWorkerAmid(...workflows: StoredWorkflow[]) {
	// In one after the other, so that some are bought and some are not when the worker dies.
	world.sandbox.fault({ fault: faults.latency(1000) });
	const [dying, ...others] = workers;
	const before = (await tracesOf(dying)).length;
	const ordered = workflows.map(({ name }) => series(name, 12).map((call) => series(call, 5)));
	await Promise.all(workflows.map(async (workflow, i) => await callAll(workflow, ordered[i])));
	const inFlight = () => world.sandbox.requests.filter(({ status }) => status === undefined).length;
	await until(async () => (await tracesOf(dying)).length > before, 'A purchase of the worker to be killed');
	// More than the other worker can have.
	await until(() => inFlight() > CONCURRENCY, 'Orders on their way from both workers');
	await dying.kill();
	workers = others;
	for (const workflow of workflows) {
		// n8n 2.x takes half a minute to find out.
		await until(async () => (await executions(workflow)).open === 0, 'The end of all executions', { timeout: 120_000 });
	}
	return ordered;
}

/**
 * n8n 1.x hands the executions of a dead worker to another one, which runs them from the start under the same ID; 2.x
 * fails them, and runs nothing when they are retried.
 */
const repeats = version.startsWith('1.');

test('a worker killed in the middle: nothing is bought twice, with keys or without', async () => {
	const keys = await createActive(world, keyed('killed', KEYED));
	const plain = await createActive(world, webhookWorkflow('plain', streamSkill(order)));
	const [calls, plainCalls] = await killWorkerAmid(keys, plain);
	expect(Math.max(...Object.values(sent(world.sandbox)))).toBe(1);
	expect(await executions(repeats ? plain : keys)).toMatchObject({
		error: expect.any(Number) as number,
		success: expect.any(Number) as number,
	});

	// Whoever runs all of it again gets the rest, and is told what is uncertain.
	world.sandbox.behave();
	await runAll(keys, calls);
	expect(Math.max(...Object.values(bought(world.sandbox)))).toBe(1);
	const missing = calls.flat().filter((channel) => !bought(world.sandbox)[channel]);
	const uncertain = await uncertainKeys(keys);
	expect(uncertain).toEqual(expect.arrayContaining(missing));
	expect(uncertain.length).toBeGreaterThan(0);

	if (!repeats) return;
	for (const id of await failedOf(plain)) await followText(world, plain, await world.n8n.rest.execution(id));
	expect(bought(world.sandbox)).toMatchObject(onceEach(plainCalls.flat()));
	expect(Math.max(...Object.values(bought(world.sandbox)))).toBe(1);
});

/** The executions of a workflow that failed. */
const failedOf = async ({ id }: StoredWorkflow) =>
	(await queue.query(`SELECT id FROM execution_entity WHERE "workflowId" = '${id}' AND status = 'error'`)).flat();

/** The keys that executions of a workflow reported as uncertain. */
async function uncertainKeys({ id }: StoredWorkflow) {
	const ids = await queue.query(`SELECT id FROM execution_entity WHERE "workflowId" = '${id}' AND status = 'success'`);
	const stored = await Promise.all(ids.map(async ([execution]) => await world.n8n.rest.execution(execution)));
	const errors = stored.flatMap((execution) => outputItems(execution, 'StreamSkill', { output: 1 }));
	return errors.flatMap(({ json }) => {
		const { outcome, idempotencyKey } = json.details as { outcome: string; idempotencyKey: string };
		return outcome === 'unknown' ? idempotencyKey : [];
	});
}

test('all workers and the main killed in the middle: every retry buys only what is certainly not bought', async () => {
	const workflow = await createActive(world, webhookWorkflow('blackout', streamSkill(order)));
	const lists = series('blackout', 4).map((name) => series(name, 10));
	// Each comes to its sixth order, and no further, however slow the machine is.
	world.sandbox.fault({ match: { channel: /^blackout-[02]-5$/ }, fault: faults.hang() });
	world.sandbox.fault({ match: { channel: /^blackout-[13]-5$/ }, fault: faults.hang(false) });
	const ids = await startWebhooks(world, workflow, lists);
	await until(() => lists.every(([, , , , , sixth]) => sixth in sent(world.sandbox)), 'The sixth order of each');
	await Promise.all(workers.map(async (worker) => await worker.kill()));
	await world.crashAndRestart();
	world.sandbox.behave();
	await startWorkers(['third', 'fourth']);

	const { rest } = world.n8n;
	for (const id of ids) {
		// n8n 1.x runs it again by itself; 2.x lets it be, and the editor offers to retry it.
		const retries = await Promise.all(repeats ? [rest.waitForExecution(id)] : [rest.retryExecution(id), rest.retryExecution(id)]);
		for (const retried of retries) {
			expect(retried.status).toBe('error');
			expect(uncertainIn(retried)).toContainEqual({
				channel: expect.stringMatching(/-5$/) as string,
				reference: expect.any(String) as string,
			});
		}
		await confirm(world, workflow, retries[0]);
		// Both workers at the same moment.
		const both = await Promise.all([
			rest.retryExecution(retries[0].id, { loadWorkflow: true }),
			rest.retryExecution(id, { loadWorkflow: true }),
		]);
		for (const retried of both) await followText(world, workflow, retried);
	}
	expect(bought(world.sandbox)).toEqual(onceEach(lists.flat()));
});

test('a failed execution retried twice at the same moment, by two workers, buys nothing twice', async () => {
	const workflow = await createActive(world, webhookWorkflow('rush', streamSkill(order)));
	const channels = series('rush', 20);
	world.sandbox.fault({ fault: faults.latency(30) });
	world.sandbox.fault({ match: { channel: channels[5] }, times: 1, fault: faults.rejected(403) });
	const [id] = await startWebhooks(world, workflow, [channels]);
	const { rest } = world.n8n;
	expect(await rest.waitForExecution(id)).toMatchObject({ status: 'error' });
	const retries = await Promise.all([rest.retryExecution(id), rest.retryExecution(id), rest.retryExecution(id)]);
	expect(Math.max(...Object.values(bought(world.sandbox)))).toBe(1);
	for (const retried of retries) if (retried.status === 'error') await rest.retryExecution(retried.id);
	expect(bought(world.sandbox)).toEqual(onceEach(channels));
});

test('executions that are retried while they still run, by two workers, buy nothing twice, and say what they leave', async () => {
	const workflow = await createActive(world, webhookWorkflow('beside', streamSkill(order, { onError: 'continueErrorOutput' })));
	const lists = series('beside', 3).map((name) => series(name, 80));
	world.sandbox.fault({ fault: faults.latency(50) });
	const ids = await startWebhooks(world, workflow, lists);
	await until(() => lists.every(([first]) => first in sent(world.sandbox)), 'The first order of each');
	const { rest } = world.n8n;
	const tries = await Promise.all(ids.flatMap((id) => [rest.retryExecution(id), rest.waitForExecution(id)]));
	const failed = tries.flatMap((execution) => outputItems(execution, 'StreamSkill', { output: 1 }));
	const told = failed.map(({ json }) => (json.details as { order: { channel: string } }).order.channel);
	expect(Math.max(...Object.values(bought(world.sandbox)))).toBe(1);
	expect(new Set([...told, ...Object.keys(bought(world.sandbox))])).toEqual(new Set(lists.flat()));
});

test('a worker that is told to stop first ends what it has begun', async () => {
	const workflow = await createActive(world, webhookWorkflow('stopped', streamSkill(order)));
	const calls = series('stopped', 2 * CONCURRENCY).map((call) => series(call, 3));
	world.sandbox.fault({ fault: faults.latency(500) });
	const before = (await tracesOf(workers[0])).length;
	const ending = runAll(workflow, calls);
	await until(async () => (await tracesOf(workers[0])).length > before, 'A purchase of the worker to be stopped');
	await workers[0].stop();
	await ending;
	expect(await executions(workflow)).toMatchObject({ success: calls.length });
	expect(bought(world.sandbox)).toEqual(onceEach(calls.flat()));
});
