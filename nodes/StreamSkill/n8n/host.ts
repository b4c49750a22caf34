import { NodeConnectionTypes, type IExecuteFunctions } from 'n8n-workflow';

import { digest } from './digest';

/** Whether an AI agent's model ordered: n8n runs the node under a type of its own then, in all its ways and versions. */
export const isTool = (context: IExecuteFunctions) => context.getNode().type.endsWith('Tool');

/**
 * Whether n8n drops what the node puts out: a tool has no error output, and AI Agent 3 empties its only
 * one for it (seen in n8n 1.123.81 and 2.41.1). The model would not know of a purchase, and order it again. Of what the
 * node throws there, n8n 2.x tells the model the message; 1.x gives it the tool's own input (n8n-core:
 * workflow-execute.js, handleNodeExecutionError).
 */
export function dropsOutput(context: IExecuteFunctions): boolean {
	const { onError, rewireOutputLogTo } = context.getNode();
	return onError === 'continueErrorOutput' && rewireOutputLogTo === NodeConnectionTypes.AiTool;
}

/**
 * Whether a failure ends the run.
 *
 * To a tool's model it is an answer: of what a tool throws, n8n tells the model nothing (AI Agent 1 and 2)
 * or the message only (AI Agent 3), or it ends the agent (AI Agent 3 of n8n 1.x). On Error = Stop Workflow
 * does not change that: n8n's editor shows it from the start, and does not store it (seen in 2.41.1).
 */
export const stopsOnFailure = (context: IExecuteFunctions): boolean => !isTool(context) && !context.continueOnFail();

/**
 * How a person, or a model, goes on after an item failed.
 *
 * - `editor`: the execution was started by hand, so it is corrected and executed again.
 * - `lastDay`: the same, but tomorrow the node does not know any more what it has ordered by hand.
 * - `retry`: the execution fails, and is retried from the Executions list.
 * - `rest`: it fails and cannot be retried, so that only a new execution can order what is left of the list.
 * - `anew`: it goes on, so that only a new execution can order the item again.
 * - `tool`: a model is told, which can order again by itself.
 */
export type Recourse = 'editor' | 'lastDay' | 'retry' | 'rest' | 'anew' | 'tool';

/**
 * @param isLastDay whether some of its orders were placed by hand yesterday
 * @returns how this execution goes on after an item failed
 */
export function recourseOf(context: IExecuteFunctions, isLastDay: boolean): Recourse {
	if (isTool(context)) return 'tool';
	if (isManual(context)) return isLastDay ? 'lastDay' : 'editor';
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

/**
 * Whether the node stands in a loop: then n8n ends the loop, with status *success*, when the node puts out nothing
 * (seen in n8n 2.41.1).
 */
export function isInLoop(context: IExecuteFunctions): boolean {
	const { name } = context.getNode();
	const before = new Set(context.getParentNodes(name).map((node) => node.name));
	return context.getChildNodes(name).some((node) => before.has(node.name));
}

/** One call of the node, as far as the orders of an execution are told apart by it. */
export interface Call {
	/** Stands for it in what is remembered of its orders. The same in each try of Retry On Fail and each retry that resumes. */
	id: string;
	/** Whether an order of that call was made in an earlier try of this one, so that this one may take it for its own. */
	isTryOf(other: string): boolean;
}

/** @returns the call that each item belongs to: only a model's items are calls of their own */
export function callsOf(context: IExecuteFunctions): (itemIndex: number) => Call {
	if (isTool(context)) return (itemIndex) => callOfModel(context, itemIndex);
	// n8n makes the proxy anew each time.
	const id = String(context.getWorkflowDataProxy(0).$runIndex);
	const call: Call = { id, isTryOf: (other) => other === id };
	return () => call;
}

/**
 * An agent that is tried again, by Retry On Fail or by a retry of the execution, may begin its conversation anew: then
 * the model orders again what it has ordered before. An agent in a loop orders anew in each round. n8n does not tell a
 * tool of either, but it shows:
 *
 * - The tool has the agent and the agent's run as its source: for AI Agent 1 and 2 in its own run (n8n-core:
 *   supply-data-context.js), for AI Agent 3 in what it is executed with (requests-response.js; n8n 1.x leaves its run blank).
 * - To the tools of AI Agent 1 and 2 it gives one list `closeFunctions` for each try (n8n-core: supply-data-context.js,
 *   workflow-execute.js).
 * - For AI Agent 3 the agent's own entry in the execution's stack has the calls of the conversation so far (n8n-core:
 *   requests-response.js; n8n-nodes-langchain: ToolsAgent/V3).
 *
 * Where nothing of it is to be seen, each order is taken for one of an earlier try, and not bought twice.
 */
function callOfModel(context: IExecuteFunctions, itemIndex: number): Call {
	const { closeFunctions, executeData, runExecutionData } = context as unknown as ToolInternals;
	const { name, rewireOutputLogTo } = context.getNode();
	const runs = runExecutionData?.resultData?.runData ?? {};
	const isOlder = rewireOutputLogTo !== NodeConnectionTypes.AiTool && Array.isArray(closeFunctions);
	const [source] = (isOlder ? runs[name]?.at(-1)?.source : executeData?.source?.main) ?? [];
	const agent = source?.previousNode ?? '';
	// What n8n calls the agent's run there is the tool's own (get-input-connection-data.js), so its ended ones are counted.
	const round = `${agent} ${isOlder ? (runs[agent]?.length ?? 0) : (source?.previousNodeRun ?? 0)}`;
	const isOfRound = (other: string) => other.startsWith(`${round}/`);
	if (isOlder) {
		const id = `${round}/${tryOf(closeFunctions, context.getExecutionId())}`;
		return { id, isTryOf: (other) => isOfRound(other) && other !== id };
	}
	const call = String(context.getInputData()[itemIndex]?.json.toolCallId as string | undefined);
	const requests = (runExecutionData?.executionData?.nodeExecutionStack ?? []).flatMap(
		({ metadata }) => metadata?.subNodeExecutionData ?? [],
	);
	const calls = requests.flatMap(({ actions = [], metadata }) => [
		...(metadata?.previousRequests ?? []).map(({ action }) => action?.toolCallId),
		// What the model asks for together with this one.
		...actions.map(({ action }) => action?.id).filter((id) => id !== call),
	]);
	const conversation = new Set(calls.map((id) => `${round}/${digest(String(id))}`));
	return { id: `${round}/${digest(call)}`, isTryOf: (other) => isOfRound(other) && !conversation.has(other) };
}

interface ToolInternals {
	closeFunctions?: unknown;
	executeData?: { source?: { main?: Source[] } | null };
	runExecutionData?: {
		executionData?: { nodeExecutionStack?: Array<{ metadata?: { subNodeExecutionData?: ToolRequests } }> };
		resultData?: { runData?: Record<string, Array<{ source?: Source[] }>> };
	};
}

type Source = { previousNode?: string; previousNodeRun?: number } | null;

interface ToolRequests {
	actions?: Array<{ action?: { id?: string } }>;
	metadata?: { previousRequests?: Array<{ action?: { toolCallId?: string } }> };
}

const tries = new WeakMap<object, string>();
let count = 0;

function tryOf(closeFunctions: object, executionId: string): string {
	const known = tries.get(closeFunctions) ?? digest(`${executionId} ${++count} ${Math.random()}`);
	tries.set(closeFunctions, known);
	return known;
}
