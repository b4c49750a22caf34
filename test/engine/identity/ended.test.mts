/** The node had ended: see `play.mts`. */
import { byWay } from './cells.mts';
import { play, playAll } from './play.mts';

describe('killed: the node ended, a later one running', () => {
	test.each([...byWay('later')])('%s', async (_way, cells) => await playAll(cells, play), 120_000);
});

describe('failed before the node, and a retry after it, and then', () => {
	test.each([...byWay('never')])('%s', async (_way, cells) => await playAll(cells, play), 120_000);
});
