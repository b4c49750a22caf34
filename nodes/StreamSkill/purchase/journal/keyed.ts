import { groupBy } from './groups';
import type { Names, PastOrder } from './past';
import type { Knowledge, Recalled } from './recalled';
import { isByHand } from './records';

/** Whether what is known of an item's key outranks an order. */
export type Outranks = (order: PastOrder, names: Names) => boolean;

/**
 * What a key has bought, or may have, holds in any execution, so it outranks what was ordered by hand with another one, or
 * with none. What is uncertain is held back all the same, unless another item may have ordered it.
 *
 * @param unlinked of which orders it is not known which keys they were claimed with
 */
export function outranks(recalled: Recalled[], unlinked: ReadonlySet<string>): Outranks {
	const keyed = new Set(recalled.filter(({ key }) => isOfThisOrder(key)).map(({ names }) => names));
	const wanted = new Set(recalled.flatMap(({ names }) => (keyed.has(names) ? [] : (names.order ?? []))));
	return (order, names) => {
		if (names.order === undefined || unlinked.has(names.order) || !keyed.has(names)) return false;
		return isByHand(order) && order.key !== names.key && (order.state.kind === 'bought' || wanted.has(names.order));
	};
}

/** Whether an item's key has bought what the item orders now, or may have. */
export const isOfThisOrder = (key: Recalled['key']): boolean => key?.owner === 'same' && key.state !== 'void';

/** Of an item that is no order by now, or where n8n's database refuses, nothing tells whose the key is. */
export const conflictWith = ({ owner }: NonNullable<Recalled['key']>): Knowledge | undefined =>
	owner === undefined || owner === 'same' ? undefined : { kind: 'conflict', with: owner === 'other' ? 'record' : 'unclear' };

/** The same key for different orders: which of them it is meant for cannot be told. */
export function refuseKeysOfSeveralOrders(recalled: Recalled[]) {
	const keyed = recalled.filter(({ names, known }) => names.key !== undefined && known.kind === 'new');
	for (const group of groupBy(keyed, ({ names }) => names.key).values()) {
		const orders = new Set(group.flatMap(({ names }) => names.order ?? []));
		if (orders.size > 1) for (const one of group) one.known = { kind: 'conflict', with: 'list' };
	}
}
