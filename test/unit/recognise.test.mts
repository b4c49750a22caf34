import type { IDataObject } from 'n8n-workflow';

import { identify, type Identity } from '../../nodes/StreamSkill/purchase/journal/identity.ts';
import type { Order } from '../../nodes/StreamSkill/purchase/order/order.ts';
import { recognise, type Past, type PastItems, type Recognised } from '../../nodes/StreamSkill/purchase/journal/recognise.ts';

/** An item of the node's input, and the order that its parameters make of it. */
interface Row {
	item: IDataObject;
	order?: Order;
}

const order = (channel: string, tarif = 1, more: Partial<Order['body']> = {}): Order => ({
	body: { tarif: { id: tarif }, channel, ...more },
	onDuplicate: 'skip',
	dryRun: false,
	confirmedBought: [],
	confirmedNotBought: [],
	repeatManualOrders: false,
});

/** A row of a spreadsheet that names a channel. */
const [a, b, c, x] = [...'abcx'].map((channel): Row => ({ item: { channel }, order: order(channel) }));

let clock = 0;
/** The same row with a fresh value in its item. */
const stamped = ({ item, ...row }: Row): Row => ({ item: { ...item, read_at: ++clock }, ...row });
/** The same item, for which something else is ordered by now. */
const mended = ({ item }: Row, order?: Order): Row => ({ item, order });
const withComment = (row: Row, comment: string): Row => ({ ...row, order: { ...row.order!, body: { ...row.order!.body, comment } } });
/** An item that says nothing of itself, as a trigger's. */
const bare = (order: Order): Row => ({ item: {}, order });
/** Two orders for the same tarif and channel that differ. */
const [fast, slow] = [1, 60].map((interval): Row => ({ item: { channel: 'a', interval }, order: order('a', 1, { interval }) }));
const keyed = (row: Row, key: string): Row => ({ ...row, order: { ...row.order!, idempotencyKey: key } });

const identitiesOf = (rows: Row[]) => identify(rows.map(({ item }) => item), rows.map((row) => row.order));

/** What became of a row when it was sent: bought, no answer, or never sent or refused. */
type Fate = 'b' | '?' | '-';

const noItems: PastItems = { state: () => undefined, isFor: () => false };

/** What each store has of a list that was sent. */
function stores(rows: Row[], fates: Fate[]) {
	const sent = identitiesOf(rows).map((identity, place) => ({ identity, place, fate: fates[place] })).filter(({ fate }) => fate !== '-');
	const past = ({ identity: { at, what }, place, fate }: (typeof sent)[number]) => ({ entry: String(place), what: what!, at, isBought: fate === 'b' });
	const pasts: Past[] = sent.map(past);
	const find = (at: string) => sent.find(({ identity }) => identity.at === at);
	const items: PastItems = {
		state: (at) => ({ b: 'bought', '?': 'unknown', '-': undefined } as const)[find(at)?.fate ?? '-'],
		isFor: ({ at, what }: Identity) => what !== undefined && find(at)?.identity.what === what,
	};
	return {
		/** Before n8n has a place for the workflow in its database. */
		execution: { pasts, items: noItems },
		/** After a crash. */
		database: { pasts: pasts.map((one) => ({ ...one, at: undefined })), items },
		both: { pasts, items },
	};
}

const show = (found: Recognised): string => {
	switch (found.kind) {
		case 'past':
			return found.past.entry;
		case 'item':
			return found.isBought ? 'bought' : 'unknown';
		default:
			return found.kind;
	}
};

/** What each item of a list is recognised as: the number of the row that was sent, or a word. */
function recognised(known: { pasts: Past[]; items: PastItems }, later: Row[]): string {
	return recognise(identitiesOf(later), later.map((row) => row.order), known.pasts, known.items).map(show).join(' ');
}

/** The same whatever is known, unless one of the stores has less to tell. */
type Expected = string | Partial<Record<keyof ReturnType<typeof stores>, string>>;

const table: Array<[name: string, first: Row[], fates: string, later: Row[], Expected]> = [
	['the same list', [a, b, c], 'b?-', [a, b, c], '0 1 new'],
	['nothing was sent', [a, b], '--', [a, b], 'new new'],

	// The stored items, and parameters that were mended.
	['another tarif for the same items', [a, b, c], 'b?-', [mended(a, order('a', 2)), mended(b, order('b', 2)), mended(c, order('c', 2))], { both: '0 1 new', execution: '0 1 new', database: 'bought unknown new' }],
	['items that are no orders by now', [a, b, c], 'b?-', [mended(a), mended(b), mended(c)], { both: '0 1 new', execution: '0 1 new', database: 'bought unknown new' }],
	['an item that says nothing of itself is no order by now', [bare(order('a'))], 'b', [mended(bare(order('a')))], { both: '0', execution: '0', database: 'bought' }],
	['another comment', [a, b], 'b?', [withComment(a, 'new'), withComment(b, 'new')], '0 1'],

	// The list with other rows, or in another order.
	['a row more at the front', [a, b, c], 'b?b', [x, a, b, c], 'new 0 1 2'],
	['a row more in the middle', [a, b, c], 'b?b', [a, x, b, c], '0 new 1 2'],
	['a row less', [a, b, c], 'b?b', [b, c], '1 2'],
	['the reverse', [a, b, c], 'b?b', [c, b, a], '2 1 0'],
	['the reverse, one of them refused', [a, b, c], 'b-b', [c, b, a], '2 new 0'],
	['an order once more', [a, b], 'bb', [a, b, b], '0 1 new'],
	['an order twice more', [a], 'b', [a, a, a], '0 new new'],
	['an order once less', [a, b, b], 'bbb', [a, b], '0 1'],
	['an order that moved, and came once more', [a, b], 'bb', [b, a, b], '1 0 new'],

	// The same rows with fresh values.
	['a fresh value in each row', [stamped(a), stamped(b), stamped(c)], 'b?-', [stamped(a), stamped(b), stamped(c)], '0 1 new'],
	['a fresh value in each row, in reverse', [stamped(a), stamped(b)], 'b?', [stamped(b), stamped(a)], '1 0'],
	['a fresh value in row and comment', [withComment(stamped(a), '1')], 'b', [withComment(stamped(a), '2')], '0'],
	['two of the same with fresh values, both bought', [stamped(a), stamped(a)], 'bb', [stamped(a), stamped(a)], '0 1'],
	['two of the same with fresh values, and a third', [stamped(a), stamped(a)], 'bb', [stamped(a), stamped(a), stamped(a)], '0 1 new'],
	['two of the same with fresh values, the second one bought', [stamped(a), stamped(a)], '?b', [stamped(a), stamped(a)], '1 0'],

	// Another order at the same place.
	['another channel at the same place', [a, b, c], 'b?b', [a, x, c], '0 new 2'],
	['another tarif in the row at the same place', [a], 'b', [{ item: { channel: 'a', tarif: 2 }, order: order('a', 2) }], 'new'],

	// Keys are what a user says is the same.
	['a key', [keyed(a, 'k')], 'b', [keyed(x, 'k')], { execution: '0' }],
	['another key for the same order', [keyed(stamped(a), 'k')], 'b', [keyed(stamped(a), 'l')], { execution: 'new' }],
	['a key twice', [keyed(a, 'k'), keyed(b, 'k')], '?-', [keyed(stamped(a), 'k'), keyed(stamped(b), 'k')], { execution: '0 new' }],

	// What cannot be told.
	['two that differ, one of them sent, and fresh values', [stamped(fast), stamped(slow)], 'b-', [stamped(fast), stamped(slow)], 'doubt doubt'],
	['two that differ, both bought, and fresh values', [stamped(fast), stamped(slow)], 'bb', [stamped(fast), stamped(slow)], '0 1'],
	['two that differ, one uncertain, and fresh values', [stamped(fast), stamped(slow)], 'b?', [stamped(fast), stamped(slow)], 'doubt doubt'],
	['two that differ, one of them gone, and fresh values', [stamped(fast), stamped(slow)], 'bb', [stamped(slow)], '0'],
	['two that differ, recognised by their rows', [fast, slow], 'b-', [fast, slow], '0 new'],
	['another order for an item that says nothing of itself', [bare(order('a'))], 'b', [bare(order('x'))], 'doubt'],
	['another order for an uncertain item that says nothing of itself', [bare(order('a'))], '?', [bare(order('x'))], 'doubt'],
	['an item that says nothing of itself, whose order is elsewhere now', [bare(order('a'))], 'b', [bare(order('x')), bare(order('a'))], { execution: 'new 0', database: 'doubt 0', both: 'doubt 0' }],
	['items that are the same, with other orders', [mended(a, order('a')), mended(a, order('b'))], 'bb', [mended(a, order('c')), mended(a, order('d'))], 'doubt doubt'],
];

const names = ['execution', 'database', 'both'] as const;
const cells = table.flatMap(([name, first, fates, later, expected]) =>
	names.flatMap((store) => {
		const what = typeof expected === 'string' ? expected : expected[store];
		return what === undefined ? [] : { name, store, what, first, fates: [...fates] as Fate[], later };
	}),
);

test.each(cells)('$name ($store): $what', ({ store, what, first, fates, later }) => {
	expect(recognised(stores(first, fates)[store], later)).toBe(what);
});

test('an item whose order is not at hand is recognised by itself', () => {
	const { items } = stores([a, b], ['b', '?']).database;
	expect(recognised({ pasts: [], items }, [a, b, c])).toBe('bought unknown new');
});

describe('of several orders for the same', () => {
	const rows = [stamped(a), stamped(a)];
	const identities = identitiesOf(rows);
	const { what = '' } = identities[0];
	const found = (pasts: Past[], items: PastItems) =>
		recognise(identities, rows.map((row) => row.order), pasts, items).map((one) => (one.kind === 'past' ? one.past.entry : one.kind));

	test('each item is the one that came to what is known of the item', () => {
		const items: PastItems = { state: (at) => (at === identities[0].at ? 'unknown' : 'bought'), isFor: () => true };
		expect(found([{ entry: '1', what, isBought: true }, { entry: '2', what, isBought: false }], items)).toEqual(['2', '1']);
	});

	test('an item is not the one that is known to be of another item', () => {
		const items: PastItems = { state: (at) => (at === identities[0].at ? 'bought' : undefined), isFor: ({ at }) => at === identities[0].at };
		expect(found([{ entry: '1', what, at: 'of an item that is gone', isBought: true }, { entry: '2', what, isBought: true }], items)).toEqual(['2', '1']);
	});
});

test('no order is recognised in two items, whatever the list', () => {
	for (const later of [[a, a, b, b], [b, a, a], [a, stamped(a), mended(a, order('a', 2))]]) {
		for (const known of Object.values(stores([a, b], ['b', '?']))) {
			const pasts = recognised(known, later).split(' ').filter((word) => /\d/.test(word));
			expect(new Set(pasts).size).toBe(pasts.length);
		}
	}
});
