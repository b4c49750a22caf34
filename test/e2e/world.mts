import type { IDataObject, INode, INodeParameters } from 'n8n-workflow';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Credential, StoredExecution, StoredWorkflow, WorkflowJson } from '../../tools/n8n/rest.mts';
import { startN8n, type N8nOptions, type N8nServer } from '../../tools/n8n/server.mts';
import { startSandbox, type Order, type Sandbox } from '../../tools/sandbox/sandbox.mts';

/** A real n8n with the packed node installed, a sandbox, and a credential for it. */
export interface World {
	n8n: N8nServer;
	sandbox: Sandbox;
	credential: Credential;
	/** Stores a workflow; nodes of type `streamSkill` get the credential. */
	create(workflow: WorkflowJson): Promise<StoredWorkflow>;
	/** Shuts n8n down and starts it again in the same folder. */
	restart(): Promise<void>;
	/** The same after `kill -9`: n8n gets no chance to save anything. */
	crashAndRestart(): Promise<void>;
	close(): Promise<void>;
}

/** The version under test and the tarball: set by `npm run test:e2e`. */
export const { STREAMSKILL_N8N: version = '2.41.1', STREAMSKILL_TARBALL: packageTarball } = process.env;

export async function startWorld(options: Partial<N8nOptions> = {}): Promise<World> {
	const userFolder = options.userFolder ?? (await mkdtemp(join(tmpdir(), 'streamskill-e2e-')));
	const sandbox = await startSandbox();
	let n8n: N8nServer | undefined;
	const close = async () => {
		await n8n?.stop();
		await sandbox.close();
		await rm(userFolder, { recursive: true, force: true });
	};
	try {
		n8n = await startN8n({ version, userFolder, packageTarball, ...options });
		await n8n.rest.setupOwner();
		const credential = await n8n.rest.createCredential({
			name: 'StreamSkill account',
			type: 'streamSkillApi',
			data: { accessToken: sandbox.token, baseUrl: sandbox.url },
		});

		const world: World = {
			n8n,
			sandbox,
			credential,
			async create(workflow) {
				for (const node of workflow.nodes) {
					if (node.type.startsWith('n8n-nodes-streamskill.')) {
						node.credentials = { streamSkillApi: { id: credential.id, name: credential.name } };
					}
				}
				return await world.n8n.rest.createWorkflow(workflow);
			},
			async restart() {
				await world.n8n.stop();
				await startAgain();
			},
			async crashAndRestart() {
				await world.n8n.kill();
				await startAgain();
			},
			close,
		};
		const startAgain = async () => {
			world.n8n = n8n = await startN8n({ version, userFolder, ...options, packageTarball: undefined });
			await world.n8n.rest.login();
		};
		return world;
	} catch (error) {
		// Who has no world cannot close it.
		await close();
		throw error;
	}
}

/** A node with defaults for what a test does not care about. */
export const node = (name: string, type: string, parameters: INodeParameters = {}, rest: Partial<INode> = {}): INode => ({
	id: name,
	name,
	type: type.includes('.') ? type : `n8n-nodes-base.${type}`,
	typeVersion: 1,
	position: [0, 0],
	parameters,
	...rest,
});

/** The node under test. */
export const streamSkill = (parameters: INodeParameters = {}, rest: Partial<INode> = {}): INode =>
	node(
		rest.name ?? 'StreamSkill',
		'n8n-nodes-streamskill.streamSkill',
		{ resource: 'purchase', operation: 'create', additionalFields: {}, options: {}, ...parameters },
		rest,
	);

/** Connects nodes in a row, each by its first output, and lays them out from left to right. */
export function chain(name: string, nodes: INode[], settings: WorkflowJson['settings'] = {}): WorkflowJson {
	const connections: WorkflowJson['connections'] = {};
	nodes.forEach((current, i) => {
		current.position = [i * 220, 0];
		const next = nodes[i + 1];
		if (next) connections[current.name] = { main: [[{ node: next.name, type: 'main', index: 0 }]] };
	});
	return { name, nodes, connections, settings: { executionOrder: 'v1', ...settings } };
}

/**
 * Webhook → an item per element of the body's `items` → StreamSkill → After. The webhook's path is
 * the workflow's name.
 */
export const webhookWorkflow = (name: string, purchase: INode): WorkflowJson =>
	chain(name, [
		node('Webhook', 'webhook', { path: name, httpMethod: 'POST' }, { typeVersion: 2, webhookId: name }),
		node('Items', 'splitOut', { fieldToSplitOut: 'body.items' }),
		purchase,
		node('After', 'noOp'),
	]);

/** The item's value, in a workflow of `webhookWorkflow`. */
export const ITEM = "$json['body.items']";

type Truthy<T> = Exclude<T, false | 0 | '' | null | undefined>;

/** Waits for `condition` to become true, or for its value. */
export async function until<T>(condition: () => T | Promise<T>, what: string, timeout = 60_000): Promise<Truthy<T>> {
	const deadline = Date.now() + timeout;
	for (;;) {
		const value = await condition();
		if (value) return value as Truthy<T>;
		if (Date.now() > deadline) throw new Error(`${what} did not happen within ${timeout / 1000} s`);
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
}

/** Stores and activates a workflow. */
export async function createActive(world: World, workflow: WorkflowJson): Promise<StoredWorkflow> {
	const stored = await world.create(workflow);
	await world.n8n.rest.activate(stored.id);
	return stored;
}

/** Stores a workflow for n8n to call. 2.x calls active ones only; 1.x cannot activate it, as it starts with nothing else, nor needs to. */
export const createCalled = async (world: World, workflow: WorkflowJson): Promise<StoredWorkflow> =>
	world.n8n.version.startsWith('1.') ? await world.create(workflow) : await createActive(world, workflow);

/** Saves a workflow with other parameters of its StreamSkill node; n8n 2.x runs them by themselves once activated anew. */
export async function saveParameters(world: World, { id, nodes }: StoredWorkflow, parameters: INodeParameters) {
	await world.n8n.rest.updateWorkflow(id, {
		nodes: nodes.map((one) =>
			one.name === 'StreamSkill' ? { ...one, parameters: { ...one.parameters, ...parameters } } : one,
		),
	});
}

/** Calls the webhook of an active workflow once per list of items, all at the same time, and gives the ids of its executions. */
export async function startWebhooks(world: World, workflow: StoredWorkflow, calls: unknown[][]): Promise<string[]> {
	const { rest } = world.n8n;
	const before = new Set((await rest.executions(workflow.id)).map(({ id }) => id));
	await Promise.all(calls.map(async (items) => await rest.callWebhook(workflow.name, { items })));
	return await until(async () => {
		const started = (await rest.executions(workflow.id)).map(({ id }) => id).filter((id) => !before.has(id));
		return started.length >= calls.length && started;
	}, 'The execution');
}

/** Like `startWebhooks`, but gives the executions, once they have ended. */
export async function runWebhooks(world: World, workflow: StoredWorkflow, calls: unknown[][]): Promise<StoredExecution[]> {
	const ids = await startWebhooks(world, workflow, calls);
	return await Promise.all(ids.map(async (id) => await world.n8n.rest.waitForExecution(id)));
}

/** Calls the webhook of an active workflow, and gives its execution once that has ended. */
export async function runWebhook(world: World, workflow: StoredWorkflow, items: unknown[]): Promise<StoredExecution> {
	const [execution] = await runWebhooks(world, workflow, [items]);
	return execution;
}

const tally = (channels: string[]) =>
	channels.reduce<Record<string, number>>((counts, channel) => ({ ...counts, [channel]: (counts[channel] ?? 0) + 1 }), {});

/** How often each channel was bought. */
export const bought = ({ purchases }: Sandbox) => tally(purchases.map(({ order }) => order.channel));

/** How often an order for each channel was sent, bought or not. */
export const sent = ({ requests }: Sandbox) => tally(requests.map(({ body }) => (body as Order).channel));

/** What `bought` and `sent` give when each of these channels comes up once. */
export const once = (channels: string[]) => tally([...new Set(channels)]);

/** The error that ended an execution. */
export const errorOf = (execution: StoredExecution) =>
	execution.data.resultData.error as unknown as
		| { message: string; description: string; context: IDataObject }
		| undefined;
