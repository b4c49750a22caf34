/** Another execution's order with the same Idempotency Key is on its way, or comes in between. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { IDataObject } from 'n8n-workflow';

import { faults } from '../../../tools/sandbox/sandbox.mts';
import { deduplicator } from '../engine.mts';
import { onceEach, openShop, outcomes, referencesOf, until, type Orders } from '../shop.mts';
import { loop } from '../wirings.mts';

const shop = openShop();
const { order, lose, refuse, kill, sent, sold } = shop;

const keyed = (options: IDataObject = {}, setup: Orders = {}): Orders => ({
	onError: 'continueErrorOutput',
	options: { idempotencyKey: '={{ $json.channel }}', timeout: 5000, ...options },
	...setup,
});
const rows = (channels: string) => [...channels].map((channel) => ({ channel }));

describe('an order is waited for, and refused in the end: it is bought by the execution that has waited', () => {
	const begin = async () => {
		shop.sandbox.fault({ match: { channel: 'a' }, times: 1, fault: faults.latency(1000) });
		refuse('a');
		const ended = order(['a'], keyed());
		await until(() => sent().a === 1);
		return { ended };
	};

	test.each([
		['a list', {}],
		['a round of a loop', { wiring: loop({ size: 2, errorsToo: true }) }],
	])('in %s with another order', async (_name, setup) => {
		const { ended } = await begin();
		expect(outcomes(await order(['x', 'a'], keyed({}, setup)))).toEqual([]);
		await ended;
		expect(sold()).toEqual(onceEach(['a', 'x']));
	});

	test('in the retry of a killed execution whose list did not have it', async () => {
		const killed = await kill([{}], { at: 'send', channel: 'y' }, keyed({}, { before: () => rows('xy') }));
		const { ended } = await begin();
		expect(outcomes(await order([], keyed({}, { retryOf: killed, before: () => rows('xa') })))).toEqual([]);
		await ended;
		expect(sold()).toEqual(onceEach(['a', 'x']));
	});
});

describe('an order is to be waited for', () => {
	const begin = async () => {
		shop.slow('a', 1000);
		const ended = order(['a'], keyed());
		await until(() => sent().a === 1);
		return { ended };
	};

	test('and another item is wrong, with On Error = Stop: it is told as uncertain, not as not tried', async () => {
		const { ended } = await begin();
		const { error } = await order(['a', { channel: '' }], keyed({}, { onError: 'stopWorkflow' }));
		expect(error!.description).toMatch(/May have been bought<.*channel a/);
		expect(error!.description).not.toContain('Not tried');
		await ended;
		expect(sold()).toEqual({ a: 1 });
	});

	test('and Timeout is no number: it is told', async () => {
		const { ended } = await begin();
		expect(outcomes(await order(['a', 'x'], keyed({ timeout: 'soon' })))).toEqual(['invalid', 'invalid']);
		await ended;
	});

	// Where this breaks, the node may look again and again without a pause, and jest may not come to its end.
	test("and n8n's database refuses meanwhile: it is told, and n8n goes on", async () => {
		const { ended } = await begin();
		const waiting = order(['a'], keyed());
		await sleep(300);
		deduplicator.fail = true;
		expect(outcomes(await waiting)).toEqual(['unknown']);
		await ended;
	});
});

describe('a key is free, and another order is bought with it: that is a conflict, and no order was bought', () => {
	const key = { idempotencyKey: 'k' };

	test('while the first one is to wait, as StreamSkill asks', async () => {
		shop.sandbox.fault({ match: { channel: 'a' }, times: 1, fault: faults.rateLimited({ 'retry-after': '1' }) });
		const first = order(['a'], keyed(key));
		await until(() => sent().a === 1);
		await sleep(200);
		await order(['b'], keyed(key));
		expect(outcomes(await first)).toEqual(['conflict']);
		expect(sold()).toEqual({ b: 1 });
	});

	test('once the first one, which was uncertain, is confirmed as not bought', async () => {
		lose('a', false);
		const { data, ...first } = await order(['a'], keyed(key, { onError: 'stopWorkflow' }));
		const confirmed = keyed({ ...key, confirmedNotBought: referencesOf(first)[0] });
		await order(['b'], confirmed);
		expect(outcomes(await order([], { ...confirmed, retryOf: data }))).toEqual(['conflict']);
		expect(sold()).toEqual({ b: 1 });
	});
});

test('a key is free where a list is read, and its first order is bought after all before the list comes to it', async () => {
	shop.sandbox.fault({ match: { channel: 'a' }, times: 1, fault: faults.latency(3000) });
	shop.sandbox.fault({ match: { channel: 'a' }, skip: 1, times: 1, fault: faults.rejected(422) });
	shop.slow('x', 4000);
	const first = order(['a'], keyed({ timeout: 30_000 }));
	await until(() => sent().a === 1);
	const [reference] = referencesOf(await order(['a'], keyed({ timeout: 300 })));
	expect(outcomes(await order(['a'], keyed({ timeout: 300, confirmedNotBought: reference })))).toEqual(['rejected']);
	expect(outcomes(await order(['x', 'a'], keyed({ timeout: 30_000 })))).toEqual([]);
	await first;
	expect(sold()).toEqual({ a: 1, x: 1 });
});
