import type { HttpRequest } from '../../n8n/http';
import { boolean, collection, fieldReader, integer, isBlank, oneOf, text, type Parsed } from './coerce';
import { readReferences } from '../journal/references';
import { EXPANDABLE, OPTION_RANGES, RANGES, RESPONSE_LANGUAGES, STREAM_LANGUAGES } from './values';

/** The body of `POST /purchases/create` (API document: schema CartObject). */
export interface OrderBody {
	tarif: { id: number; quantity?: number; duration?: number };
	channel: string;
	interval?: number;
	lang?: string;
	comment?: string;
	start?: boolean;
}

/** One item's order: what is sent, and how this node is to treat it. */
export interface Order {
	body: OrderBody;
	/** The API's comma-separated list. */
	expand?: string;
	acceptLanguage?: string;
	idempotencyKey?: string;
	onDuplicate: 'skip' | 'fail';
	/** References of uncertain orders that a person has looked up. */
	confirmedBought: string[];
	confirmedNotBought: string[];
	dryRun: boolean;
	repeatManualOrders: boolean;
	maxPurchases?: number;
}

export type Treatment = Pick<Order, 'onDuplicate' | 'confirmedBought' | 'confirmedNotBought' | 'dryRun' | 'repeatManualOrders'>;

export function readTreatment(options: Record<string, unknown> = {}): Treatment {
	const { optional } = fieldReader();
	return {
		onDuplicate: optional('onDuplicate', options.onDuplicate, oneOf(['skip', 'fail'] as const)) ?? 'skip',
		confirmedBought: optional('confirmedBought', options.confirmedBought, references) ?? [],
		confirmedNotBought: optional('confirmedNotBought', options.confirmedNotBought, references) ?? [],
		dryRun: optional('dryRun', options.dryRun, boolean) ?? false,
		repeatManualOrders: optional('repeatManualOrders', options.repeatManualOrders, boolean) ?? false,
	};
}

export const orderedThing = ({ comment: _, ...body }: OrderBody): string => JSON.stringify(body);

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
export function readOrder(parameters: OrderParameters): Parsed<Order> {
	const { tarifId, channel } = parameters;
	const { parsed, required, optional } = fieldReader();
	const additionalFields = optional('additionalFields', parameters.additionalFields, collection) ?? {};
	const options = optional('options', parameters.options, collection) ?? {};

	const tarif = withoutUndefined({
		id: required('tarif.id', tarifId, integer(RANGES['tarif.id'])),
		quantity: optional('tarif.quantity', additionalFields.quantity, integer(RANGES['tarif.quantity'])),
		duration: optional('tarif.duration', additionalFields.duration, integer(RANGES['tarif.duration'])),
	});
	const body = withoutUndefined({
		tarif,
		channel: required('channel', channel, (value) => text(value).trim()),
		interval: optional('interval', additionalFields.interval, integer(RANGES.interval)),
		lang: optional('lang', additionalFields.lang, oneOf(Object.keys(STREAM_LANGUAGES))),
		comment: optional('comment', additionalFields.comment, text),
		start: optional('start', additionalFields.start, boolean),
	});
	const order = withoutUndefined({
		body,
		expand: optional('expand', options.expand, expandList),
		acceptLanguage: optional('Accept-Language', options.acceptLanguage, oneOf(Object.keys(RESPONSE_LANGUAGES))),
		// A blank key or dry run would buy without the protection that was asked for.
		idempotencyKey:
			'idempotencyKey' in options
				? required('idempotencyKey', options.idempotencyKey, (value) => text(value).trim())
				: undefined,
		onDuplicate: optional('onDuplicate', options.onDuplicate, oneOf(['skip', 'fail'] as const)) ?? 'skip',
		confirmedBought: optional('confirmedBought', options.confirmedBought, references) ?? [],
		confirmedNotBought: optional('confirmedNotBought', options.confirmedNotBought, references) ?? [],
		dryRun: 'dryRun' in options ? required('dryRun', options.dryRun, boolean) : false,
		repeatManualOrders: optional('repeatManualOrders', options.repeatManualOrders, boolean) ?? false,
		maxPurchases: 'maxPurchases' in options ? required('maxPurchases', options.maxPurchases, integer(OPTION_RANGES.maxPurchases)) : undefined,
	});
	return parsed(order);
}

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

/** Takes the list that the editor makes as well as the API's comma-separated text. */
function expandList(value: unknown): string | undefined {
	const parts = Array.isArray(value) ? (value as unknown[]) : text(value).split(',');
	const names = parts.filter((part) => !isBlank(part)).map(oneOf(Object.keys(EXPANDABLE)));
	return [...new Set(names)].join(',') || undefined;
}

const references = (value: unknown) => readReferences(Array.isArray(value) ? value.map(text).join(' ') : text(value));

const withoutUndefined = <T extends object>(fields: T): T =>
	Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
