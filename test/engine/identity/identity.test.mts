/**
 * One identity for each order: whatever n8n does with an execution, no order is bought twice, none is lost,
 * and none is called bought that was not. Runs are killed at each moment and go on in each way that n8n has,
 * with each list that a retry may bring; the sandbox counts. The other files here have most of the combinations.
 *
 * What must come of it is written down from the promise alone, and nothing in here asks the code under test.
 */
import type { IRunExecutionData } from 'n8n-workflow';

import { faults } from '../../../tools/sandbox/sandbox.mts';
import { LOOK_UP_TIME, setForward } from '../clock.mts';
import { Life, recovered } from '../crash.mts';
import { createExecution, type RunResult } from '../engine.mts';
import { readList, type Change } from '../lists.mts';
import { processOf, type Orders } from '../shop.mts';
import { cellOf, points, type Cell } from './cells.mts';
import { confirm, count, mortal, orderOf, ordersOf, Play, playAll, shop, sold, told } from './play.mts';

/** A loop of three rounds. */
interface Loop {
	name: string;
	prefix: string;
	rounds: string[];
	withKey: boolean;
	batchSize: number;
}

/** So few that none takes longer than Timeout. */
const LOOPS_SIDE_BY_SIDE = 8;

let loopCount = 0;

const loops = (kind: string) =>
	[
		['ab', 'ab', 'ab'],
		['ab', 'cd', 'ef'],
		['ab', 'bc', 'ca'],
	].flatMap((rounds) =>
		[false, true].map((withKey): Loop => {
			const prefix = `loop ${++loopCount}/`;
			const batchSize = loopCount % 2 ? 1 : -1;
			return {
				name: `${kind}, rounds ${rounds.join(' ')}, ${withKey ? 'key' : 'no key'}, batch ${batchSize}`,
				prefix,
				rounds,
				withKey,
				batchSize,
			};
		}),
	);

const loopSetup = ({ prefix, withKey, batchSize }: Loop): Orders => ({
	workflowId: `workflow ${prefix}`,
	onError: 'continueErrorOutput',
	options: {
		timeout: 10_000,
		batching: { batch: { batchSize, batchInterval: 0 } },
		onDuplicate: 'fail',
		...(withKey && { idempotencyKey: '={{ $json.key }}' }),
	},
});

/** Each round's rows, with a key for each of them. */
const loopRows = ({ rounds, prefix }: Loop) =>
	rounds.map((letters, round) => readList(letters, prefix).map((row) => ({ ...row, key: `${row.key} in round ${round}` })));

/** Does what the messages ask for, and holds what was sold against the rounds. */
async function finishLoop(loop: Loop, first: RunResult, original: IRunExecutionData): Promise<string[]> {
	const rows = ordersOf(loopRows(loop).flat());
	let result = first;
	for (let executions = 0; told(result).failed.some(({ outcome }) => outcome !== 'duplicate'); executions++) {
		if (executions === 6) return ['it comes to no end'];
		const setup = loopSetup(loop);
		setForward(LOOK_UP_TIME);
		result = await shop.order([], {
			...setup,
			options: { ...setup.options, ...confirm(told(result), loop.prefix, rows) },
			retryOf: original,
			streamSkill: processOf('main'),
		});
	}
	const wanted = count(rows);
	const account = sold(loop.prefix);
	return [...wanted].flatMap(([order, times]) => {
		const bought = account.get(order) ?? 0;
		return bought > times ? 'an order is bought twice' : bought < times ? 'an order is never bought' : [];
	});
}

describe('a loop', () => {
	test.each(['send', 'answer', 'later'] as const)('killed at each round: %s', async (point) => {
		const cells = (['as created', 'recovered'] as const).flatMap((stored) =>
			[1, 2].flatMap((retries) =>
				[0, 1, 2].flatMap((round) =>
					loops(`in round ${round}, ${stored}, ${retries} retries`).map((loop) => ({ ...loop, stored, retries, round })),
				),
			),
		);
		await playAll(
			cells,
			async ({ stored, retries, round, ...loop }) => {
				const created = createExecution(...loopRows(loop));
				let ended = 0;
				const life = new Life((moment, channel) => {
					if (moment === 'later') ended++;
					if (point === 'later') return ended > round;
					return moment === point && ended === round && channel!.endsWith(loop.rounds[round][1]);
				});
				const running = life.live(
					async () =>
						await shop.order([], {
							...loopSetup(loop),
							retryOf: created,
							mode: 'trigger',
							streamSkill: processOf('doomed'),
							credentials: mortal(life),
						}),
				);
				if (await Promise.race([running, life.end])) return ['a round buys nothing'];
				await Promise.all(life.orders);
				const inRound0 =
					point === 'later' ? recovered(created, ['Start', 'StreamSkill'], 'Success') : recovered(created, ['Start'], 'StreamSkill');
				const fromLog = round === 0 ? inRound0 : recovered(created, ['Start', 'StreamSkill', 'Success']);
				const original = stored === 'as created' ? created : fromLog;
				const retry = async () => await shop.order([], { ...loopSetup(loop), retryOf: original, streamSkill: processOf('main') });
				let result = await retry();
				if (retries === 2) result = await retry();
				return await finishLoop(loop, result, original);
			},
			LOOPS_SIDE_BY_SIDE,
		);
	});

	test('failed before its later rounds, and a retry in them', async () => {
		await playAll(
			loops('failed'),
			async (loop) => {
				const created = createExecution(...loopRows(loop));
				let rounds = 0;
				const failIn = (round: number) => () => {
					if (++rounds === round) throw new Error('Not now');
				};
				const { data } = await shop.order([], { ...loopSetup(loop), retryOf: created, mode: 'trigger', after: failIn(1) });
				await shop.order([], { ...loopSetup(loop), retryOf: data, after: failIn(3) });
				return await finishLoop(loop, await shop.order([], { ...loopSetup(loop), retryOf: data }), data);
			},
			LOOPS_SIDE_BY_SIDE,
		);
	});
});

describe('the stored items, with another tarif since', () => {
	test.each([
		[1, false],
		[1, true],
		[3, false],
		[3, true],
	])('batch %d, key %s: what was bought is handed back, and the rest bought', async (batchSize, withKey) => {
		const setup = (tarifId: number): Orders => ({
			parameters: { tarifId },
			options: { batching: { batch: { batchSize, batchInterval: 0 } }, ...(withKey && { idempotencyKey: '={{ $json.channel }}' }) },
		});
		shop.sandbox.fault({ match: { channel: 'd' }, times: 1, fault: faults.rejected(422) });
		const first = await shop.order([...'abcde'], setup(1));
		const made = sold('');
		const second = await shop.order([], { ...setup(2), retryOf: first.data });
		expect(told(second).bought.map(({ purchase }) => orderOf(purchase.tarif, purchase.channel))).toEqual(
			[...'abcde'].map((channel) => (made.has(orderOf(1, channel)) ? orderOf(1, channel) : orderOf(2, channel))),
		);
		expect(shop.sold()).toEqual({ a: 1, b: 1, c: 1, d: 1, e: 1 });
	});
});

test('at most one batch is uncertain where an order takes longer than a tenth of a second', async () => {
	const change: Change = { name: 'ten orders', first: 'abcdefghij', later: 'abcdefghij' };
	const cells = Object.values(points).flatMap((point) =>
		(['none', 'kept'] as const).flatMap((key) =>
			[1, 3].map(
				(batchSize): Cell =>
					cellOf({
						point,
						way: 'retry',
						change,
						key,
						shape: 'list',
						onError: 'continueErrorOutput',
						batchSize,
						onDuplicate: 'skip',
						stored: 'recovered',
						victim: 'g' as never,
					}),
			),
		),
	);
	for (const { prefix } of cells) shop.sandbox.fault({ match: { channel: `/^${prefix}/` }, fault: faults.latency(150) });
	await playAll(cells, async (cell) => {
		const playing = new Play(cell);
		const complaints = await playing.play();
		return playing.uncertain > cell.batchSize ? [...complaints, `${playing.uncertain} orders are uncertain`] : complaints;
	});
});
