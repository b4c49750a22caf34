/** Executions at the same time, while n8n's database takes its time before it reads and before it writes. */
import { setTimeout as sleep } from 'node:timers/promises';

import type { IDataObject, IRunExecutionData } from 'n8n-workflow';

import { faults } from '../../tools/sandbox/sandbox.mts';
import { inOwnTime } from './clock.mts';
import { createExecution, deduplicator, patience } from './engine.mts';
import { Random } from './random.mts';
import { openShop, outcomes, processOf, purchasesOf, until, type Orders } from './shop.mts';

const shop = openShop();
const { order, finish, failBefore, lookUp, slow, sold, sent } = shop;

const SEEDS = Array.from({ length: 24 }, (_, i) => i + 1);
const eachSeed = async (play: (seed: number) => Promise<void>) =>
	await Promise.all(SEEDS.map(async (seed) => await inOwnTime(async () => await play(seed))));
const processes = ['main', 'worker'] as const;

interface Trial {
	random: Random;
	channels: string[];
	setup: Orders;
}

/** Of each list one answer may get lost, and one order be refused. */
function trial(seed: number): Trial {
	const random = new Random(seed);
	const channels = [...'abcd'].map((letter) => `${seed}/${letter}`);
	const [lost, refused] = random.shuffle(channels);
	if (random.chance(0.3))
		shop.sandbox.fault({
			match: { channel: lost },
			times: 1,
			fault: random.chance(0.5) ? faults.serverErrorAfter(500) : faults.serverErrorBefore(500),
		});
	if (random.chance(0.3)) shop.sandbox.fault({ match: { channel: refused }, times: 1, fault: faults.rejected(422) });
	return {
		random,
		channels,
		setup: {
			workflowId: `workflow ${seed}`,
			onError: random.pick(['stopWorkflow', 'continueErrorOutput']),
			options: { timeout: 10_000, batching: { batch: { batchSize: random.pick([1, 2, -1]), batchInterval: 0 } } },
		},
	};
}

const ofTrial = (counts: Record<string, number>, { channels }: Trial) => channels.map((channel) => counts[channel] ?? 0);

beforeAll(() => void (patience.isReal = true));
afterAll(() => void (patience.isReal = false));
beforeEach(() => {
	const random = new Random(1);
	deduplicator.pause = async () => (random.chance(0.6) ? await sleep(random.next() * 8) : undefined);
});

test('with the same keys buy each once', async () => {
	await eachSeed(async (seed) => {
		const rivals = trial(seed);
		const { random, channels, setup } = rivals;
		const keyed = { ...setup, options: { ...setup.options, idempotencyKey: '={{ $json.channel }}' } };
		const run = async (more: Orders = {}) =>
			await order(random.shuffle(channels), { ...keyed, ...more, streamSkill: processOf(random.pick(processes)) });
		const results = await Promise.all(
			[1, 2, 3].map(async () => {
				await sleep(random.next() * 20);
				return await run();
			}),
		);
		expect({ seed, twice: ofTrial(sold(), rivals).some((times) => times > 1) }).toEqual({ seed, twice: false });
		const ids = results.flatMap(purchasesOf);
		expect({ seed, twice: ids.length - new Set(ids).size }).toEqual({ seed, twice: 0 });

		let last = await run();
		for (let times = 0; outcomes(last).length > 0 && times < 4; times++)
			last = await run({ options: { ...keyed.options, ...lookUp(last) } });
		expect({ seed, sold: ofTrial(sold(), rivals) }).toEqual({ seed, sold: [1, 1, 1, 1] });
	});
});

test('that retry the same execution buy each order once', async () => {
	await eachSeed(async (seed) => {
		const rivals = trial(seed);
		const { random, channels, setup } = rivals;
		const original = await failBefore();
		const before = () => random.shuffle(channels).map((channel) => ({ channel }));
		const retry = { ...setup, before };
		await Promise.all(
			[1, 2, 3].map(async () => {
				await sleep(random.next() * 20);
				return await order([], { ...retry, retryOf: original, streamSkill: processOf(random.pick(processes)) });
			}),
		);
		expect({ seed, twice: ofTrial(sold(), rivals).some((times) => times > 1) }).toEqual({ seed, twice: false });
		await finish(original, retry);
		expect({ seed, sold: ofTrial(sold(), rivals) }).toEqual({ seed, sold: [1, 1, 1, 1] });
	});
});

test('that retry the same execution with another tarif, and items that tell what they are, buy each item once', async () => {
	await eachSeed(async (seed) => {
		const rivals = trial(seed);
		const { random, channels, setup } = rivals;
		const original = await failBefore();
		const before = () => channels.map((channel) => ({ channel }));
		await Promise.all(
			[1, 2, 3].map(async (tarifId) => {
				await sleep(random.next() * 20);
				return await order([], {
					...setup,
					before,
					parameters: { tarifId },
					retryOf: original,
					streamSkill: processOf(random.pick(processes)),
				});
			}),
		);
		expect({ seed, twice: ofTrial(sold(), rivals).some((times) => times > 1) }).toEqual({ seed, twice: false });
		await finish(original, { ...setup, before });
		expect({ seed, sold: ofTrial(sold(), rivals) }).toEqual({ seed, sold: [1, 1, 1, 1] });
	});
});

test.each([
	['with keys', { idempotencyKey: 'k' }],
	['without keys', {}],
])('two that confirm the same as not bought send it once more (%s)', async (_name, key) => {
	await eachSeed(async (seed) => {
		const channel = `${seed}/a`;
		shop.sandbox.fault({ match: { channel }, times: 1, fault: faults.serverErrorBefore(500) });
		const setup: Orders = { workflowId: `workflow ${seed}`, options: { ...key, timeout: 10_000 } };
		const lost = await order([channel], setup);
		const options = { ...setup.options, ...lookUp(lost) };
		await Promise.all(
			processes.map(async (name) => await order([], { ...setup, options, retryOf: lost.data, streamSkill: processOf(name) })),
		);
		expect({ seed, sent: sent()[channel] }).toEqual({ seed, sent: 2 });
	});
});

test('a key whose answer comes while another execution looks is not lost', async () => {
	await eachSeed(async (seed) => {
		const channel = `${seed}/a`;
		const random = new Random(seed);
		shop.sandbox.fault({ match: { channel }, fault: faults.latency(20) });
		const setup: Orders = {
			workflowId: `workflow ${seed}`,
			onError: 'continueErrorOutput',
			options: { idempotencyKey: 'k', timeout: 10_000 },
		};
		const first = order([channel], { ...setup, streamSkill: processOf('main') });
		await until(() => sent()[channel] === 1);
		await sleep(random.next() * 40);
		const second = await order([channel], { ...setup, streamSkill: processOf('worker') });
		expect({ seed, outcomes: outcomes(second) }).toEqual({ seed, outcomes: [] });
		await first;
		const third = await order([channel], setup);
		expect({ seed, outcomes: outcomes(third), sold: sold()[channel] }).toEqual({ seed, outcomes: [], sold: 1 });
	});
});

describe('that have a list of several parts buy each order once, also the one that lags behind:', () => {
	const channels = Array.from({ length: 250 }, (_, i) => `channel-${i}`);
	const items = channels.map((channel) => ({ channel }));

	/** One waits for the answer to its first order, while another one buys all the others. */
	async function overtake(execute: (setup: Orders) => ReturnType<typeof order>, retry: (setup: Orders) => ReturnType<typeof order>) {
		deduplicator.pause = undefined;
		const inBatches = (batchSize: number): Orders => ({
			onError: 'continueErrorOutput',
			options: { timeout: 10_000, batching: { batch: { batchSize, batchInterval: 0 } } },
		});
		slow(channels[0], 3000);
		const behind = execute({ ...inBatches(1), streamSkill: processOf('main') });
		await until(() => channels[0] in sent());
		await retry(inBatches(50));
		expect(outcomes(await behind)).toEqual([]);
		const times = channels.map((channel) => sold()[channel] ?? 0);
		expect({ never: times.filter((count) => count === 0).length, twice: times.filter((count) => count > 1).length }).toEqual({
			never: 0,
			twice: 0,
		});
	}

	test('two retries', async () => {
		const original = await failBefore();
		const retry = async (setup: Orders) => await order([], { ...setup, before: () => items, retryOf: original });
		await overtake(retry, async (setup) => await retry({ ...setup, streamSkill: processOf('worker') }));
	});

	// n8n's public API lets one retry it (n8n 2.41.1: executions.public.controller.js).
	test.each(processes)(
		'an execution, and its retry while it still runs, in the process %s',
		async (name) => await overtakeBesides(createExecution(items), name),
	);

	test.each(processes)('the same in a loop (%s)', async (name) => {
		const rounds = Array.from({ length: 10 }, (_, i) => items.slice(25 * i, 25 * (i + 1)));
		await overtakeBesides(createExecution(...rounds), name);
	});

	const overtakeBesides = async (created: IRunExecutionData, name: (typeof processes)[number]) =>
		await overtake(
			async (setup) => await order([], { ...setup, mode: 'trigger', retryOf: created }),
			async (setup) => await order([], { ...setup, retryOf: created, streamSkill: processOf(name) }),
		);
});

// In queue mode, or where a new n8n process shows what the old one still runs as crashed.
test('an execution, and its retry in another process while it still runs, buy each order once', async () => {
	await eachSeed(async (seed) => {
		const channels = Array.from({ length: 30 }, (_, i) => `${seed}/${i}`);
		const created = createExecution(channels.map((channel) => ({ channel })));
		const setup: Orders = {
			workflowId: `workflow ${seed}`,
			onError: 'continueErrorOutput',
			options: { timeout: 10_000, batching: { batch: { batchSize: 1, batchInterval: 0 } } },
		};
		for (const channel of channels) shop.sandbox.fault({ match: { channel }, fault: faults.latency(250) });
		const first = order([], { ...setup, mode: 'trigger', retryOf: created, streamSkill: processOf('main') });
		await until(() => channels[0] in sent());
		await order([], { ...setup, retryOf: created, streamSkill: processOf('worker') });
		await first;
		const times = channels.map((channel) => sold()[channel] ?? 0);
		expect({ seed, never: times.filter((count) => count === 0).length, twice: times.filter((count) => count > 1).length }).toEqual({
			seed,
			never: 0,
			twice: 0,
		});
	});
});

describe.each([
	['in its first round', []],
	['in its second round', ['r']],
])('an execution that is retried while it waits for an answer %s', (_name, round) => {
	const toItems = (channels: string[]) => channels.map((channel) => ({ channel }));
	const setup: Orders = {
		onError: 'continueErrorOutput',
		options: { timeout: 10_000, batching: { batch: { batchSize: 1, batchInterval: 0 } } },
	};

	async function besides(...items: object[]) {
		const created = createExecution(...(round.length > 0 ? [toItems(round)] : []), [{ channel: 's' }, ...items] as IDataObject[]);
		const first = order([], { ...setup, mode: 'trigger', retryOf: created, streamSkill: processOf('main') });
		await until(() => 's' in sent());
		await order([], { ...setup, retryOf: created, streamSkill: processOf('worker') });
		return await first;
	}

	test('waits for what the retry has on its way', async () => {
		slow('s', 3000);
		slow('a', 3500);
		expect(outcomes(await besides({ channel: 'a' }))).toEqual([]);
		expect(sold().a).toBe(1);
	});

	test('buys what the retry was refused', async () => {
		// Longer than the retry takes until it orders `a`.
		slow('s', 7000);
		slow('a', 3500);
		shop.sandbox.fault({ match: { channel: 'a' }, times: 1, fault: faults.rejected(422) });
		expect(outcomes(await besides({ channel: 'a' }))).toEqual([]);
		expect(sold().a).toBe(1);
	});

	test('buys one of two that order the same, if the retry was refused one', async () => {
		slow('s', 5000);
		shop.sandbox.fault({ match: { channel: 'x' }, times: 1, fault: faults.rejected(422) });
		await besides({ channel: 'x', n: 1 }, { channel: 'x', n: 2 });
		expect(sold().x).toBe(2);
	});
});

test('an execution that comes to the node after its retry waits for what that has on its way', async () => {
	slow('a', 4000);
	const created = createExecution([{ channel: 'a' }, { channel: 'b' }]);
	const setup: Orders = {
		onError: 'continueErrorOutput',
		options: { timeout: 10_000, batching: { batch: { batchSize: 1, batchInterval: 0 } } },
	};
	const retry = order([], { ...setup, retryOf: created, streamSkill: processOf('worker') });
	await until(() => 'a' in sent());
	expect(outcomes(await order([], { ...setup, mode: 'trigger', retryOf: created, streamSkill: processOf('main') }))).toEqual([]);
	await retry;
	expect(sold()).toEqual({ a: 1, b: 1 });
});
