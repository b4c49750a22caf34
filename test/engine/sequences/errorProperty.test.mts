/** A purchase with an `error` of its own, which n8n takes for a failed try. */
import { faults } from '../../../tools/sandbox/sandbox.mts';
import { openShop } from '../shop.mts';

const shop = openShop();
const { order, sold } = shop;

test('behind an item that is left out, it is kept for the next try', async () => {
	await order(['a'], { mode: 'manual' });
	shop.sandbox.fault({ match: { channel: 'b' }, fault: faults.body(JSON.stringify({ id: 7, channel: 'b', error: '' })) });
	await order(['a', 'b'], { mode: 'manual', tries: 3 });
	expect(sold()).toEqual({ a: 1, b: 1 });
});
