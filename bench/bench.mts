// npm run bench [-- --rounds N] [sections …]: see SECTIONS. Prints a table per section and writes bench.json.
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';

import { DEFAULT_N8N } from '../tools/n8n/install.mts';
import { npm } from '../tools/n8n/npm.mts';
import { packNode } from '../tools/n8n/pack.mts';
import type { Credential, StoredWorkflow } from '../tools/n8n/rest.mts';
import { startN8n, type N8nServer } from '../tools/n8n/server.mts';
import { chain, credentialFor, node } from '../tools/n8n/workflows.mts';
import { startSandbox, type Sandbox } from '../tools/sandbox/sandbox.mts';
import { until } from '../tools/until.mts';
import {
	declarative, floor, httpRequest, packBenchNodes, streamSkill, withKey, withoutLedger, type Contender,
} from './contenders.mts';
import { cpuSeconds, peakMemory, resetPeakMemory } from './process.mts';

/** What one run of one contender came to. */
interface Sample {
	/** Milliseconds that n8n counts for the node; for several executions, until the last one ended. */
	nodeMs: number;
	cpuMs: number;
	/** Most memory that n8n held, in MB. */
	peakMb: number;
	/** Of stored execution data, per item. */
	bytesPerItem: number;
	orders: number;
	maxInFlight: number;
}

const SECTIONS = ['sizes', 'latency', 'executions', 'ledger', 'keys', 'loading'] as const;

const { values, positionals } = parseArgs({
	options: { rounds: { type: 'string', default: '5' }, out: { type: 'string', default: 'artifacts/bench.json' } },
	allowPositionals: true,
});
const rounds = Number(values.rounds);
for (const name of positionals) {
	if (!SECTIONS.some((section) => section === name)) throw new Error(`"${name}" is none of ${SECTIONS.join(', ')}`);
}
const wanted = (section: (typeof SECTIONS)[number]) => positionals.length === 0 || positionals.includes(section);

const dir = await mkdtemp(join(tmpdir(), 'streamskill-bench-'));
const report: Record<string, unknown> = { n8n: DEFAULT_N8N, node: process.version, cores: cpus().length, rounds };
let sandbox: Sandbox;
let n8n: N8nServer;
let credential: Credential;
let workflows = 0;

interface Load {
	items: number;
	batchSize?: number;
	/** Milliseconds that the sandbox waits before each answer. */
	latency?: number;
	executions?: number;
	/** Idempotency Keys that the node has stored before. */
	history?: number;
}

/** Lets the contenders place the same orders by turns, and prints the first one's ratio to each. */
async function compare(title: string, contenders: Contender[], load: Load) {
	console.log(`\n${title}`);
	const prepared = await Promise.all(contenders.map(async (contender) => await prepare(contender, load)));
	const samples = contenders.map((): Sample[] => []);
	// Long runs warm up by themselves.
	const warmUps = load.items * (load.latency ?? 1) < 10_000 ? 1 : 0;
	for (let round = -warmUps; round < rounds; round++) {
		for (const [i, workflow] of prepared.entries()) {
			const sample = await measure(workflow, load);
			if (round >= 0) samples[i].push(sample);
		}
	}
	for (const workflow of prepared) await n8n.rest.deactivate(workflow.id);

	const rows = contenders.map(({ name }, i) => ({ name, ...summary(samples[i], samples[0]) }));
	report[title] = { rows, samples: Object.fromEntries(contenders.map(({ name }, i) => [name, samples[i]])) };
	await writeReport();
	console.table(Object.fromEntries(rows.map(({ name, ...row }) => [name, row])));
}

async function prepare(contender: Contender, { batchSize = 1, history = 0 }: Load): Promise<StoredWorkflow> {
	const path = `bench-${++workflows}`;
	const bench = { ...node('Bench', 'noOp'), ...contender.node(batchSize), id: path };
	bench.credentials = { streamSkillApi: { id: credential.id, name: credential.name } };
	const workflow = await n8n.rest.createWorkflow(
		chain(path, [
			node('Webhook', 'webhook', { path, httpMethod: 'POST' }, { typeVersion: 2, webhookId: path }),
			node('Items', 'splitOut', { fieldToSplitOut: 'body.items' }),
			bench,
		]),
	);
	await n8n.rest.activate(workflow.id);
	if (contender === withKey && history > 0) {
		// All keys in one batch are one call to n8n's store.
		const filler = { ...bench, ...contender.node(-1) };
		await n8n.rest.updateWorkflow(workflow.id, { nodes: workflow.nodes.map((n) => (n.name === 'Bench' ? filler : n)) });
		await n8n.rest.activate(workflow.id);
		for (let done = 0; done < history; done += 1000) await execute(workflow, items(1000, `history-${done}`));
		await n8n.rest.updateWorkflow(workflow.id, { nodes: workflow.nodes });
		await n8n.rest.activate(workflow.id);
	}
	return workflow;
}

const items = (count: number, prefix = 'channel') => Array.from({ length: count }, (_, i) => `${prefix}-${i}`);

/** Starts an execution and waits for its end. */
async function execute(workflow: StoredWorkflow, channels: string[]) {
	const { rest } = n8n;
	const [last] = await rest.executions(workflow.id);
	await rest.callWebhook(workflow.name, { items: channels });
	const { id } = await until(
		async () => (await rest.executions(workflow.id)).find(({ id: started }) => started !== last?.id && Number(started) > Number(last?.id ?? 0)),
		'The execution',
	);
	await rest.waitForExecution(id, { timeout: 1_800_000, interval: 200 });
	return id;
}

async function measure(workflow: StoredWorkflow, load: Load): Promise<Sample> {
	const { rest, pid } = n8n;
	sandbox.reset();
	const ordersExpected = load.items * (load.executions ?? 1);
	if (load.latency) sandbox.fault({ fault: { kind: 'latency', ms: load.latency } });
	await resetPeakMemory(pid);
	const cpu = await cpuSeconds(pid);

	let nodeMs: number;
	let bytes = 0;
	if (load.executions) {
		const start = performance.now();
		for (let i = 0; i < load.executions; i++) await rest.callWebhook(workflow.name, { items: [`channel-${i}`] });
		await until(() => sandbox.purchases.length === ordersExpected, 'The last order', { timeout: 120_000 });
		nodeMs = performance.now() - start;
	} else {
		const id = await execute(workflow, items(load.items));
		const { data } = await rest.execution(id);
		if (data.resultData.error) throw data.resultData.error;
		nodeMs = data.resultData.runData.Bench[0].executionTime;
		bytes = (await rest.request<{ data: string }>('GET', `/rest/executions/${id}`)).data.length;
	}
	if (sandbox.purchases.length !== ordersExpected) {
		throw new Error(`${workflow.name} bought ${sandbox.purchases.length} of ${ordersExpected}`);
	}
	return {
		nodeMs,
		cpuMs: (await cpuSeconds(pid) - cpu) * 1000,
		peakMb: await peakMemory(pid),
		bytesPerItem: Math.round(bytes / ordersExpected),
		orders: sandbox.purchases.length,
		maxInFlight: sandbox.maxInFlight,
	};
}

const median = (numbers: number[]) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** `ratio` is the first contender's node time divided by this one's, within each round. */
function summary(samples: Sample[], first: Sample[]) {
	const of = (pick: (sample: Sample) => number) => median(samples.map(pick));
	const ratios = samples.map(({ nodeMs }, i) => first[i].nodeMs / nodeMs);
	return {
		nodeMs: Math.round(of(({ nodeMs }) => nodeMs)),
		ratio: Number(median(ratios).toFixed(2)),
		spread: `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`,
		cpuMs: Math.round(of(({ cpuMs }) => cpuMs)),
		peakMb: Math.round(of(({ peakMb }) => peakMb)),
		bytesPerItem: of(({ bytesPerItem }) => bytesPerItem),
		orders: of(({ orders }) => orders),
		maxInFlight: of(({ maxInFlight }) => maxInFlight),
	};
}

/** What the package weighs, and how long it takes to load next to the declarative node. */
async function loading(tarball: string, nodesDir: string) {
	const requireMs = (file: string) =>
		median(
			Array.from({ length: rounds }, () =>
				Number(
					execFileSync(
						process.execPath,
						// n8n-workflow is loaded in n8n anyway.
						['-p', `require('n8n-workflow'); const t = performance.now(); require(${JSON.stringify(file)}); performance.now() - t`],
						{ encoding: 'utf8', env: { ...process.env, NODE_PATH: join(process.cwd(), 'node_modules') } },
					),
				),
			),
		);
	const installed = join(nodesDir, 'node_modules');
	const files = (await readdir(join(installed, 'n8n-nodes-streamskill'), { recursive: true, withFileTypes: true })).filter(
		(entry) => entry.isFile(),
	);
	const sizes = await Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size));
	const ours = requireMs(join(installed, 'n8n-nodes-streamskill/dist/nodes/StreamSkill/StreamSkill.node.js'));
	const declarativeMs = requireMs(join(installed, 'n8n-nodes-streamskill-bench/nodes/Declarative.node.js'));
	const result = {
		packedKb: Number(((await stat(tarball)).size / 1024).toFixed(1)),
		unpackedKb: Number((sizes.reduce((sum, size) => sum + size, 0) / 1024).toFixed(1)),
		files: files.length,
		requireMs: Number(ours.toFixed(1)),
		requireMsDeclarative: Number(declarativeMs.toFixed(1)),
		...(await listing(tarball)),
	};
	console.log('\nLoading');
	console.table(result);
	return result;
}

/** How long after its start n8n lists the node, next to how long it takes to list its own where this package is not. */
async function listing(packageTarball: string) {
	const folders = { with: join(dir, 'with'), without: join(dir, 'without') };
	// The first start makes the database.
	for (const setup of [{ userFolder: folders.with, packageTarball }, { userFolder: folders.without }]) {
		const server = await startN8n(setup);
		await server.rest.setupOwner();
		await server.stop();
	}
	const listed = async (name: keyof typeof folders) => {
		const start = performance.now();
		const server = await startN8n({ userFolder: folders[name] });
		await server.rest.login();
		const nodeTypes = await server.rest.nodeTypes();
		const ms = performance.now() - start;
		await server.stop();
		if (nodeTypes.some(({ name: type }) => type === 'n8n-nodes-streamskill.streamSkill') !== (name === 'with')) {
			throw new Error(`n8n started ${name} the package lists other nodes than it should`);
		}
		return ms;
	};
	const samples: Array<{ with: number; without: number }> = [];
	for (let round = 0; round < rounds; round++) {
		samples.push({ without: await listed('without'), with: await listed('with') });
	}
	const ratios = samples.map((sample) => sample.with / sample.without);
	return {
		listedMs: Math.round(median(samples.map((sample) => sample.with))),
		listedRatio: Number(median(ratios).toFixed(2)),
		listedSpread: `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`,
	};
}

async function writeReport() {
	await mkdir(dirname(values.out), { recursive: true });
	await writeFile(values.out, JSON.stringify(report, null, 2));
}

async function main() {
	try {
		const tarball = await packNode(dir);
		const nodesDir = join(dir, 'user', '.n8n', 'nodes');
		await mkdir(nodesDir, { recursive: true });
		await writeFile(join(nodesDir, 'package.json'), '{"private":true}');
		await npm(['install', tarball, await packBenchNodes(dir), '--ignore-scripts', '--legacy-peer-deps'], { cwd: nodesDir });

		sandbox = await startSandbox();
		n8n = await startN8n({ userFolder: join(dir, 'user'), log: console.log });
		await n8n.rest.setupOwner();
		credential = await n8n.rest.createCredential(credentialFor(sandbox));

		const http = httpRequest(sandbox.url);
		if (wanted('sizes')) {
			for (const items of [1, 10, 100, 1000, 10_000]) {
				await compare(`${items} items, one at a time, 0 ms`, [streamSkill, http, declarative, floor], { items });
			}
		}
		if (wanted('latency')) {
			for (const batchSize of [1, 10, 50, 200]) {
				const bound = Math.ceil(1000 / batchSize) * 100;
				await compare(
					`1000 items, ${batchSize} at a time, 100 ms (bound ${bound} ms)`,
					[streamSkill, http, floor],
					{ items: 1000, batchSize, latency: 100 },
				);
			}
		}
		if (wanted('executions')) {
			await compare('200 executions of one item', [streamSkill, http, declarative, floor], { items: 1, executions: 200 });
		}
		if (wanted('ledger')) {
			await compare('1000 items, the ledger taken out', [streamSkill, withoutLedger], { items: 1000 });
		}
		if (wanted('keys')) {
			for (const history of [0, 1000, 10_000]) {
				for (const batchSize of [1, 10]) {
					await compare(
						`100 items, ${batchSize} at a time, ${history} stored keys`,
						[streamSkill, withKey],
						{ items: 100, batchSize, history },
					);
				}
			}
		}
		if (wanted('loading')) report.loading = await loading(tarball, nodesDir);

		await writeReport();
		console.log(`\nWritten to ${values.out}`);
	} finally {
		await n8n?.stop();
		await sandbox?.close();
		await rm(dir, { recursive: true, force: true });
	}
}

await main();
