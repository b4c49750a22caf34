import type { INodeProperties } from 'n8n-workflow';

import { DEFAULT_TIMEOUT } from './order/settings';
import { EXPANDABLE, OPTION_RANGES, RANGES, RESPONSE_LANGUAGES, STREAM_LANGUAGES } from './order/values';

const displayOptions = { show: { resource: ['purchase'], operation: ['create'] } };

const numeric = ({ min, max }: { min: number; max: number }) => ({
	minValue: min,
	...(max !== Number.MAX_SAFE_INTEGER && { maxValue: max }),
});

const choices = (names: Record<string, string>) => Object.entries(names).map(([value, name]) => ({ name, value }));

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
				action: 'Create a paid purchase',
				description: 'Place a real, paid order for a channel. Your StreamSkill balance is charged for each item.',
			},
		],
		default: 'create',
	},
	{
		displayName: 'Tarif ID',
		name: 'tarifId',
		type: 'number',
		typeOptions: { ...numeric(RANGES['tarif.id']), numberPrecision: 0 },
		required: true,
		// Blank rather than 1: a forgotten Tarif ID must not buy anything.
		default: '',
		placeholder: 'e.g. 1',
		description: 'The tarif (the API\'s word for a price plan) to order, by its ID in StreamSkill',
		displayOptions,
	},
	{
		displayName: 'Channel',
		name: 'channel',
		type: 'string',
		required: true,
		default: '',
		placeholder: 'e.g. my_channel',
		description: 'The channel that the order is for, or what the tarif asks for instead, such as a video ID or a clip ID. You must have the right to promote it.',
		displayOptions,
	},
	{
		displayName: 'Additional Fields',
		name: 'additionalFields',
		type: 'collection',
		placeholder: 'Add Field',
		default: {},
		displayOptions,
		options: [
			{
				displayName: 'Comment',
				name: 'comment',
				type: 'string',
				default: '',
				description: 'A note that is kept with the purchase',
			},
			{
				displayName: 'Duration',
				name: 'duration',
				type: 'number',
				typeOptions: { ...numeric(RANGES['tarif.duration']), numberPrecision: 0 },
				default: 1,
				description: 'How long the tarif runs, if it is hourly or lets you choose. From 1 to 24.',
			},
			{
				displayName: 'Interval',
				name: 'interval',
				type: 'number',
				typeOptions: { ...numeric(RANGES.interval), numberPrecision: 0 },
				default: 10,
				description: 'The interval of the purchase, if the tarif lets you choose it. From 1 to 86400.',
			},
			{
				displayName: 'Language',
				name: 'lang',
				type: 'options',
				options: choices(STREAM_LANGUAGES),
				default: 'auto',
				description: 'The language of the stream, for tarifs with an AI chatbot only',
			},
			{
				displayName: 'Quantity',
				name: 'quantity',
				type: 'number',
				typeOptions: { ...numeric(RANGES['tarif.quantity']), numberPrecision: 0 },
				default: 1,
				description: 'How much of the tarif to order, if it lets you choose. From 1 to 10000.',
			},
			{
				displayName: 'Start',
				name: 'start',
				type: 'boolean',
				default: false,
				description: 'Whether to start the purchase as soon as it is made, if the tarif allows that',
			},
		],
	},
	{
		displayName: 'Options',
		name: 'options',
		type: 'collection',
		placeholder: 'Add Option',
		default: {},
		displayOptions,
		options: [
			{
				displayName: 'Batching',
				name: 'batching',
				type: 'fixedCollection',
				placeholder: 'Add Batching',
				default: { batch: {} },
				description: 'Sends several orders at a time. Without it, each order waits for the answer to the one before.',
				options: [
					{
						displayName: 'Batching',
						name: 'batch',
						values: [
							{
								displayName: 'Items per Batch',
								name: 'batchSize',
								type: 'number',
								typeOptions: numeric(OPTION_RANGES.batchSize),
								default: 10,
								description: 'How many orders may wait for their answer at a time. Use -1 for all at once.',
							},
							{
								displayName: 'Batch Interval (Ms)',
								name: 'batchInterval',
								type: 'number',
								typeOptions: numeric(OPTION_RANGES.batchInterval),
								default: 1000,
								description: 'Milliseconds to wait between batches. With 0, the next order goes out as soon as one is answered.',
							},
						],
					},
				],
			},
			{
				displayName: 'Confirmed Bought',
				name: 'confirmedBought',
				type: 'string',
				default: '',
				placeholder: 'e.g. K7QM-3XPA',
				description: 'References of uncertain orders that you have found in your StreamSkill account: they are left out from now on',
			},
			{
				displayName: 'Confirmed Not Bought',
				name: 'confirmedNotBought',
				type: 'string',
				default: '',
				placeholder: 'e.g. K7QM-3XPA',
				description: 'References of uncertain orders that are not in your StreamSkill account: each is sent once more',
			},
			{
				displayName: 'Dry Run',
				name: 'dryRun',
				type: 'boolean',
				default: true,
				description: 'Whether to output the request that would be sent instead of buying anything',
			},
			{
				displayName: 'Expand',
				name: 'expand',
				type: 'multiOptions',
				options: choices(EXPANDABLE),
				default: [],
				description: 'Which parts of the purchase to output in full',
			},
			{
				displayName: 'Idempotency Key',
				name: 'idempotencyKey',
				type: 'string',
				default: '',
				placeholder: 'e.g. {{ $json.orderNumber }}',
				description: 'A value of your own for each order, such as an order number: this node never buys twice with the same one, not even in another execution or after a crash',
			},
			{
				displayName: 'If Already Purchased',
				name: 'onDuplicate',
				type: 'options',
				options: [
					{ name: 'Skip', value: 'skip', description: 'The item is left out of the output' },
					{ name: 'Fail', value: 'fail', description: 'The item fails, with outcome "duplicate"' },
				],
				default: 'skip',
				description: 'What to do with an item that was bought before, by its Idempotency Key or in an earlier try of the execution, if its purchase is not at hand',
			},
			{
				displayName: 'Max Purchases per Run',
				name: 'maxPurchases',
				type: 'number',
				typeOptions: { ...numeric(OPTION_RANGES.maxPurchases), numberPrecision: 0 },
				default: 100,
				description: 'Protects from a list that is longer than you thought: with more items than this, nothing is bought',
			},
			{
				displayName: 'Response Language',
				name: 'acceptLanguage',
				type: 'options',
				options: choices(RESPONSE_LANGUAGES),
				default: 'en',
				description: 'The language of the messages from StreamSkill (the Accept-Language header)',
			},
			{
				displayName: 'Timeout',
				name: 'timeout',
				type: 'number',
				typeOptions: numeric(OPTION_RANGES.timeout),
				default: DEFAULT_TIMEOUT,
				description: 'Milliseconds to wait for the answer to an order. An order without an answer is uncertain, so rather wait long.',
			},
		],
	},
];
