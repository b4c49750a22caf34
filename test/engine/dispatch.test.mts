/** When orders go out, seen from the API's side. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

import { deduplicator } from './engine.mts';
import { channelOf, openShop, TOKEN, until } from './shop.mts';

const shop = openShop();
const channels = Array.from({ length: 39 }, (_, i) => String(i));
const atATime = (batchSize: number) => ({ batching: { batch: { batchSize, batchInterval: 0 } } });

afterEach(() => jest.restoreAllMocks());

/** Lets the clock go by the orders and the calls of n8n's database, so that they come at the same pace on any machine. */
function setPace(msPerOrder: number, msPerCall = 0) {
	const begun = performance.now();
	const { calls } = deduplicator;
	jest
		.spyOn(performance, 'now')
		.mockImplementation(() => begun + msPerOrder * shop.sandbox.requests.length + msPerCall * (deduplicator.calls - calls));
}

test('each place that an answer makes free is filled', async () => {
	setPace(33);
	// All answers come when all places are taken: who leaves one free waits for ever.
	const waiting: Array<() => void> = [];
	const server = createServer((req, res) => {
		void (async () => {
			const { authorization = '', 'content-type': contentType = '' } = req.headers;
			const order = { method: 'POST', headers: { authorization, 'content-type': contentType }, body: await text(req) };
			const answer = await (await fetch(shop.sandbox.url + req.url, order)).text();
			waiting.push(() => res.writeHead(200, { 'content-type': 'application/json' }).end(answer));
			if (waiting.length === 3) for (const send of waiting.splice(0)) send();
		})();
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	const { success } = await shop.order(channels, { options: atATime(3), credentials: { accessToken: TOKEN, baseUrl } });
	server.close();
	expect(success.map(channelOf)).toEqual(channels);
});

test("what is claimed goes out while n8n's database is asked for more", async () => {
	setPace(10);
	const ask = deduplicator.checkProcessedAndRecord.bind(deduplicator);
	let asked = 0;
	jest.spyOn(deduplicator, 'checkProcessedAndRecord').mockImplementation(async (items, scope, { workflow, node }, options) => {
		const itself = { workflow, node: { ...node! } };
		const before = shop.sandbox.requests.length;
		if (before > 1 && before < 20) {
			asked++;
			await until(() => shop.sandbox.requests.length > before);
		}
		return await ask(items, scope, itself, options);
	});
	const { success } = await shop.order(channels);
	expect(success.map(channelOf)).toEqual(channels);
	expect(asked).toBeGreaterThan(0);
	expect(shop.sandbox.maxInFlight).toBe(1);
});

test('a database that is as slow as ten orders is not asked for each of them', async () => {
	setPace(10, 100);
	const { calls } = deduplicator;
	await shop.order(channels);
	expect(shop.sandbox.purchases).toHaveLength(39);
	// The looks for others twice a second included.
	expect(deduplicator.calls - calls).toBeLessThan(39);
});

test('orders with keys that all go out together do not wait until the last key is claimed, which would take too long', async () => {
	setPace(0, 30);
	const many = Array.from({ length: 700 }, (_, i) => String(i));
	const { failed } = await shop.order(many, { options: { idempotencyKey: '={{ $json.channel }}', ...atATime(-1) } });
	expect(failed).toEqual([]);
	expect(shop.sandbox.purchases).toHaveLength(700);
});
