/** How answers come over the wire: compressed, or with a connection that breaks or hangs in the middle. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';

import { openShop, TOKEN } from './shop.mts';

const { order } = openShop();
const purchase = { id: 7, price: 10, channel: 'канал', order_type: 'twitch_viewers' };

let server: Server;
let answer: { status: number; encoding?: string; body: Buffer | string; then?: 'breaks off' | 'hangs' };

beforeAll(async () => {
	server = createServer((_, res) => {
		const { status, encoding, body, then } = answer;
		res.writeHead(status, encoding ? { 'content-encoding': encoding } : {});
		if (then) res.write(body, () => then === 'breaks off' && res.destroy());
		else res.end(body);
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
	server.close();
	server.closeAllConnections();
});

const orderOne = async (given: typeof answer) => {
	answer = given;
	const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
	return await order(['a'], {
		credentials: { accessToken: TOKEN, baseUrl },
		onError: 'continueRegularOutput',
		options: { timeout: 1000 },
	});
};

test.each([
	['gzip', gzipSync],
	['deflate', deflateSync],
	['br', brotliCompressSync],
])('%s', async (encoding, compress) => {
	const bought = await orderOne({ status: 201, encoding, body: compress(JSON.stringify(purchase)) });
	expect(bought.success[0].json).toEqual(purchase);

	const errors = { 'tarif.id': ['Тариф не найден'] };
	const refused = await orderOne({ status: 422, encoding, body: compress(JSON.stringify({ errors, status: 422 })) });
	expect(refused.success[0].json).toMatchObject({ error: 'Tarif ID: Тариф не найден', details: { outcome: 'rejected', errors } });
});

test.each([
	['is broken', Buffer.from('not compressed at all')],
	['is cut off', gzipSync(JSON.stringify(purchase)).subarray(0, 40)],
	['is longer than a purchase can be', gzipSync(`{"id":1,"comment":"${'x'.repeat(2_000_000)}"}`)],
	['unpacks to what fills the memory', gzipSync(`{"id":1,"comment":"${'x'.repeat(100_000_000)}"}`)],
])('a compressed answer that %s may stand for a purchase', async (_, body) => {
	const { success } = await orderOne({ status: 200, encoding: 'gzip', body });
	expect(success[0].json).toMatchObject({ error: expect.stringMatching(/may have been bought/), details: { outcome: 'unknown' } });
});

describe.each(['breaks off', 'hangs'] as const)('of an answer that %s,', (then) => {
	test.each([
		['a refusal is one all the same', 422, '{"errors":{"tarif', { details: { outcome: 'rejected', httpCode: 422 } }],
		['a purchase that came whole is one', 200, JSON.stringify(purchase), purchase],
		['half a purchase may be one', 200, '{"id":7,"price":1', { details: { outcome: 'unknown', httpCode: 200 } }],
		['a 500 says nothing', 500, '{"name":', { details: { outcome: 'unknown', httpCode: 500 } }],
	])('%s', async (_, status, body, expected) => {
		const { success } = await orderOne({ status, body, then });
		expect(success[0].json).toMatchObject(expected);
	});
});
