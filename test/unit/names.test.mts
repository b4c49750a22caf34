import type { IDataObject } from 'n8n-workflow';

import { chainsOf, namesOf } from '../../nodes/StreamSkill/purchase/journal/names.ts';
import { readOrder, type OrderParameters } from '../../nodes/StreamSkill/purchase/order/order.ts';

const reading = (given: Partial<OrderParameters> = {}) =>
	readOrder({ tarifId: 1, channel: 'a', additionalFields: {}, options: {}, ...given });
const nameOf = (input: IDataObject, given?: Partial<OrderParameters>) => namesOf([{ json: input, reading: reading(given) }], 'c')[0];

test.each<[string, Partial<OrderParameters>, boolean]>([
	['nothing else', {}, true],
	['another comment', { additionalFields: { comment: 'x' } }, true],
	['another Expand', { options: { expand: ['tarif'] } }, true],
	['a key', { options: { idempotencyKey: 'k' } }, true],
	['a number as text', { tarifId: ' 1 ' }, true],
	['another tarif', { tarifId: 2 }, false],
	['another channel', { channel: 'b' }, false],
	['a quantity', { additionalFields: { quantity: 1 } }, false],
	['a duration', { additionalFields: { duration: 1 } }, false],
	['an interval', { additionalFields: { interval: 10 } }, false],
	['a language', { additionalFields: { lang: 'auto' } }, false],
	['Start', { additionalFields: { start: false } }, false],
])('what is ordered, with %s: the same is %s', (_, given, isSame) => {
	expect(nameOf({}, given).order === nameOf({}).order).toBe(isSame);
});

test('an item that is no order has the names of its content and of its key', () => {
	const invalid = { channel: '', options: { idempotencyKey: 'k' } };
	const { order, ...names } = nameOf({ row: 1 }, invalid);
	expect(order).toBeUndefined();
	expect(names).toEqual({ item: nameOf({ row: 1 }).item, key: nameOf({}, { options: { idempotencyKey: 'k' } }).key });
});

test('a key is the text it is written as, and tells nothing of it', () => {
	const keyOf = (idempotencyKey: unknown) => nameOf({}, { options: { idempotencyKey } }).key;
	expect(keyOf(7)).toBe(keyOf(' 7 '));
	expect(keyOf('7')).not.toBe(keyOf('8'));
	expect(keyOf('secret')).toMatch(/^[\w-]{22}$/);
	expect(nameOf({})).not.toHaveProperty('key');
});

describe('an item', () => {
	const itemsOf = (...inputs: IDataObject[]) =>
		namesOf(
			inputs.map((json) => ({ json, reading: reading() })),
			'c',
		).map(({ item }) => item);

	test('is told by all of its content, wherever it stands', () => {
		const inputs = [{ a: 1 }, { a: 2 }, { a: 1, b: null }, { b: { c: [1] } }, { b: { c: [2] } }];
		const items = itemsOf(...inputs);
		expect(new Set(items).size).toBe(inputs.length);
		expect(itemsOf(...inputs.reverse())).toEqual(items.reverse());
		for (const item of items) expect(item).toMatch(/^[\w-]{22}$/);
	});

	test('that comes again in the list tells nothing, nor does an empty one', () => {
		expect(itemsOf({ a: 1 }, { a: 1 }, {}, { a: 2 })).toEqual([undefined, undefined, undefined, itemsOf({ a: 2 })[0]]);
	});

	test('that tells nothing goes by its place in the call', () => {
		const inputs: IDataObject[] = [{ a: 1 }, {}, { a: 2 }, { a: 1 }];
		const names = namesOf(
			inputs.map((json) => ({ json, reading: reading() })),
			'call 7',
		);
		expect(names.map(({ place }) => place)).toEqual(['call 7 0', 'call 7 1', undefined, 'call 7 3']);
	});

	test('that JSON has no text for tells nothing', () => {
		const circular: IDataObject = { a: 1 };
		circular.self = circular;
		expect(itemsOf(circular, { toJSON: () => undefined } as never)).toEqual([undefined, undefined]);
	});
});

describe('an order has a record under the name of', () => {
	const list = { scope: 'node:orders:root' };
	const byHand = { scope: 'node:editor:day' };
	const underOrder = { name: 'order o', of: { order: 'o' } };
	const underItem = { name: 'item i', of: { item: 'i' }, order: 'order o' };

	test.each([
		['what is ordered and the item', list, { order: 'o', item: 'i', key: 'k', place: 'p' }, [underOrder, underItem]],
		['what is ordered, where the item says nothing', list, { order: 'o' }, [underOrder]],
		['the item, where it is no order', list, { item: 'i' }, [{ ...underItem, order: undefined }]],
		['what is ordered only, by hand', byHand, { order: 'o', item: 'i' }, [underOrder]],
		['nothing, by hand, where it is no order', byHand, { item: 'i' }, []],
	])('%s', (_, where, names, chains) => {
		expect(chainsOf(names, where)).toEqual(chains);
	});
});
