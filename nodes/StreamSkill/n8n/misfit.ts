import type { IExecuteFunctions, INode, IRunExecutionData } from 'n8n-workflow';

import { dropsOutput, isLegacyOrder } from './host';

/** Why the node cannot order anything as it stands, whatever its items say, and what to do about it. */
export interface Misfit {
	error: string;
	advice: string;
}

interface Internals {
	runExecutionData?: Partial<IRunExecutionData>;
	workflow?: { nodes: Record<string, INode> };
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
	const { runExecutionData, workflow } = context as unknown as Internals;
	// n8n's Agents run a node without an execution (n8n: ephemeral-node-executor.js).
	if (runExecutionData && !runExecutionData.executionData) {
		return {
			error: 'Nothing was bought now: n8n does not keep here what was ordered before',
			advice: 'Use the AI Agent node in a workflow instead.',
		};
	}
	const twin = Object.values(workflow?.nodes ?? {}).find((other) => isTwin(other, context.getNode()));
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

/** n8n keeps apart by its name what a node has ordered in an execution, and this node by its ID, which stays when it is renamed. */
const isTwin = (other: INode, own: INode) =>
	other.id === own.id && other.name !== own.name && !other.disabled && withoutTool(other.type) === withoutTool(own.type);

const withoutTool = (type: string) => type.replace(/Tool$/, '');
