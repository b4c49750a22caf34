/** More equal orders, or more rows that have exchanged their orders, than n8n's database is asked about: they are held back. */
import { LOOK_UP_TIME, setForward } from '../clock.mts';
import { Random } from '../random.mts';
import { failuresOf, openShop, outcomes, referencesOf, type Orders } from '../shop.mts';

const shop = openShop();
const { order, kill, sold } = shop;

test('80 rows that order the same, each with a key of its own, in the reverse', async () => {
	const rows = Array.from({ length: 80 }, (_, row) => ({ row, channel: 'a' }));
	const setup = (list: typeof rows, options: Orders['options'] = {}): Orders => ({
		before: () => list,
		onError: 'continueErrorOutput',
		// No part of what is ordered: it only tells which row a purchase is for.
		parameters: { additionalFields: { comment: '={{ $json.row }}' } },
		options: { idempotencyKey: '={{ $json.row }}', timeout: 1000, ...options },
	});
	const made = () => shop.sandbox.purchases.map(({ order: { comment } }) => Number(comment));
	const killed = await kill([{}], { at: 'answer', channel: 'a', nth: 64 }, setup(rows));
	setForward(LOOK_UP_TIME);
	const held = await order([], { ...setup([...rows].reverse()), retryOf: killed });
	// Those whose key was not bought.
	expect(outcomes(held).filter((outcome) => outcome === 'notSent' || outcome === 'unknown').length).toBeGreaterThanOrEqual(80 - 64);
	const before = made();
	expect(new Set(before).size).toBe(before.length);
	// A person looks which are left, and orders them in a new execution; those that were claimed together with the last one are uncertain.
	const left = rows.filter(({ row }) => !before.includes(row));
	const uncertain = await order([{}], setup(left));
	setForward(LOOK_UP_TIME);
	await order([{}], setup(left, { confirmedNotBought: referencesOf(uncertain).join(' ') }));
	expect(made().sort((a, b) => a - b)).toEqual(rows.map(({ row }) => row));
});

test('120 rows whose channel goes by their place, in another sequence: none is called bought that is not', async () => {
	const rows = Array.from({ length: 120 }, (_, row) => ({ row }));
	const setup = (list: typeof rows): Orders => ({
		before: () => list,
		onError: 'continueErrorOutput',
		parameters: { channel: '={{ "c" + $itemIndex }}' },
	});
	const killed = await kill([{}], { at: 'answer', channel: 'c96' }, setup(rows));
	const retry = await order([], { ...setup(new Random(120).shuffle(rows)), retryOf: killed });
	expect(Math.max(...Object.values(sold()))).toBe(1);
	const never = rows.map((_, i) => `c${i}`).filter((channel) => !sold()[channel]);
	const told = failuresOf(retry).map(({ order: failed }) => failed?.channel);
	expect(told).toEqual(expect.arrayContaining(never));
});

test('by hand, more than 50 with keys are left out, and a new one is bought', async () => {
	const rows = (count: number) => Array.from({ length: count }, (_, row) => ({ channel: 'a', row }));
	const setup: Orders = {
		mode: 'manual',
		options: { idempotencyKey: '={{ $json.row }}', batching: { batch: { batchSize: 50, batchInterval: 0 } } },
	};
	await order(rows(51), setup);
	await order(rows(52), setup);
	expect(sold()).toEqual({ a: 52 });
});
