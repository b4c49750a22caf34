/** The node had ended: see `play.mts`. */
import { cellsAt } from './cells.mts';
import { play, playAll } from './play.mts';

test('killed: the node ended, a later one running', async () => await playAll(cellsAt('later'), play), 240_000);

test('failed before the node, and a retry after it, and then', async () => await playAll(cellsAt('never'), play), 240_000);
