import type { IDataObject } from 'n8n-workflow';

import type { HttpRequest } from '../../n8n/http';
import { isBlank, isObject, show } from './kinds';
import type { FieldProblems } from './problems';
import { readFields, type Values } from './read';
import { BODY, LABELS, ORDER_OPTIONS, type BATCHING, type RUN_OPTIONS } from './table';

/** `{ 'tarif.id': 1 }` as `{ tarif: { id: 1 } }`. */
type Nested<V> = { [K in keyof V as K extends `${string}.${string}` ? never : K]: V[K] } & {
	[G in GroupOf<keyof V>]: { [K in keyof V as K extends `${G}.${infer Name}` ? Name : never]: V[K] };
};

type GroupOf<K> = K extends `${infer Group}.${string}` ? Group : never;

/** The body of `POST /purchases/create`. */
export type OrderBody = Nested<Values<typeof BODY>>;

/** How this node is to treat an item's order: its options. */
export type Treatment = Values<typeof ORDER_OPTIONS>;

/** The options that hold for the whole run. `batchSize` is from 1. */
export type RunSettings = Values<typeof BATCHING> & Values<typeof RUN_OPTIONS>;

/** One item's order: what is sent, and how. */
export interface Order extends Treatment {
	body: OrderBody;
}

/** What an item asks for. How it is to be treated is known as far as it can be read, also of one that is no order. */
export type Reading = ({ kind: 'valid'; order: Order } | { kind: 'invalid'; problems: FieldProblems }) & { treatment: Treatment };

/** An input item, with what its parameters order. */
export interface Item {
	/** Its place in the input, from 0. */
	itemIndex: number;
	json: IDataObject;
	reading: Reading;
	/** Those of one item hold for the run. */
	settings: RunSettings;
	/** Whether the option Dry Run is there, turned on or off. */
	hasDryRun: boolean;
}

/** One item's parameters as n8n hands them over: literals, or whatever an expression gave. */
export interface OrderParameters {
	tarifId: unknown;
	channel: unknown;
	additionalFields: unknown;
	options: unknown;
}

/**
 * Reads one item's parameters. Text from spreadsheets and forms is taken for what it says
 * (`"1000"` is 1000, `"true"` is true), and a blank optional value is left out of the order.
 *
 * @returns the order, or what is wrong with each field that is
 */
export function readOrder({ tarifId, channel, additionalFields, options }: OrderParameters): Reading {
	const problems: FieldProblems = {};
	const fields = { ...fieldsOf('additionalFields', additionalFields, problems), tarifId, channel };
	const body = nest(readFields(BODY, fields, problems));
	const treatment = readFields(ORDER_OPTIONS, fieldsOf('options', options, problems), problems);
	return Object.keys(problems).length > 0
		? { kind: 'invalid', problems, treatment }
		: { kind: 'valid', order: { body, ...treatment }, treatment };
}

/** The fields in one of the node's collections: an expression can have put anything else in its place. */
function fieldsOf(name: string, value: unknown, problems: FieldProblems): IDataObject {
	if (isBlank(value)) return {};
	if (isObject(value)) return value;
	problems[name] = [`${LABELS[name]} must be a collection of fields, not ${show(value)}`];
	return {};
}

function nest(values: Values<typeof BODY>): OrderBody {
	const body: IDataObject = {};
	for (const [key, value] of Object.entries(values)) {
		const [group = key, name] = key.split('.');
		if (name === undefined) body[key] = value;
		else body[group] = { ...(body[group] as IDataObject | undefined), [name]: value };
	}
	return body as OrderBody;
}

/**
 * What is ordered, as a text that is the same for the same order: all of the body that counts by its row in `BODY`,
 * in the sequence of the API's names. A field that is added to the API one day changes no text of an order without it.
 *
 * A channel's name and the address of its page make one text, and so do upper and lower case, which an address may not
 * keep.
 *
 * A field that is left out and one with the value that the API documents as its default make two texts: such defaults
 * are the API's to change, and what is not sent is not said.
 */
export function whatIsOrdered(body: OrderBody): string {
	const counting = Object.entries(BODY).flatMap(([key, { isOrdered }]) => (isOrdered ? [key] : []));
	const named = { ...body, channel: nameOfChannel(body.channel).toLowerCase() };
	const said = counting.sort().map((key): [string, unknown] => [key, valueAt(named, key)]);
	return JSON.stringify(said.filter(([, value]) => value !== undefined));
}

/**
 * The API answers with a channel's address where its name was sent (its document: `twitch` and
 * `https://www.twitch.tv/twitch`), and the next order may be made of the answer. Only the address of a channel's or a
 * video's own page is read so, as Twitch, Kick, YouTube and Trovo have them: a longer one may be of anything.
 *
 * @returns the name in a channel's address, or the channel as it is, without the @ of a handle
 */
export const nameOfChannel = (channel: string): string => (PAGE.exec(channel)?.[1] ?? channel).replace(/^@/, '');

const PAGE = /^(?:https?:\/\/)?[\w-]+(?:\.[\w-]+)+\/(?:(?:s|channel|videos?)\/|watch\?v=)?([^/?#&]+)\/?$/i;

const valueAt = (body: OrderBody, key: string): unknown =>
	key.split('.').reduce<unknown>((value, name) => (value as IDataObject | undefined)?.[name], body);

/** @returns the request that places the order (API document: `POST /purchases/create`) */
export const orderRequest = ({ body, expand, acceptLanguage }: Order, baseUrl: string): HttpRequest => ({
	method: 'POST',
	url: `${baseUrl}/purchases/create`,
	qs: expand ? { expand } : {},
	headers: {
		Accept: 'application/json',
		'Content-Type': 'application/json',
		...(acceptLanguage && { 'Accept-Language': acceptLanguage }),
	},
	body,
});
