import { node, webhookWorkflow } from '../tools/n8n/workflows.mts';
import type { StoredExecution, StoredWorkflow } from '../tools/n8n/rest.mts';
import type { Contender, Pace } from './contenders.mts';
import type { Stage, Target } from './stage.mts';

let workflows = 0;

/** Stores and activates a workflow with a contender in it, and lets it have its past. */
export async function prepare(stage: Stage, contender: Contender, pace: Pace, target = stage.target): Promise<StoredWorkflow> {
	const { rest } = stage.n8n;
	const name = `bench-${++workflows}`;
	const bench = (at: Pace) => ({ ...node('Bench', 'noOp'), ...contender.node(at, target.url), id: name, credentials: target.credentials });
	const workflow = webhookWorkflow(name, bench(pace));
	// Its answer says that the workflow has come to its end, so nobody has to ask n8n for that meanwhile.
	Object.assign(workflow.nodes[0].parameters, { responseMode: 'lastNode', responseData: 'noData' });
	const stored = await rest.createWorkflow(workflow);

	const { executions = 0, orders = 0 } = contender.past ?? {};
	if (executions > 0) {
		const withPace = (at: Pace) => stored.nodes.map((one) => (one.name === 'Bench' ? { ...one, ...bench(at) } : one));
		// All orders at once share the calls to n8n's database.
		await rest.updateWorkflow(stored.id, { nodes: withPace({ batchSize: -1 }) });
		await rest.activate(stored.id);
		for (let i = 0; i < executions; i++) await call(stage, stored, channels(orders, `past-${i}`));
		await rest.updateWorkflow(stored.id, { nodes: withPace(pace) });
	}
	await rest.activate(stored.id);
	return stored;
}

export const channels = (count: number, prefix = 'channel') => Array.from({ length: count }, (_, i) => `${prefix}-${i}`);

/** Runs a workflow to its end. */
export async function call({ n8n }: Stage, { name }: StoredWorkflow, items: string[]) {
	const { status, body } = await n8n.rest.callWebhook(name, { items });
	if (status !== 200) throw new Error(`${name} was answered ${status}: ${JSON.stringify(body)}`);
}

/** Runs a workflow, and gives what n8n stored of it. */
export async function execute(stage: Stage, workflow: StoredWorkflow, items: string[]): Promise<StoredExecution> {
	await call(stage, workflow, items);
	const [{ id }] = await stage.n8n.rest.executions(workflow.id);
	return await stage.n8n.rest.waitForExecution(id);
}

/** Throws unless exactly so many orders were bought since the sandbox was reset. */
export function expectBought({ sandbox: { purchases } }: Target, count: number) {
	if (purchases.length !== count) throw new Error(`${purchases.length} orders were bought instead of ${count}`);
}
