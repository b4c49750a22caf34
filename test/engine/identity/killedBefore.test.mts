/** Killed before an order was bought: see `play.mts`. */
import { byWay } from './cells.mts';
import { play, playAll } from './play.mts';

describe('killed: after the claim, before it is sent', () => {
	test.each([...byWay('send')])('%s', async (_way, cells) => await playAll(cells, play), 120_000);
});

describe('killed: sent, and not bought', () => {
	test.each([...byWay('request')])('%s', async (_way, cells) => await playAll(cells, play), 120_000);
});
