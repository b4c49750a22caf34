/** The README's table "What counts as the same order", row by row. The sandbox counts. */
import type { IDataObject } from 'n8n-workflow';

import { DAY, passTime } from './clock.mts';
import type { NodeSetup } from './engine.mts';
import { branches, callOf, loop, sideBySide } from './wirings.mts';
import { hintsOf, openShop, outcomes, type Orders } from './shop.mts';

const shop = openShop();
const { order, kill, sold } = shop;

/** Nobody answers for an execution that was killed, so there is no use in waiting long. */
const KEY: IDataObject = { idempotencyKey: '={{ $json.channel }}', timeout: 300 };
const pasted = { node: { id: 'streamskill-pasted' } };
const renamed = { node: { name: 'Buy' } };
/** What an evaluation is, which no other test needs. */
const evaluation = { mode: 'evaluation' as Orders['mode'] };

const caller = (options: IDataObject) =>
	callOf(async (items) => await order(items, { options, mode: 'integrated', workflowId: 'sub-workflow' }));

/** Where an order comes from a second time, and how many are bought then: without a key, and with the same one. */
const rows: Array<[name: string, without: number, withKey: number, again: (options: IDataObject) => Promise<unknown>]> = [
	['two equal items in one list', 2, 1, async (options) => await order(['a', 'a'], { options })],
	[
		'Retry On Fail',
		1,
		1,
		async (options) => {
			shop.refuse('b');
			await order(['a', 'b'], { options, tries: 2 });
		},
	],
	[
		'Retry of an execution',
		1,
		1,
		async (options) => {
			shop.refuse('b');
			await order([], { options, retryOf: (await order(['a', 'b'], { options })).data });
		},
	],
	['another round of a loop', 2, 1, async (options) => await order(['a', 'a'], { options, wiring: loop() })],
	[
		'a second branch into the node',
		2,
		1,
		async (options) =>
			await order(['a'], {
				options,
				wiring: branches(
					(items) => items,
					(items) => items,
				),
			}),
	],
	[
		'by hand, today',
		1,
		1,
		async (options) => {
			await order(['a'], { options, mode: 'manual' });
			await order(['a'], { options, mode: 'manual' });
		},
	],
	[
		'by hand, earlier',
		2,
		1,
		async (options) => {
			await order(['a'], { options, mode: 'manual' });
			passTime(2 * DAY);
			await order(['a'], { options, mode: 'manual' });
		},
	],
	[
		'another execution',
		2,
		1,
		async (options) => {
			await order(['a'], { options });
			await order(['a'], { options });
		},
	],
	[
		'a node that was pasted again, by hand',
		2,
		1,
		async (options) => {
			await order(['a'], { options, mode: 'manual' });
			await order(['a'], { options, mode: 'manual', ...pasted });
		},
	],
	[
		'a node that was pasted again, in the retry of an execution that failed',
		1,
		1,
		async (options) => {
			shop.refuse('b');
			await order([], { options, ...pasted, retryOf: (await order(['a', 'b'], { options })).data });
		},
	],
	[
		'a node that was pasted again, in the retry of a crash',
		2,
		1,
		async (options) => {
			const killed = await kill(['a', 'b'], { at: 'settle', channel: 'a' }, { options });
			const { error } = await order([], { options, ...pasted, retryOf: killed, onError: 'continueErrorOutput' });
			expect(error).toBeUndefined();
		},
	],
	[
		'a node that was renamed, by hand',
		1,
		1,
		async (options) => {
			await order(['a'], { options, mode: 'manual' });
			await order(['a'], { options, mode: 'manual', ...renamed });
		},
	],
	[
		'a node that was renamed, in the retry of a crash',
		1,
		1,
		async (options) => {
			const killed = await kill(['a', 'b'], { at: 'settle', channel: 'a' }, { options });
			const { error } = await order([], { options, ...renamed, retryOf: killed, onError: 'continueErrorOutput' });
			expect(error).toBeUndefined();
		},
	],
	[
		'a copy of the node in the same workflow',
		2,
		1,
		async (options) =>
			await order(['a'], {
				options,
				wiring: sideBySide,
				twin: { parameters: { tarifId: 1, channel: '={{ $json.channel }}', options } as NodeSetup['parameters'] },
			}),
	],
	[
		'another workflow',
		2,
		2,
		async (options) => {
			await order(['a'], { options });
			await order(['a'], { options, workflowId: 'workflow-2', ...pasted });
		},
	],
	[
		'a sub-workflow that its parent calls again, by a retry',
		2,
		1,
		async (options) => {
			shop.refuse('b');
			await order([], { wiring: caller(options), retryOf: (await order(['a', 'b'], { wiring: caller(options) })).data });
		},
	],
	[
		'a sub-workflow that its parent calls again, by Retry On Fail on Execute Workflow',
		2,
		1,
		async (options) => {
			shop.refuse('b');
			await order(['a', 'b'], { wiring: { ...caller(options), retryOnFail: 'Call' } });
		},
	],
	['an evaluation', 0, 0, async (options) => expect(outcomes(await order(['a'], { options, ...evaluation }))).toEqual(['notSent'])],
	[
		'an evaluation that may buy',
		2,
		1,
		async (options) => {
			await order(['a'], { options: { ...options, dryRun: false }, ...evaluation });
			await order(['a'], { options: { ...options, dryRun: false }, ...evaluation });
		},
	],
];

describe.each(rows)('%s', (_name, without, withKey, again) => {
	test('without a key', async () => {
		await again({});
		expect(sold().a ?? 0).toBe(without);
	});

	test('with the same key', async () => {
		await again(KEY);
		expect(sold().a ?? 0).toBe(withKey);
	});
});

test('an evaluation with Dry Run shows the orders', async () => {
	const result = await order(['a'], { options: { dryRun: true }, ...evaluation });
	expect(hintsOf(result)).toEqual(['Dry Run: nothing was sent. 1 order would be sent']);
	expect(sold()).toEqual({});
});
