import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { NodeApiError, type INode, type JsonObject } from 'n8n-workflow';

import { readAnswer, readFailure } from '../../nodes/StreamSkill/purchase/dispatch/answer.ts';
import type { NotBought, Status } from '../../nodes/StreamSkill/purchase/dispatch/outcome.ts';

const node = { id: '1', name: 'StreamSkill', type: 'streamSkill', typeVersion: 1, position: [0, 0], parameters: {} } as INode;

const answer = (statusCode: number, body: unknown, headers: Record<string, unknown> = {}) =>
	readAnswer({ statusCode, headers, body: typeof body === 'string' ? body : JSON.stringify(body) });

/** What an answer that is no purchase says. */
const statusOf = (...given: Parameters<typeof answer>) => (answer(...given) as NotBought).reason as Status;

/** The API document's example. */
const purchase = {
	id: 1,
	price: 10,
	currency: 'usd',
	created_at: 1640000000,
	order_type: 'twitch_viewers',
	channel: 'https://www.twitch.tv/twitch',
	status: 'created',
	service: 'twitch',
	parent: false,
	api: true,
	chatbot: false,
	tarif: 1,
};

/** Copies as careless code does: here a `__proto__` becomes the prototype. */
function copy<T>(value: T): T {
	if (typeof value !== 'object' || value === null) return value;
	if (Array.isArray(value)) return value.map(copy) as T;
	const target: Record<string, unknown> = {};
	for (const [key, child] of Object.entries(value)) target[key] = copy<unknown>(child);
	return target as T;
}

const page = '<!DOCTYPE html><html><body>Maintenance</body></html>';

describe('a purchase', () => {
	test.each([200, 201, 202, 204, 226])('%i with a purchase is bought, and handed over unchanged', (status) => {
		expect(answer(status, purchase)).toEqual({ kind: 'bought', purchase });
	});

	test.each([
		['only an ID', { id: 1 }],
		['the largest ID', { id: 9007199254740991 }],
		['null values', { id: 1, price: null, tarif: null }],
		['expanded objects', { ...purchase, tarif: { id: 1, name: 'Viewers', prices: [{ usd: 1 }] }, parent: null, api: { id: 3 } }],
		['unknown keys', { id: 1, new_in_2030: [1, 2, { a: 'b' }], name: 'x', error: 'y' }],
		['other alphabets', { id: 1, channel: 'канал 📺' }],
	])('%s', (_, body) => {
		expect(answer(200, body)).toEqual({ kind: 'bought', purchase: body });
	});

	test.each([
		['blanks around it', ' \r\n{"id": 1}\n'],
		['escaped letters', '{"id": 1, "channel": "\\u043a\\u0430\\u043d\\u0430\\u043b"}'],
		['a repeated ID', '{"id": "x", "id": 1}'],
	])('%s', (_, body) => {
		expect(answer(200, body)).toMatchObject({ kind: 'bought', purchase: { id: 1 } });
	});
});

describe('a 2xx without a purchase may have been one', () => {
	test.each([
		['nothing', ''],
		['blanks', ' \n'],
		['a web page', page],
		['a web page after a blank line', `\n${page}`],
		['text', 'OK'],
		['cut-off JSON', '{"id": 1, "price": 1'],
		['a purchase twice', '{"id": 1}{"id": 2}'],
		['an empty object', '{}'],
		['null', 'null'],
		['true', 'true'],
		['a number', '1'],
		['a JSON string', '"1"'],
		['an empty list', '[]'],
		['a list of purchases', '[{"id": 1}]'],
		['a purchase inside', '{"data": {"id": 1}}'],
		['no ID', '{"price": 10}'],
		['ID null', '{"id": null}'],
		['ID 0', '{"id": 0}'],
		['ID -1', '{"id": -1}'],
		['ID 1.5', '{"id": 1.5}'],
		['ID "1"', '{"id": "1"}'],
		['ID true', '{"id": true}'],
		['ID [1]', '{"id": [1]}'],
		['an ID too large for JavaScript', '{"id": 9007199254740992}'],
		['an infinite ID', '{"id": 1e999}'],
		['an ID inherited from a prototype', '{"__proto__": {"id": 1}}'],
		['an ID inherited from an escaped prototype', '{"\\u005f_proto__": {"id": 1}}'],
		['errors', '{"errors": {"tarif.id": ["Tarif not found"]}}'],
	])('%s', (_, body) => {
		for (const status of [200, 201, 202, 204]) {
			const outcome = answer(status, body);
			expect(outcome).toMatchObject({
				kind: 'unknown',
				reason: { kind: 'status', httpCode: status, apiMessage: expect.stringMatching(/\w/) as string },
			});
		}
	});

	test.each([
		[page, /page/],
		[`\n${page}`, /page/],
		['1 < 2', /not complete JSON/],
		['', /empty/],
		[' \n', /empty/],
		['{"id": 1, "pr', /not complete JSON/],
		['{}', /without a purchase ID/],
	])('%j is told apart', (body, words) => {
		expect(statusOf(200, body).apiMessage).toMatch(words);
	});

	test.each(['[{"id": 1}]', 'null', '"OK"', '1'])('%s is complete JSON', (body) => {
		expect(statusOf(200, body).apiMessage).not.toMatch(/not complete JSON/);
	});
});

describe('the status decides when it is not 2xx, whatever the body', () => {
	const bodies = [JSON.stringify(purchase), '', page, '{"message": "No"', '[]', 'null'];

	test.each([300, 301, 302, 304, 307, 308, 400, 401, 402, 403, 404, 405, 409, 410, 413, 415, 418, 422, 429, 451, 499])(
		'%i is certainly not bought',
		(status) => {
			for (const body of bodies)
				expect(answer(status, body)).toMatchObject({ kind: 'rejected', reason: { kind: 'status', httpCode: status } });
		},
	);

	test.each([303, 408, 500, 501, 502, 503, 504, 520, 524, 599])('%i may have been bought', (status) => {
		for (const body of bodies)
			expect(answer(status, body)).toMatchObject({ kind: 'unknown', reason: { kind: 'status', httpCode: status } });
	});

	test('a redirect that hides the answer is told', () => {
		expect(statusOf(303, '').apiMessage).toBe('a redirect (303)');
	});

	test("the API's message is handed over", () => {
		const body = { name: 'Unauthorized', message: 'Your request was made with invalid credentials.', code: 0, status: 401 };
		expect(statusOf(401, body).apiMessage).toBe('Your request was made with invalid credentials.');
	});

	test.each([[null], [5], [['a']], [{ a: 1 }]])('a message that is %j is no text', (message) => {
		expect(statusOf(400, { message }).apiMessage).toBeUndefined();
	});

	test('an endless message is cut', () => {
		expect(statusOf(400, { message: 'x'.repeat(500_000) }).apiMessage!.length).toBeLessThan(1000);
	});
});

describe('429 tells how long to wait', () => {
	beforeAll(() => void jest.spyOn(Date, 'now').mockReturnValue(Date.parse('2030-01-01T00:00:00Z')));
	afterAll(() => void jest.restoreAllMocks());

	test.each([
		['seconds', { 'retry-after': '7' }, 7000],
		['no seconds', { 'retry-after': '0' }, 0],
		['seconds among blanks', { 'retry-after': ' 7 ' }, 7000],
		['many seconds', { 'retry-after': '120' }, 120_000],
		['a part of a second', { 'retry-after': '1.25' }, 1250],
		['a date after a word', { 'retry-after': 'on Tue, 01 Jan 2030 00:00:30 GMT' }, undefined],
		['a date', { 'retry-after': 'Tue, 01 Jan 2030 00:00:30 GMT' }, 30_000],
		['a date that has passed', { 'retry-after': 'Mon, 31 Dec 2029 23:59:00 GMT' }, 0],
		["Yii's header", { 'x-rate-limit-reset': '3' }, 3000],
		['both', { 'retry-after': '7', 'x-rate-limit-reset': '3' }, 7000],
		["a word, and Yii's header", { 'retry-after': 'later', 'x-rate-limit-reset': '3' }, 3000],
		["an empty one, and Yii's header", { 'retry-after': '', 'x-rate-limit-reset': '3' }, 3000],
		["a number below 0, and Yii's header", { 'retry-after': '-1', 'x-rate-limit-reset': '3' }, 3000],
		['a number below 0', { 'retry-after': '-1' }, undefined],
		['a word with a number', { 'retry-after': 'soon 5' }, undefined],
		['a list of numbers', { 'retry-after': '5, 5' }, undefined],
		['a word', { 'retry-after': 'later' }, undefined],
		['something that is no text', { 'retry-after': { a: 1 }, 'x-rate-limit-reset': null }, undefined],
		['nothing', {}, undefined],
	])('%s', (_, headers, ms) => {
		expect(statusOf(429, '', headers).retryAfterMs).toBe(ms);
	});

	test('no other status does', () => {
		expect(statusOf(503, '', { 'retry-after': '7' }).retryAfterMs).toBeUndefined();
	});
});

describe('the field errors of a 422', () => {
	const fieldErrors = (errors: unknown) => statusOf(422, { name: 'Bad Request', errors, status: 422 }).fieldErrors;

	test.each([
		['one', { 'tarif.id': ['Tarif not found'] }, { 'tarif.id': ['Tarif not found'] }],
		['several', { channel: ['a', 'b'], lang: ['c'] }, { channel: ['a', 'b'], lang: ['c'] }],
		['a text instead of a list', { 'tarif.id': 'Tarif not found' }, { 'tarif.id': ['Tarif not found'] }],
		['an object instead of a text', { channel: [{ min: 3 }] }, { channel: ['{"min":3}'] }],
		['an object instead of a list', { tarif: { id: 'x' } }, { tarif: ['{"id":"x"}'] }],
		['a number', { channel: [5] }, { channel: ['5'] }],
	])('%s', (_, errors, read) => {
		expect(fieldErrors(errors)).toEqual(read);
	});

	test.each([[undefined], [null], [{}], [[]], [5], [true]])('%j is none', (errors) => {
		expect(fieldErrors(errors)).toBeUndefined();
	});

	test('null for a text is survived', () => {
		expect(Object.keys(fieldErrors({ channel: null, lang: [null] })!)).toEqual(['channel', 'lang']);
	});

	test('10,000 fields and endless texts are cut', () => {
		const many = fieldErrors(Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`field ${i}`, ['x']])))!;
		expect(Object.keys(many).length).toBeLessThanOrEqual(100);
		expect(many['field 0']).toEqual(['x']);
		const endless = fieldErrors({ ['y'.repeat(100_000)]: Array.from({ length: 1000 }, () => 'x'.repeat(1000)) })!;
		expect(JSON.stringify(endless).length).toBeLessThan(10_000);
	});

	test.each([400, 200, 500])('a %i has none', (status) => {
		expect(statusOf(status, { errors: { channel: ['x'] } }).fieldErrors).toBeUndefined();
	});
});

describe('an answer that is out to poison or to exhaust', () => {
	test.each([
		['__proto__', '{"id": 1, "__proto__": {"isAdmin": true}}'],
		['__proto__ with escapes', '{"id": 1, "\\u005f_proto__": {"isAdmin": true}, "\\u005F\\u005fproto\\u005f_": {"isAdmin": true}}'],
		['__proto__ inside', '{"id": 1, "tarif": {"__proto__": {"isAdmin": true}, "list": [{"__proto__": {"isAdmin": true}}]}}'],
		['constructor', '{"id": 1, "constructor": {"prototype": {"isAdmin": true}}}'],
	])('%s', (_, body) => {
		const outcome = answer(200, body);
		if (outcome.kind !== 'bought') throw new Error(JSON.stringify(outcome));
		const copied = copy(outcome.purchase);
		const objects = [{}, copied, copied.tarif, (copied.tarif as { list?: unknown[] })?.list?.[0]].filter(Boolean);
		for (const object of objects) expect(object).not.toHaveProperty('isAdmin');
	});

	const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
	const deepObjects = (levels: number) => '{"a":'.repeat(levels) + '1' + '}'.repeat(levels);

	test.each([
		['lists', `{"id": 7, "price": 10, "tarif": ${deep(100_000)}}`],
		['objects', `{"id": 7, "price": 10, "tarif": ${deepObjects(100_000)}}`],
		['lists, with an escape', `{"id": 7, "price": 10, "channel": "\\u043a", "tarif": ${deep(100_000)}}`],
		['lists, with __proto__', `{"id": 7, "price": 10, "__proto__": 1, "tarif": ${deep(100_000)}}`],
	])('a purchase with 100,000 levels of %s is bought, and small enough to copy and store', (_, body) => {
		const outcome = answer(200, body);
		expect(outcome).toMatchObject({ kind: 'bought', purchase: { id: 7, price: 10 } });
		expect(() => JSON.stringify(copy(outcome))).not.toThrow();
	});

	test('a purchase of a reasonable depth is kept whole', () => {
		const body = `{"id": 7, "tarif": ${deepObjects(20)}}`;
		expect(answer(200, body)).toEqual({ kind: 'bought', purchase: JSON.parse(body) as object });
	});

	test('what else a deep purchase has is kept, null included', () => {
		const body = `{"id": 7, "price": null, "api": true, "deep": ${deep(1000)}}`;
		expect(answer(200, body)).toEqual({ kind: 'bought', purchase: { id: 7, price: null, api: true } });
	});

	test.each([
		[200, deep(100_000), 'unknown'],
		[200, `{"id": ${deep(100_000)}}`, 'unknown'],
		[422, `{"errors": ${deep(100_000)}}`, 'rejected'],
		[422, `{"errors": {"channel": ${deep(100_000)}}}`, 'rejected'],
		[422, `{"errors": {"channel": [${deepObjects(100_000)}]}}`, 'rejected'],
		[400, `{"message": ${deep(100_000)}}`, 'rejected'],
		[500, deepObjects(100_000), 'unknown'],
	])('%i without a purchase and with 100,000 levels (%.30s…) is survived', (status, body, kind) => {
		expect(answer(status, body)).toMatchObject({ kind, reason: { kind: 'status', httpCode: status } });
	});
});

describe('no answer', () => {
	/** A failed system call, as Node.js reports it. */
	const failed = (code: string, syscall?: string, cause?: unknown) =>
		Object.assign(new Error(syscall ? `${syscall} ${code}` : code, { cause }), { code, syscall });

	/** How n8n hands it over: NodeApiError, around an AxiosError with the same code, around the socket's. */
	const wrapped = (inner: Error & { code?: string }) => {
		const axios = Object.assign(new Error(inner.message, { cause: inner }), { name: 'AxiosError', code: inner.code });
		return new NodeApiError(node, axios as unknown as JsonObject);
	};

	/** How n8n 1.123.81 and 2.30.8 do, which leave out the cause. */
	const bare = ({ code, message }: Error & { code?: string }) => ({ httpCode: code, messages: [message] });

	test.each<[string, string | undefined]>([
		['ECONNREFUSED', 'connect'],
		['ECONNREFUSED', undefined],
		['ENOTFOUND', 'getaddrinfo'],
		['EAI_AGAIN', 'getaddrinfo'],
		['EHOSTUNREACH', 'connect'],
		['EHOSTUNREACH', undefined],
		['ENETUNREACH', 'connect'],
		['ETIMEDOUT', 'connect'],
		// Whatever goes wrong in connecting or looking up a name.
		...['EADDRNOTAVAIL', 'EMFILE', 'ENFILE', 'EACCES', 'EPERM', 'ENETDOWN', 'ENOBUFS', 'ECONNRESET'].map((code): [string, string] => [
			code,
			'connect',
		]),
		...['EAI_FAIL', 'EMFILE'].map((code): [string, string] => [code, 'getaddrinfo']),
	])('%s of %s: the connection never came about', (code, syscall) => {
		expect(readFailure(failed(code, syscall))).toEqual({ kind: 'rejected', reason: { kind: 'network', code } });
		expect(readFailure(wrapped(failed(code, syscall)))).toEqual({ kind: 'rejected', reason: { kind: 'network', code } });
		expect(readFailure(bare(failed(code, syscall)))).toEqual({ kind: 'rejected', reason: { kind: 'network', code } });
	});

	// https://nodejs.org/docs/latest-v20.x/api/tls.html#x509-certificate-error-codes
	test.each([
		...['UNABLE_TO_GET_ISSUER_CERT', 'UNABLE_TO_DECRYPT_CERT_SIGNATURE', 'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY'],
		...['CERT_SIGNATURE_FAILURE', 'CERT_NOT_YET_VALID', 'CERT_HAS_EXPIRED', 'ERROR_IN_CERT_NOT_BEFORE_FIELD'],
		...['ERROR_IN_CERT_NOT_AFTER_FIELD', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN'],
		...['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'CERT_CHAIN_TOO_LONG', 'CERT_REVOKED'],
		...['INVALID_CA', 'PATH_LENGTH_EXCEEDED', 'INVALID_PURPOSE', 'CERT_UNTRUSTED', 'CERT_REJECTED', 'HOSTNAME_MISMATCH'],
		'ERR_TLS_CERT_ALTNAME_INVALID',
	])('%s: the certificate was refused before anything was sent', (code) => {
		expect(readFailure(wrapped(failed(code)))).toEqual({ kind: 'rejected', reason: { kind: 'network', code } });
		expect(readFailure(bare(failed(code)))).toEqual({ kind: 'rejected', reason: { kind: 'network', code } });
	});

	test.each([
		['ECONNRESET', 'read'],
		['ECONNRESET', undefined],
		['EPIPE', 'write'],
		['EHOSTUNREACH', 'read'],
		['ENETUNREACH', 'write'],
		['ECONNREFUSED', 'read'],
		['ERR_STREAM_PREMATURE_CLOSE', undefined],
		['HPE_INVALID_CONSTANT', undefined],
		['ERR_BAD_RESPONSE', undefined],
		['EPROTO', 'write'],
	])('%s of %s: the order may have arrived', (code, syscall) => {
		expect(readFailure(failed(code, syscall))).toEqual({ kind: 'unknown', reason: { kind: 'network', code } });
		expect(readFailure(wrapped(failed(code, syscall)))).toEqual({ kind: 'unknown', reason: { kind: 'network', code } });
		expect(readFailure(bare(failed(code, syscall)))).toEqual({ kind: 'unknown', reason: { kind: 'network', code } });
	});

	test.each([
		['ETIMEDOUT', undefined],
		['ETIMEDOUT', 'read'],
		['ECONNABORTED', undefined],
		['ERR_CANCELED', undefined],
		['ABORT_ERR', undefined],
	])('%s of %s: the answer took too long', (code, syscall) => {
		expect(readFailure(wrapped(failed(code, syscall)))).toEqual({ kind: 'unknown', reason: { kind: 'timeout' } });
		expect(readFailure(bare(failed(code, syscall)))).toEqual({ kind: 'unknown', reason: { kind: 'timeout' } });
	});

	test('a timeout that AbortSignal.timeout made', () => {
		const cause = new DOMException('The operation was aborted due to timeout', 'TimeoutError');
		expect(readFailure(wrapped(failed('ERR_CANCELED', undefined, cause)))).toEqual({ kind: 'unknown', reason: { kind: 'timeout' } });
	});

	const openssl = (code: string) =>
		`${code} 807C2BE4E57F0000:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../deps/openssl/ssl3_record.c:350:\n`;

	test.each([
		['FIN', 'ECONNRESET', undefined, 'Client network socket disconnected before secure TLS connection was established'],
		['no TLS', 'EPROTO', 'write', openssl('write EPROTO')],
	])('%s in the TLS handshake: nothing was sent', (_, code, syscall, message) => {
		const error = Object.assign(new Error(message), { code, syscall });
		for (const one of [error, wrapped(error), bare(error)])
			expect(readFailure(one)).toEqual({ kind: 'rejected', reason: { kind: 'network', code } });
	});

	test('no TLS any more once the secure connection stood: the order may have arrived', () => {
		const code = 'ERR_SSL_WRONG_VERSION_NUMBER';
		const error = Object.assign(new Error(openssl('')), { code });
		for (const one of [error, wrapped(error), bare(error)])
			expect(readFailure(one)).toEqual({ kind: 'unknown', reason: { kind: 'network', code } });
	});

	test.each([
		['ECONNRESET', 'read'],
		['EPROTO', 'write'],
		['ERR_CANCELED', undefined],
	])('%s of %s: the socket knows whether the TLS handshake was complete', (code, syscall) => {
		const after = (secureConnecting: boolean) =>
			readFailure({ cause: { code, request: { socket: { secureConnecting } }, cause: failed(code, syscall) } }).kind;
		expect([after(true), after(false)]).toEqual(['rejected', 'unknown']);
	});

	test("n8n's refusal of an address", () => {
		const error = new Error('The request was blocked because it resolves to a restricted IP address');
		for (const one of [error, wrapped(error), { messages: [error.message] }]) {
			expect(readFailure(one)).toEqual({ kind: 'rejected', reason: { kind: 'blocked' } });
		}
	});

	test('a real connection that is refused, on one address or on all of a host', async () => {
		const refusal = (host: string) => new Promise<Error>((resolve) => void connect({ port: 1, host }).on('error', resolve));
		for (const host of ['127.0.0.1', 'localhost']) {
			expect(readFailure(wrapped(await refusal(host)))).toEqual({ kind: 'rejected', reason: { kind: 'network', code: 'ECONNREFUSED' } });
		}
	});

	test('what failed last, on the inside, counts', () => {
		const reset = failed('ECONNRESET', 'read');
		expect(readFailure(failed('ERR_NETWORK', undefined, reset))).toEqual({
			kind: 'unknown',
			reason: { kind: 'network', code: 'ECONNRESET' },
		});
		expect(readFailure(failed('ERR_BAD_REQUEST', undefined, failed('ENOTFOUND', 'getaddrinfo')))).toMatchObject({ kind: 'rejected' });
	});

	test('causes that go in circles', () => {
		const a = failed('ECONNRESET', 'read');
		const b = failed('ERR_NETWORK', undefined, a);
		a.cause = b;
		expect(readFailure(a).kind).toBe('unknown');
	});

	test('a failure of something else: anything may have happened', () => {
		try {
			readFileSync('/nowhere');
		} catch (error) {
			expect(readFailure(error)).toEqual({ kind: 'unknown', reason: { kind: 'network', code: 'ENOENT' } });
		}
		expect.assertions(1);
	});

	test.each([
		['undefined', undefined],
		['null', null],
		['text', 'ECONNREFUSED'],
		['a number', 5],
		['an empty object', {}],
		['an error without a code', new Error('connect ECONNREFUSED 127.0.0.1:1')],
		['a code that is a number', { code: 7 }],
		['a code that is an object', { code: { toString: () => 'ECONNREFUSED' } }],
		['a cause that is text', new Error('x', { cause: 'ENOTFOUND' })],
	])('%s: anything may have happened', (_, error) => {
		expect(readFailure(error)).toEqual({ kind: 'unknown', reason: { kind: 'unrecognised' } });
	});
});

test("nobody at any of a host's addresses: nothing was sent", () => {
	const each = ['ETIMEDOUT', 'ECONNREFUSED'].map((code) => Object.assign(new Error(code), { code, syscall: 'connect' }));
	const failure = Object.assign(new AggregateError(each), { code: 'ETIMEDOUT' });
	expect(readFailure({ cause: failure })).toEqual({ kind: 'rejected', reason: { kind: 'network', code: 'ETIMEDOUT' } });
});

test('a 422 whose errors are a sentence keeps it', () => {
	expect(statusOf(422, { errors: 'Tarif not found' })).toMatchObject({ apiMessage: 'Tarif not found', fieldErrors: undefined });
});

describe('a proxy', () => {
	test.each([403, 407, 429, 500, 502, 503, 504])('that answers %i in place of StreamSkill has sent nothing on', (statusCode) => {
		const body = JSON.stringify(purchase);
		expect(readAnswer({ statusCode, headers: {}, body, isFromProxy: true })).toEqual({
			kind: 'rejected',
			reason: { kind: 'proxy', httpCode: statusCode },
		});
	});

	test('is meant by a 407, whoever seems to answer it', () => {
		expect(answer(407, '')).toEqual({ kind: 'rejected', reason: { kind: 'proxy', httpCode: 407 } });
	});

	// https-proxy-agent 7.0.6: parse-proxy-response.js.
	test.each([
		'Proxy connection ended before receiving CONNECT response',
		'No header received from proxy CONNECT response',
		'Invalid header from proxy CONNECT response: "nonsense"',
	])('"%s": nothing was sent', (message) => {
		for (const error of [new Error(message), { cause: new Error(message) }, { messages: [message], httpCode: null }]) {
			expect(readFailure(error)).toEqual({ kind: 'rejected', reason: { kind: 'network', code: 'the proxy did not connect' } });
		}
	});

	test.each([
		['resets', 'ECONNRESET', { kind: 'network', code: 'ECONNRESET' }],
		['is silent', 'ERR_CANCELED', { kind: 'timeout' }],
	])('that %s before the request has a socket has sent nothing on', (_, code, reason) => {
		expect(readFailure({ cause: { code, request: { socket: null } } })).toEqual({ kind: 'rejected', reason });
		expect(readFailure({ cause: { code, request: {} } })).toEqual({ kind: 'unknown', reason });
	});
});
