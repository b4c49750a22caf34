import type { IDataObject } from 'n8n-workflow';

import { digest } from '../../n8n/digest';
import { whatIsOrdered, type Item } from '../order/order';
import { groupBy } from './groups';
import type { Names } from './past';
import { DIGEST, NAME } from '../../n8n/stored';
import { isOfEditor, type RecordId } from './records';

/**
 * @param items the node's input items
 * @param call the ID of the node's call
 * @returns the names of each item's order
 */
export function namesOf(items: Array<Pick<Item, 'json' | 'reading'>>, call: string): Names[] {
	const contents = items.map(({ json }) => contentOf(json));
	const alike = groupBy(contents, (content) => content);
	return items.map(({ reading }, index) => {
		const content = contents[index];
		const isUnique = content !== undefined && alike.get(content)?.length === 1;
		const key = reading.treatment.idempotencyKey;
		return {
			...(reading.kind === 'valid' && { order: digest(whatIsOrdered(reading.order.body)) }),
			...(isUnique ? { item: content } : { place: `${call} ${index}` }),
			...(key !== undefined && { key: digest(DIGEST.key(key)) }),
		};
	});
}

function contentOf(json: IDataObject): string | undefined {
	if (Object.keys(json).length === 0) return undefined;
	try {
		return digest(JSON.stringify(json));
	} catch {
		// Circular: it says no more than an empty one.
		return undefined;
	}
}

/** One of the chains that an order has a record in. */
interface Chain {
	name: string;
	/** What a record in it says of its order. */
	of: Names;
	/** For that of an item: the name of what it orders. */
	order?: string;
}

/** The chains of a list that an order has a record in. By hand, a row with other fields is another order. */
export function chainsOf({ order, item }: Names, list: Pick<RecordId, 'scope'>): Chain[] {
	const ordered = order === undefined ? undefined : NAME.order(order);
	return [
		...(ordered === undefined ? [] : [{ name: ordered, of: { order } }]),
		...(item === undefined || isOfEditor(list) ? [] : [{ name: NAME.item(item), of: { item }, order: ordered }]),
	];
}
