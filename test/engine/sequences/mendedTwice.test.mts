/** A field is mended for a retry, and perhaps retried once more: what was bought before the mend is not bought again. */
import type { IDataObject } from 'n8n-workflow';

import { faults } from '../../../tools/sandbox/sandbox.mts';
import { openShop, outcomes, referencesOf, type Orders } from '../shop.mts';
import { loop } from '../wirings.mts';

const shop = openShop();
const { order, lose, refuse, kill, lookUp, failBefore, sold } = shop;

describe('input items that nothing tells from one another', () => {
	const refuseSecond = () => shop.sandbox.fault({ match: { channel: 'a' }, skip: 1, times: 1, fault: faults.rejected(422) });
	const setup = (tarifId: number, more: IDataObject = {}): Orders => ({ parameters: { channel: 'a', tarifId, ...more } });

	test.each([
		['equal ones', [{ visit: 1 }, { visit: 1 }]],
		['empty ones', [{}, {}]],
	])('%s: the second is refused, the tarif is mended, and the execution retried, twice', async (_name, items) => {
		refuseSecond();
		const { data } = await order(items, setup(1));
		const second = await order([], { ...setup(2), retryOf: data });
		expect(second.run.status).toBe('success');
		expect(sold()).toEqual({ a: 2 });
		await order([], { ...setup(2), retryOf: data });
		expect(sold()).toEqual({ a: 2 });
	});

	test('they are refused one after the other, and the tarif is mended each time', async () => {
		refuseSecond();
		const first = await order([{}, {}, {}], setup(1));
		refuseSecond();
		const second = await order([], { ...setup(2), retryOf: first.data });
		const third = await order([], { ...setup(3), retryOf: second.data });
		expect(third.run.status).toBe('success');
		expect(sold()).toEqual({ a: 3 });
	});

	test.each([true, false])('one without an answer is held back, and its reference settles it (bought: %s)', async (bought) => {
		lose('a', bought);
		const { data } = await order([{}], setup(1));
		const held = await order([], { ...setup(2), retryOf: data });
		expect(outcomes(held)).toEqual(['unknown']);
		const settled = await order([], { ...setup(2), options: lookUp(held), retryOf: data });
		expect(settled.run.status).toBe('success');
		expect(sold()).toEqual({ a: 1 });
	});

	test('with a random quantity in each try of Retry On Fail', async () => {
		refuseSecond();
		await order([{}, {}], { ...setup(1, { additionalFields: { quantity: '={{ 1 + Math.floor(Math.random() * 9999) }}' } }), tries: 3 });
		expect(sold()).toEqual({ a: 2 });
	});
});

test.each([
	['raised', '={{ $json.quantity + 100 }}', 'abc'],
	['lowered', '={{ $json.quantity - 100 }}', 'cba'],
])('a mend gives one row the quantity of the next: %s', async (_name, quantity, rows) => {
	const items = [...rows].map((row) => ({ quantity: 100 * (2 + 'abc'.indexOf(row)) }));
	const setup = (expression: string): Orders => ({ parameters: { channel: 'a', additionalFields: { quantity: expression } } });
	shop.sandbox.fault({ match: { channel: 'a' }, skip: 2, times: 1, fault: faults.rejected(422) });
	const { data } = await order(items, setup('={{ $json.quantity }}'));
	const second = await order([], { ...setup(quantity), retryOf: data });
	expect(second.run.status).toBe('success');
	expect(sold()).toEqual({ a: 3 });
});

describe('a loop, whose later rows order for the same channel', () => {
	const rows = ['a', 'c', 'a'].map((channel, row) => ({ channel, row }));
	const setup = (tarifId: number): Orders => ({
		wiring: loop({ errorsToo: true }),
		onError: 'continueErrorOutput',
		before: () => rows,
		parameters: { tarifId, additionalFields: { comment: '={{ $json.row }}' } },
	});
	const rowsBought = () => shop.sandbox.purchases.map(({ order }) => Number(order.comment)).sort();
	const stop: Orders = { wiring: loop(), onError: 'stopWorkflow' };

	test('a round is refused, the tarif is mended, and the original is retried again', async () => {
		const original = await failBefore();
		refuse('c');
		const first = await order([], { ...setup(1), ...stop, retryOf: original });
		await order([], { ...setup(2), ...stop, retryOf: first.data });
		expect(rowsBought()).toEqual([0, 1, 2]);
		await order([], { ...setup(2), ...stop, retryOf: original });
		expect(rowsBought()).toEqual([0, 1, 2]);
	});

	test('it is killed, the tarif is mended, and it is retried twice', async () => {
		const killed = await kill([{}], { at: 'send', channel: 'c', ended: ['Start', 'Loop', 'StreamSkill'] }, setup(1));
		const first = await order([], { ...setup(2), retryOf: killed });
		const options = lookUp(first);
		for (let retries = 0; retries < 2; retries++) await order([], { ...setup(2), options, retryOf: killed });
		expect(rowsBought()).toEqual([0, 1, 2]);
	});

	test.each([true, false])('the first round has no answer, the tarif is mended, and it is retried twice (bought: %s)', async (bought) => {
		const original = await failBefore();
		lose('a', bought);
		const first = await order([], { ...setup(1), ...stop, retryOf: original });
		await order([], { ...setup(2), retryOf: first.data });
		const again = await order([], { ...setup(2), retryOf: original });
		expect(outcomes(again)).toContain('unknown');
		const [reference] = referencesOf(again);
		const options = bought ? { confirmedBought: reference } : { confirmedNotBought: reference };
		const last = await order([], { ...setup(2), options, retryOf: original });
		expect(outcomes(last)).toEqual([]);
		// Equal orders stand for one another.
		expect(sold()).toEqual({ a: 2, c: 1 });
	});
});
