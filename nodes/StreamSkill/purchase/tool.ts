import { NodeConnectionTypes, type IExecuteFunctions } from 'n8n-workflow';

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
