import type { IDataObject, INode, INodeParameters } from 'n8n-workflow';

import { outputItems, type StoredExecution } from '../../tools/n8n/rest.mts';
import { ITEM, streamSkill, webhookWorkflow } from '../../tools/n8n/workflows.mts';
import { bought, onceEach, sent } from '../../tools/sandbox/counts.mts';
import { nameOn } from '../../tools/sandbox/purchase.mts';
import { faults } from '../../tools/sandbox/sandbox.mts';
import { createActive, runWebhook, runWebhooks } from './executions.mts';
import { startWorld, type World } from './world.mts';

let world: World;

beforeAll(async () => {
	world = await startWorld();
});
afterAll(async () => await world?.close());
beforeEach(() => world.sandbox.reset());

const KEY = `={{ ${ITEM} }}`;

let workflows = 0;

/** A webhook workflow under a name of its own; each item is a channel, and the Idempotency Key at the same time. */
const create = async (options: INodeParameters = {}, rest: Partial<INode> = {}) =>
	await createActive(
		world,
		webhookWorkflow(
			`keys-${++workflows}`,
			streamSkill({ tarifId: 1, channel: KEY, options: { idempotencyKey: KEY, ...options } }, { onError: 'continueErrorOutput', ...rest }),
		),
	);

const keys = (count: number, name = 'key') => Array.from({ length: count }, (_, i) => `${name}-${i}`);

const outcomes = (execution: StoredExecution) => [
	...new Set(outputItems(execution, 'StreamSkill', { output: 1 }).map(({ json }) => (json.details as IDataObject).outcome)),
];

describe.each([1, 10])('executions at the same time, batches of %i', (batchSize) => {
	const batching = { batching: { batch: { batchSize, batchInterval: 0 } } };

	// Without latency both look up keys as often as they can; with it, each finds orders of the other on their way, and
	// waits for them.
	test.each([0, 20])('with the same keys buy each once, with a latency of %i ms', async (latency) => {
		world.sandbox.fault({ fault: faults.latency(latency) });
		const workflow = await create(batching);
		const rounds = Array.from({ length: 5 }, (_, round) => keys(20, `round-${round}`));
		for (const round of rounds) {
			for (const execution of await runWebhooks(world, workflow, [round, round])) {
				expect(execution.status).toBe('success');
				expect(outcomes(execution)).toEqual([]);
			}
		}
		expect(bought(world.sandbox)).toEqual(onceEach(rounds.flat()));
		expect(sent(world.sandbox)).toEqual(onceEach(rounds.flat()));
	});

	test('with keys of their own lose none of them', async () => {
		const workflow = await create(batching);
		const lists = Array.from({ length: 4 }, (_, list) => keys(20, `list-${list}`));
		for (const execution of await runWebhooks(world, workflow, lists)) {
			expect(outputItems(execution, 'StreamSkill')).toHaveLength(20);
		}
		const again = await runWebhook(world, workflow, lists.flat());
		expect(outputItems(again, 'StreamSkill')).toEqual([]);
		expect(outcomes(again)).toEqual([]);
		expect(sent(world.sandbox)).toEqual(onceEach(lists.flat()));
	});
});

test('a key is given back for what is certainly not bought, and kept for a lost answer', async () => {
	const workflow = await create();
	world.sandbox.fault({ match: { channel: 'key-1' }, times: 1, fault: faults.rejected(422) });
	world.sandbox.fault({ match: { channel: 'key-2' }, times: 1, fault: faults.reset() });
	await runWebhook(world, workflow, keys(4));
	const again = await runWebhook(world, workflow, keys(4));
	expect(outputItems(again, 'StreamSkill').map(({ json }) => nameOn(json.channel))).toEqual(['key-1']);
	expect(outputItems(again, 'StreamSkill', { output: 1 }).map(({ json }) => json.details)).toEqual([
		expect.objectContaining({ outcome: 'unknown', idempotencyKey: 'key-2' }),
	]);
	expect(sent(world.sandbox)).toEqual({ ...onceEach(keys(4)), 'key-1': 2 });
});

test('Retry execution of a run with keys continues, and knows its own purchases from duplicates', async () => {
	world.sandbox.fault({ match: { channel: 'key-5' }, times: 1, fault: faults.rejected(422) });
	const workflow = await create({ onDuplicate: 'fail' }, { onError: 'stopWorkflow' });
	const failed = await runWebhook(world, workflow, keys(10));
	expect(failed.status).toBe('error');
	const retried = await world.n8n.rest.retryExecution(failed.id);
	expect(retried.status).toBe('success');
	expect(outputItems(retried, 'StreamSkill').map(({ json }) => nameOn(json.channel))).toEqual(keys(10));
	expect(bought(world.sandbox)).toEqual(onceEach(keys(10)));

	// The older execution again: its purchases are in the output of its retry.
	const again = await world.n8n.rest.retryExecution(failed.id);
	expect(again.status).toBe('error');
	expect(bought(world.sandbox)).toEqual(onceEach(keys(10)));
});
