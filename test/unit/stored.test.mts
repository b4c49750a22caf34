/**
 * What this node stores in people's n8n, written out. A test that fails here tells that something was renamed: an
 * order that was sent under the old name would be sent again. Change the code back, not this file.
 */
import { digest, identify } from '../../nodes/StreamSkill/purchase/journal/identity.ts';
import { referenceOf } from '../../nodes/StreamSkill/purchase/journal/references.ts';
import { CUSTOM_DATA, DIGEST, ENTRY, LEDGER, lockRow, runRow } from '../../nodes/StreamSkill/purchase/journal/stored.ts';

test.each([
	['the property in an execution\'s data', LEDGER, 'streamSkillOrders'],
	['the custom data', CUSTOM_DATA, 'streamSkillPurchases'],
	['a run\'s row', runRow('node-1', 'run-1'), 'node-1:run:run-1'],
	['a lock', lockRow('node-1'), 'node-1:lock'],
	['a key', ENTRY.key('k'), 'key k'],
	['an n-th order', ENTRY.nth(2, 'w'), 'order 2 w'],
	['an item', ENTRY.at(3, 'i'), 'item 3 i'],
	['an item with its order', ENTRY.atFor('item 3 i', 'w'), 'item 3 i for w'],
	['a key without an answer', ENTRY.open('key k'), 'open key k'],
	['an order that was bought', ENTRY.done('order 2 w'), 'done order 2 w'],
	['an order that was refused', ENTRY.void('order 2 w'), 'void order 2 w'],
	['a reference that was used', ENTRY.used('K7QM-3XPA'), 'used K7QM-3XPA'],
	['the mark of a reader', ENTRY.reading, 'reading'],
	['what a run\'s digest is made of', DIGEST.run('root', '0'), 'run root 0'],
	['what an order\'s digest is made of', DIGEST.what(1, 'a "b"'), '[1,"a \\"b\\""]'],
	['what a reference is made of', DIGEST.reference('s', 'e', 1), 'reference s e 1'],
])('%s', (_, name, golden) => {
	expect(name).toBe(golden);
});

test('there is no other entry', () => {
	expect(Object.keys(ENTRY)).toEqual(['key', 'nth', 'at', 'atFor', 'open', 'done', 'void', 'used', 'reading']);
	expect(Object.keys(DIGEST)).toEqual(['run', 'what', 'reference']);
});

test('a digest', () => {
	expect(digest('StreamSkill')).toBe('h8OOx3jRcUtyedoLl1vmkC');
});

test('a reference', () => {
	expect(referenceOf('run', 'order 1 [1,"a"]', 1)).toBe('9EQY-JEAE');
	expect(referenceOf('run', 'order 1 [1,"a"]', 2)).toBe('46N3-HK7F');
});

test('an identity', () => {
	const order = { body: { tarif: { id: 7 }, channel: 'a' }, onDuplicate: 'skip' as const, dryRun: false, confirmedBought: [], confirmedNotBought: [], repeatManualOrders: false };
	expect(identify([{ row: 1, channel: 'a' }, {}], [order, { ...order, idempotencyKey: 'k' }])).toEqual([
		{ at: 'item 0 6N1-IG-7Q03qv107LHWA7E', what: '[7,"a"]', keyed: false, isUnique: true },
		{ at: 'item 1 RBNvo1WzZ4oRRq0W9-hknp', what: 'key k', keyed: true, isUnique: false },
	]);
});
