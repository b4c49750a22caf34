import fc from 'fast-check';

import { match } from '../../nodes/StreamSkill/purchase/journal/match.ts';
import type { Names, PastOrder, PastState } from '../../nodes/StreamSkill/purchase/journal/past.ts';

/** A row of a spreadsheet, and what is ordered for it. */
const [a, b, c, x] = [...'abcx'].map((order): Names => ({ item: `row ${order}`, order }));

let clock = 0;
/** The same row with a fresh value in its item. */
const stamped = (row: Names): Names => ({ ...row, item: `${row.item} ${++clock}` });
/** The same item, for which something else is ordered by now, or nothing. */
const mended = ({ item }: Names, order?: string): Names => ({ item, ...(order && { order }) });
/** An item that says nothing of itself, as a trigger's, or that is there twice. */
const bare = ({ order }: Names): Names => ({ order });
const keyed = (row: Names, key: string): Names => ({ ...row, key });

const SCOPE = 'node:orders:root';

/** What became of a row when it was sent: bought, no answer, or never sent or refused. */
type Fate = 'b' | '?' | '-';

interface Sent {
	row: number;
	past: PastOrder;
}

/** What each store has of a list that was sent. */
function stores(rows: Names[], fates: string): Record<'execution' | 'database', Sent[]> {
	const sent = rows.flatMap((names, row) => (fates[row] === '-' ? [] : { names, row, fate: fates[row] as Fate }));
	const state = (fate: Fate, purchase?: object): PastState =>
		fate === 'b' ? { kind: 'bought', ...(purchase && { purchase: { id: 1 } }) } : { kind: 'unknown', isSilent: true };
	const record = (scope: string, name: string, number: number) => ({ scope, name, number, part: 1 });
	const recordsOf = ({ item, order, key }: Names, number: number) => ({
		order: order === undefined ? [] : [record(SCOPE, `order ${order}`, number)],
		item: item === undefined ? [] : [record(SCOPE, `item ${item}`, number)],
		key: key === undefined ? [] : [record('key workflow', key, number)],
	});
	return {
		execution: sent.map(({ names, row, fate }) => ({
			row,
			past: { ...names, records: Object.values(recordsOf(names, row + 1)).flat(), state: state(fate, {}) },
		})),
		/** After a crash, each name stands for itself, and those of keys are elsewhere. */
		database: sent.flatMap(({ names, row, fate }) => {
			const { order, item } = recordsOf(names, row + 1);
			return [
				...order.map((one): Sent => ({ row, past: { order: names.order, records: [one], state: state(fate) } })),
				...item.map((one): Sent => ({ row, past: { item: names.item, records: [one], state: state(fate) } })),
			];
		}),
	};
}

/** Which rows that were sent each item of a list stands for. */
function found(sent: Sent[], later: Names[]): string {
	return match(
		later,
		sent.map(({ past }) => past),
	)
		.map((pasts) => [...new Set(pasts.map((past) => sent.find((one) => one.past === past)?.row))].join('+') || 'new')
		.join(' ');
}

const table: Array<[name: string, first: Names[], fates: string, later: Names[], expected: string, afterCrash?: string]> = [
	['the same list', [a, b, c], 'b?-', [a, b, c], '0 1 new'],
	['nothing was sent', [a, b], '--', [a, b], 'new new'],
	['an empty list', [a], 'b', [], ''],

	// The stored items, and parameters that were mended.
	['another order for the same items', [a, b, c], 'b?-', [mended(a, 'd'), mended(b, 'e'), mended(c, 'f')], '0 1 new'],
	['items that are no orders by now', [a, b, c], 'b?-', [mended(a), mended(b), mended(c)], '0 1 new'],
	['an item that says nothing of itself is no order by now', [bare(a)], 'b', [{}], 'new'],
	['another order for an item that says nothing of itself', [bare(a)], 'b', [bare(x)], 'new'],
	// After a crash, an item's record tells only whether it is of what the item orders now.
	['an order went to another item, whose own is new', [a, b], 'b-', [mended(a, 'b'), mended(b, 'a')], 'new 0', '0 0'],

	// The list with other rows, or in another order.
	['a row more at the front', [a, b, c], 'b?b', [x, a, b, c], 'new 0 1 2'],
	['a row more in the middle', [a, b, c], 'b?b', [a, x, b, c], '0 new 1 2'],
	['a row less', [a, b, c], 'b?b', [b, c], '1 2'],
	['the reverse', [a, b, c], 'b?b', [c, b, a], '2 1 0'],
	['the reverse, one of them refused', [a, b, c], 'b-b', [c, b, a], '2 new 0'],
	['an order once more', [a, b], 'bb', [a, b, bare(b)], '0 1 new'],
	['an order twice more', [bare(a)], 'b', [bare(a), bare(a), bare(a)], '0 new new'],
	['an order once less', [a, bare(b), bare(b)], 'bbb', [a, bare(b)], '0 1'],
	['an order that moved, and came once more before it', [a, b], 'bb', [bare(b), b, a], 'new 1 0'],

	// The same rows with fresh values.
	['a fresh value in each row', [stamped(a), stamped(b), stamped(c)], 'b?-', [stamped(a), stamped(b), stamped(c)], '0 1 new'],
	['a fresh value in each row, in reverse', [stamped(a), stamped(b)], 'b?', [stamped(b), stamped(a)], '1 0'],
	['two of the same with fresh values, both bought', [stamped(a), stamped(a)], 'bb', [stamped(a), stamped(a)], '0 1'],
	['two of the same with fresh values, and a third', [stamped(a), stamped(a)], 'bb', [stamped(a), stamped(a), stamped(a)], '0 1 new'],
	['two of the same with fresh values, the second one bought', [stamped(a), stamped(a)], '?b', [stamped(a), stamped(a)], '1 0'],
	[
		'two of the same, recognised by their rows',
		[mended(a, 'same'), mended(b, 'same')],
		'?b',
		[mended(b, 'same'), mended(a, 'same')],
		'1 0',
	],

	// Another order at the same place.
	['another channel at the same place', [a, b, c], 'b?b', [a, x, c], '0 new 2'],

	// Keys are what a user says is the same.
	[
		'equal orders that changed places, told by their keys',
		[keyed(bare(a), 'k'), keyed(bare(a), 'l')],
		'b?',
		[keyed(bare(a), 'l'), keyed(bare(a), 'k')],
		'1 0',
		'0 1',
	],
	['a key outranks the row', [keyed(stamped(a), 'k'), keyed(a, 'l')], 'bb', [keyed(a, 'k'), keyed(stamped(a), 'l')], '0 1', '0+1 1'],
	['another key for the same order', [keyed(a, 'k')], 'b', [keyed(a, 'l')], '0'],
	['a key for another order', [keyed(a, 'k')], 'b', [keyed(x, 'k')], 'new'],
];

const cells = table.flatMap(([name, first, fates, later, expected, afterCrash = expected]) => [
	{ name, first, fates, later, store: 'execution' as const, expected },
	{ name, first, fates, later, store: 'database' as const, expected: afterCrash },
]);

test.each(cells)('$name ($store): $expected', ({ store, expected, first, fates, later }) => {
	expect(found(stores(first, fates)[store], later)).toBe(expected);
});

describe('equal orders that were recorded apart', () => {
	const { database } = stores([mended(a, 'same'), mended(b, 'same')], '?b');

	test('are told by what is on record of the item', () => {
		expect(found(database, [mended(b, 'same'), mended(a, 'same')])).toBe('1 0');
	});
});

describe('in another try of the same call, whose list is the same', () => {
	const placed = (order: string, place: number): Names => ({ order, place: `0 ${place}` });
	const sent = (...rows: Names[]) => stores(rows, 'b'.repeat(rows.length)).execution;

	test('items that say nothing of themselves are told by their places, however often their fields were changed', () => {
		const later = [placed('c', 0), placed('c', 1), placed('c', 2)];
		expect(found(sent(placed('a', 0), placed('b', 1)), later)).toBe('0 1 new');
		expect(found(sent(placed('a', 0), placed('c', 1)), later)).toBe('0 1 new');
	});

	test('what is ordered outranks the place', () => {
		expect(found(sent(placed('a', 0), placed('b', 1)), [placed('b', 0), placed('a', 1)])).toBe('1 0');
	});

	test('what another retry has bought is not for an item that was bought as another order', () => {
		const [another] = stores([bare(x)], 'b').database;
		expect(found([...sent(placed('a', 0)), { ...another, row: 1 }], [placed('x', 0), placed('x', 1)])).toBe('0 1');
	});
});

test('one that is at hand with its purchase comes before one that is only known as bought', () => {
	const [lost] = stores([bare(a)], 'b').database;
	const [atHand] = stores([bare(a)], 'b').execution;
	expect(match([bare(a)], [lost.past, atHand.past])[0][0]).toBe(atHand.past);
	expect(match([bare(a)], [atHand.past, lost.past])[0][0]).toBe(atHand.past);
});

describe('an order comes with all that is on record of it', () => {
	const editor = (day: string, kind: 'bought' | 'unknown' = 'bought'): PastOrder => ({
		order: 'a',
		records: [{ scope: `node:editor:${day}`, name: 'order a', number: 1, part: 1 }],
		state: kind === 'bought' ? { kind } : { kind, isSilent: false },
	});
	const [byOrder, byItem] = stores([a], 'b').database.map(({ past }) => past);

	test('under each of its names, and by hand', () => {
		expect(match([a], [byOrder, byItem, editor('2026-11-25')])).toEqual([[byOrder, editor('2026-11-25'), byItem]]);
	});

	test('but not what has ended in another way', () => {
		expect(match([bare(a)], [byOrder, editor('2026-11-25', 'unknown')])).toEqual([[byOrder]]);
		const uncertain: PastOrder = { ...byItem, state: { kind: 'unknown', isSilent: true } };
		// The item says which of equal orders it is.
		expect(match([a], [byOrder, editor('2026-11-25', 'unknown'), uncertain])).toEqual([[editor('2026-11-25', 'unknown'), uncertain]]);
	});

	test('nor another order of the same, be it by hand on another day', () => {
		const [today, yesterday] = [editor('2026-11-25'), editor('2026-11-24')];
		expect(match([a], [today, yesterday])).toEqual([[today]]);
		expect(match([a, bare(a)], [today, yesterday])).toEqual([[today], [yesterday]]);
		const again = stores([bare(x), bare(a)], '-b').database[0].past;
		expect(match([bare(a)], [byOrder, again])).toEqual([[byOrder]]);
	});

	test('nor what belongs to another order in part', () => {
		const inBoth: PastOrder = { ...byOrder, records: [...byOrder.records, ...editor('2026-11-25').records] };
		expect(match([bare(a)], [byOrder, inBoth])).toEqual([[byOrder]]);
		// The order moved to another row, which is on record for another one.
		const [moved] = stores([a], 'b').execution.map(({ past }) => past);
		const [, other] = stores([b], 'b').database.map(({ past }) => past);
		expect(match([{ ...a, item: b.item }], [{ ...moved, state: { kind: 'bought' } }, other])[0]).toHaveLength(1);
	});

	test('an item without a past order takes nothing along', () => {
		expect(match([x], [byOrder, byItem])).toEqual([[]]);
	});
});

const row = fc.record(
	{ order: fc.constantFrom('a', 'b', 'c'), item: fc.constantFrom('1', '2', '3', '4'), key: fc.constantFrom('k', 'l') },
	{ requiredKeys: [] },
);
const list = fc.array(row, { maxLength: 6 });
const fate = fc.constantFrom<Fate>('b', '?', '-');

test('whatever the list: no past order is taken twice, nor for an item that it has no name of, nor left if it fits', () => {
	fc.assert(
		fc.property(list, fc.array(fate, { minLength: 6, maxLength: 6 }), list, fc.boolean(), (first, fates, later, isCrash) => {
			const past = stores(first, fates.join(''))[isCrash ? 'database' : 'execution'].map((one) => one.past);
			const result = match(later, past);
			const taken = result.flat();
			expect(result).toHaveLength(later.length);
			expect(new Set(taken).size).toBe(taken.length);
			const fits = (one: PastOrder, { order, item }: Names) =>
				(order !== undefined && one.order === order) || (item !== undefined && one.item === item);
			result.forEach((orders, place) => {
				for (const one of orders) {
					expect(fits(one, later[place])).toBe(true);
					expect(one.state.kind).toBe(orders[0].state.kind);
				}
				if (orders.length === 0) expect(past.filter((one) => !taken.includes(one) && fits(one, later[place]))).toEqual([]);
			});
			// Never an order twice that was bought once.
			for (const order of 'abc') {
				const known = past.filter((one) => one.order === order).length;
				const wanted = later.filter((names) => names.order === order).length;
				const new_ = later.filter((names, place) => names.order === order && result[place].length === 0).length;
				expect(new_).toBeLessThanOrEqual(Math.max(0, wanted - known));
			}
		}),
		{ numRuns: 2000 },
	);
});

test('a list in another sequence is recognised row by row, whatever became of it', () => {
	const rows = fc.uniqueArray(fc.record({ order: fc.constantFrom('a', 'b'), item: fc.nat({ max: 20 }).map(String) }), {
		selector: ({ item }) => item,
		maxLength: 6,
	});
	fc.assert(
		fc.property(rows, fc.array(fate, { minLength: 6, maxLength: 6 }), fc.infiniteStream(fc.nat()), (first, fates, dice) => {
			const places = first
				.map((_, place) => ({ place, at: dice.next().value as number }))
				.sort((one, other) => one.at - other.at)
				.map(({ place }) => place);
			const { execution } = stores(first, fates.join(''));
			const result = match(
				places.map((place) => first[place]),
				execution.map(({ past }) => past),
			);
			places.forEach((place, i) => {
				const own = execution.find((sent) => sent.row === place)?.past;
				if (own) expect(result[i][0]).toBe(own);
			});
		}),
	);
});

describe('a mended item, by the records that a crash has left', () => {
	const record = (name: string, scope = SCOPE) => ({ scope, name, number: 1, part: 1 });
	const ofItem: PastOrder = { item: 'row a', records: [record('item row a')], state: { kind: 'bought' } };
	const ofOrder = (state: PastState, scope?: string): PastOrder => ({ order: 'x', records: [record('order x', scope)], state });
	const seeker: Names = { item: 'row a', order: 'x' };
	const matched = (past: PastOrder[]) => match([seeker], past)[0].map((order) => past.indexOf(order));

	test('it was bought, and what it orders now was ordered for another one', () => {
		expect(matched([ofOrder({ kind: 'unknown', isSilent: true }), ofItem])).toEqual([1]);
	});

	test('it was bought, and so was what it orders now: that may be the same order', () => {
		expect(matched([ofItem, ofOrder({ kind: 'bought' })])).toEqual([1, 0]);
	});

	test('it was bought, and perhaps for what another one orders now: what it orders now may be its own', () => {
		const past = [ofItem, { ...ofOrder({ kind: 'bought' }), order: 'y' }, ofOrder({ kind: 'unknown', isSilent: true })];
		expect(match([seeker, { item: 'row b', order: 'y' }], past)).toEqual([[past[2]], [past[1]]]);
	});

	test('it was bought for what it ordered before: what it orders now is not its own', () => {
		const before: PastOrder = { ...ofItem, order: 'a', records: [record('order a'), record('item row a')] };
		expect(matched([before, ofOrder({ kind: 'bought' }, 'node:editor:2026-11-26')])).toEqual([0]);
	});
});

describe('an uncertain order under its own name and under that of its item, which takes the next number in each try', () => {
	const record = (name: string, number: number, scope = SCOPE) => ({ scope, name, number, part: 1 });
	const unknown: PastState = { kind: 'unknown', isSilent: true };
	const ofItem = (number: number, state: PastState): PastOrder => ({ item: 'row a', records: [record('item row a', number)], state });
	const ofOrder = (number: number, scope?: string, state: PastState = unknown): PastOrder => ({
		order: 'a',
		records: [record('order a', number, scope)],
		state,
	});

	test.each([
		['the same number', ofOrder(2), 2],
		['a higher one: equal orders were sent for others', ofOrder(3), 2],
		['a lower one of a list of its own, as by hand', ofOrder(1, 'node:editor:2026-11-25'), 2],
		['a lower one of what was bought', ofOrder(1, SCOPE, { kind: 'bought' }), 2],
	])('are one order: %s', (_, one, number) => {
		expect(match([a], [one, ofItem(number, one.state)])[0]).toHaveLength(2);
	});

	test('are two tries if that of the order is lower', () => {
		expect(match([a], [ofOrder(1), ofItem(2, unknown)])[0]).toHaveLength(1);
	});
});

test('an item stands for what it has taken before by what it ordered then, once nothing else orders that', () => {
	const records = [{ scope: SCOPE, name: 'order a', number: 1, part: 1 }];
	const past: PastOrder = { order: 'a', takenBy: 'row a', records, state: { kind: 'unknown', isSilent: true } };
	expect(match([mended(a, 'x')], [past])).toEqual([[past]]);
	expect(match([mended(b, 'x')], [past])).toEqual([[]]);
	expect(match([mended(a, 'x'), stamped(a)], [past])).toEqual([[], [past]]);
});
