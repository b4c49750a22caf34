/** Killed after an order was bought: see `play.mts`. */
import { cellsAt } from './cells.mts';
import { play, playAll } from './play.mts';

test('killed: bought, and the answer not read', async () => await playAll(cellsAt('answer'), play), 240_000);

test('killed: answered, and not settled', async () => await playAll(cellsAt('database'), play), 240_000);
