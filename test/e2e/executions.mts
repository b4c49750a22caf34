import type { IDataObject, INodeParameters } from 'n8n-workflow';
import { isDeepStrictEqual } from 'node:util';

import { outputItems, type StoredExecution, type StoredWorkflow, type WorkflowJson } from '../../tools/n8n/rest.mts';
import { until } from '../../tools/until.mts';
import type { World } from './world.mts';

/** Stores and activates a workflow. */
export async function createActive(world: World, workflow: WorkflowJson): Promise<StoredWorkflow> {
	const stored = await world.create(workflow);
	await world.n8n.rest.activate(stored.id);
	return stored;
}

/** Stores a workflow for n8n to call. 2.x calls active ones only; 1.x cannot activate it, as it starts with nothing else, nor needs to. */
export const createCalled = async (world: World, workflow: WorkflowJson): Promise<StoredWorkflow> =>
	world.n8n.version.startsWith('1.') ? await world.create(workflow) : await createActive(world, workflow);

/** Saves a workflow with other parameters of this project's node; n8n 2.x runs them by themselves once activated anew. */
export async function saveParameters(world: World, { id, nodes }: StoredWorkflow, parameters: INodeParameters) {
	await world.n8n.rest.updateWorkflow(id, {
		nodes: nodes.map((one) =>
			one.type === 'n8n-nodes-streamskill.streamSkill' ? { ...one, parameters: { ...one.parameters, ...parameters } } : one,
		),
	});
}

/** Saves other parameters like `saveParameters`, publishes them, and calls the webhook until an execution goes by them. */
export async function runAnew(
	world: World,
	workflow: StoredWorkflow,
	items: unknown[],
	parameters: INodeParameters,
): Promise<StoredExecution> {
	await saveParameters(world, workflow, parameters);
	await world.n8n.rest.activate(workflow.id);
	// n8n 2.x runs the version before for a moment.
	return await until(async () => {
		const execution = await runWebhook(world, workflow, items);
		const used = execution.workflowData.nodes.find(({ name }) => name === 'StreamSkill')!.parameters;
		return Object.entries(parameters).every(([name, value]) => isDeepStrictEqual(used[name], value)) && execution;
	}, 'An execution of the saved workflow');
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

/** The error that ended an execution. */
export const errorOf = (execution: StoredExecution) =>
	execution.data.resultData.error as unknown as { message: string; description: string; context: IDataObject } | undefined;

/** What an execution's hints on the node's output say. */
export const hintsOf = ({ data }: StoredExecution) =>
	(data.resultData.runData.StreamSkill.at(-1)!.hints ?? []).map(({ message }) => message).join('\n');

/** The outcomes of what went out of the node's error output. */
export const outcomesOf = (execution: StoredExecution) =>
	outputItems(execution, 'StreamSkill', { output: 1 }).map(({ json }) => (json.details as IDataObject).outcome);
