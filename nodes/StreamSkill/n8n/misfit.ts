import { NodeOperationError, type IExecuteFunctions, type INodeExecutionData } from 'n8n-workflow';

import { errorItem } from './errorItem';
import { dropsOutput, executionOf, isLegacyOrder, isRunByAgent, isTool, othersLike, stopsOnFailure } from './host';

/** Why the node cannot order anything as it stands, whatever its items say, and what to do about it. */
export interface Misfit {
	error: string;
	advice: string;
}

/** @returns undefined where the node may order */
export function misfitOf(context: IExecuteFunctions): Misfit | undefined {
	const { resource, operation } = context.getNode().parameters;
	// n8n offers it beside each resource and operation (n8n: load-nodes-and-credentials.js).
	if ([resource, operation].includes('__CUSTOM_API_CALL__')) {
		return {
			error: 'Custom API Call works in the HTTP Request node only. Nothing was bought now',
			advice:
				'To buy, choose Purchase as Resource and Create as Operation. For another call of the API, use an HTTP Request node, and choose Base URL as Allowed HTTP Request Domains in the StreamSkill API credential. Nothing stops that node from buying twice.',
		};
	}
	const execution = executionOf(context);
	// n8n's Agents run a node without an execution (n8n: ephemeral-node-executor.js).
	if ((execution && !execution.executionData) || isOfChat(context)) {
		return {
			error: 'Nothing was bought now: n8n does not keep here what was ordered before',
			advice: 'Use the AI Agent node in a workflow instead.',
		};
	}
	if (isMixedUp(context)) {
		return {
			error: 'Nothing was bought now: n8n has mixed up this order with another one that was placed at the same time',
			advice:
				'Order it again, one order after the other. So that it does not happen, a person can set Batch Size of the AI agent to 1, and have an AI Agent Tool place one order at a time.',
		};
	}
	// What nodes have ordered is kept apart by their IDs, which stay when they are renamed.
	const twin = othersLike(context).find(({ id }) => id === context.getNode().id);
	if (twin) {
		return {
			error: `Nothing was bought now: the nodes ${twin.name} and ${context.getNode().name} have the same ID, so their orders cannot be told apart`,
			// n8n retries a failed node by its name, so that one stays.
			advice: `In the editor, duplicate ${twin.name}, connect the duplicate in its place, delete the original, and save the workflow.`,
		};
	}
	if (!dropsOutput(context)) return undefined;
	return isLegacyOrder(context)
		? {
				error: 'Nothing was bought now: with the execution order v0, n8n does not tell the AI agent what was bought',
				advice: 'Choose v1 as Execution Order in the settings of the workflow.',
			}
		: {
				error: 'Nothing was bought now: with On Error = Continue (using error output), n8n does not tell the AI agent what was bought',
				advice: 'Choose Continue instead.',
			};
}

/**
 * @returns an item for each input item, which says why none of them is ordered
 * @throws NodeOperationError if On Error is Stop, or nobody would read the items
 */
export function refuseAll(context: IExecuteFunctions, { error, advice }: Misfit): INodeExecutionData[] {
	context.logger.warn(`StreamSkill ordered nothing: ${error}`);
	if (stopsOnFailure(context) || dropsOutput(context)) {
		// A model reads the message only.
		throw new NodeOperationError(context.getNode(), isTool(context) ? `${error}. ${advice}` : error, { description: advice });
	}
	return context.getInputData().map((_, item) => errorItem(context, item, { error, message: advice, details: { outcome: 'notSent' } }));
}

/**
 * Whether the execution is one of n8n's own Chat: each message there is a workflow of its own, which n8n deletes
 * afterwards, and with it all that is recorded (n8n: chat-hub-workflow.service.js; the same in 1.123.81 and 2.41.1).
 */
const isOfChat = (context: IExecuteFunctions) =>
	context.getMode() === 'chat' && /^Chat [\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/.test(context.getWorkflow().name ?? '');

/**
 * Whether n8n fills in what another call of the tool was given: the tools of AI Agent 1 and 2 whose conversations run
 * side by side each number their calls by themselves, and `$fromAI` goes by the number (n8n-core:
 * get-input-connection-data.js, supply-data-context.js; n8n-workflow: workflow-data-proxy.js).
 */
function isMixedUp(context: IExecuteFunctions): boolean {
	if (!isRunByAgent(context)) return false;
	const runs = executionOf(context)?.resultData?.runData[context.getNode().name];
	const filledIn = runs?.[Number(context.getWorkflowDataProxy(0).$runIndex)]?.inputOverride?.ai_tool?.[0];
	return filledIn !== undefined && contentOf(filledIn) !== contentOf(context.getInputData());
}

const contentOf = (items: INodeExecutionData[] | null) => JSON.stringify(items?.map(({ json }) => json));
