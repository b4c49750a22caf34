/** Orders by way of a proxy, as n8n takes them with HTTPS_PROXY: what becomes of CONNECT decides whether the order can have left. */
import { RequestError, type PrepareRequestFunction } from 'proxy-chain';

import { bought } from '../../tools/sandbox/counts.mts';
import { pageOf } from '../../tools/sandbox/purchase.mts';
import { faults, type Fault } from '../../tools/sandbox/sandbox.mts';
import { tellsCause } from './engine.mts';
import { openSecureShop } from './secureShop.mts';
import { openShop, TOKEN } from './shop.mts';

const shop = openShop();
const secure = openSecureShop();

beforeEach(() => (process.env.HTTPS_PROXY = secure.proxyAt()));

async function orderThrough(onConnect: PrepareRequestFunction, { timeout = 10_000, fault }: { timeout?: number; fault?: Fault } = {}) {
	secure.onConnect = onConnect;
	if (fault) secure.sandbox.fault({ fault });
	const { success } = await shop.order(['a'], {
		...secure.orders(),
		onError: 'continueRegularOutput',
		options: { timeout },
	});
	return success[0].json;
}

const refuse =
	(status: number): PrepareRequestFunction =>
	() => {
		throw new RequestError('No way through', status);
	};

const nothingWasSent = () => {
	expect(secure.sandbox.requests).toEqual([]);
	expect(bought(secure.sandbox)).toEqual({});
};

test('a proxy that connects: the order is bought, and the proxy has seen no token', async () => {
	const seen: string[] = [];
	const purchase = await orderThrough(({ request }) => {
		seen.push(JSON.stringify([request.url, request.headers]));
		return {};
	});
	expect(purchase).toMatchObject({ channel: pageOf('a') });
	expect(bought(secure.sandbox)).toEqual({ a: 1 });
	expect(seen).toHaveLength(1);
	expect(seen[0]).not.toContain(TOKEN);
});

/** In n8n 1.x nothing tells that the order was not sent: it is uncertain there. */
const rejected = (error: unknown) => (tellsCause ? { error, details: { outcome: 'rejected' } } : { details: { outcome: 'unknown' } });

test.each([500, 502, 503, 504])('a proxy that answers CONNECT with %i: certainly not bought, and the proxy is named', async (status) => {
	expect(await orderThrough(refuse(status))).toMatchObject(rejected(`The proxy did not connect to StreamSkill (${status})`));
	nothingWasSent();
});

test('a proxy that forbids: certainly not bought', async () => {
	expect(await orderThrough(refuse(403))).toMatchObject({
		message: expect.stringContaining('that no firewall is in between') as string,
		details: { outcome: 'rejected', httpCode: 403 },
	});
	nothingWasSent();
});

test('a proxy that asks for a password', async () => {
	expect(await orderThrough(() => ({ requestAuthentication: true }))).toMatchObject({
		error: 'The proxy asks for a user name and password (407)',
		message: expect.stringContaining('HTTPS_PROXY') as string,
		details: { outcome: 'rejected', httpCode: 407 },
	});
	nothingWasSent();
});

const never = new Promise<undefined>(() => {});

test('a proxy that closes the connection instead of connecting: certainly not bought', async () => {
	expect(await orderThrough(({ request }) => (request.socket.end(), never))).toMatchObject({
		error: 'StreamSkill could not be reached (the proxy did not connect)',
		details: { outcome: 'rejected' },
	});
	nothingWasSent();
});

test.each<[string, string, PrepareRequestFunction, number]>([
	['resets the connection', 'ECONNRESET', ({ request }) => (request.socket.resetAndDestroy(), never), 10_000],
	['never answers', 'timeout', () => never, 300],
])('a proxy that %s instead of connecting: certainly not bought', async (_, code, onConnect, timeout) => {
	expect(await orderThrough(onConnect, { timeout })).toMatchObject(rejected(`StreamSkill could not be reached (${code})`));
	nothingWasSent();
});

test('a proxy that is down: certainly not bought', async () => {
	process.env.HTTPS_PROXY = 'http://127.0.0.1:1';
	expect(await orderThrough(() => ({}))).toMatchObject({
		error: 'StreamSkill could not be reached (ECONNREFUSED)',
		details: { outcome: 'rejected' },
	});
	nothingWasSent();
});

test('a purchase whose answer gets lost behind the proxy may have been bought', async () => {
	expect(await orderThrough(() => ({}), { fault: faults.reset() })).toMatchObject({ details: { outcome: 'unknown' } });
	expect(bought(secure.sandbox)).toEqual({ a: 1 });
});

test("a 503 of StreamSkill's own, behind the proxy, says nothing", async () => {
	const outcome = await orderThrough(() => ({}), { fault: faults.serverErrorAfter(503) });
	expect(outcome).toMatchObject({ details: { outcome: 'unknown', httpCode: 503 } });
	expect(bought(secure.sandbox)).toEqual({ a: 1 });
});
