// npm run soak [-- --executions N]: orders for a long time, with n8n in queue mode, while everything goes wrong
// that can: the API at random, and a worker that is killed every minute. Then it counts.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { giveUp } from '../tools/giveUp.mts';
import { ensureN8n } from '../tools/n8n/install.mts';
import { packNode } from '../tools/n8n/pack.mts';
import type { Postgres } from '../tools/n8n/postgres.mts';
import { startQueue } from '../tools/n8n/queue.mts';
import { NoAnswer, RestError, type N8nRest, type StoredWorkflow } from '../tools/n8n/rest.mts';
import { startN8n } from '../tools/n8n/server.mts';
import { chooseCredential, credentialFor, inLoop, ITEM, streamSkill, webhookWorkflow } from '../tools/n8n/workflows.mts';
import { startSandbox } from '../tools/sandbox/sandbox.mts';
import { until } from '../tools/until.mts';
import { storedExecutions } from './executions.mts';
import { faultOf, PLAIN, planOf, type Plan } from './plan.mts';
import { Gathering } from './verdict.mts';
import { startWorkers } from './workers.mts';

const { values } = parseArgs({ options: { executions: { type: 'string', default: '20000' } } });
const executions = Number(values.executions);

const ENV = {
	// n8n deletes all but 10,000 executions otherwise.
	EXECUTIONS_DATA_PRUNE: 'false',
	// It gives up on a dead worker after seconds, not after half a minute.
	QUEUE_WORKER_STALLED_INTERVAL: '2000',
	QUEUE_WORKER_LOCK_DURATION: '10000',
	QUEUE_WORKER_LOCK_RENEW_TIME: '2000',
};

/** How many executions may be open at a time, and how many webhooks are called at a time. */
const [MOST_OPEN, CALLERS] = [60, 10];

/** How many orders go out in a round of the loop: 1 to 5 orders take one to three rounds. */
const PER_ROUND = 2;

const ROUNDS_OF_RETRIES = 3;

/** Of a worker's memory. */
const MOST_GROWTH = 1.25;

const log = (line: string) => console.log(`${new Date().toISOString().slice(11, 19)} ${line}`);

/** Creates the workflows that the plans name; returns the one without keys. */
async function createWorkflows(rest: N8nRest, credential: Parameters<typeof chooseCredential>[1], plans: Plan[]): Promise<StoredWorkflow> {
	const create = async (name: string, ...[parameters, settings]: Parameters<typeof streamSkill>) => {
		const purchase = streamSkill({ tarifId: 1, channel: `={{ ${ITEM} }}`, ...parameters }, settings);
		const workflow = inLoop(webhookWorkflow(name, purchase), PER_ROUND);
		chooseCredential(workflow, credential);
		const stored = await rest.createWorkflow(workflow);
		await rest.activate(stored.id);
		return stored;
	};
	const options = { timeout: 10_000 };
	const keys = { idempotencyKey: `={{ ${ITEM} }}`, batching: { batch: { batchSize: PER_ROUND, batchInterval: 0 } } };
	for (const name of new Set(plans.filter(({ isKeyed }) => isKeyed).map(({ workflow }) => workflow))) {
		await create(name, { options: { ...options, ...keys } }, { onError: 'continueRegularOutput' });
	}
	return await create(PLAIN, { options });
}

const openCount = async (queue: Postgres) =>
	Number((await queue.query("SELECT count(*) FROM execution_entity WHERE status IN ('new', 'running', 'waiting')"))[0][0]);

/** Does something for each of a list, several at a time, but not faster than n8n gets on; waits for the end of it all. */
async function forEach<T>(queue: Postgres, list: T[], what: string, act: (one: T) => Promise<unknown>) {
	const hasRoom = async () => (await openCount(queue)) < MOST_OPEN;
	const rest = list.values();
	let done = 0;
	let room: Promise<unknown> = Promise.resolve();
	const go = async () => {
		for (const one of rest) {
			await act(one);
			if (++done % 50 === 0) room = until(hasRoom, 'Room for more executions', { timeout: 600_000, interval: 200 });
			if (done % 1000 === 0) log(`${done} of ${list.length} ${what}`);
			await room;
		}
	};
	await Promise.all(Array.from({ length: CALLERS }, go));
	await until(async () => (await openCount(queue)) === 0, 'The end of all executions', { timeout: 600_000, interval: 1000 });
}

async function start(rest: N8nRest, { workflow, channels }: Plan) {
	// n8n may be too busy for a moment; nothing has started then.
	await until(async () => (await rest.callWebhook(workflow, { items: channels })).status === 200, 'The webhook');
}

/** Retries failed executions of a workflow as they were: the first ones, or the latest retries of them, or both at once. */
async function retryFailed(queue: Postgres, rest: N8nRest, { id: workflowId }: StoredWorkflow, round: number) {
	const rows = await queue.query(
		`SELECT id, COALESCE("retryOf", ''), status FROM execution_entity WHERE "workflowId" = '${workflowId}' ORDER BY id`,
	);
	const first = new Map<string, string>();
	const latest = new Map<string, { id: string; status: string }>();
	for (const [id, retryOf, status] of rows) {
		const root = retryOf ? first.get(retryOf)! : id;
		first.set(id, root);
		if (latest.get(root)?.status !== 'success') latest.set(root, { id, status });
	}
	const failed = [...latest].filter(([, { status }]) => status !== 'success');
	const retry = async (id: string) => {
		try {
			await rest.request('POST', `/rest/executions/${id}/retry`, { loadWorkflow: false });
		} catch (error) {
			// n8n does not take what died while it waited in the queue, and may miss the end of what it has taken.
			if (!(error instanceof RestError || error instanceof NoAnswer)) throw error;
		}
	};
	await forEach(queue, failed, 'retries', async ([root, { id }]) => {
		const ids = round === 0 ? [root] : round === 1 ? [id] : [root, id];
		await Promise.all([...new Set(ids)].map(retry));
	});
	return failed.length;
}

/** Mean memory in MB in the second and in the last quarter of the run; in the first, n8n warms up. */
function inQuarters(memory: number[]) {
	const mean = (from: number, to: number) => {
		const part = memory.slice(Math.floor(memory.length * from), Math.ceil(memory.length * to));
		return Math.round(part.reduce((sum, mb) => sum + mb, 0) / part.length);
	};
	return { second: mean(0.25, 0.5), last: mean(0.75, 1) };
}

async function soak(dir: string, started: Array<{ close(): Promise<void> }>): Promise<boolean> {
	const packageTarball = await packNode(dir);
	const queue = await startQueue();
	started.push(queue);
	const sandbox = await startSandbox();
	started.push(sandbox);
	const env = { ...queue.env, ...ENV };
	const n8n = await startN8n({ userFolder: join(dir, 'main'), packageTarball, env, log });
	started.push({ close: n8n.stop });
	const { rest } = n8n;
	await rest.setupOwner();
	const plans = Array.from({ length: executions }, (_, index) => planOf(index));
	const plain = await createWorkflows(rest, await rest.createCredential(credentialFor(sandbox)), plans);
	const workers = await startWorkers(dir, packageTarball, env);
	started.push(workers);

	for (const channel of plans.flatMap(({ channels }) => channels)) {
		const fault = faultOf(channel);
		if (fault) sandbox.fault({ match: { channel }, times: 1, fault });
	}
	const begun = Date.now();
	await forEach(queue, plans, 'executions', async (plan) => await start(rest, plan));
	const minutes = (Date.now() - begun) / 60_000;
	log(`${executions} executions in ${minutes.toFixed(1)} minutes, with ${workers.kills} kills`);

	for (let round = 0; round < ROUNDS_OF_RETRIES; round++) {
		log(`Retried ${await retryFailed(queue, rest, plain, round)} executions`);
	}
	await workers.spare();
	// Whoever uses keys runs all of it anew, and so learns what became of each order.
	const keyed = plans.filter(({ isKeyed }) => isKeyed);
	await forEach(queue, keyed, 'executions with keys, run anew', async (plan) => await start(rest, plan));

	log('Reading what n8n has stored …');
	const gathering = new Gathering();
	for await (const execution of storedExecutions(queue)) gathering.add(execution);
	const { figures, complaints } = gathering.judge(executions, (index) => (planOf(index).isKeyed ? 2 : 1), sandbox, await workers.logs());
	const { second, last } = inQuarters(workers.memory);
	if (last > MOST_GROWTH * second) complaints['memory grew'] = [`${second} MB in the second quarter, ${last} MB in the last`];

	console.table({
		...figures,
		kills: workers.kills,
		'executions per second': Number((executions / minutes / 60).toFixed(1)),
		'memory in the second quarter (MB)': second,
		'memory in the last quarter (MB)': last,
	});
	for (const [what, channels] of Object.entries(complaints)) {
		console.error(`${channels.length} × ${what}: ${channels.slice(0, 10).join(', ')}`);
	}
	return Object.keys(complaints).length === 0;
}

await ensureN8n().catch(giveUp);
const dir = await mkdtemp(join(tmpdir(), 'streamskill-soak-'));
const started: Array<{ close(): Promise<void> }> = [];
try {
	const isWell = await soak(dir, started);
	console.log(isWell ? '\nNo order was bought twice, and none was lost.' : '\nThis must not be.');
	process.exitCode = isWell ? 0 : 1;
} finally {
	for (const one of started.reverse()) await one.close();
	await rm(dir, { recursive: true, force: true });
}
