import type { RecordId } from '../../nodes/StreamSkill/purchase/journal/records.ts';
import { referenceOf, shownReference } from '../../nodes/StreamSkill/purchase/journal/references.ts';
import { readReferences } from '../../nodes/StreamSkill/purchase/order/kinds.ts';

const record = (more: Partial<RecordId> = {}): RecordId => ({ scope: 'node:orders:root', name: 'order a', number: 1, part: 1, ...more });

const many = () => Array.from({ length: 10_000 }, (_, i) => referenceOf(record({ name: `order ${i}` })));

test('a reference has eight letters and digits, none of which looks like another', () => {
	const references = many();
	for (const reference of references) expect(reference).toMatch(/^[A-Z\d]{4}-[A-Z\d]{4}$/);
	const used = new Set(references.join('').replaceAll('-', ''));
	for (const alike of ['0OQ', '1IL', '5S', '2Z', '8B', 'UV']) {
		expect([...alike].filter((character) => used.has(character)).length).toBeLessThanOrEqual(1);
	}
	expect(used.size).toBe(23);
});

test('each character is as likely as the others, wherever it stands', () => {
	const references = many();
	for (const place of [0, 1, 2, 3, 5, 6, 7, 8]) {
		const counts = new Map<string, number>();
		for (const reference of references) counts.set(reference[place], (counts.get(reference[place]) ?? 0) + 1);
		// 435 on average, with a standard deviation of 20.
		expect(counts.size).toBe(23);
		for (const count of counts.values()) expect(Math.abs(count - 10_000 / 23)).toBeLessThan(120);
	}
});

test('a reference is the same whenever it is made, wherever its record is kept, and another one for each record', () => {
	const references = many();
	expect(new Set(references).size).toBe(references.length);
	expect(referenceOf(record({ name: 'order 1', part: 2 }))).toBe(references[1]);
	const others = [{ scope: 'other' }, { number: 2 }, { name: 'item 1' }, { name: 'order', number: 11 }, { number: 11 }];
	expect(new Set([references[1], ...others.map((more) => referenceOf(record({ name: 'order 1', ...more })))]).size).toBe(6);
});

describe('the reference that is shown', () => {
	const [key, editor, order, item] = [
		record({ scope: 'key workflow', name: 'k' }),
		record({ scope: 'node:editor:2026-11-25' }),
		record(),
		record({ name: 'item a' }),
	];

	test.each([
		['of the key', [item, order, editor, key], key],
		['of what was ordered by hand', [item, order, editor], editor],
		['of the item', [item, order], item],
		['of what is ordered', [order], order],
		[
			'of a key above all, whatever its name',
			[order, record({ scope: 'key workflow', name: 'item k' })],
			record({ scope: 'key workflow', name: 'item k' }),
		],
	])('is that %s', (_, records, shown) => {
		for (const all of [records, [...records].reverse()]) expect(shownReference(all).reference).toBe(referenceOf(shown));
	});

	test('counts wherever the item has its key, unless the order was sent with another key or none', () => {
		expect(shownReference([item, key], 'k').isKeyed).toBe(true);
		for (const records of [[item, order, editor], [record({ name: 'k' })], [item, record({ scope: 'key workflow', name: 'other' })]])
			expect(shownReference(records, 'k').isKeyed).toBe(false);
		expect(shownReference([item, key]).isKeyed).toBe(false);
	});

	test('the records stay in their sequence', () => {
		const records = [item, key];
		shownReference(records);
		expect(records).toEqual([item, key]);
	});

	test('an order without a record cannot have one', () => {
		expect(() => shownReference([])).toThrow('an order without a record has no reference');
	});
});

test.each([
	['nothing', '', []],
	['blanks', ' \n\t', []],
	['one', 'K7QM-3XPA', ['K7QM-3XPA']],
	['without the dash', 'K7QM3XPA', ['K7QM-3XPA']],
	['in small letters', 'k7qm-3xpa', ['K7QM-3XPA']],
	['with blanks around it', '  K7QM-3XPA\n', ['K7QM-3XPA']],
	['with spaces between', 'K7QM-3XPA 4RTW-9CDE', ['K7QM-3XPA', '4RTW-9CDE']],
	['with commas between', 'K7QM-3XPA,4RTW-9CDE, 6FGH-7JKM', ['K7QM-3XPA', '4RTW-9CDE', '6FGH-7JKM']],
	['with semicolons between', 'K7QM-3XPA;4RTW-9CDE', ['K7QM-3XPA', '4RTW-9CDE']],
	['with lines between', 'K7QM-3XPA\r\n4RTW-9CDE\n', ['K7QM-3XPA', '4RTW-9CDE']],
	['with no-break spaces between, as from a mail', 'K7QM-3XPA\u00a04RTW-9CDE', ['K7QM-3XPA', '4RTW-9CDE']],
	['twice, in two ways', 'K7QM-3XPA k7qm3xpa', ['K7QM-3XPA']],
	['too short', 'K7QM-3XP', ['K7QM-3XP']],
	['too long', 'K7QM-3XPAA K7QM3XPAAK7QM3XPA', ['K7QM-3XPAA', 'K7QM3XPAAK7QM3XPA']],
	['with the dash elsewhere', 'K7Q-M3XPA', ['K7Q-M3XPA']],
	['words', 'it is there', ['IT', 'IS', 'THERE']],
	['a purchase ID', '#12345', ['#12345']],
])('what somebody types: %s', (_, typed, read) => {
	expect(readReferences(typed)).toEqual(read);
});
