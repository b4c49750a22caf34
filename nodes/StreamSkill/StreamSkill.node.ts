import {
	NodeConnectionTypes,
	type IExecuteFunctions,
	type INodeExecutionData,
	type INodeType,
	type INodeTypeDescription,
} from 'n8n-workflow';

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
				'Each input item places one real order that is paid at once and cannot be taken back. Build and test with options.dryRun true; remove it only when the user asks to buy. Give each order options.idempotencyKey from the input, such as an order number, so that a workflow that runs again buys once. As a tool of an AI agent, put a human review in between.',
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
		return [await create(this)];
	}
}
