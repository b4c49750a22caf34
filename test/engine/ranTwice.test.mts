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

let ids = 1e6;

const SEEDS = Array.from({ length: 6 }, (_, i) => i + 1);

type Store = (execution: IRunExecutionData) => { data: IRunExecutionData; mode: 'trigger' | 'retry' };

/** What n8n has stored of the execution: the same for both. */
const stored: Record<string, Store> = {
	'a new execution': (data) => ({ data, mode: 'trigger' }),
	'the retry of a killed one': (data) => ({ data: recovered(data, ['Start'], 'StreamSkill'), mode: 'retry' }),
};

const trials = Object.entries(stored).flatMap(([name, store]) =>
	[true, false].flatMap((hasToken) =>
		SEEDS.map((seed) => ({ name: `${name}, ${hasToken ? 'with' : 'without'} a token, ${seed}`, store, hasToken, seed })),
	),
);

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

test.each<[string, (channels: string[]) => Orders]>([
	['nothing set', () => ({})],
	['On Error = Continue', () => ({ onError: 'continueRegularOutput' })],
	['Retry On Fail', () => ({ tries: 2 })],
	['in another process', () => ({ streamSkill: processOf('worker') })],
	['with keys', () => ({ options: { idempotencyKey: '={{ $json.channel }}', timeout: 2000 } })],
	['several at a time', () => ({ options: { batching: { batch: { batchSize: 10, batchInterval: 0 } } } })],
	['AI Agent 3', tool(agent)],
	['AI Agent 1 and 2', tool(earlierAgent)],
])('nothing is bought twice, and nothing ends in silence: %s', async (_, setup) => {
	shop.sandbox.fault({ fault: faults.latency(20) });
	const wrong: string[] = [];
	await Promise.all(
		trials.map(async ({ name, store, hasToken, seed }) => {
			const random = new Random(seed);
			const channels = [...'abc'].map((letter) => `${name}, ${letter}`);
			const { streamSkill, node } = setup(channels);
			const execution = createExecution(node?.tool ? [{}] : channels.map((channel) => ({ channel })));
			// As in n8n before 2.14.
			if (!hasToken) delete (execution as { resumeToken?: string }).resumeToken;
			const { data, mode } = store(execution);
			const executionId = String(ids++);
			const run = async (more: Orders = {}) => {
				await sleep(random.pick([0, 30, 100]));
				const own = { ...setup(channels), streamSkill: undefined, ...more };
				return await order([], { ...own, retryOf: data, mode, executionId, workflowId: `workflow ${executionId}` });
			};
			const results = await Promise.all([run(), run({ streamSkill })]);
			const outputs = JSON.stringify(
				results.map(({ success, failed, error }) => [success, failed, error, error?.message, error?.description]),
			);
			for (const channel of channels) {
				const times = sold()[channel] ?? 0;
				// The one that was killed may have bought all of it.
				if (times > (mode === 'retry' && !hasToken ? 0 : 1)) wrong.push(`${channel}: ${times} times`);
				if (times === 0 && !outputs.includes(channel)) wrong.push(`${channel}: in silence`);
			}
		}),
	);
	expect(wrong).toEqual([]);
});
