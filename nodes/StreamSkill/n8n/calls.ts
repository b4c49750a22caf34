import { NodeConnectionTypes, type IExecuteFunctions, type IRunExecutionData, type ISourceData } from 'n8n-workflow';

import { digest } from './digest';
import { isTool } from './host';

/** One call of the node, as far as the orders of an execution are told apart by it. */
export interface Call {
	/** Stands for it in what is remembered of its orders. The same in each try of Retry On Fail and each retry that resumes. */
	id: string;
	/** Whether an order of that call was made in an earlier try of this one, so that this one may take it for its own. */
	isTryOf(other: string): boolean;
	/** Whether no other call of the conversation has its ID: what has it already is of an earlier try. */
	isUnique?: true;
}

/** @returns the call that the items belong to */
export function callOf(context: IExecuteFunctions): Call {
	if (isTool(context)) return callOfModel(context);
	// n8n makes the proxy anew each time.
	const id = String(context.getWorkflowDataProxy(0).$runIndex);
	return { id, isTryOf: (other) => other === id };
}

/** What an agent does on the way to a call: it calls the node, or an agent that is its tool. */
interface Step {
	id: string;
	/** Whether an agent has made that step as well, before this one or at the same time, so that it has nothing to do with this one. */
	isBeside(other: string): boolean;
}

/**
 * An agent that is tried again, by Retry On Fail or by a retry of the execution, may begin its conversation anew: then
 * the model orders again what it has ordered before. An agent in a loop orders anew in each round. n8n does not tell a
 * tool of either, but it shows:
 *
 * - AI Agent 3 has n8n run its tools: each has its caller as its source, which may be a tool itself, as an agent that is
 *   another one's tool or a human review is. The agent's entry in the execution's stack has the calls of the
 *   conversation so far (n8n-core: requests-response.js; n8n-nodes-langchain: ToolsAgent/V3).
 * - AI Agent 1 and 2 run their tools themselves, and the tools of these: all get one list `closeFunctions` for each try
 *   (n8n-core: supply-data-context.js, workflow-execute.js).
 * - The rounds are the ended runs of the first caller, which is no tool.
 *
 * Where nothing of it is to be seen, each order is taken for one of an earlier try, and not bought twice.
 */
function callOfModel(context: IExecuteFunctions): Call {
	const { closeFunctions, runExecutionData } = context as unknown as ToolInternals;
	const { node, source, runIndex } = context.getExecuteData();
	const runs = runExecutionData?.resultData.runData ?? {};
	const { name: ownName, rewireOutputLogTo } = context.getNode();
	const isOlder = rewireOutputLogTo !== NodeConnectionTypes.AiTool && Array.isArray(closeFunctions);
	const steps = isOlder ? [tryOf(closeFunctions, context.getExecutionId())] : stepTo(ownName, runIndex, runExecutionData);
	let [name = '', run] = isOlder ? [node.name, runIndex] : callerIn(source?.main);
	for (let task; (task = runs[name]?.[run ?? -1])?.inputOverride; [name = '', run] = callerIn(task.source)) {
		steps.unshift(...stepTo(name, run, runExecutionData));
	}
	const round = `${digest(name)} ${runs[name]?.length ?? 0}`;
	return {
		id: [round, ...steps.map(({ id }) => id)].join('/'),
		isTryOf: (other) => {
			const [otherRound, ...others] = other.split('/');
			if (otherRound !== round) return false;
			const place = steps.findIndex(({ id }, index) => id !== others[index] || index === steps.length - 1);
			return place < 0 || !steps[place]?.isBeside(others[place] ?? '');
		},
		...(!isOlder && { isUnique: true }),
	};
}

const callerIn = (source?: Array<ISourceData | null>): [name?: string, run?: number] => [
	source?.[0]?.previousNode,
	source?.[0]?.previousNodeRun,
];

interface ToolInternals {
	closeFunctions?: object;
	runExecutionData?: IRunExecutionData;
}

/** @returns the step of the AI Agent 3 that n8n runs a node for, if it is one of its tools in this very turn */
function stepTo(name: string, run: number | undefined, data?: IRunExecutionData): Step[] {
	for (const { metadata } of data?.executionData?.nodeExecutionStack ?? []) {
		const { actions = [], metadata: conversation } = metadata?.subNodeExecutionData ?? {};
		const own = actions.find(({ nodeName, runIndex }) => nodeName === name && runIndex === run)?.action;
		if (!own) continue;
		const { previousRequests = [] } = (conversation ?? {}) as { previousRequests?: Array<{ action?: { toolCallId?: string } }> };
		// What the model asks for together with this one is beside it as well.
		const others = [
			...actions.map(({ action }) => action.id).filter((id) => id !== own.id),
			...previousRequests.map(({ action }) => action?.toolCallId),
		];
		// Each item has a conversation of its own, of which n8n keeps the calls for one item only.
		const { itemIndex = 0 } = (own.metadata as { itemIndex?: number } | undefined) ?? {};
		const idOf = (call?: string) => `${itemIndex}:${digest(String(call))}`;
		const beside = new Set(others.map(idOf));
		return [{ id: idOf(own.id), isBeside: (other) => beside.has(other) || !other.startsWith(`${itemIndex}:`) }];
	}
	return [];
}

const tries = new WeakMap<object, string>();
let count = 0;

/** What a try of AI Agent 1 or 2 does is all one step. */
function tryOf(closeFunctions: object, executionId: string): Step {
	const id = tries.get(closeFunctions) ?? digest(`${executionId} ${++count} ${Math.random()}`);
	tries.set(closeFunctions, id);
	return { id, isBeside: (other) => other === id };
}
