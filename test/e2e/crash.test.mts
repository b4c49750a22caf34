import type { IDataObject, INodeParameters } from 'n8n-workflow';
import { readFile } from 'node:fs/promises';

import { outputItems, type StoredExecution } from '../../tools/n8n/rest.mts';
import { ITEM, streamSkill, webhookWorkflow } from '../../tools/n8n/workflows.mts';
import { bought, onceEach, sent } from '../../tools/sandbox/counts.mts';
import { faults } from '../../tools/sandbox/sandbox.mts';
import { until } from '../../tools/until.mts';
import { createActive, errorOf, runWebhook, saveParameters, startWebhooks } from './executions.mts';
import { startWorld, type World } from './world.mts';

let world: World;

beforeAll(async () => {
	world = await startWorld();
});
afterAll(async () => await world?.close());
beforeEach(() => world.sandbox.reset());

const KEY = `={{ ${ITEM} }}`;

let workflows = 0;

/** A webhook workflow under a name of its own, which buys for the channels that its items name. */
const create = async ({ options = {}, ...rest }: { options?: INodeParameters } & Parameters<typeof streamSkill>[1]) =>
	await createActive(
		world,
		webhookWorkflow(`crash-${++workflows}`, streamSkill({ tarifId: 1, channel: KEY, options }, rest)),
	);

const batches = (batchSize: number) => ({ batching: { batch: { batchSize, batchInterval: 0 } } });

/** What n8n's log says of the purchases that an execution made. */
async function logged(execution: string) {
	const lines = (await readFile(world.n8n.logFile, 'utf8')).matchAll(/StreamSkill purchase (\d+) was made: (\{.*?\})(?=\s|$)/gm);
	return [...lines]
		.map(([, id, facts]) => ({ id: Number(id), ...(JSON.parse(facts) as { execution: string; channel: string }) }))
		.filter((line) => line.execution === execution);
}

/** Purchase IDs in the execution's custom data, which the editor shows beside the execution. */
const highlighted = ({ customData = {} }: StoredExecution & { customData?: Record<string, string> }) =>
	Object.entries(customData)
		.filter(([name]) => name.startsWith('streamSkillPurchases'))
		.flatMap(([, ids]) => ids.split(' ').map(Number));

const made = () => world.sandbox.purchases.map(({ purchase, order }) => ({ id: purchase.id, channel: order.channel }));

const items = (count: number) => Array.from({ length: count }, (_, i) => `item-${i}`);

/** The orders of an execution that was stopped then, which gets time to send more, were there any. */
async function sentAfter(stopped: number) {
	await runWebhook(world, await create({}), Array.from({ length: 10 }, (_, i) => `bystander-${i}`));
	return world.sandbox.requests.filter(({ at, body }) => at > stopped && /^item/.test((body as IDataObject).channel as string));
}

describe('Stop', () => {
	test.each([
		[1, false],
		[10, false],
		[1, true],
		[10, true],
	])('in the middle of 200 items, batches of %i, Retry On Fail: %s', async (batchSize, retryOnFail) => {
		const { rest } = world.n8n;
		const slow = faults.latency(batchSize * 30);
		world.sandbox.fault({ fault: slow });
		const workflow = await create({ options: batches(batchSize), retryOnFail, maxTries: 3, waitBetweenTries: 1 });
		const [id] = await startWebhooks(world, workflow, [items(200)]);
		await until(() => world.sandbox.purchases.length >= 25, 'The first purchases');

		await rest.stopExecution(id);
		const stopped = Date.now();
		const execution = await rest.waitForExecution(id);
		expect(execution.status).toBe('canceled');

		expect(await sentAfter(stopped)).toEqual([]);
		expect(Object.values(sent(world.sandbox)).every((times) => times === 1)).toBe(true);

		const purchases = made().filter(({ channel }) => channel.startsWith('item'));
		expect(purchases.length).toBeLessThan(100);
		expect((await logged(id)).map(({ id, channel }) => ({ id, channel }))).toEqual(expect.arrayContaining(purchases));
		expect(await logged(id)).toHaveLength(purchases.length);
		// What was on its way at Stop is in the log only.
		const found = highlighted(await rest.execution(id));
		expect(purchases.map((purchase) => purchase.id)).toEqual(expect.arrayContaining(found));
		expect(found.length).toBeGreaterThanOrEqual(purchases.length - batchSize);
	});
});

test('the workflow\'s own timeout is a Stop', async () => {
	world.sandbox.fault({ fault: faults.latency(50) });
	const purchase = streamSkill({ tarifId: 1, channel: KEY });
	const workflow = webhookWorkflow('crash-timeout', purchase);
	workflow.settings = { ...workflow.settings, executionTimeout: 2 };
	const [id] = await startWebhooks(world, await createActive(world, workflow), [items(200)]);
	const { status, stoppedAt } = await world.n8n.rest.waitForExecution(id);
	expect(status).toBe('canceled');
	expect(await sentAfter(Date.parse(stoppedAt!))).toEqual([]);
	expect(made().length).toBeGreaterThan(0);
	expect((await logged(id)).map(({ id, channel }) => ({ id, channel }))).toEqual(made().filter(({ channel }) => /^item/.test(channel)));
});

describe('kill -9', () => {
	test.each([1, 10])('in the middle of 50 items with an Idempotency Key, batches of %i', async (batchSize) => {
		const orders = items(50);
		world.sandbox.fault({ fault: faults.latency(batchSize * 30) });
		const options = { ...batches(batchSize), idempotencyKey: KEY };
		const skipping = { onError: 'continueErrorOutput', options } as const;
		const workflow = await create(skipping);
		const [id] = await startWebhooks(world, workflow, [orders]);
		await until(() => world.sandbox.purchases.length >= 15, 'The first purchases');
		await world.crashAndRestart();
		await until(() => world.sandbox.purchases.length === world.sandbox.requests.length, 'The purchases on their way');

		expect(await world.n8n.rest.waitForExecution(id)).toMatchObject({ status: 'crashed' });
		const before = made();
		expect(Math.abs((await logged(id)).length - before.length)).toBeLessThanOrEqual(batchSize);

		const execution = await runWebhook(world, workflow, orders);
		expect(execution.status).toBe('success');
		const now = made().slice(before.length);
		expect(outputItems(execution, 'StreamSkill').map(({ json }) => json.id)).toEqual(now.map(({ id }) => id));

		const uncertain = outputItems(execution, 'StreamSkill', { output: 1 }).map(({ json, pairedItem }) => {
			const key = orders[(pairedItem as { item: number }).item];
			expect(json).toMatchObject({
				error: `An order with the Idempotency Key "${key}" was sent before and has no answer: it may have been bought`,
				details: { outcome: 'unknown', idempotencyKey: key },
			});
			return key;
		});
		expect(uncertain.length).toBeLessThanOrEqual(batchSize);
		expect({ ...onceEach(uncertain), ...bought(world.sandbox) }).toEqual(onceEach(orders));

		const skipped = orders.length - now.length - uncertain.length;
		expect(execution.data.resultData.runData.StreamSkill[0].hints).toEqual([
			expect.objectContaining({
				message: `Skipped ${skipped} items: bought before with the same Idempotency Key`,
			}),
		]);

		// And now that all of it is known, with If Already Purchased = Fail.
		const requests = world.sandbox.requests.length;
		await saveParameters(world, workflow, { options: { ...options, onDuplicate: 'fail' } });
		await world.n8n.rest.activate(workflow.id);
		// n8n 2.x runs the version before for a moment, which does no harm here: all keys are known.
		const failing = await until(async () => {
			const latest = await runWebhook(world, workflow, orders);
			return JSON.stringify(latest.workflowData.nodes).includes('onDuplicate') && latest;
		}, 'A run of the saved workflow');
		const again = outputItems(failing, 'StreamSkill', { output: 1 });
		expect(again.map(({ json }) => (json.details as IDataObject).outcome)).toEqual(
			orders.map((key) => (uncertain.includes(key) ? 'unknown' : 'duplicate')),
		);
		expect(world.sandbox.requests).toHaveLength(requests);
	});

	test('with On Error = Stop, the uncertain order ends the next run before anything is bought twice', async () => {
		const orders = items(10);
		// Neither answer nor crash: n8n dies while it waits.
		world.sandbox.fault({ match: { channel: 'item-3' }, times: 1, fault: faults.hang() });
		const workflow = await create({ options: { idempotencyKey: KEY } });
		await startWebhooks(world, workflow, [orders]);
		await until(() => world.sandbox.purchases.length === 4, 'The purchase without an answer');
		await world.crashAndRestart();

		const execution = await runWebhook(world, workflow, orders);
		expect(execution.status).toBe('error');
		expect(errorOf(execution)!.message).toContain('"item-3"');
		expect(bought(world.sandbox)).toEqual(onceEach(orders.slice(0, 4)));

		await saveParameters(world, workflow, { options: { idempotencyKey: KEY, resendUnknown: true } });
		const resent = await world.n8n.rest.retryExecution(execution.id, { loadWorkflow: true });
		expect(resent.status).toBe('success');
		expect(bought(world.sandbox)).toEqual({ ...onceEach(orders), 'item-3': 2 });
	});
});
