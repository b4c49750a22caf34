/** A list by hand that orders the same more than once: each order has a record of its execution and one of its day. */
import type { IDataObject } from 'n8n-workflow';

import { LOOK_UP_TIME, setForward } from '../clock.mts';
import { createExecution, patience } from '../engine.mts';
import { channelOf, failuresOf, openShop, processOf, until, type Orders } from '../shop.mts';

const shop = openShop();
const { order, kill, refuse, lose, slow, sold, sent } = shop;

const setup: Orders = { onError: 'continueErrorOutput', options: { batching: { batch: { batchSize: 1, batchInterval: 0 } } } };

const lists: Array<[string, IDataObject[]]> = [
	['equal items', [{ channel: 'x' }, { channel: 'x' }, { channel: 'z' }]],
	['items that tell what they are', [...'xxz'].map((channel, row) => ({ channel, row }))],
];

// Each order is claimed by itself, and settled with the next.
beforeEach(() => slow('/x|z/', 250));
afterEach(() => void (patience.isReal = false));

describe.each(['trigger', 'manual'] as const)('mode %s', (mode) => {
	describe.each(lists)('%s', (_name, items) => {
		test('of which one was refused: the retry of the killed execution buys it', async () => {
			refuse('x');
			const killed = await kill(items, { at: 'request', channel: 'z' }, { ...setup, mode });
			expect(sold()).toEqual({ x: 1 });
			const retry = await order([], { ...setup, retryOf: killed });
			expect(retry.failed.map(channelOf)).toEqual(['z']);
			expect(sold().x).toBe(2);
		});

		test('of which one has no answer: it has one reference, and is bought once', async () => {
			lose('x', false);
			const killed = await kill(items, { at: 'request', channel: 'z' }, { ...setup, mode });
			const retry = await order([], { ...setup, retryOf: killed });
			expect(retry.failed.map(channelOf)).toEqual(['x', 'z']);
			setForward(LOOK_UP_TIME);
			// Of two that are equal, the account does not show which one was bought.
			const options = {
				...setup.options,
				confirmedNotBought: failuresOf(retry)
					.map(({ reference }) => reference)
					.join(' '),
			};
			expect((await order([], { ...setup, options, retryOf: killed })).failed).toEqual([]);
			expect(sold()).toEqual({ x: 2, z: 1 });
		});

		test('of which one was refused: a retry while it still runs buys it', async () => {
			patience.isReal = true;
			refuse('x');
			slow('z', 4000);
			const created = createExecution(items);
			const first = order([], { ...setup, mode, retryOf: created, streamSkill: processOf('main') });
			await until(() => 'z' in sent());
			await order([], { ...setup, retryOf: created, streamSkill: processOf('worker') });
			await first;
			expect(sold()).toEqual({ x: 2, z: 1 });
		});
	});
});
