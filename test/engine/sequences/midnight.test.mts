/** By hand, over midnight (UTC): what was bought after it was bought on the next day. */
import { DAY, setForward } from '../clock.mts';
import { openShop, processOf, until } from '../shop.mts';

const { order, sold } = openShop();

/** Sets the clock forward to so many milliseconds after the next midnight. */
const setToMidnight = (after: number) => setForward(DAY - (Date.now() % DAY) + after);

test('what was bought by hand yesterday is left out', async () => {
	setToMidnight(-5000);
	const options = { batching: { batch: { batchSize: 1, batchInterval: 500 } } };
	const running = order(['a', 'b'], { mode: 'manual', options });
	await until(() => sold().a === 1);
	setToMidnight(600_000);
	await running;
	setForward(DAY);
	await order(['b'], { mode: 'manual' });
	expect(sold()).toEqual({ a: 1, b: 1 });
});

test('what was bought by hand just after midnight is left out where the clock is a little behind', async () => {
	setToMidnight(1000);
	await order(['a'], { mode: 'manual', streamSkill: processOf('main') });
	setForward(-3000);
	await order(['a'], { mode: 'manual', streamSkill: processOf('worker') });
	expect(sold()).toEqual({ a: 1 });
});
