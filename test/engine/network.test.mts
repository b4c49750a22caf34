/** Connections that fail, each over a real socket: whether the order can have left decides about money. */
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer, type ServerOptions } from 'node:https';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import tls from 'node:tls';

import { faults } from '../../tools/sandbox/sandbox.mts';
import { followEach, type Cause } from './causes.mts';
import { tellsCause } from './engine.mts';
import { openShop, TOKEN } from './shop.mts';

const shop = openShop();

const servers: Server[] = [];
const sockets = new Set<Socket>();
afterEach(() => {
	jest.restoreAllMocks();
	for (const server of servers.splice(0)) server.close();
	for (const socket of sockets) socket.destroy();
	sockets.clear();
});

async function orderAt(baseUrl: string, timeout = 10_000) {
	const { success } = await shop.order(['a'], {
		credentials: { accessToken: TOKEN, baseUrl },
		onError: 'continueRegularOutput',
		options: { timeout },
	});
	return success[0].json;
}

async function listen(server: Server) {
	servers.push(server.on('connection', (socket: Socket) => void sockets.add(socket.on('error', () => {}))));
	server.listen(0, '127.0.0.1');
	await new Promise((resolve) => server.once('listening', resolve));
	return `https://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
}

const orderFrom = async (listener: Server, timeout?: number) => await orderAt(await listen(listener), timeout);

const rejected = (code: RegExp) => ({
	error: expect.stringMatching(new RegExp(`^StreamSkill could not be reached \\(${code.source}\\)$`)) as string,
	details: { outcome: 'rejected' },
});
const unknown = { error: expect.stringMatching(/may have been bought \(reference /) as string, details: { outcome: 'unknown' } };

describe('no connection came about', () => {
	test.each([
		['a port where nobody listens', 'https://127.0.0.1:1/v1', /ECONNREFUSED/],
		['a host with two addresses, and nobody at either', 'https://localhost:1/v1', /ECONNREFUSED/],
		['an address where nobody can be', 'https://127.255.255.255/v1', /ENETUNREACH|EACCES/],
		['a name that is none', `https://${'x'.repeat(64)}/v1`, /ENOTFOUND|EAI_\w+/],
	])('%s', async (_, baseUrl, code) => {
		expect(await orderAt(baseUrl)).toMatchObject(rejected(code));
	});
});

describe('the TLS handshake did not complete', () => {
	/** A server that has no TLS, and does this with each connection, or as soon as it has said hello. */
	const raw = (onConnection: (socket: Socket) => void) => createServer(onConnection);
	const afterHello = (then: (socket: Socket) => void) => raw((socket) => void socket.once('data', () => then(socket)));

	test.each<[string, () => Server, RegExp]>([
		['a port that speaks plain HTTP', () => createHttpServer((_, res) => res.end('{"id":1}')), /EPROTO/],
		['no cipher in common', () => createHttpsServer(), /EPROTO/],
		['the connection is closed at once', () => raw((socket) => socket.destroy()), /ECONNRESET/],
		['the connection is closed in the handshake', () => afterHello((socket) => socket.destroy()), /ECONNRESET/],
	])('%s', async (_, listener, code) => {
		expect(await orderFrom(listener())).toMatchObject(rejected(code));
	});

	test.each<[string, () => Server, RegExp, number]>([
		['a reset in the handshake', () => afterHello((socket) => socket.resetAndDestroy()), /ECONNRESET/, 10_000],
		['no answer in the handshake', () => raw(() => {}), /timeout/, 300],
	])('%s', async (_, listener, code, timeout) => {
		expect(await orderFrom(listener(), timeout)).toMatchObject(tellsCause ? rejected(code) : unknown);
	});
});

describe('the advice, followed', () => {
	let plain: string;
	let silent: string;
	beforeEach(async () => {
		plain = await listen(createHttpServer());
		silent = await listen(createServer(() => {}));
	});

	const notReached = (code: string, baseUrl: () => string, timeout = 10_000): Cause => ({
		advice: [`StreamSkill could not be reached (${code}`, 'Check the Base URL in the StreamSkill API credential and the network.'],
		wrong: () => ({ credentials: { accessToken: TOKEN, baseUrl: baseUrl() }, options: { timeout } }),
	});

	followEach(
		{
			'a port where nobody listens': notReached('ECONNREFUSED)', () => 'https://127.0.0.1:1/v1'),
			'a name that is none': notReached('E', () => `https://${'x'.repeat(64)}/v1`),
			'a port that speaks plain HTTP': notReached('EPROTO)', () => plain),
			// In n8n 1.x nothing tells that the order was not sent: it is uncertain there.
			...(tellsCause && { 'no answer in the handshake': notReached('timeout)', () => silent, 300) }),
		},
		shop,
		shop.sold,
	);
});

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('the secure connection stood (%s)', (version) => {
	/** A key that both sides know makes a secure connection without a certificate. */
	const key = { ciphers: 'PSK-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256', identity: 'n8n', psk: Buffer.from('known to both sides') };

	const secure = (onOrder: (socket: tls.TLSSocket) => void) => {
		const options = { ciphers: key.ciphers, minVersion: version, maxVersion: version, pskCallback: () => key.psk };
		return createHttpsServer(options as ServerOptions, (req) => req.resume().on('end', () => onOrder(req.socket as tls.TLSSocket)));
	};

	beforeEach(() => {
		const { connect } = tls;
		jest
			.spyOn(tls, 'connect')
			.mockImplementation(((options: tls.ConnectionOptions, ...more: never[]) =>
				connect(
					{ ...options, ciphers: key.ciphers, pskCallback: () => key, checkServerIdentity: () => undefined },
					...more,
				)) as typeof connect);
	});

	test('and a purchase was made', async () => {
		const listener = secure((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"id":7}'));
		expect(await orderFrom(listener)).toEqual({ id: 7 });
	});

	test.each<[string, (socket: tls.TLSSocket) => void]>([
		['was closed', (socket) => socket.destroy()],
		['was reset', () => sockets.forEach((socket) => socket.resetAndDestroy())],
		['went on in plain text', () => sockets.forEach((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'))],
	])('and %s once the order was in', async (_, onOrder) => {
		expect(await orderFrom(secure(onOrder))).toMatchObject(unknown);
	});
});

test('a reset of a connection without TLS', async () => {
	shop.sandbox.fault({ fault: faults.reset() });
	expect(await orderAt(shop.sandbox.url)).toMatchObject(unknown);
});
