import { channelText, choice, choices, keyText, noteText, references, wholeNumber, yesOrNo, type Field } from './kinds';
import { RESPONSE_LANGUAGES, STREAM_LANGUAGES } from './languages';

/** A field of the order's body. */
interface BodyField extends Field {
	/**
	 * Whether it belongs to *what is ordered*. This decides about money: two orders that differ in nothing else are the
	 * same order, and a retry does not buy the second one.
	 */
	isOrdered: boolean;
}

const ASK_THE_USER = 'Ask the user. Never make one up: a wrong one is bought all the same.';

/**
 * The body of `POST /purchases/create`, by the API's names, those in the first level of the editor first (API document:
 * schemas CartObject and TarifObject).
 */
export const BODY = {
	'tarif.id': {
		name: 'tarifId',
		label: 'Tarif ID',
		kind: wholeNumber(1),
		required: true,
		// Blank rather than 1: a forgotten Tarif ID must not buy anything.
		default: '',
		placeholder: 'e.g. 1',
		description: "The tarif (the API's word for a price plan) to order, by its ID in StreamSkill",
		builderHint: ASK_THE_USER,
		isOrdered: true,
	},
	channel: {
		label: 'Channel',
		kind: channelText,
		required: true,
		default: '',
		placeholder: 'e.g. my_channel',
		description:
			'The channel that the order is for, or what the tarif asks for instead, such as a video ID or a clip ID. You must have the right to promote it.',
		builderHint: ASK_THE_USER,
		isOrdered: true,
	},
	comment: {
		label: 'Comment',
		kind: noteText,
		default: '',
		description: 'A note that is kept with the purchase',
		// Another note on the same order does not make another order of it.
		isOrdered: false,
	},
	'tarif.duration': {
		name: 'duration',
		label: 'Duration',
		kind: wholeNumber(1, 24),
		default: 1,
		description:
			'How long the tarif runs, if it lets you choose or is hourly: from 1 to 24, in hours for an hourly tarif. Added and left as it is, it orders 1.',
		isOrdered: true,
	},
	interval: {
		label: 'Interval',
		kind: wholeNumber(1, 86400),
		default: 10,
		description:
			'The interval of the purchase, if the tarif lets you choose it: from 1 to 86400. StreamSkill documents no unit for it. Added and left as it is, it orders 10.',
		isOrdered: true,
	},
	lang: {
		label: 'Language',
		kind: choice(STREAM_LANGUAGES),
		default: 'auto',
		description: 'The language of the stream, for tarifs with an AI chatbot only',
		isOrdered: true,
	},
	'tarif.quantity': {
		name: 'quantity',
		label: 'Quantity',
		kind: wholeNumber(1, 10000),
		default: 1,
		description: 'How much of the tarif to order, if it lets you choose: from 1 to 10000. Added and left as it is, it orders 1.',
		isOrdered: true,
	},
	start: {
		label: 'Start',
		kind: yesOrNo,
		default: false,
		description: 'Whether to start the purchase as soon as it is made, if the tarif allows that',
		isOrdered: true,
	},
} satisfies Record<string, BodyField>;

/** The options that say how an item's order is placed. Each item has its own. */
export const ORDER_OPTIONS = {
	confirmedBought: {
		label: 'Confirmed Bought',
		kind: references,
		default: '',
		otherwise: [],
		placeholder: 'e.g. K7QM-3XPA',
		description: 'References of uncertain orders that you have found in your StreamSkill account: they are left out from now on',
	},
	confirmedNotBought: {
		label: 'Confirmed Not Bought',
		kind: references,
		default: '',
		otherwise: [],
		placeholder: 'e.g. K7QM-3XPA',
		description:
			'References of uncertain orders that are not in your StreamSkill account. Each is sent once more. If an answer to the first one may still come, the node first waits for it, for Timeout at most.',
	},
	dryRun: {
		label: 'Dry Run',
		kind: yesOrNo,
		default: true,
		otherwise: false,
		isGuard: true,
		description:
			'Whether to output the request that would be sent instead of buying anything. To buy, remove the option: turned off, it buys in evaluations as well.',
		// The builder takes what the editor fills in for what holds without the option.
		builderHint: 'Left out, it is off, and the node buys: set it to true until the user asks to buy.',
	},
	expand: {
		label: 'Expand',
		// API document: parameter expandPurchase.
		kind: choices({ api: 'API', chatbot: 'Chatbot', parent: 'Parent', tarif: 'Tarif' }),
		default: [],
		description: 'Which parts of the purchase to output in full',
	},
	idempotencyKey: {
		label: 'Idempotency Key',
		kind: keyText,
		default: '',
		isGuard: true,
		placeholder: 'e.g. {{ $json.orderNumber }}',
		description:
			'A value of your own for each order, such as an order number: this workflow never buys twice with the same one, not even in another execution or after a crash',
		builderHint: 'A value from the input that is the same whenever the same order comes again. Never random, never the current time.',
	},
	onDuplicate: {
		label: 'If Already Purchased',
		kind: choice(
			{ skip: 'Skip', fail: 'Fail' },
			{ skip: 'The item is left out of the output', fail: 'The item fails, with outcome "duplicate"' },
		),
		default: 'skip',
		otherwise: 'skip',
		description:
			'What to do with an item that was bought before, by its Idempotency Key, in an earlier try of the execution, or by hand today or yesterday, if its purchase is not at hand',
	},
	maxPurchases: {
		label: 'Max Purchases',
		kind: wholeNumber(1),
		default: 100,
		isGuard: true,
		description:
			'How many orders this node may place in one execution, with its retries: lists, loops and the calls of an agent count together, each call of a sub-workflow by itself. None of a list that would exceed it is bought.',
		builderHint: 'Left out, there is no limit.',
	},
	repeatManualOrders: {
		label: 'Repeat Manual Orders',
		kind: yesOrNo,
		default: true,
		otherwise: false,
		isGuard: true,
		description: 'Whether to buy again what this node has already ordered by hand today or yesterday, which it leaves out otherwise',
	},
	acceptLanguage: {
		label: 'Response Language',
		kind: choice(RESPONSE_LANGUAGES),
		default: 'en',
		description: 'The language of the messages from StreamSkill (the Accept-Language header)',
	},
} satisfies Record<string, Field>;

/** The options that hold for the whole run, those of Batching first. */
export const BATCHING = {
	batchSize: {
		label: 'Items per Batch',
		// -1 is all items at once and 0 is one, as in n8n's HTTP Request node.
		kind: wholeNumber(-1),
		default: 10,
		otherwise: 1,
		description: 'How many orders may wait for their answer at a time. Use -1 for all at once.',
	},
	batchInterval: {
		label: 'Batch Interval (Ms)',
		kind: wholeNumber(0, 3_600_000),
		default: 1000,
		otherwise: 0,
		description: 'Milliseconds to wait between batches. With 0, the next order goes out as soon as one is answered.',
	},
} satisfies Record<string, Field>;

export const RUN_OPTIONS = {
	timeout: {
		label: 'Timeout',
		kind: wholeNumber(1, 3_600_000),
		// Long enough for a slow API: an answer that is not waited for is an uncertain order.
		default: 60_000,
		otherwise: 60_000,
		description: 'Milliseconds to wait for the answer to an order. An order without an answer is uncertain, so allow plenty.',
	},
} satisfies Record<string, Field>;

/** The editor's label of each field and option, for messages that a user can match with the form. */
export const LABELS: Record<string, string> = {
	additionalFields: 'Additional Fields',
	options: 'Options',
	batching: 'Batching',
	...Object.fromEntries(
		Object.entries<Field>({ ...BODY, ...ORDER_OPTIONS, ...BATCHING, ...RUN_OPTIONS }).map(([key, { label }]) => [key, label]),
	),
};
