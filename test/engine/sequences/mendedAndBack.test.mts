/** A killed execution that is retried with a mended field, and then with its original workflow again. */
import { hintsOf, openShop, type Orders } from '../shop.mts';

const shop = openShop();
const { order, kill, lose, lookUp, sold, sent } = shop;

test.each(['trigger', 'manual'] as const)(
	'what was said of the first order does not hold for the one that was sent in its place (%s)',
	async (mode) => {
		const setup = (tarifId: number, options: object = {}): Orders => ({
			onError: 'continueErrorOutput',
			parameters: { tarifId },
			options: { timeout: 10_000, ...options },
		});
		const killed = await kill(['a'], { at: 'send', channel: 'a' }, { ...setup(1), mode });
		const notBought: string[] = [];
		let held = await order([], { ...setup(1), retryOf: killed });
		lose('a', true);
		for (let tries = 0; sent().a === undefined && tries < 3; tries++) {
			notBought.push(lookUp(held).confirmedNotBought as string);
			held = await order([], { ...setup(2, { confirmedNotBought: notBought.join(' ') }), retryOf: killed });
		}
		expect(sold()).toEqual({ a: 1 });
		const { confirmedBought } = lookUp(held);
		await order([], { ...setup(1, { confirmedBought, confirmedNotBought: notBought.join(' ') }), retryOf: killed });
		expect(sold()).toEqual({ a: 1 });
	},
);

test('an order that may have been bought keeps its reference when its fields are mended, so what was noted of it counts', async () => {
	const setup = (tarifId: number, options: Orders['options'] = {}): Orders => ({
		onError: 'continueErrorOutput',
		parameters: { tarifId },
		options,
	});
	const killed = await kill(['a'], { at: 'answer', channel: 'a' }, setup(1));
	const noted = lookUp(await order([], { ...setup(1), retryOf: killed }));
	const settled = await order([], { ...setup(2, noted), retryOf: killed });
	expect([settled.success, settled.failed, hintsOf(settled).join()]).toEqual([[], [], expect.stringContaining('1 confirmed as bought')]);
	expect(sold()).toEqual({ a: 1 });
});
