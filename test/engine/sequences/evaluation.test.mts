/** An evaluation buys nothing unless the node says so, and neither does what its messages advise. */
import { openShop, outcomes, wordsOf, type Orders } from '../shop.mts';

const shop = openShop();
const { order, sold } = shop;

const withTarifOfB = (tarif: number | string) => ({ tarifId: `={{ $json.channel === "b" ? ${JSON.stringify(tarif)} : 1 }}` });

test('one with a wrong item is run again, or retried', async () => {
	const first = await order(['a', 'b'], { mode: 'evaluation', parameters: withTarifOfB('abc') });
	expect(outcomes(first)).toContain('invalid');
	expect(wordsOf(first)).toContain('Then run the evaluation again');
	expect(wordsOf(first)).not.toContain('Retry');
	const setup: Orders = { parameters: withTarifOfB(1) };
	const retry = await order([], { ...setup, retryOf: first.data });
	expect(wordsOf(retry)).toContain('An evaluation places no paid orders unless the node says so');
	await order(['a', 'b'], { ...setup, mode: 'evaluation' });
	expect(sold()).toEqual({});
});

test('with On Error = Continue, no message sends a wrong item to an execution that buys', async () => {
	const setup: Orders = { mode: 'evaluation', parameters: withTarifOfB('abc'), onError: 'continueRegularOutput' };
	expect(wordsOf(await order(['a', 'b'], setup))).not.toContain('new execution');
});
