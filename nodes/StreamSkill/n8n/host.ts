import { NodeConnectionTypes, type IExecuteFunctions } from 'n8n-workflow';

import type { WayOn } from '../purchase/report/errors';
import { digest } from '../purchase/journal/identity';

/** Whether an AI agent's model ordered: n8n runs the node under a type of its own then, in all its ways and versions. */
export const isTool = (context: IExecuteFunctions) => context.getNode().type.endsWith('Tool');

/**
 * Whether n8n drops what the node puts out: a tool has no error output, and AI Agent 3 empties its only
 * one for it (seen in n8n 1.123.81 and 2.41.1). The model would not know of a purchase, and order it again.
 */
export function isMute(context: IExecuteFunctions): boolean {
	const { onError, rewireOutputLogTo } = context.getNode();
	return onError === 'continueErrorOutput' && rewireOutputLogTo === NodeConnectionTypes.AiTool;
}

/**
 * Whether a failure ends the run.
 *
 * To a tool's model it is an answer: of what a tool throws, n8n tells the model nothing (AI Agent 1 and 2)
 * or the message only (AI Agent 3), or it ends the agent (AI Agent 3 of n8n 1.x). Only AI Agent 3 can be
 * stopped by a tool at all, and is if the user asks for that.
 */
export function stopsOnFailure(context: IExecuteFunctions): boolean {
	if (!isTool(context)) return !context.continueOnFail();
	const { onError, rewireOutputLogTo } = context.getNode();
	return onError === 'stopWorkflow' && rewireOutputLogTo === NodeConnectionTypes.AiTool;
}

/** How a person, or a model, goes on after an item failed. */
export function wayOn(context: IExecuteFunctions): WayOn {
	if (stopsOnFailure(context)) return 'retry';
	return isTool(context) ? 'tool' : 'anew';
}

/** What a model's order belongs to. */
export interface Conversation {
	/** Stands for it in what is remembered of the order. */
	call: string;
	/** Whether an order that answered that call was made in this conversation, and a repeated one is a new one. */
	has(call: string | undefined): boolean;
}

/**
 * An agent that is tried again, by Retry On Fail or by a retry of the execution, may begin its conversation anew:
 * then the model orders again what it has ordered before. n8n does not tell a tool of that, but it shows:
 *
 * - To the tools of AI Agent 1 and 2 it gives one list `closeFunctions` for each try (n8n-core: supply-data-context.js,
 *   workflow-execute.js).
 * - For AI Agent 3 the agent's own entry in the execution's stack has the calls of the conversation so far (n8n-core:
 *   requests-response.js; n8n-nodes-langchain: ToolsAgent/V3).
 *
 * Where neither is to be seen, each order is taken for one of an earlier conversation, and not bought twice.
 */
export function conversationOf(context: IExecuteFunctions, item: number): Conversation {
	const { closeFunctions, runExecutionData } = context as unknown as ToolInternals;
	if (context.getNode().rewireOutputLogTo !== NodeConnectionTypes.AiTool && Array.isArray(closeFunctions)) {
		const call = tryOf(closeFunctions, context.getExecutionId());
		return { call, has: (other) => other === call };
	}
	const call = String(context.getInputData()[item]?.json.toolCallId);
	const requests = (runExecutionData?.executionData?.nodeExecutionStack ?? []).flatMap(
		({ metadata }) => metadata?.subNodeExecutionData ?? [],
	);
	const calls = requests.flatMap(({ actions = [], metadata }) => [
		...(metadata?.previousRequests ?? []).map(({ action }) => action?.toolCallId),
		// What the model asks for together with this one.
		...actions.map(({ action }) => action?.id).filter((id) => id !== call),
	]);
	const others = new Set(calls.map((id) => digest(String(id))));
	return { call: digest(call), has: (other) => other !== undefined && others.has(other) };
}

interface ToolInternals {
	closeFunctions?: unknown;
	runExecutionData?: {
		executionData?: { nodeExecutionStack?: Array<{ metadata?: { subNodeExecutionData?: ToolRequests } }> };
	};
}

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
