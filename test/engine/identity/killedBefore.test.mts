/** Killed before an order was bought: see `play.mts`. */
import { cellsAt } from './cells.mts';
import { play, playAll } from './play.mts';

test('killed: after the claim, before it is sent', async () => await playAll(cellsAt('send'), play), 240_000);

test('killed: sent, and not bought', async () => await playAll(cellsAt('request'), play), 240_000);
