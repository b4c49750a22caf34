/**
 * Everything that this node stores in people's n8n, written out. A test that fails here tells that what was stored
 * before the change would not be found any more: change the code back, not this file.
 */
import { digest } from '../../nodes/StreamSkill/n8n/digest.ts';
import {
	CUSTOM_DATA,
	DIGEST,
	ENTRY,
	GENERATION,
	KEY_ENTRIES,
	KEYS_SCOPE,
	NAME,
	PAST_ORDERS,
	ROW,
} from '../../nodes/StreamSkill/n8n/stored.ts';
import { namesOf } from '../../nodes/StreamSkill/purchase/journal/names.ts';
import { referenceOf } from '../../nodes/StreamSkill/purchase/journal/references.ts';
import { readOrder, whatIsOrdered } from '../../nodes/StreamSkill/purchase/order/order.ts';

test.each([
	["the property of the workflow's context", PAST_ORDERS, 'streamSkillOrders'],
	['the custom data', CUSTOM_DATA, 'streamSkillPurchases'],

	['the orders of an execution', ROW.orders('node', 'root'), 'node:orders:root'],
	['the orders by hand', ROW.editor('node', 'workflow', '2026-11-25'), 'node:editor:workflow:2026-11-25'],
	['that an execution was started by hand', ROW.byHand('list'), 'list:by hand'],
	['the lock on a list', ROW.lock('list'), 'list:lock'],
	['the first row of a list', ROW.part('list', 1), 'list'],
	['its second row', ROW.part('list', 2), 'list:2'],
	['the mark that ends its first generation', ROW.part('list', GENERATION), 'list:10000'],
	['the claim of a key', ROW.claim('k', 2), 'streamskill:key:k:2'],
	['how it ended', ROW.end('k', 2), 'streamskill:key:k:2:end'],
	['that nobody waits for it', ROW.silent('k', 2), 'streamskill:key:k:2:silent'],

	['an order in a list', NAME.order('d'), 'order d'],
	['an item in a list', NAME.item('d'), 'item d'],
	['a record that is claimed', ENTRY.claimed('order d', 2), 'order d 2'],
	['one that is bought', ENTRY.bought('order d', 2, 0), 'bought order d 2'],
	['what was bought for an item', ENTRY.boughtFor('order d', 'item e', 2, 0), 'bought order d for item e 2'],
	['one that is void', ENTRY.void('order d', 2, 0), 'void order d 2'],
	['one that is silent', ENTRY.silent('order d', 2, 0), 'silent order d 2'],
	['the key that was claimed with an order', ENTRY.keyed('k', 2, 'order d', 3, 0), 'key k 2 for order d 3'],
	['that an execution was started by hand', ENTRY.byHand, 'by hand'],
	['what is in a mark that ends a generation', ENTRY.left, 'left'],
	['when a list was written to', ENTRY.written(29926800), 'written 29926800'],
	['the mark of a reader', ENTRY.reading(0), 'reading'],
	['that of who looks for keys', ENTRY.linking(0), 'linking'],
	['what stands beside it', ENTRY.looking(0.5), 'looking 0.5'],

	['what the keys of a workflow are told apart by', KEYS_SCOPE('w'), 'key w'],
	['what the digest of a root is made of', DIGEST.root('7'), 'root 7'],
	['what that of a key is made of', DIGEST.key('a'), 'key a'],
	['one that is bought, in a later epoch', ENTRY.bought('order d', 2, 1), 'bought order d 2 in 1'],
	['the mark of a reader in a later epoch', ENTRY.reading(1), 'reading in 1'],
	['what a reference is made of', DIGEST.reference('s', 'n', 1), 'reference s n 1'],
])('%s', (_, name, golden) => {
	expect(name).toBe(golden);
});

test('the entries of a key, of which each end has another number', () => {
	expect(KEY_ENTRIES).toEqual({
		claim: 'claimed',
		void: ['end', 'void'],
		bought: ['end', 'bought', 'bought for certain'],
		silent: ['silent'],
	});
	expect(new Set([...KEY_ENTRIES.void, ...KEY_ENTRIES.bought]).size).toBe(4);
});

test('there is nothing else', () => {
	expect(Object.keys(ROW)).toEqual(['orders', 'editor', 'lock', 'byHand', 'part', 'claim', 'end', 'silent']);
	expect(Object.keys(ENTRY)).toEqual([
		'claimed',
		'bought',
		'boughtFor',
		'void',
		'silent',
		'keyed',
		'left',
		'byHand',
		'written',
		'reading',
		'linking',
		'looking',
	]);
	expect(Object.keys(DIGEST)).toEqual(['root', 'key', 'reference']);
	expect(Object.keys(NAME)).toEqual(['order', 'item']);
});

test('a digest', () => {
	expect(digest('StreamSkill')).toBe('h8OOx3jRcUtyedoLl1vmkC');
});

test('a reference', () => {
	const record = { scope: 'list', name: 'order d', part: 1 };
	expect(referenceOf({ ...record, number: 1 })).toBe('CK7C-EPWY');
	expect(referenceOf({ ...record, number: 2 })).toBe('4KJ6-CT6R');
});

test('what is ordered, and the names of it', () => {
	const reading = readOrder({
		tarifId: 7,
		channel: 'a',
		additionalFields: { comment: 'x', duration: 2, interval: 10, lang: 'en', quantity: 3, start: true },
		options: { idempotencyKey: 'k' },
	});
	if (reading.kind === 'invalid') throw new Error('not an order');
	const text = '[["channel","a"],["interval",10],["lang","en"],["start",true],["tarif.duration",2],["tarif.id",7],["tarif.quantity",3]]';
	expect(whatIsOrdered(reading.order.body)).toBe(text);
	expect(namesOf([{ json: { row: 1, channel: 'a' }, reading }], 'c')).toEqual([
		{ order: 'BqZAGEtchIc1o1LokeZd3R', item: '6N1-IG-7Q03qv107LHWA7E', key: '-gHq74liog9S5jeluusz2M' },
	]);
});
