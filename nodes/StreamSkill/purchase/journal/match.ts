import type { Names, PastOrder } from './past';
import { isOfEditor, isOfItem } from './records';

/**
 * Tells which items of a list stand for past orders. The list may be the stored one, whose fields were mended since, or
 * one that was read anew, with other rows, another sequence, or fresh values in the same rows.
 *
 * An item takes the order that fits it best: the same order wherever it stands now, else one for the same item, whose
 * fields were changed since. Each past order is taken once at most: a row that comes once more is a new order.
 *
 * @param seekers the names of each item
 * @param past the orders that may be taken; a record in n8n's database is an order with one name
 * @param mayTake whether one of them may be that of an item
 * @returns for each item all that is known of its order: of several that are in the same state, one under each name
 */
export function match(
	seekers: Names[],
	past: PastOrder[],
	mayTake: (order: PastOrder, names: Names) => boolean = () => true,
): PastOrder[][] {
	const free = new Set(past);
	const sameOrder = indexOf(past, ({ order }) => order);
	const sameItem = indexOf(past, ({ item }) => item);
	const samePlace = indexOf(past, ({ place }) => place);
	const takenBySame = indexOf(past, ({ takenBy }) => takenBy);
	const own = (names: Names) => [...sameItem(names), ...samePlace(names)];
	const ordered = new Set(seekers.map(({ order }) => order));
	const found: PastOrder[][] = seekers.map(() => []);

	const take = (place: number, order: PastOrder) => {
		for (const orders of [free, sameOrder(order), sameItem(order), samePlace(order), takenBySame(order)]) orders.delete(order);
		found[place]?.push(order);
	};
	/** Goes through the list once: each item that has none yet takes the first that fits. */
	const pass = (candidates: (names: Names) => Iterable<PastOrder>, fits: (order: PastOrder, names: Names) => boolean) => {
		seekers.forEach((names, place) => {
			if (found[place]?.length !== 0) return;
			for (const order of candidates(names)) {
				if (!fits(order, names) || !mayTake(order, names)) continue;
				take(place, order);
				return;
			}
		});
	};

	pass(sameOrder, ({ key }, names) => key !== undefined && key === names.key);
	pass(own, ({ order }, names) => order !== undefined && order === names.order);
	// What no item of the list orders was for this one, before its fields were changed.
	const isOfNone = ({ order }: PastOrder) => order !== undefined && !ordered.has(order);
	pass(own, isOfNone);
	pass(({ item }) => takenBySame({ takenBy: item }), isOfNone);
	// Equal orders that were recorded apart: which of them is whose shows by their state.
	pass(sameOrder, ({ state }, names) => state.kind === [...sameItem(names)][0]?.state.kind);
	// Of an order that is not in the list any more, only the item's record is found: no order's record in that state is left.
	const withoutItem = new Set([...free].flatMap(({ item, state }) => (item === undefined ? state.kind : [])));
	pass(sameItem, ({ order, state }) => order === undefined && !withoutItem.has(state.kind));
	pass(sameOrder, ({ state }) => state.kind === 'bought' && state.purchase !== undefined);
	pass(sameOrder, ({ state }) => state.kind === 'bought');
	pass(sameOrder, () => true);
	pass(own, () => true);

	// One order is recorded under each of its names: else it would be held back under the next name for ever.
	seekers.forEach((names, place) => {
		const [first] = found[place] ?? [];
		if (!first) return;
		const scopes = new Set(scopesOf(first));
		const isMended = first.order !== undefined && first.order !== names.order;
		for (const other of [...(isMended ? [] : sameOrder(names)), ...sameItem(names)]) {
			if (other.state.kind !== first.state.kind || scopesOf(other).some((scope) => scopes.has(scope))) continue;
			if (!mayBeOfOneTry(first, other) || !mayTake(other, names)) continue;
			take(place, other);
			for (const scope of scopesOf(other)) scopes.add(scope);
		}
	});
	return found;
}

/**
 * Each time that an item is tried, it takes the next number under each of its names: a lower one of what it orders is of
 * a try before its last. Of one that was bought, the item's record itself says what it was.
 */
function mayBeOfOneTry(one: PastOrder, other: PastOrder): boolean {
	if (one.state.kind !== 'unknown') return true;
	const records = [...one.records, ...other.records];
	const item = records.find(isOfItem);
	const order = records.find((record) => record.scope === item?.scope && !isOfItem(record));
	return item === undefined || order === undefined || order.number >= item.number;
}

/** An order has one record under each kind of name, for the execution and for the editor, which has a list for each day. */
const scopesOf = ({ records }: PastOrder) =>
	records.map(({ scope, name }) => `${isOfEditor({ scope }) ? 'editor' : scope} ${name.replace(/ .*/, '')}`);

type Seen = Names & Pick<PastOrder, 'takenBy'>;

/** @returns what gives the orders with the same name of a kind: none where there is no name */
function indexOf(orders: PastOrder[], nameOf: (names: Seen) => string | undefined) {
	const byName = new Map<string | undefined, Set<PastOrder>>();
	for (const order of orders) {
		const name = nameOf(order);
		if (name !== undefined) byName.set(name, (byName.get(name) ?? new Set()).add(order));
	}
	return (names: Seen) => byName.get(nameOf(names)) ?? new Set<PastOrder>();
}
