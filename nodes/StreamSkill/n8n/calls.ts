import { NodeConnectionTypes, type IExecuteFunctions } from 'n8n-workflow';

import { digest } from './digest';
import { isTool } from './host';

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
