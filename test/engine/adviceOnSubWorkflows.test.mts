/** What a person is told of a sub-workflow that failed, and does in the workflow that called it. */
import type { IDataObject } from 'n8n-workflow';

import { list, reads, rowsLeft } from './causes.mts';
import type { RunResult } from './engine.mts';
import { onceEach, openShop, told, type Orders } from './shop.mts';
import { callOf } from './wirings.mts';

const shop = openShop();
const { order, lose, refuse, lookUp, sold } = shop;

const byChannel = { idempotencyKey: '={{ $json.channel }}' };

/** The execution of the sub-workflow that the caller has started last. */
let inner: RunResult;

/** An execution of the caller, with the node of the sub-workflow as it is saved by then. */
const call = async (channels: string[], options: IDataObject = {}, { retryOf, ...setup }: Orders = {}, retryOnFail?: string) =>
	await order(channels, {
		retryOf,
		wiring: {
			...callOf(async (items) => (inner = await order(items, { ...setup, options, mode: 'integrated', workflowId: 'sub-workflow' }))),
			retryOnFail,
		},
	});

const THE_REST = 'Then order the rows that are left in a new execution, without those that were bought.';
const SAVED_THE_REST = THE_REST.replace('Then', 'Then save and publish the workflow, and');

test('without a key, the caller orders the rows that are left in a new execution', async () => {
	refuse('b');
	expect((await call(list)).run.status).toBe('error');
	reads(inner, THE_REST);
	expect((await call(rowsLeft())).run.status).toBe('success');
	expect(sold()).toEqual(onceEach(list));
});

test('without a key, a retry of the caller buys the whole list again, as the documents warn', async () => {
	refuse('b');
	const { data } = await call(list);
	await call([], {}, { retryOf: data });
	expect(sold()).toEqual({ a: 2, b: 1, c: 1 });
});

test.each([1, 2])('with a key each, the caller is retried, as often as one likes (%d)', async (times) => {
	refuse('b');
	const { data } = await call(list, byChannel);
	reads(inner, THE_REST);
	for (let i = 0; i < times; i++) expect((await call([], byChannel, { retryOf: data })).run.status).toBe('success');
	expect(sold()).toEqual(onceEach(list));
});

test('with a key each and If Already Purchased = Fail, Skip goes on', async () => {
	const options = { ...byChannel, onDuplicate: 'fail' };
	refuse('b');
	const first = await call(list, options);
	const second = await call([], options, { retryOf: first.data });
	expect(second.run.status).toBe('error');
	reads(inner, 'To go on without buying it again, set If Already Purchased to Skip.');
	expect((await call([], byChannel, { retryOf: second.data })).run.status).toBe('success');
	expect(told(inner.success)).toEqual([
		[0, undefined],
		[1, 'b'],
		[2, 'c'],
	]);
	expect(inner.success[0].json).toMatchObject({ because: 'key', leftOut: { channel: 'a' } });
	expect(sold()).toEqual(onceEach(list));
});

describe('with Retry On Fail on Execute Workflow', () => {
	const callTwice = async (options: IDataObject) => await call(list, options, {}, 'Call');

	test.each<[string, IDataObject, object]>([
		['without a key, the whole list is bought again, as the documents warn', {}, { a: 2, b: 1, c: 1 }],
		['with a key each, what was bought is left out', byChannel, onceEach(list)],
	])('%s', async (_name, options, times) => {
		refuse('b');
		expect((await callTwice(options)).run.status).toBe('success');
		expect(sold()).toEqual(times);
	});

	test.each([true, false])(
		'with a key each, an uncertain order is held back in both tries, and its reference settles it (bought: %s)',
		async (wasBought) => {
			lose('b', wasBought);
			const { data, run } = await callTwice(byChannel);
			expect(run.status).toBe('error');
			reads(inner, 'to the option Confirmed Bought', SAVED_THE_REST);
			expect((await call([], { ...byChannel, ...lookUp(inner) }, { retryOf: data })).run.status).toBe('success');
			expect(sold()).toEqual(onceEach(list));
		},
	);
});

describe.each([true, false])('an uncertain order (bought: %s)', (wasBought) => {
	beforeEach(() => lose('b', wasBought));

	test('with a key: the reference is added in the sub-workflow, and the caller retried', async () => {
		const { data } = await call(list, byChannel);
		reads(inner, 'to the option Confirmed Bought', SAVED_THE_REST);
		expect((await call([], { ...byChannel, ...lookUp(inner) }, { retryOf: data })).run.status).toBe('success');
		expect(sold()).toEqual(onceEach(list));
	});

	test('with a key: the caller is retried without a word of it, which sends nothing again', async () => {
		const { data } = await call(list, byChannel);
		const confirmed = lookUp(inner);
		const second = await call([], byChannel, { retryOf: data });
		expect(second.run.status).toBe('error');
		await call([], { ...byChannel, ...confirmed }, { retryOf: second.data });
		expect(sold()).toEqual(onceEach(list));
	});

	test('without a key: the caller orders the rows that are left', async () => {
		await call(list);
		reads(inner, 'If it is there, nothing more is to be bought for it. If it is not, it is one of the rows that are left.', THE_REST);
		await call(rowsLeft().filter((channel) => channel !== 'b' || !wasBought));
		expect(sold()).toEqual(onceEach(list));
	});

	test('with Continue and no key: the caller goes on, and orders it alone if it is not there', async () => {
		const setup: Orders = { onError: 'continueRegularOutput' };
		expect((await call(list, {}, setup)).run.status).toBe('success');
		reads(inner, 'If it is there, only what comes after this node is left to do. If it is not, order this item alone in a new execution.');
		if (!wasBought) await call(['b'], {}, setup);
		expect(sold()).toEqual(onceEach(list));
	});
});
