import type { IDataObject, IExecuteFunctions } from 'n8n-workflow';

import { digest, identify, isRetryWithoutRoot, tokenRoot } from '../../nodes/StreamSkill/purchase/journal/identity.ts';
import type { Order } from '../../nodes/StreamSkill/purchase/order/order.ts';

const order = (channel: string, tarif = 1, more: Partial<Order> = {}): Order => ({
	body: { tarif: { id: tarif }, channel },
	onDuplicate: 'skip',
	dryRun: false,
	confirmedBought: [],
	confirmedNotBought: [],
	repeatManualOrders: false,
	...more,
});

const identityOf = (item: IDataObject, given?: Order) => identify([item], [given])[0];

describe('what an order is recognised by', () => {
	test.each<[string, Order, Order, boolean]>([
		['the same', order('a'), order('a'), true],
		['another channel', order('a'), order('b'), false],
		['another tarif', order('a'), order('a', 2), false],
		['tarif and channel that read the same one after the other', order('2,"a', 1), order('"a', 12), false],
		['another comment', order('a'), order('a', 1, { body: { tarif: { id: 1 }, channel: 'a', comment: 'x' } }), true],
		['another quantity', order('a'), order('a', 1, { body: { tarif: { id: 1, quantity: 5 }, channel: 'a' } }), true],
		['another expand', order('a'), order('a', 1, { expand: 'tarif' }), true],
		['a key', order('a'), order('a', 1, { idempotencyKey: 'k' }), false],
		['the same key, whatever is ordered', order('a', 1, { idempotencyKey: 'k' }), order('b', 2, { idempotencyKey: 'k' }), true],
		['another key for the same', order('a', 1, { idempotencyKey: 'k' }), order('a', 1, { idempotencyKey: 'l' }), false],
	])('%s', (_, one, other, isSame) => {
		const [first, second] = [one, other].map((given) => identityOf({}, given));
		expect(first.what === second.what).toBe(isSame);
		expect([first.keyed, second.keyed]).toEqual([one, other].map(({ idempotencyKey }) => idempotencyKey !== undefined));
	});

	test('an item that is no order orders nothing', () => {
		expect(identityOf({ a: 1 }).what).toBeUndefined();
		expect(identityOf({ a: 1 }).keyed).toBe(false);
	});
});

describe('what an item is recognised by', () => {
	test('its place and all of its content', () => {
		const items = [{ a: 1 }, { a: 1 }, { a: 2 }, { a: 1, b: null }, { b: { c: [1] } }, { b: { c: [2] } }];
		const ats = identify(items, items.map(() => undefined)).map(({ at }) => at);
		expect(new Set(ats).size).toBe(items.length);
		expect(identityOf({ a: 1 }).at).toBe(ats[0]);
		// Without the place, which is another one.
		const content = (at: string) => at.split(' ').at(-1);
		expect(content(ats[1])).toBe(content(ats[0]));
	});

	test('its content alone tells only one that is there once, and says anything', () => {
		const items = [{ a: 1 }, { a: 1 }, { a: 2 }, {}];
		expect(identify(items, items.map(() => undefined)).map(({ isUnique }) => isUnique)).toEqual([false, false, true, false]);
	});

	test('an item that JSON has no text for is survived', () => {
		const circular: IDataObject = { a: 1 };
		circular.self = circular;
		expect(identityOf(circular).at).toMatch(/^item 0 \S+$/);
		expect(identify([circular, { big: 1n as never }], [undefined, undefined]).map(({ isUnique }) => isUnique)).toEqual([false, false]);
	});
});

test('a digest tells nothing of its text', () => {
	expect(digest('secret')).toMatch(/^[\w-]{22}$/);
	expect(new Set(Array.from({ length: 1000 }, (_, i) => digest(String(i)))).size).toBe(1000);
});

const execution = (resumeUrl: string | undefined, more: object = {}) =>
	({ getWorkflowDataProxy: () => ({ $execution: { resumeUrl } }), ...more }) as unknown as IExecuteFunctions;

describe('what stays the same in all retries', () => {
	test.each([
		['the only parameter', 'http://127.0.0.1:5678/webhook-waiting/7?signature=abc', 'abc'],
		['after another one', 'http://127.0.0.1:5678/webhook-waiting/7?a=b&signature=abc', 'abc'],
		['before others', 'http://127.0.0.1:5678/webhook-waiting/7?signature=abc&a=b#c', 'abc'],
		['in another execution with the same token', 'https://n8n.example.com/webhook-waiting/8?signature=abc', 'abc'],
	])('the token of the URL for resuming: %s', (_, url, token) => {
		expect(tokenRoot(execution(url))).toBe(digest(token));
		expect(tokenRoot(execution(url))).not.toContain(token);
	});

	test.each([
		['n8n 1.x', 'http://127.0.0.1:5678/webhook-waiting/7'],
		['an empty token', 'http://127.0.0.1:5678/webhook-waiting/7?signature='],
		['a parameter that ends like it', 'http://127.0.0.1:5678/webhook-waiting/7?xsignature=abc'],
		['no URL', undefined],
	])('there is none: %s', (_, url) => {
		expect(tokenRoot(execution(url))).toBeUndefined();
	});

	test('there is none where n8n says nothing of the execution', () => {
		expect(tokenRoot({ getWorkflowDataProxy: () => ({}) } as unknown as IExecuteFunctions)).toBeUndefined();
	});
});

describe('the retry of a killed execution where n8n has no token', () => {
	interface Seen {
		token?: string;
		mode?: string;
		source?: string;
		/** The first item that a node before has put out; one that has none has not run. */
		before?: Array<IDataObject | undefined>;
	}
	const isIt = ({ token, mode = 'retry', source, before = [] }: Seen) =>
		isRetryWithoutRoot({
			getMode: () => mode,
			getNode: () => ({ name: 'StreamSkill' }),
			getExecutionContext: source === undefined ? undefined : () => ({ source }),
			getParentNodes: () => before.map((_, i) => ({ name: String(i) })),
			getWorkflowDataProxy: () => ({
				$execution: { resumeUrl: `http://127.0.0.1/7${token ? `?signature=${token}` : ''}` },
				$items: (name: string) => {
					const json = before[Number(name)];
					if (!json) throw new Error(`Node '${name}' hasn't been executed`);
					return [{ json }];
				},
			}),
		} as unknown as IExecuteFunctions);

	const filledIn = { isArtificialRecoveredEventItem: true };

	test.each<[string, Seen, boolean]>([
		['n8n made a new execution context for the retry', { source: 'retry' }, true],
		['the context is that of the first execution', { source: 'webhook' }, false],
		['n8n has no execution context', {}, false],
		['n8n filled in what a node before had put out', { before: [filledIn] }, true],
		['the same, with a node that has not run', { source: 'webhook', before: [undefined, { a: 1 }, filledIn] }, true],
		['the nodes before have put out items of their own', { before: [{ a: 1 }, {}] }, false],
		['no node before has run', { before: [undefined] }, false],
		['there is a token', { token: 'abc', source: 'retry', before: [filledIn] }, false],
		['it is no retry', { mode: 'trigger', source: 'retry', before: [filledIn] }, false],
	])('%s', (_, seen, expected) => {
		expect(isIt(seen)).toBe(expected);
	});
});
