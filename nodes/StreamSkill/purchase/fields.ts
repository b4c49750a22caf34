import type { INodeProperties, NodeHint } from 'n8n-workflow';

import type { Field } from './order/kinds';
import { BATCHING, BODY, ORDER_OPTIONS, RUN_OPTIONS } from './order/table';

const forCreate = { show: { resource: ['purchase'], operation: ['create'] } };

/** @param displayOptions when the required ones are shown: the others are in a collection, which has its own */
const propertiesOf = (fields: Record<string, Field>, displayOptions?: INodeProperties['displayOptions']): INodeProperties[] =>
	Object.entries(fields).map(([key, { name = key, label, kind, required, default: added, placeholder, description, builderHint }]) => ({
		displayName: label,
		name,
		...kind.editor,
		...(required && { required, displayOptions }),
		default: added,
		...(placeholder !== undefined && { placeholder }),
		description,
		...(builderHint !== undefined && { builderHint: { propertyHint: builderHint } }),
	}));

/** What the open node says of the resource Purchase until it is executed. */
export const purchaseHints: NodeHint[] = [
	{
		message: 'Each input item places a real, paid order. To see the orders first, add <strong>Dry Run</strong> under Options.',
		displayCondition: '={{ $parameter["operation"] === "create" && $parameter["options"]?.["dryRun"] !== true }}',
		whenToDisplay: 'beforeExecution',
		location: 'outputPane',
	},
];

const bodyProperties = propertiesOf(BODY, forCreate);

/** What the editor shows for the resource Purchase. Names are saved in workflows: they never change. */
export const purchaseFields: INodeProperties[] = [
	{
		displayName: 'Operation',
		name: 'operation',
		type: 'options',
		noDataExpression: true,
		displayOptions: { show: { resource: ['purchase'] } },
		options: [
			{
				name: 'Create',
				value: 'create',
				action: 'Create paid purchase',
				description: 'Place a real, paid order for a channel. Your StreamSkill balance is charged for each item.',
			},
		],
		default: 'create',
	},
	...bodyProperties.filter(({ required }) => required),
	{
		displayName: 'Additional Fields',
		name: 'additionalFields',
		type: 'collection',
		placeholder: 'Add Field',
		default: {},
		displayOptions: forCreate,
		options: bodyProperties.filter(({ required }) => !required),
	},
	{
		displayName: 'Options',
		name: 'options',
		type: 'collection',
		placeholder: 'Add Option',
		default: {},
		displayOptions: forCreate,
		options: [
			{
				displayName: 'Batching',
				name: 'batching',
				type: 'fixedCollection',
				placeholder: 'Add Batching',
				default: { batch: {} },
				description: 'Sends several orders at a time. Without it, each order waits for the answer to the one before.',
				options: [{ displayName: 'Batching', name: 'batch', values: propertiesOf(BATCHING) }],
			},
			...propertiesOf(ORDER_OPTIONS),
			...propertiesOf(RUN_OPTIONS),
		],
	},
];
