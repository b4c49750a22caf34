import { NodeApiError, NodeOperationError, type INode } from 'n8n-workflow';

import {
	duplicate, errorJson, heldBack, invalidOrder, rejected, runError, uncertain,
	type FailedItem, type MadePurchase,
} from '../../nodes/StreamSkill/purchase/report/errors.ts';
import type { Order } from '../../nodes/StreamSkill/purchase/order/order.ts';
import { readAnswer, readFailure, type NotBought, type Status } from '../../nodes/StreamSkill/purchase/dispatch/outcome.ts';

const node = { id: '1', name: 'StreamSkill', type: 'streamSkill', typeVersion: 1, position: [0, 0], parameters: {} } as INode;

const answered = (statusCode: number, body = '') => readAnswer({ statusCode, headers: {}, body }) as NotBought;
const broken = (code: string, syscall?: string) => readFailure(Object.assign(new Error(code), { code, syscall }));
const refused = (errors: object) => rejected(answered(422, JSON.stringify({ name: 'Bad Request', errors, status: 422 })), 'retry');

const keyed = { idempotencyKey: 'order-7' } as Order;
const badTarif = invalidOrder({ 'tarif.id': ['Tarif ID is required but blank'] }, 'retry');
const lost = uncertain('ABCD-EFGH', 'retry', undefined, broken('ECONNRESET', 'read'));

/** What Node.js calls failures, as far as n8n has texts of its own for them. */
const codes = [
	'ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'ETIMEDOUT', 'EADDRNOTAVAIL', 'ECONNABORTED', 'EHOSTUNREACH', 'EAI_AGAIN',
	'ENOENT', 'EACCES', 'EPERM', 'GETADDRINFO',
];

describe('what became of an order', () => {
	const rejections: Array<[string, NotBought, RegExp, RegExp]> = [
		['a redirect', answered(302), /redirects.*302/, /Base URL/],
		['a bad token', answered(401), /Access Token.*401/, /Access Token/],
		['a bare 400', answered(400), /400/, /\w/],
		['a 403', answered(403, '{"message": "Balance is too low"}'), /403.*Balance is too low/, /account/],
		['a 404', answered(404, '<html>'), /404/, /Base URL.*\/v1/],
		['a 409', answered(409), /409/, /\w/],
		['a bare 422', answered(422, '{"message": "Not today"}'), /422.*Not today/, /\w/],
		['too many requests', answered(429), /too many requests.*429/, /Wait/],
		['a refused connection', broken('ECONNREFUSED', 'connect'), /could not be reached.*ECONNREFUSED/, /Base URL/],
		['an unknown host', broken('ENOTFOUND', 'getaddrinfo'), /could not be reached.*ENOTFOUND/, /Base URL/],
		['a proxy without a way through', { kind: 'rejected', reason: { kind: 'proxy', httpCode: 503 } }, /^The proxy did not connect to StreamSkill \(503\)$/, /HTTPS_PROXY/],
		['a proxy that wants a password', answered(407), /^The proxy asks for a user name and password \(407\)$/, /HTTPS_PROXY/],
		['an address that n8n refuses', { kind: 'rejected', reason: { kind: 'blocked' } }, /could not be reached \(blocked by n8n\)/, /Base URL/],
		['a timeout before it was sent', { kind: 'rejected', reason: { kind: 'timeout' } }, /could not be reached \(timeout\)/, /Base URL/],
		['a bad certificate', broken('CERT_HAS_EXPIRED'), /could not be reached.*CERT_HAS_EXPIRED/, /\w/],
	];
	test.each(rejections)('%s says that nothing was bought', (_, outcome, message, advice) => {
		const failure = rejected(outcome, 'retry');
		expect(failure).toMatchObject({ outcome: 'rejected', httpCode: (outcome.reason as Partial<Status>).httpCode });
		expect(failure.message).toMatch(message);
		expect(failure.advice).toMatch(/^Nothing was bought\. /);
		expect(failure.advice).toMatch(advice);
	});

	const unknowns: Array<[string, NotBought, RegExp]> = [
		['a 500', answered(500, '{"message": "Internal"}'), /status 500/],
		['a 504', answered(504), /status 504/],
		['a 408', answered(408), /status 408/],
		['a 303', answered(303), /redirect \(303\) instead of a purchase/],
		['a web page', answered(200, '<html>'), /web page/],
		['nothing', answered(200), /empty/],
		['cut-off JSON', answered(201, '{"id": 1'), /not complete JSON/],
		['no ID', answered(200, '{}'), /without a purchase ID/],
		['a timeout', broken('ERR_CANCELED'), /in time/],
		['a failure without a name', { kind: 'unknown', reason: { kind: 'unrecognised' } }, /^The request failed for a reason that n8n does not tell: the order may/],
		['a reset', broken('ECONNRESET', 'read'), /broke.*ECONNRESET/],
	];
	test.each(unknowns)('%s says that it may have been bought, and not to be sent again blindly', (_, outcome, message) => {
		const failure = uncertain('ABCD-EFGH', 'retry', keyed, outcome);
		expect(failure).toMatchObject({ outcome: 'unknown', httpCode: (outcome.reason as Partial<Status>).httpCode });
		expect(failure.message).toMatch(message);
		expect(failure.message).toMatch(/may have been bought \(reference ABCD-EFGH\)$/);
		expect(failure.advice).toMatch(/ABCD-EFGH to the option Confirmed Bought; .* to Confirmed Not Bought\..*retry the execution/);
		expect(failure.advice).not.toContain('Nothing was bought');
	});

	test.each([
		[{ 'tarif.id': ['Tarif not found'] }, 'Tarif ID: Tarif not found'],
		[{ 'tarif.quantity': ['Too small', 'Too odd'] }, 'Quantity: Too small, Too odd'],
		[{ lang: ['a'], 'tarif.duration': ['b'], channel: ['c'] }, 'Language: a; Duration: b; Channel: c'],
		[{ interval: ['a'], comment: ['b'], start: ['c'], expand: ['d'] }, 'Interval: a; Comment: b; Start: c; Expand: d'],
		[{ balance: ['Too low'] }, 'balance: Too low'],
		[{ constructor: ['a'], toString: ['b'], valueOf: ['c'] }, 'constructor: a; toString: b; valueOf: c'],
	])('a 422 for %j names the labels of the editor', (errors, message) => {
		expect(refused(errors)).toMatchObject({ message, fieldErrors: errors, httpCode: 422 });
	});

	test('a 422 with a flood of field errors stays readable', () => {
		const flood = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`field ${i}`, Array(10).fill('x'.repeat(1000))]));
		expect(refused(flood).message.length).toBeLessThan(20_000);
	});

	test.each([
		...rejections.map(([name, outcome]) => ({ name, failure: rejected(outcome, 'anew') })),
		...unknowns.flatMap(([name, outcome]) =>
			(['retry', 'anew', 'tool'] as const).map((way) => ({ name: `${name}, ${way}`, failure: uncertain('ABCD-EFGH', way, undefined, outcome) })),
		),
	].concat([
		{ name: 'invalidOrder', failure: badTarif },
		{ name: 'uncertain, with a key', failure: uncertain('ABCD-EFGH', 'anew', keyed) },
		{ name: 'duplicate', failure: duplicate(keyed, 'key') },
		{ name: 'duplicate, without a key', failure: duplicate(keyed) },
	]))('$name is told calmly', ({ failure: { message, advice } }) => {
		expect(`${message} ${advice}`).not.toMatch(/error|problem|failure|mistake|undefined|null|\[object/i);
	});
});

describe('what the node finds out by itself', () => {
	test('an invalid order', () => {
		const fieldErrors = { 'tarif.id': ['Tarif ID is required but blank'], lang: ['Language must be one of auto, not "xx"'] };
		expect(invalidOrder(fieldErrors, 'retry')).toEqual({
			outcome: 'invalid',
			message: 'Tarif ID is required but blank; Language must be one of auto, not "xx"',
			advice: expect.stringMatching(/^Nothing was bought\. /) as string,
			fieldErrors,
		});
	});

	test('a key without an answer is run again with it, where nothing can be retried', () => {
		expect(uncertain('ABCD-EFGH', 'anew', keyed)).toMatchObject({
			outcome: 'unknown',
			message: expect.stringMatching(/Idempotency Key "order-7".*may have been bought/) as string,
			advice: expect.stringMatching(/Confirmed Bought.*run the item again with the same Idempotency Key/) as string,
		});
	});

	test('a model leaves it to a person, who has the reference', () => {
		expect(uncertain('ABCD-EFGH', 'tool', keyed).advice).toMatch(/^Do not order it again\. .*type ABCD-EFGH into the option Confirmed Bought of this tool/);
	});

	test('without a key there is no use for a reference in a new execution', () => {
		const { advice } = uncertain('ABCD-EFGH', 'anew');
		expect(advice).not.toContain('ABCD-EFGH');
		expect(advice).toMatch(/If it is, nothing is left to do; if it is not, order this item alone in a new execution\.$/);
	});

	test('a key that was bought', () => {
		expect(duplicate(keyed, 'key')).toMatchObject({
			outcome: 'duplicate',
			message: expect.stringMatching(/Idempotency Key "order-7".*bought before/) as string,
			advice: expect.stringContaining('Give it another Idempotency Key') as string,
		});
	});

	test('an order that was bought', () => {
		const { message, advice } = duplicate(keyed);
		expect(message).toBe('This order was bought before, in an earlier try of this execution');
		expect(advice).not.toContain('another Idempotency Key');
	});

	test('an item that is held back', () => {
		expect(heldBack('Too many items', 'Raise the limit.', 'anew')).toEqual({
			outcome: 'notSent', message: 'Too many items',
			advice: 'Nothing was bought. Raise the limit. Then order the item in a new execution, without the items that were bought.',
		});
	});
});

describe('errorJson', () => {
	const order: Order = {
		body: { tarif: { id: 1 }, channel: 'twitch' },
		idempotencyKey: 'order-7', onDuplicate: 'skip', confirmedBought: [], confirmedNotBought: [], repeatManualOrders: false, dryRun: false,
	};

	test.each<[string, FailedItem, object]>([
		['an item that is no order', { item: 0, failure: badTarif }, {
			outcome: 'invalid', errors: { 'tarif.id': ['Tarif ID is required but blank'] },
		}],
		['a refused order', { item: 0, failure: refused({ channel: ['Gone'] }), order }, {
			outcome: 'rejected', httpCode: 422, errors: { channel: ['Gone'] }, order: order.body, idempotencyKey: 'order-7',
		}],
		['a lost answer without a key', { item: 0, failure: lost, order: { ...order, idempotencyKey: undefined } }, {
			outcome: 'unknown', reference: 'ABCD-EFGH', order: order.body,
		}],
	])('%s can be branched on, by keys that n8n sends to the error output', (_, failed, details) => {
		const { message, advice } = failed.failure;
		expect(errorJson(failed)).toStrictEqual({ error: message, message: advice, details });
	});
});

describe('runError', () => {
	const purchase = (item: number, id: number): MadePurchase => ({ item, purchase: { id, price: 10 } });
	const many = <T,>(make: (i: number) => T) => Array.from({ length: 1000 }, (_, i) => make(i));

	test('one item that is no order', () => {
		const error = runError(node, [{ item: 3, failure: badTarif }], []);
		expect(error).toBeInstanceOf(NodeOperationError);
		expect(error).toMatchObject({ message: 'Tarif ID is required but blank', description: badTarif.advice, context: { itemIndex: 3 } });
	});

	test('several items that are no orders', () => {
		const badChannel = invalidOrder({ channel: ['Channel is required but blank'] }, 'retry');
		const error = runError(node, [{ item: 1, failure: badTarif }, { item: 4, failure: badChannel }], []);
		expect(error.message).toBe('2 items are not valid orders');
		expect(error.description).toContain(badTarif.advice);
		expect(error.description).toContain('Item 1: Tarif ID is required but blank');
		expect(error.description).toContain('Item 4: Channel is required but blank');
	});

	const failureOf = (outcome: NotBought) => (outcome.kind === 'rejected' ? rejected(outcome, 'retry') : uncertain('ABCD-EFGH', 'retry', undefined, outcome));
	const adviceOf = (outcome: NotBought) => (outcome.kind === 'rejected' ? rejected(outcome, 'retry').advice : expect.stringMatching(/Its reference is ABCD-EFGH.*Look up each/) as string);

	test.each([401, 403, 422, 500, 504])('a %i has its status, and our words instead of those of n8n', (status) => {
		const failure = failureOf(answered(status));
		const error = runError(node, [{ item: 2, failure }], []);
		expect(error).toBeInstanceOf(NodeApiError);
		expect(error).toMatchObject({
			message: failure.message, description: adviceOf(answered(status)), httpCode: String(status), context: { itemIndex: 2 },
		});
	});

	test.each(codes)('%s keeps our words: n8n would advise to retry', (code) => {
		const offline: NotBought = { kind: 'unknown', reason: { kind: 'network', code } };
		const said = answered(400, JSON.stringify({ message: `Upstream: ${code}` }));
		for (const outcome of [offline, said]) {
			const failure = failureOf(outcome);
			expect(failure.message).toContain(code);
			const error = runError(node, [{ item: 0, failure }], []);
			expect(error).toMatchObject({ message: failure.message, description: adviceOf(outcome) });
		}
	});

	test.each([
		[[purchase(0, 71)], '1 purchase (ID 71)'],
		[[purchase(0, 71), purchase(2, 72)], '2 purchases (ID 71, 72)'],
	])('what was bought is handed over: %j', (purchases, words) => {
		const failed = [{ item: 1, failure: refused({ 'tarif.id': ['Tarif not found'] }) }];
		const error = runError(node, failed, purchases);
		expect(error.message).toBe('Tarif ID: Tarif not found');
		expect(error.description).toContain(words);
		expect(error.description).toMatch(/^This execution bought .*A retry of the execution does not buy (it|them) again\./);
		expect(error.context).toMatchObject({ purchases, failedItems: [{ item: 1, ...errorJson(failed[0]) }] });
	});

	test('nothing is said of purchases when there are none', () => {
		expect(runError(node, [{ item: 0, failure: refused({ lang: ['x'] }) }], []).description).toBe(refused({ lang: ['x'] }).advice);
	});

	test('what was bought comes first, then each uncertain order by what a person knows it by, then the two steps', () => {
		const order = { body: { tarif: { id: 7 }, channel: '<b>twitch</b>' }, idempotencyKey: 'order-7' } as Order;
		const other = uncertain('WXYZ-3469', 'retry');
		const failed = [{ item: 1, failure: lost, order }, { item: 3, failure: other }];
		expect(runError(node, failed, [purchase(0, 71)]).description).toBe(
			[
				'This execution bought 1 purchase (ID 71). A retry of the execution does not buy it again.',
				'Item 1: channel &lt;b&gt;twitch&lt;/b&gt;, tarif 7, Idempotency Key "order-7" may have been bought. Its reference is ABCD-EFGH<br>Item 3: an order may have been bought. Its reference is WXYZ-3469',
				'Look up each of these in your StreamSkill account. Add the references of those that are there to the option Confirmed Bought, and the references of the others to Confirmed Not Bought. Then save the workflow, and retry the execution with the currently saved workflow.',
			].join('<br><br>'),
		);
	});

	test('long lists are cut in the text, and whole in the data', () => {
		const error = runError(node, many((item) => ({ item, failure: { ...badTarif } })), many((i) => purchase(i, 5000 + i)));
		expect(error.message).toBe('1000 items are not valid orders');
		expect(error.description!.length).toBeLessThan(10_000);
		expect(error.description).toContain('1000 purchases (ID 5000, 5001,');
		expect(error.description!.match(/… and 950 more/g)).toHaveLength(2);
		expect(error.context.purchases).toHaveLength(1000);
		expect(error.context.failedItems).toHaveLength(1000);
	});
});

// n8n shows a description as HTML, and a message as text (editor-ui: NodeErrorView.vue).
describe('what comes from outside is text, not HTML', () => {
	const link = '<a href="https://example.com">x & y</a>';
	const failed = [
		{ item: 0, failure: invalidOrder({ 'tarif.quantity': [`Quantity must be a whole number, not "${link}"`] }, 'retry') },
		{ item: 1, failure: refused({ '<b>': [link] }) },
		{ item: 2, failure: uncertain('ABCD-EFGH', 'retry', { idempotencyKey: link, body: { tarif: { id: 1 }, channel: link } } as Order) },
	];

	test('in the description of a run that ended', () => {
		const { description } = runError(node, failed, [{ item: 3, purchase: { id: 7 } }]);
		expect(description!.replaceAll('<br>', '')).not.toMatch(/[<>]/);
		expect(description).toContain('Quantity must be a whole number, not "&lt;a href="https://example.com"&gt;x &amp; y&lt;/a&gt;"');
		expect(description).toContain('&lt;b&gt;: &lt;a ');
	});

	test('while messages, error items and the data of the error stay as they are', () => {
		const { message, context } = runError(node, failed.slice(1), []);
		expect(message).toBe(`<b>: ${link}`);
		expect(context.failedItems).toEqual(failed.slice(1).map((one) => ({ item: one.item, ...errorJson(one) })));
		expect(errorJson(failed[2]).error).toContain(link);
	});
});
