import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request, type IncomingHttpHeaders } from 'node:http';
import { request as requestTls } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TLSSocket } from 'node:tls';

import { makeCertificate } from '../../tools/sandbox/certificate.mts';
import { fieldMessage } from '../../tools/sandbox/messages.mts';
import { streamLanguages } from '../../tools/sandbox/openapi.mts';
import { faults, startSandbox, type Fault, type FaultRule, type Sandbox } from '../../tools/sandbox/sandbox.mts';
import { until } from '../../tools/until.mts';

interface Answer {
	status: number;
	headers: IncomingHttpHeaders;
	text: string;
	json: () => unknown;
}

interface Extras {
	headers?: Record<string, string>;
	method?: string;
	path?: string;
	signal?: AbortSignal;
	token?: string;
}

const good = { tarif: { id: 1 }, channel: 'twitch' };
let sandbox: Sandbox;

beforeAll(async () => {
	sandbox = await startSandbox();
});
afterEach(() => sandbox.reset());
afterAll(() => sandbox.close());

/** Sends an order; objects as JSON, text as it is. */
function order(body: unknown, { headers, method = 'POST', path = '/v1/purchases/create', signal, token = sandbox.token }: Extras = {}) {
	return new Promise<Answer>((resolve, reject) => {
		const asked = request(sandbox.origin + path, {
			method,
			signal,
			headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
		});
		asked.on('error', reject).on('response', (answer) => {
			let text = '';
			answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
			answer.on('error', reject).on('end', () => {
				resolve({ status: answer.statusCode!, headers: answer.headers, text, json: () => JSON.parse(text) as unknown });
			});
		});
		asked.end(typeof body === 'string' ? body : JSON.stringify(body));
	});
}

/** The error code of a request that must fail. */
async function failureOf(asked: Promise<unknown>): Promise<string | undefined> {
	return asked.then(
		() => 'answered',
		(error: NodeJS.ErrnoException) => error.code,
	);
}

describe('a purchase', () => {
	test('has the fields of the documents', async () => {
		const { status, headers, json } = await order({ ...good, tarif: { id: 7, quantity: 250 } });
		expect(status).toBe(200);
		expect(headers['content-type']).toBe('application/json; charset=UTF-8');
		const seconds = Date.now() / 1000;
		const purchase = json() as { created_at: number };
		expect(purchase).toEqual({
			id: 1,
			price: 2.5,
			currency: 'usd',
			created_at: expect.any(Number) as number,
			order_type: 'twitch_viewers',
			channel: 'https://www.twitch.tv/twitch',
			status: 'created',
			service: 'twitch',
			parent: false,
			api: true,
			chatbot: false,
			tarif: 7,
		});
		expect(Math.abs(purchase.created_at - seconds)).toBeLessThan(5);
	});

	test('is remembered with the order as it was sent, and ids count up', async () => {
		const other = { ...good, channel: 'kick', start: true };
		const answers = [await order(good), await order(other)];
		expect(sandbox.purchases).toEqual([
			{ purchase: answers[0].json(), order: good },
			{ purchase: answers[1].json(), order: other },
		]);
		expect(sandbox.purchases.map(({ purchase }) => [purchase.id, purchase.status])).toEqual([
			[1, 'created'],
			[2, 'awaiting'],
		]);
	});

	test.each([
		['tarif', ['tarif']],
		['tarif,parent', ['tarif', 'parent']],
		['tarif%2Cparent,api,chatbot', ['tarif', 'parent', 'api', 'chatbot']],
	])('expands %s', async (expand, fields) => {
		const { json } = await order(good, { path: `/v1/purchases/create?expand=${expand}` });
		const objects = Object.entries(json() as object).filter(([, value]) => typeof value === 'object');
		expect(objects.map(([name]) => name).sort()).toEqual(fields.sort());
	});
});

describe('the contract', () => {
	const unauthorized = {
		name: 'Unauthorized',
		message: 'Your request was made with invalid credentials.',
		code: 0,
		status: 401,
		type: 'unauthorized_http_exception',
	};

	test.each<[string, Extras, unknown]>([
		['a wrong token', { token: 'wrong' }, good],
		['a token with something behind it', { token: 'sandbox-token2' }, good],
		['another scheme', { headers: { authorization: 'Basic sandbox-token' } }, good],
		['no token', { headers: { authorization: '' } }, good],
		['a wrong token and an empty order', { token: 'wrong' }, {}],
		['a wrong token and broken JSON', { token: 'wrong' }, '{"tarif"'],
	])('%s is a 401', async (_what, extras, body) => {
		const { status, json } = await order(body, extras);
		expect([status, json()]).toEqual([401, unauthorized]);
		expect(sandbox.purchases).toEqual([]);
	});

	test.each([{}, ''])('an empty order (%j) is a 422 that names all that is missing', async (body) => {
		const { status, json } = await order(body);
		expect(status).toBe(422);
		expect(json()).toEqual({
			name: 'Bad Request',
			errors: { tarif: ['Required'], channel: ['Required'] },
			code: 0,
			status: 422,
			type: 'validate_exception',
		});
	});

	const tarif = (fields: object) => ({ ...good, tarif: { id: 1, ...fields } });
	test.each([
		...[1, 999].map((id) => tarif({ id })),
		...[1, 10000].map((quantity) => tarif({ quantity })),
		...[1, 24].map((duration) => tarif({ duration })),
		...[1, 86400].map((interval) => ({ ...good, interval })),
		...['', 'Test comment', 'ё\n"'].map((comment) => ({ ...good, comment })),
		...[true, false].map((start) => ({ ...good, start })),
		...streamLanguages.map((lang) => ({ ...good, lang })),
		{ ...good, channel: 'https://www.twitch.tv/twitch' },
	])('%j is bought', async (body) => {
		expect((await order(body)).status).toBe(200);
		expect(sandbox.purchases.map((bought) => bought.order)).toEqual([body]);
	});

	test('there are 35 stream languages', () => {
		expect(new Set(streamLanguages).size).toBe(35);
	});

	const langs = streamLanguages.join(', ');
	// field, order, keyword and detail of its messages
	const bad: Array<[string, unknown, ...Array<[string, string?]>]> = [
		['tarif', { channel: 'twitch' }, ['required']],
		['tarif', { ...good, tarif: 1 }, ['type', 'object']],
		['tarif.id', { ...good, tarif: {} }, ['required']],
		...[0, -1].map((id): [string, unknown, [string, string]] => ['tarif.id', tarif({ id }), ['minimum', '1']]),
		...['1', 1.5, null, true].map((id): [string, unknown, [string, string]] => ['tarif.id', tarif({ id }), ['type', 'integer']]),
		['tarif.id', tarif({ id: 1000 }), ['tarifNotFound']],
		['tarif.quantity', tarif({ quantity: 0 }), ['minimum', '1']],
		['tarif.quantity', tarif({ quantity: 10001 }), ['maximum', '10000']],
		...['1000', '', 10.5, null].map((quantity): [string, unknown, [string, string]] => [
			'tarif.quantity',
			tarif({ quantity }),
			['type', 'integer'],
		]),
		['tarif.duration', tarif({ duration: 0 }), ['minimum', '1']],
		['tarif.duration', tarif({ duration: 25 }), ['maximum', '24']],
		['tarif.duration', tarif({ duration: '24' }), ['type', 'integer']],
		['tarif.price', tarif({ price: 1 }), ['additionalProperties']],
		['channel', { tarif: { id: 1 } }, ['required']],
		['channel', { ...good, channel: 5 }, ['type', 'string']],
		['channel', { ...good, channel: '' }, ['pattern']],
		['channel', { ...good, channel: ' \t' }, ['pattern']],
		['interval', { ...good, interval: 0 }, ['minimum', '1']],
		['interval', { ...good, interval: 86401 }, ['maximum', '86400']],
		['interval', { ...good, interval: '10' }, ['type', 'integer']],
		['lang', { ...good, lang: 'EN' }, ['enum', langs]],
		['lang', { ...good, lang: '' }, ['enum', langs]],
		['lang', { ...good, lang: 1 }, ['type', 'string'], ['enum', langs]],
		['comment', { ...good, comment: null }, ['type', 'string']],
		['start', { ...good, start: 'true' }, ['type', 'boolean']],
		['start', { ...good, start: 1 }, ['type', 'boolean']],
		['quantity', { ...good, quantity: 1 }, ['additionalProperties']],
		['body', [good], ['type', 'object']],
		['body', 'null', ['type', 'object']],
	];
	describe.each(['en', 'ru'] as const)('in %s', (language) => {
		test.each(bad)('%s is wrong in %j', async (field, body, ...broken) => {
			const { status, json } = await order(body, { headers: { 'accept-language': language } });
			const messages = broken.map(([keyword, detail]) => fieldMessage(language, keyword, detail));
			expect(status).toBe(422);
			expect(json()).toMatchObject({ errors: { [field]: messages }, status: 422, type: 'validate_exception' });
			expect(Object.keys((json() as { errors: object }).errors)).toEqual([field]);
			expect(sandbox.purchases).toEqual([]);
		});
	});

	test('messages are sentences in the language asked for', () => {
		expect(fieldMessage('en', 'maximum', '24')).toBe('Must be at most 24');
		expect(fieldMessage('ru', 'maximum', '24')).toBe('Должно быть не больше 24');
		expect(fieldMessage('en', 'tarifNotFound')).toBe('Tarif not found');
		expect(fieldMessage('ru', 'tarifNotFound')).toBe('Тариф не найден');
	});

	test('all wrong fields are reported at once', async () => {
		const body = { tarif: { id: 1000, quantity: '1000', duration: 0 }, channel: ' ', lang: 'xx', start: 'no', interval: 0, extra: 1 };
		const { json } = await order(body, { path: '/v1/purchases/create?expand=tarif,all' });
		const { errors } = json() as { errors: object };
		expect(Object.keys(errors).sort()).toEqual([
			'channel',
			'expand',
			'extra',
			'interval',
			'lang',
			'start',
			'tarif.duration',
			'tarif.id',
			'tarif.quantity',
		]);
	});

	test.each<[string, Extras]>([
		['expand', { path: '/v1/purchases/create?expand=price' }],
		['expand', { path: '/v1/purchases/create?expand=' }],
		['include', { path: '/v1/purchases/create?include=tarif' }],
		['accept-language', { headers: { 'accept-language': 'de' } }],
	])('a wrong %s beside the body is a 422, too', async (field, extras) => {
		const { status, json } = await order(good, extras);
		expect(status).toBe(422);
		expect(Object.keys((json() as { errors: object }).errors)).toEqual([field]);
	});

	test('fetch can be used without setting a language', async () => {
		const answer = await fetch(`${sandbox.url}/purchases/create`, {
			method: 'POST',
			headers: { authorization: `Bearer ${sandbox.token}`, 'content-type': 'application/json' },
			body: JSON.stringify(good),
		});
		expect(answer.status).toBe(200);
	});

	test.each<[number, string, Extras, unknown]>([
		[400, 'broken JSON', {}, '{"tarif":'],
		[413, 'more than 1 MB', {}, { ...good, comment: 'x'.repeat(1024 * 1024) }],
		[415, 'a form', { headers: { 'content-type': 'application/x-www-form-urlencoded' } }, 'channel=twitch'],
		[404, 'another path', { path: '/v1/purchases' }, good],
		[404, 'another version', { path: '/v2/purchases/create' }, good],
		[404, 'another method', { method: 'PUT' }, good],
		[404, 'a path in capitals', { path: '/v1/Purchases/create' }, good],
	])('%i for %s', async (expected, _what, extras, body) => {
		const { status, json } = await order(body, extras);
		expect(status).toBe(expected);
		expect(json()).toMatchObject({ code: 0, status: expected, type: expect.stringMatching(/_http_exception$/) as string });
		expect(sandbox.purchases).toEqual([]);
	});

	test('a body of nearly 1 MB is fine', async () => {
		expect((await order({ ...good, comment: 'x'.repeat(1000 * 1000) })).status).toBe(200);
	});
});

describe('the record', () => {
	test('has every request as it arrived, refused ones too', async () => {
		const before = Date.now();
		await order(good, { path: '/v1/purchases/create?expand=tarif,api', headers: { 'accept-language': 'ru' } });
		await order('{"tarif', { token: 'wrong' });
		await order('', { method: 'GET', path: '/v1' });
		expect(sandbox.requests).toMatchObject([
			{
				method: 'POST',
				path: '/v1/purchases/create',
				query: { expand: 'tarif,api' },
				headers: { 'accept-language': 'ru' },
				body: good,
				status: 200,
			},
			{ headers: { authorization: 'Bearer wrong' }, body: '{"tarif', status: 401 },
			{ method: 'GET', path: '/v1', query: {}, status: 404 },
		]);
		expect(sandbox.requests[0].at).toBeGreaterThanOrEqual(before);
		expect(sandbox.requests[2].body).toBeUndefined();
	});

	test('knows how many requests were open at once', async () => {
		for (let i = 0; i < 3; i++) await order(good);
		expect(sandbox.maxInFlight).toBe(1);
		sandbox.fault({ fault: faults.latency(1000) });
		await Promise.all(Array.from({ length: 7 }, () => order(good)));
		expect(sandbox.maxInFlight).toBe(7);
		sandbox.reset();
		expect(sandbox.maxInFlight).toBe(0);
	});
});

describe('fault rules', () => {
	const refused = faults.rejected(403);
	const statuses = async (channels: string[]) => {
		const seen: number[] = [];
		for (const channel of channels) seen.push((await order({ ...good, channel })).status);
		return seen;
	};

	test.each<[string, FaultRule, number[]]>([
		['all', { fault: refused }, [403, 403, 403, 403]],
		['the first two', { times: 2, fault: refused }, [403, 403, 200, 200]],
		['all but the first', { skip: 1, fault: refused }, [200, 403, 403, 403]],
		['the third', { skip: 2, times: 1, fault: refused }, [200, 200, 403, 200]],
		['a channel', { match: { channel: 'a' }, fault: refused }, [403, 200, 200, 403]],
		['the second of a channel', { match: { channel: 'a' }, skip: 1, fault: refused }, [200, 200, 200, 403]],
		['channels by pattern', { match: { channel: '/^a/' }, fault: refused }, [403, 403, 200, 403]],
		['channels by RegExp', { match: { channel: /b$/ }, fault: refused }, [200, 403, 200, 200]],
		['another tarif', { match: { tarifId: 2 }, fault: refused }, [200, 200, 200, 200]],
		['channel and tarif', { match: { tarifId: 1, channel: 'c' }, fault: refused }, [200, 200, 403, 200]],
	])('can mean %s', async (_what, rule, expected) => {
		sandbox.fault(rule);
		expect(await statuses(['a', 'ab', 'c', 'a'])).toEqual(expected);
	});

	test('the first that applies wins, and the next one starts where it ends', async () => {
		sandbox.fault({ times: 2, fault: faults.rateLimited() });
		sandbox.fault({ times: 1, fault: faults.serverErrorBefore(502) });
		expect(await statuses(['a', 'a', 'a', 'a'])).toEqual([429, 429, 502, 200]);
	});

	test('latency adds to another fault', async () => {
		sandbox.fault({ fault: faults.rejected(403) });
		sandbox.fault({ fault: faults.latency(80) });
		const before = performance.now();
		expect(await statuses(['a'])).toEqual([403]);
		expect(performance.now() - before).toBeGreaterThan(75);
	});

	test('cope with orders that are none', async () => {
		sandbox.fault({ match: { channel: '/./', tarifId: 1 }, fault: refused });
		for (const body of ['null', '5', '{"tarif":null}', '{"channel":5,"tarif":{"id":1}}']) {
			expect((await order(body)).status).toBe(422);
		}
	});

	test('that make no sense are refused', () => {
		expect(() => sandbox.fault({ fault: { kind: 'explode' } as unknown as Fault })).toThrow(/kind/);
		expect(() => sandbox.fault({ skip: -1, fault: refused })).toThrow(/skip/);
		expect(() => sandbox.fault({ matches: {}, fault: refused } as unknown as FaultRule)).toThrow(/matches/);
	});

	test.each([
		['nothing is bought, and neither token nor order matter', faults.rejected(503), [503, 503, 503], 0],
		['the order is good, and not before', faults.serverErrorAfter(503), [401, 422, 503], 1],
	] as Array<[string, Fault, number[], number]>)('answer when %s', async (_what, fault, expected, bought) => {
		sandbox.fault({ fault });
		const answers = [await order(good, { token: 'wrong' }), await order({}), await order(good)];
		expect(answers.map(({ status }) => status)).toEqual(expected);
		expect(sandbox.purchases).toHaveLength(bought);
	});
});

describe('a fault', () => {
	const whole = { ...good, channel: 'https://www.twitch.tv/twitch' };

	type Seen = [what: string, fault: Exclude<Fault, { kind: 'latency' }>, status: number, headers: object, body: unknown];

	test.each<Seen>([
		...[401, 403, 404, 408, 422].map(
			(status): Seen => [`${status}`, faults.rejected(status), status, {}, expect.stringContaining(`"status":${status}`)],
		),
		['429', faults.rateLimited({ 'Retry-After': '2' }), 429, { 'retry-after': '2' }, expect.stringContaining('too_many_requests')],
		['429 in Yii style', faults.rateLimited({ 'X-Rate-Limit-Reset': '3' }), 429, { 'x-rate-limit-reset': '3' }, expect.any(String)],
		['302', faults.redirect('http://127.0.0.1:9/'), 302, { location: 'http://127.0.0.1:9/' }, expect.any(String)],
		['307', faults.redirect('/v1/else', 307), 307, { location: '/v1/else' }, expect.any(String)],
		...[500, 502, 503, 504].flatMap((status): Seen[] => [
			[`${status} before`, faults.serverErrorBefore(status), status, {}, expect.any(String)],
			[`${status} after`, faults.serverErrorAfter(status), status, {}, expect.any(String)],
		]),
		['own body', faults.rejected(422, { errors: { 'a.b': ['<b>'] } }), 422, { 'content-type': /json/ }, '{"errors":{"a.b":["<b>"]}}'],
		['own text', faults.rejected(500, 'oops', { 'content-type': 'text/plain' }), 500, { 'content-type': /plain/ }, 'oops'],
		['201', { kind: 'status', status: 201, bought: true }, 201, {}, expect.stringContaining('"id":1')],
		['html', faults.html(), 200, { 'content-type': /text\/html/ }, expect.stringContaining('<!doctype html>')],
		['html before', faults.html(false), 200, { 'content-type': /text\/html/ }, expect.stringContaining('<!doctype html>')],
		['no id', faults.noId(), 200, { 'content-type': /json/ }, expect.stringMatching(/^\{"price":.*"tarif":1\}$/)],
		['no id before', faults.noId(false), 200, { 'content-type': /json/ }, '{}'],
		['empty', faults.empty(), 200, { 'content-length': '0' }, ''],
		['empty before', faults.empty(false), 200, { 'content-length': '0' }, ''],
		['body', faults.body('{"id":"1"}'), 200, { 'content-type': 'application/json' }, '{"id":"1"}'],
		['body before', faults.body('ü', 'text/csv', false), 200, { 'content-type': 'text/csv', 'content-length': '2' }, 'ü'],
	])('%s looks like one', async (_what, fault, status, headers, text) => {
		sandbox.fault({ fault });
		const answer = await order(whole);
		expect(answer.status).toBe(status);
		for (const [name, value] of Object.entries(headers)) {
			expect(answer.headers[name]).toEqual(value instanceof RegExp ? expect.stringMatching(value) : value);
		}
		expect(answer.text).toEqual(text);
		expect(sandbox.purchases).toHaveLength(fault.bought ? 1 : 0);
		expect(sandbox.requests).toMatchObject([{ body: whole, status }]);
	});

	test('cut-off text comes whole, but is no JSON', async () => {
		sandbox.fault({ fault: faults.cutOff('truncated-text') });
		const answer = await order(whole);
		expect(answer.status).toBe(200);
		expect(answer.text).toMatch(/^\{"id":1,/);
		expect(answer.json).toThrow(SyntaxError);
		expect(sandbox.purchases).toHaveLength(1);
	});

	test('an answer closed early ends before its announced length', async () => {
		sandbox.fault({ fault: faults.cutOff('closed-early') });
		expect(await failureOf(order(whole))).toBe('ECONNRESET'); // what node:http calls "aborted"
		expect(sandbox.requests[0].status).toBe(200);
		expect(sandbox.purchases).toHaveLength(1);
	});

	test.each([true, false])('a reset (bought: %s) is a real one', async (bought) => {
		sandbox.fault({ fault: faults.reset(bought) });
		// An orderly end would be an ECONNRESET as well, but not one that comes from reading.
		await expect(order(whole)).rejects.toMatchObject({ code: 'ECONNRESET', syscall: 'read' });
		expect(sandbox.requests).toHaveLength(1);
		expect(sandbox.requests[0].status).toBeUndefined();
		expect(sandbox.purchases).toHaveLength(bought ? 1 : 0);
	});

	test.each([true, false])('a hang (bought: %s) lasts until the client gives up', async (bought) => {
		sandbox.fault({ fault: faults.hang(bought) });
		expect(await failureOf(order(whole, { signal: AbortSignal.timeout(150) }))).toBe('ABORT_ERR');
		expect(sandbox.requests).toHaveLength(1);
		expect(sandbox.purchases).toHaveLength(bought ? 1 : 0);
	});

	test('an endless answer goes on until the client leaves', async () => {
		sandbox.fault({ fault: faults.endless() });
		const leave = new AbortController();
		const answer = await fetch(`${sandbox.url}/purchases/create`, { method: 'POST', signal: leave.signal });
		const reader = answer.body!.getReader();
		let bytes = 0;
		while (bytes < 1024 * 1024) bytes += (await reader.read()).value!.length;
		leave.abort();
		await until(() => sandbox.requests[0].status === 200, 'The answer');
		expect(sandbox.purchases).toEqual([]);
	});

	test('latency delays the purchase', async () => {
		sandbox.fault({ fault: faults.latency(120) });
		const before = performance.now();
		const answer = order(whole);
		await until(() => sandbox.requests.length === 1, 'The request');
		expect(sandbox.purchases).toEqual([]);
		expect((await answer).status).toBe(200);
		expect(performance.now() - before).toBeGreaterThan(115);
		expect(sandbox.purchases).toHaveLength(1);
	});

	test('latency can be random in part', async () => {
		sandbox.fault({ fault: faults.latency(5, 10) });
		const delays = await Promise.all(
			Array.from({ length: 20 }, async () => {
				const before = performance.now();
				await order(whole);
				return performance.now() - before;
			}),
		);
		expect(Math.min(...delays)).toBeGreaterThan(4);
		expect(new Set(delays.map((ms) => Math.round(ms))).size).toBeGreaterThan(3);
	});
});

test('with a certificate it speaks HTTPS, to those who trust it', async () => {
	const folder = await mkdtemp(join(tmpdir(), 'streamskill-certificate-'));
	const certificate = await makeCertificate(folder);
	const secure = await startSandbox({ certificate });
	try {
		const ask = (options: { ca?: string }) =>
			new Promise((resolve) => {
				const asked = requestTls(`${secure.url}/purchases/create`, { method: 'POST', ...options });
				asked.on('response', (answer) => resolve([answer.statusCode, (answer.socket as TLSSocket).getProtocol()]));
				asked.on('error', ({ message }) => resolve(message)).end();
			});
		expect(secure.url).toMatch(/^https:/);
		expect(await ask({ ca: certificate.cert })).toEqual([401, 'TLSv1.3']);
		expect(await ask({})).toMatch(/self-signed/);
	} finally {
		await secure.close();
		await rm(folder, { recursive: true });
	}
});

describe('the controls', () => {
	const control = (path: string, method = 'GET', body?: unknown) =>
		fetch(`${sandbox.origin}/_sandbox${path}`, { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

	test('list, disturb and forget', async () => {
		expect((await control('/faults', 'POST', { times: 1, fault: faults.serverErrorAfter(502) })).status).toBe(204);
		expect((await order(good)).status).toBe(502);
		expect(await (await control('/purchases')).json()).toEqual(sandbox.purchases);
		expect(await (await control('/requests')).json()).toEqual(sandbox.requests);
		expect(sandbox.requests).toHaveLength(1);

		expect((await control('', 'DELETE')).status).toBe(204);
		expect([sandbox.purchases, sandbox.requests]).toEqual([[], []]);
		expect((await order(good)).json()).toMatchObject({ id: 1 });
	});

	test('take several rules at once, and none if one is wrong', async () => {
		const rules = [{ times: 1, fault: faults.rejected(403) }, { fault: faults.rejected(404) }];
		expect((await control('/faults', 'POST', [...rules, { fault: { kind: 'status' } }])).status).toBe(400);
		expect((await order(good)).status).toBe(200);
		expect((await control('/faults', 'POST', rules)).status).toBe(204);
		expect([(await order(good)).status, (await order(good)).status]).toEqual([403, 404]);
	});

	test.each([
		['/faults', 'GET'],
		['/nothing', 'GET'],
		['/purchases', 'DELETE'],
	])('%s %s is a 404', async (path, method) => {
		expect((await control(path, method)).status).toBe(404);
		expect(sandbox.requests).toEqual([]);
	});
});

describe('the end', () => {
	test('reset cuts what hangs and forgets what waits', async () => {
		sandbox.fault({ match: { channel: 'hangs' }, fault: faults.hang() });
		sandbox.fault({ match: { channel: 'waits' }, fault: faults.latency(100) });
		const failures = ['hangs', 'waits'].map((channel) => failureOf(order({ ...good, channel })));
		await until(() => sandbox.requests.length === 2, 'The request');
		sandbox.reset();
		expect(await Promise.all(failures)).toEqual(['ECONNRESET', 'ECONNRESET']);
		await new Promise((resolve) => setTimeout(resolve, 150));
		expect(sandbox.purchases).toEqual([]);
		expect((await order(good)).status).toBe(200);
	});

	test('close ends hanging, endless and waiting requests, and the port is free again', async () => {
		const shared = sandbox;
		sandbox = await startSandbox({ token: 'another' });
		try {
			const { port } = sandbox;
			const kinds = [faults.hang(), faults.endless(), faults.latency(60_000)];
			for (const fault of kinds) sandbox.fault({ times: 1, match: { channel: fault.kind }, fault });
			const failures = kinds.map(({ kind }) => failureOf(order({ ...good, channel: kind })));
			await until(() => sandbox.requests.length === 3, 'The request');
			await sandbox.close();
			expect(await Promise.all(failures)).toEqual(['ECONNRESET', 'ECONNRESET', 'ECONNRESET']);
			expect(await failureOf(order(good))).toBe('ECONNREFUSED');
			await sandbox.close();

			sandbox = await startSandbox({ port });
			expect(sandbox.port).toBe(port);
			await sandbox.close();
		} finally {
			sandbox = shared;
		}
	});

	test('two sandboxes know nothing of each other', async () => {
		const other = await startSandbox({ token: 'another' });
		expect((await order(good, { token: 'another' })).status).toBe(401);
		expect((await order(good)).status).toBe(200);
		expect(other.requests).toEqual([]);
		await other.close();
	});

	test('a taken port is an error', async () => {
		await expect(startSandbox({ port: sandbox.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
	});
});

describe('the command', () => {
	const run = (...args: string[]) => {
		const cli = join(dirname(expect.getState().testPath!), '../../tools/sandbox/cli.mts');
		const child = spawn(process.execPath, ['--import', 'tsx', cli, ...args]);
		const output = { text: '' };
		for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output.text += String(chunk)));
		return { child, output, ended: once(child, 'close') };
	};

	test('starts a sandbox, says how to use it, and ends with Ctrl+C', async () => {
		const { child, output, ended } = run('--port', '0');
		await until(() => output.text.includes('faults.mts') || child.exitCode !== null, 'The instructions');
		const url = /http:\/\/127\.0\.0\.1:\d+\/v1/.exec(output.text)?.[0];
		expect(output.text).toContain('sandbox-token');
		expect((await fetch(`${url}/purchases/create`, { method: 'POST' })).status).toBe(401);
		child.kill('SIGINT');
		expect(await ended).toEqual([0, null]);
	});

	test.each([
		['a taken port', () => ['--port', String(sandbox.port)], /Port \d+ is taken.*--port 0/],
		['no port', () => ['--port', 'http'], /Not a port: http/],
		['an unknown option', () => ['--prot', '1'], /Unknown option '--prot'/],
	])(
		'says what is wrong with %s',
		async (_what, args, message) => {
			const { output, ended } = run(...args());
			expect(await ended).toEqual([1, null]);
			expect(output.text).toMatch(message);
			expect(output.text).not.toContain('    at ');
		},
		30_000,
	);
});
