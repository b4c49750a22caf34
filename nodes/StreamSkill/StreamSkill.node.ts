import {
	NodeConnectionTypes,
	NodeOperationError,
	type IExecuteFunctions,
	type INodeExecutionData,
	type INodeType,
	type INodeTypeDescription,
} from 'n8n-workflow';

import { errorItem } from './n8n/errorItem';
import { dropsOutput, stopsOnFailure } from './n8n/host';
import { create } from './purchase/create';
import { purchaseFields, purchaseHints } from './purchase/fields';

export class StreamSkill implements INodeType {
	description: INodeTypeDescription = {
		displayName: 'StreamSkill',
		name: 'streamSkill',
		icon: { light: 'file:streamskill.svg', dark: 'file:streamskill.dark.svg' },
		group: ['output'],
		version: 1,
		subtitle: '={{ $parameter["operation"] + ": " + $parameter["resource"] }}',
		description: 'Create purchases with the StreamSkill API. Each one is a real, paid order.',
		builderHint: {
			searchHint:
				'Each input item places one real order that is paid at once and cannot be taken back. Build and test with options.dryRun true; turn it off only when the user asks to buy. Give each order options.idempotencyKey from the input, such as an order number, so that a workflow that runs again buys once. As a tool of an AI agent, put a human review in between.',
		},
		defaults: { name: 'StreamSkill' },
		usableAsTool: true,
		inputs: [NodeConnectionTypes.Main],
		outputs: [NodeConnectionTypes.Main],
		credentials: [{ name: 'streamSkillApi', required: true }],
		hints: purchaseHints,
		properties: [
			{
				displayName: 'Resource',
				name: 'resource',
				type: 'options',
				noDataExpression: true,
				options: [{ name: 'Purchase', value: 'purchase' }],
				default: 'purchase',
			},
			...purchaseFields,
		],
	};

	async execute(this: IExecuteFunctions): Promise<INodeExecutionData[][]> {
		const { resource, operation } = this.getNode().parameters;
		// n8n offers it beside each resource and operation (n8n: load-nodes-and-credentials.js).
		if ([resource, operation].includes('__CUSTOM_API_CALL__')) {
			return [refuseCustomCall(this)];
		}
		return [await create(this)];
	}
}

function refuseCustomCall(context: IExecuteFunctions): INodeExecutionData[] {
	const error = 'Custom API Call works in the HTTP Request node only. Nothing was bought';
	const message =
		'To buy, choose Purchase as Resource and Create as Operation. For another call of the API, use an HTTP Request node, and choose Base URL as Allowed HTTP Request Domains in the StreamSkill API credential. Nothing stops that node from buying twice.';
	if (stopsOnFailure(context) || dropsOutput(context)) {
		throw new NodeOperationError(context.getNode(), error, { description: message });
	}
	return context.getInputData().map((_, item) => errorItem(context, item, { error, message, details: { outcome: 'notSent' } }));
}
