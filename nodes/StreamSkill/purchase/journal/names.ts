import type { IDataObject } from 'n8n-workflow';

import { digest } from '../../n8n/digest';
import { whatIsOrdered, type Reading } from '../order/order';
import { groupBy } from './groups';
import type { Names } from './past';
import { DIGEST, NAME } from '../../n8n/stored';
import { isOfEditor, type RecordId } from './records';

/**
 * The names of each item's order.
 *
 * - *order*: what is ordered. A mended comment does not make another order of it.
 * - *item*: the input item, unless it is empty, or another item of the list is the same.
 * - *key*: the user's Idempotency Key.
 *
 * @param inputs the node's input items
 * @param readings what each of them orders
 */
export function namesOf(inputs: IDataObject[], readings: Reading[]): Names[] {
	const contents = inputs.map(contentOf);
	const alike = groupBy(contents, (content) => content);
	return contents.map((content, index) => {
		const reading = readings[index];
		const key = reading?.treatment.idempotencyKey;
		return {
			...(reading?.kind === 'valid' && { order: digest(whatIsOrdered(reading.value.body)) }),
			...(content !== undefined && alike.get(content)?.length === 1 && { item: content }),
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
