import type { Identity } from './identity';
import type { Order } from '../order/order';

/** An order that was sent before, and not refused. */
export interface Past {
	/** Its entry in n8n's database. */
	entry: string;
	/** What was ordered, see `Identity`. */
	what: string;
	/** Its item at its place, if that is known. */
	at?: string;
	isBought: boolean;
}

/** What n8n's database has of the items at their places, whatever was ordered for them. */
export interface PastItems {
	/** By `Identity.at`: whether it was bought, or has no answer. */
	state(at: string): 'bought' | 'unknown' | undefined;
	/** Whether it was for what is ordered now. */
	isFor(identity: Identity): boolean;
}

export type Recognised<P extends Past = Past> =
	| { kind: 'new' }
	| { kind: 'past'; past: P }
	/** The item was ordered for, but for something else, which is not at hand. */
	| { kind: 'item'; isBought: boolean }
	/** It may be one of several past orders, or none of them. */
	| { kind: 'doubt' };

/**
 * Tells which items of a list stand for orders that were sent before. The list may be the stored one, whose parameters
 * were mended since, or one that was read anew, with other rows, another sequence, or fresh values in the same rows.
 *
 * Each past order is recognised in one item at most: a row that comes once more is a new order.
 */
export function recognise<P extends Past>(
	identities: Identity[],
	orders: Array<Order | undefined>,
	pasts: P[],
	items: PastItems,
): Array<Recognised<P>> {
	const left = new Set(pasts);
	const byWhat = new Map<string, P[]>();
	for (const past of pasts) push(byWhat, past.what, past);
	const leftOf = (what = '') => (byWhat.get(what) ?? []).filter((past) => left.has(past));
	const found = new Map<number, Recognised<P>>();
	const byAt = new Map(pasts.flatMap((past) => (past.at === undefined ? [] : [[past.at, past]])));
	const take = (place: number, past: P) => {
		found.set(place, { kind: 'past', past });
		left.delete(past);
	};
	const each = (look: (identity: Identity, place: number) => void) =>
		identities.forEach((identity, place) => {
			if (!found.has(place)) look(identity, place);
		});

	// The same item at the same place, with the same order.
	each((identity, place) => {
		const past = byAt.get(identity.at);
		if (past && left.has(past) && past.what === identity.what) take(place, past);
	});
	each((identity, place) => {
		if (!items.isFor(identity)) return;
		const isBought = items.state(identity.at) === 'bought';
		const past = leftOf(identity.what).find((one) => one.isBought === isBought && one.at === undefined);
		if (past) take(place, past);
		else found.set(place, { kind: 'item', isBought });
	});

	// The same item, whose parameters were mended since. An item that says nothing of itself does not count.
	each((identity, place) => {
		if (!identity.isUnique && identity.what !== undefined) return;
		const past = byAt.get(identity.at);
		const state = items.state(identity.at);
		if (past && left.has(past)) take(place, past);
		else if (state && !items.isFor(identity)) found.set(place, { kind: 'item', isBought: state === 'bought' });
	});

	// The same tarif and channel, wherever in the list.
	const waiting = new Map<string, number[]>();
	each(({ what }, place) => {
		if (what !== undefined) push(waiting, what, place);
	});
	for (const [what, places] of waiting) {
		const same = leftOf(what);
		if (same.length === 0) continue;
		const isEnough = same.length >= places.length && same.every(({ isBought }) => isBought === same[0].isBought);
		if (isEnough || areAlike(places.map((place) => orders[place]!))) {
			same.sort((a, b) => Number(b.isBought) - Number(a.isBought));
			places.slice(0, same.length).forEach((place, i) => take(place, same[i]));
		} else {
			for (const place of places) found.set(place, { kind: 'doubt' });
		}
	}

	// Ordered for, but nothing tells for what.
	each((identity, place) => {
		const past = byAt.get(identity.at);
		if ((past && left.has(past)) || items.state(identity.at)) found.set(place, { kind: 'doubt' });
	});

	return identities.map((_, place) => found.get(place) ?? { kind: 'new' });
}

/** Whether orders are for the same but for their comments, so that it does not matter which of them was bought. */
const areAlike = (orders: Order[]) =>
	new Set(orders.map(({ body, idempotencyKey }) => idempotencyKey ?? JSON.stringify({ ...body, comment: undefined }))).size === 1;

function push<T>(lists: Map<string, T[]>, key: string, value: T) {
	const list = lists.get(key);
	if (list) list.push(value);
	else lists.set(key, [value]);
}
