/**
 * An execution that n8n runs twice at the same time, under the same ID: when n8n starts, it runs what is stored as new,
 * also what somebody has started meanwhile (n8n: start.js, runEnqueuedExecutions; enqueued-execution-recovery.service.js).
 * Seen in n8n 1.123.81: an execution that was retried while n8n started.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import type { IRunExecutionData } from 'n8n-workflow';

import { faults } from '../../tools/sandbox/sandbox.mts';
import { recovered } from './crash.mts';
import { createExecution, deduplicator, patience } from './engine.mts';
import { Random } from './random.mts';
import { openShop, processOf, type Orders } from './shop.mts';
import { agent, agentWithTool, earlierAgent } from './wirings.mts';

const shop = openShop();
const { order, sold } = shop;

const SEEDS = Array.from({ length: 8 }, (_, i) => i + 1);

type Store = (hasToken: boolean, items: Array<{ channel?: string }>) => { data: IRunExecutionData; mode: 'trigger' | 'retry' };

/** What n8n has stored of the execution: the same for both. */
const stored: Array<[string, Store]> = [
	['a new execution', (hasToken, items) => ({ data: created(hasToken, items), mode: 'trigger' })],
	[
		'the retry of a killed one',
		(hasToken, items) => ({ data: recovered(created(hasToken, items), ['Start'], 'StreamSkill'), mode: 'retry' }),
	],
];

const created: (...of: Parameters<Store>) => IRunExecutionData = (hasToken, items) => {
	const execution = createExecution(items);
	if (!hasToken) delete (execution as { resumeToken?: string }).resumeToken;
	return execution;
};

const tool =
	(made: typeof agent) =>
	(channels: string[]): Orders => ({
		wiring: agentWithTool({ orders: () => channels.map((channel) => ({ channel })) }, false, made),
		node: { tool: true },
		...(made === earlierAgent && { parameters: { channel: '={{ $fromAI("channel", "", "string") }}' } }),
	});

beforeAll(() => void (patience.isReal = true));
afterAll(() => void (patience.isReal = false));
beforeEach(() => {
	const random = new Random(1);
	deduplicator.pause = async () => (random.chance(0.6) ? await sleep(random.next() * 8) : undefined);
});

describe.each(stored)('%s', (_, store) => {
	describe.each([true, false])('with a token that its retries share: %s', (hasToken) => {
		test.each<[string, (channels: string[]) => Orders]>([
			['nothing set', () => ({})],
			['On Error = Continue', () => ({ onError: 'continueRegularOutput' })],
			['Retry On Fail', () => ({ tries: 2 })],
			['in another process', () => ({ streamSkill: processOf('worker') })],
			['with keys', () => ({ options: { idempotencyKey: '={{ $json.channel }}' } })],
			['several at a time', () => ({ options: { batching: { batch: { batchSize: 10, batchInterval: 0 } } } })],
			['AI Agent 3', tool(agent)],
			['AI Agent 1 and 2', tool(earlierAgent)],
		])('nothing is bought twice, and nothing ends in silence: %s', async (name, setup) => {
			shop.sandbox.fault({ fault: faults.latency(20) });
			const undone: string[] = [];
			await Promise.all(
				SEEDS.map(async (seed) => {
					const random = new Random(seed);
					const channels = [...'abc'].map((letter) => `${seed}/${letter}`);
					const { streamSkill } = setup(channels);
					const isTool = name.startsWith('AI Agent');
					const { data, mode } = store(hasToken, isTool ? [{}] : channels.map((channel) => ({ channel })));
					const run = async (more: Orders = {}) => {
						await sleep(random.pick([0, 30, 100]));
						const own = { ...setup(channels), streamSkill: undefined, ...more };
						return await order([], { ...own, retryOf: data, mode, executionId: String(1e6 + seed), workflowId: `workflow ${seed}` });
					};
					const results = await Promise.all([run(), run({ streamSkill })]);
					const outputs = JSON.stringify(
						results.map(({ success, failed, error }) => [success, failed, error, error?.message, error?.description]),
					);
					undone.push(...channels.filter((channel) => !(channel in sold()) && !outputs.includes(channel)));
				}),
			);
			expect(Object.entries(sold()).filter(([, times]) => times > 1)).toEqual([]);
			// The one that was killed may have bought all of it.
			if (!hasToken && store(false, []).mode === 'retry') expect(sold()).toEqual({});
			expect(undone).toEqual([]);
		});
	});
});
