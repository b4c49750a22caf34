import type { expandable } from './openapi.mts';

/** An order that has passed the contract. */
export interface Order {
	tarif: { id: number; quantity?: number; duration?: number };
	channel: string;
	interval?: number;
	lang?: string;
	comment?: string;
	start?: boolean;
}

/** A field that `expand` may name. */
export type Expandable = (typeof expandable)[number];

/** What the API answers to an order. Expanded fields are objects. */
export interface Purchase {
	id: number;
	price: number;
	currency: string;
	created_at: number;
	order_type: string;
	channel: string;
	status: string;
	service: string;
	parent: boolean | object;
	api: boolean | object;
	chatbot: boolean | object;
	tarif: number | object;
}

// Assumed: the documents show a response with 12 fields, one of its prices (10, for a quantity of
// 1000), and say neither how a price comes about nor which tarifs exist.
const lastTarif = 999;
const pricePerUnit = 0.01;

/** Whether there is such a tarif: 1 to 999. */
export function tarifExists(id: number): boolean {
	return id <= lastTarif;
}

/**
 * How an answer names a channel. The documents order for `twitch`, and their answer has the address of its page.
 * Assumed: what is an address already, or part of one, comes back as it was sent.
 */
export const pageOf = (channel: string): string => (channel.includes('/') ? channel : `https://www.twitch.tv/${channel}`);

/** The other way round: the name of a channel in an answer, if there is one. */
export const nameOn = (page: unknown) => (typeof page === 'string' ? page.replace(/^https:\/\/www\.twitch\.tv\//, '') : undefined);

/**
 * The purchase that answers an order. Assumed: `start` makes it "awaiting" (the documents' example
 * says "active", which is none of the statuses they list).
 */
export function makePurchase(id: number, { tarif, channel, start }: Order): Purchase {
	return {
		id,
		price: Math.round((tarif.quantity ?? 1000) * pricePerUnit * 100) / 100,
		currency: 'usd',
		created_at: Math.floor(Date.now() / 1000),
		order_type: 'twitch_viewers',
		channel: pageOf(channel),
		status: start ? 'awaiting' : 'created',
		service: 'twitch',
		parent: false,
		api: true,
		chatbot: false,
		tarif: tarif.id,
	};
}

/** Assumed: an expanded field is an object. What is in it is invented; nobody should rely on it. */
export function expandPurchase(purchase: Purchase, fields: Expandable[]): Purchase {
	const expanded = { ...purchase };
	for (const field of fields) {
		expanded[field] = field === 'tarif' ? { id: purchase.tarif, name: 'Viewers' } : { enabled: purchase[field] };
	}
	return expanded;
}
