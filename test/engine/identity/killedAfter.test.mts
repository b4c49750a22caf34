/** Killed after an order was bought: see `play.mts`. */
import { byWay } from './cells.mts';
import { play, playAll } from './play.mts';

describe('killed: bought, and the answer not read', () => {
	test.each([...byWay('answer')])('%s', async (_way, cells) => await playAll(cells, play), 120_000);
});

describe('killed: answered, and not settled', () => {
	test.each([...byWay('database')])('%s', async (_way, cells) => await playAll(cells, play), 120_000);
});
