import type { IExecuteFunctions, INode, IRunExecutionData, IWorkflowSettings, Workflow } from 'n8n-workflow';

/** Whether an AI agent's model ordered: n8n runs the node under a type of its own then, in all its ways and versions. */
export const isTool = (context: IExecuteFunctions) => context.getNode().type.endsWith('Tool');

/**
 * Whether an agent runs the node by itself, as AI Agent 1 and 2 do: what n8n executes is the agent then, and not the tool
 * as for AI Agent 3 (n8n-core: get-input-connection-data.js, requests-response.js). The node's own `rewireOutputLogTo`
 * does not tell: it stays as AI Agent 3 has left it.
 */
export const isRunByAgent = (context: IExecuteFunctions) =>
	isTool(context) && context.getExecuteData().node.name !== context.getNode().name;

/**
 * Whether n8n drops what the node puts out for AI Agent 3: a tool has no error output, and n8n empties its only one for
 * it (seen in n8n 1.123.81 and 2.41.1); and in the legacy order of execution. The model would not know of a purchase, and
 * order it again. Of what the node throws, n8n 2.x tells the model the message; 1.x gives it the tool's own input
 * (n8n-core: workflow-execute.js, handleNodeExecutionError).
 */
export function dropsOutput(context: IExecuteFunctions): boolean {
	// What an MCP client calls on a worker is run for no node, and its output is handed on (n8n: job-processor.js, invokeTool).
	if (!isTool(context) || isRunByAgent(context) || !context.getExecuteData().source) return false;
	return context.getNode().onError === 'continueErrorOutput' || isLegacyOrder(context);
}

/** Whether AI Agent 3 goes on before n8n has run its tools: n8n puts both at the end of what is to be run then (n8n-core: workflow-execute.js). */
export function isLegacyOrder(context: IExecuteFunctions): boolean {
	const { workflow } = context as unknown as { workflow: { settings?: IWorkflowSettings } };
	return workflow.settings?.executionOrder !== 'v1';
}

/**
 * Whether a failure ends the run.
 *
 * To a tool's model it is an answer: of what a tool throws, n8n tells the model nothing (AI Agent 1 and 2)
 * or the message only (AI Agent 3), or it ends the agent (AI Agent 3 of n8n 1.x). On Error = Stop Workflow
 * does not change that: n8n's editor shows it from the start, and does not store it (seen in 2.41.1).
 */
export function stopsOnFailure(context: IExecuteFunctions): boolean {
	// n8n goes on where the setting of older versions is on as well, which is not what `continueOnFail()` says (workflow-execute.js).
	const { continueOnFail } = context.getNode();
	return !isTool(context) && !context.continueOnFail() && continueOnFail !== true;
}

/**
 * How a person, or a model, goes on after an item failed.
 *
 * - `editor`: the execution was started by hand, so it is corrected and executed again.
 * - `editorRepeat`: the same, but what was bought may be bought again then.
 * - `retry`: the execution fails, and is retried from the Executions list.
 * - `rest`: it fails and cannot be retried, so that only a new execution can order what is left of the list.
 * - `anew`: it goes on, so that only a new execution can order the item again.
 * - `evaluation`: it is run again as a whole. A retry of it would be one in production.
 * - `tool`: a model is told, which can order again by itself.
 * - `editorTool`: the same, in an execution that was started by hand: in the next one, the node still knows the order.
 */
export type Recourse = 'editor' | 'editorRepeat' | 'retry' | 'rest' | 'anew' | 'evaluation' | 'tool' | 'editorTool';

/**
 * @param repeats whether this node buys again what was bought by hand
 * @returns how this execution goes on after an item failed
 */
export function recourseOf(context: IExecuteFunctions, repeats: boolean): Recourse {
	if (isTool(context)) return isManual(context) ? 'editorTool' : 'tool';
	if (isEvaluation(context)) return 'evaluation';
	if (isManual(context)) return repeats ? 'editorRepeat' : 'editor';
	if (!stopsOnFailure(context)) return 'anew';
	// A sub-workflow's execution is one of its caller, which is the one to be retried; n8n gives it a token of its own then.
	return !isCalled(context) && savesFailedExecutions(context) ? 'retry' : 'rest';
}

/** Whether a person started the execution in the editor. */
export const isManual = (context: IExecuteFunctions) => context.getMode() === 'manual';

/** Whether another workflow has called this one, and gets what it puts out. */
export const isCalled = (context: IExecuteFunctions) => context.getMode() === 'integrated';

/** Whether n8n runs the workflow over a data set, to measure what it puts out. */
export const isEvaluation = (context: IExecuteFunctions) => context.getMode() === 'evaluation';

/** Whether n8n keeps an execution that fails. Its default can be changed for all workflows, which shows nowhere. */
function savesFailedExecutions(context: IExecuteFunctions): boolean {
	// n8n before 2.0 does not have it.
	const { getWorkflowSettings } = context as { getWorkflowSettings?: () => { saveDataErrorExecution?: string } };
	return getWorkflowSettings?.call(context).saveDataErrorExecution !== 'none';
}

/** What n8n knows of a workflow, which it does not put into words for nodes. */
type Graph = Pick<Workflow, 'nodes' | 'connectionsBySourceNode'>;

const graphOf = (context: IExecuteFunctions) => (context as unknown as { workflow?: Graph }).workflow;

/** What n8n keeps of the execution, which it does not put into words for nodes either. Undefined where there is none. */
export const executionOf = (context: IExecuteFunctions) =>
	(context as unknown as { runExecutionData?: Partial<IRunExecutionData> }).runExecutionData;

/** @returns all nodes of the workflow */
const nodesOf = (context: IExecuteFunctions): INode[] => Object.values(graphOf(context)?.nodes ?? {});

/**
 * Whether the workflow was rearranged before this retry: items came to a node, in what n8n has stored of the execution, on
 * a way that is not there any more. n8n has the names of the nodes there, as it has the state of a loop under its name.
 *
 * @param names what this node was called before, which may be changed
 */
export function isRearranged(context: IExecuteFunctions, names: readonly string[]): boolean {
	if (context.getMode() !== 'retry') return false;
	const { node, source } = context.getExecuteData();
	const runs = Object.entries(executionOf(context)?.resultData?.runData ?? {}).flatMap(([to, tasks]) =>
		// n8n makes up the tasks of an execution that it recovers after a crash, so its types promise little.
		tasks.flatMap((task) => (task.source as typeof task.source | undefined)?.map((from) => ({ to, from })) ?? []),
	);
	const own = (source?.main ?? []).map((from) => ({ to: node.name, from }));
	const nameOf = (name: string) => (names.includes(name) ? context.getNode().name : name);
	return [...runs, ...own].some(({ to, from }) => from && !isConnected(graphOf(context), nameOf(from.previousNode), nameOf(to)));
}

/** Of a sub-node, n8n stores on which way the items came to the node that has it, and of an agent not by which output. */
function isConnected(graph: Graph | undefined, from: string, to: string): boolean {
	const { main: after = [] } = graph?.connectionsBySourceNode[from] ?? {};
	const isSubNode = Object.keys(graph?.connectionsBySourceNode[to] ?? {}).some((type) => type !== 'main');
	return isSubNode || after.some((ends) => ends?.some(({ node }) => node === to));
}

/** @returns the other nodes of this type in the workflow, also as tools, without those that are deactivated */
export function othersLike(context: IExecuteFunctions): INode[] {
	const { name, type } = context.getNode();
	const isLike = (other: string) => other.replace(/Tool$/, '') === type.replace(/Tool$/, '');
	return nodesOf(context).filter((node) => isLike(node.type) && node.name !== name && !node.disabled);
}

/**
 * Whether executing the workflow once more may call another one for what was bought by hand in this execution: that is an
 * execution in production (n8n: workflow-execute-additional-data.js). A node that only comes after this one gets nothing
 * that this one leaves out, unless another one like it follows.
 */
export function mayCallAgain(context: IExecuteFunctions): boolean {
	const { name } = context.getNode();
	const namesOf = (nodes: Array<{ name: string }>) => new Set(nodes.map((node) => node.name));
	const [before, after] = [namesOf(context.getParentNodes(name)), namesOf(context.getChildNodes(name))];
	const hasFollowers = followersLike(context).length > 0;
	return nodesOf(context).some(
		(node) =>
			node.type === 'n8n-nodes-base.executeWorkflow' && !node.disabled && (hasFollowers || before.has(node.name) || !after.has(node.name)),
	);
}

/** @returns those of them that come after it, and may have orders for the same items */
export function followersLike(context: IExecuteFunctions): INode[] {
	const after = new Set(context.getChildNodes(context.getNode().name).map(({ name }) => name));
	return othersLike(context).filter(({ name }) => after.has(name));
}

/**
 * Whether the node stands in a loop: then n8n ends the loop, with status *success*, when the node puts out nothing
 * (seen in n8n 2.41.1).
 */
export function isInLoop(context: IExecuteFunctions): boolean {
	const { name } = context.getNode();
	const before = new Set(context.getParentNodes(name).map((node) => node.name));
	return context.getChildNodes(name).some((node) => before.has(node.name));
}

/** Whether what leaves through the node's error output may come to the node again. */
export function errorsLeadBack(context: IExecuteFunctions): boolean {
	const { name } = context.getNode();
	const before = new Set([name, ...context.getParentNodes(name).map((node) => node.name)]);
	return (graphOf(context)?.connectionsBySourceNode[name]?.main?.[1] ?? []).some(({ node }) => before.has(node));
}
