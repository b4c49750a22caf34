import type { IDataObject, INodeParameters } from 'n8n-workflow';
import { readFile } from 'node:fs/promises';

import { outputItems, type StoredExecution, type StoredWorkflow, type WorkflowJson } from '../../tools/n8n/rest.mts';
import { chain, ITEM, node, streamSkill, webhookWorkflow } from '../../tools/n8n/workflows.mts';
import { bought, onceEach, sent } from '../../tools/sandbox/counts.mts';
import { nameOn } from '../../tools/sandbox/purchase.mts';
import { faults, type Order } from '../../tools/sandbox/sandbox.mts';
import { until } from '../../tools/until.mts';
import { createActive, hintsOf, outcomesOf, runAnew, runWebhook, startWebhooks } from './executions.mts';
import { confirm, followText, uncertainIn } from './uncertain.mts';
import { startWorld, version, type World } from './world.mts';

let world: World;

beforeAll(async () => {
	world = await startWorld();
});
afterAll(async () => await world?.close());
beforeEach(() => world.sandbox.reset());

const isV1 = version.startsWith('1.');

const KEY = `={{ ${ITEM} }}`;

let workflows = 0;

/** A webhook workflow under a name of its own, which buys for the channels that its items name. */
const create = async ({ options = {}, ...rest }: { options?: INodeParameters } & Parameters<typeof streamSkill>[1]) =>
	await createActive(world, webhookWorkflow(`crash-${++workflows}`, streamSkill({ tarifId: 1, channel: KEY, options }, rest)));

const batches = (batchSize: number) => ({ batching: { batch: { batchSize, batchInterval: 0 } } });

/** What n8n's log says of the purchases that an execution made. */
async function logged(execution: string) {
	const lines = (await readFile(world.n8n.logFile, 'utf8')).matchAll(/StreamSkill purchase (\d+) was made: (\{.*?\})(?=\s|$)/gm);
	return [...lines]
		.map(([, id, facts]) => ({ id: Number(id), ...(JSON.parse(facts) as { execution: string; channel: string }) }))
		.filter((line) => line.execution === execution);
}

/** Purchase IDs in the line that the run which was stopped last has left. */
async function loggedAtStop(): Promise<number[]> {
	const lines = [...(await readFile(world.n8n.logFile, 'utf8')).matchAll(/was stopped, and has bought: ([\d, ]+)/g)];
	return lines.at(-1)?.[1]?.split(', ').map(Number) ?? [];
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
	await runWebhook(
		world,
		await create({}),
		Array.from({ length: 10 }, (_, i) => `bystander-${i}`),
	);
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

		// What had left n8n before may arrive after it.
		expect((await sentAfter(stopped)).length).toBeLessThanOrEqual(batchSize);
		expect(Object.values(sent(world.sandbox)).every((times) => times === 1)).toBe(true);

		const purchases = made().filter(({ channel }) => channel.startsWith('item'));
		expect(purchases.length).toBeLessThan(100);
		expect((await logged(id)).map(({ id, channel }) => ({ id, channel }))).toEqual(expect.arrayContaining(purchases));
		expect(await logged(id)).toHaveLength(purchases.length);
		const ids = purchases.map((purchase) => purchase.id).sort();
		await until(async () => String((await loggedAtStop()).sort()) === String(ids), 'The line that names what the stopped run has bought');
		// What was on its way at Stop is in the log only.
		const found = highlighted(await rest.execution(id));
		expect(purchases.map((purchase) => purchase.id)).toEqual(expect.arrayContaining(found));
		expect(found.length).toBeGreaterThanOrEqual(purchases.length - batchSize);
	});
});

test("the workflow's own timeout is a Stop", async () => {
	world.sandbox.fault({ fault: faults.latency(50) });
	const purchase = streamSkill({ tarifId: 1, channel: KEY });
	const workflow = webhookWorkflow('crash-timeout', purchase);
	workflow.settings = { ...workflow.settings, executionTimeout: 2 };
	const [id] = await startWebhooks(world, await createActive(world, workflow), [items(200)]);
	const { status, stoppedAt } = await world.n8n.rest.waitForExecution(id);
	expect(status).toBe('canceled');
	// What had left n8n before may arrive after it.
	expect((await sentAfter(Date.parse(stoppedAt!))).length).toBeLessThanOrEqual(1);
	expect(made().length).toBeGreaterThan(0);
	expect((await logged(id)).map(({ id, channel }) => ({ id, channel }))).toEqual(made().filter(({ channel }) => /^item/.test(channel)));
});

describe('kill -9', () => {
	/** What an order takes at least. */
	const MS = 30;

	/** Longer than it takes until the kill. So long a key waits for the answer to an order that somebody else may have on its way. */
	const TIMEOUT = { timeout: 10_000 };

	/**
	 * Starts executions of 50 orders, and kills n8n once each has got to the 21st. From there on the API gives no answer,
	 * so that no execution ends before, however slow the machine is; it buys half of those all the same.
	 */
	async function killAmid(batchSize: number, ...workflows: StoredWorkflow[]) {
		world.sandbox.fault({ fault: faults.latency(batchSize * MS) });
		world.sandbox.fault({ match: { channel: /-[234][02468]$/ }, fault: faults.hang() });
		world.sandbox.fault({ match: { channel: /-[234]\d$/ }, fault: faults.hang(false) });
		const calls = workflows.map(({ name }) => Array.from({ length: 50 }, (_, i) => `${name}-${i}`));
		const executions = await Promise.all(workflows.map(async (workflow, i) => (await startWebhooks(world, workflow, [calls[i]]))[0]));
		const isSent = (channel: string) => channel in sent(world.sandbox);
		await until(() => calls.every((orders) => isSent(orders[20])), 'The 21st order');
		await world.crashAndRestart();
		world.sandbox.behave();
		return await Promise.all(
			executions.map(async (id, i) => {
				const crashed = await world.n8n.rest.waitForExecution(id);
				expect(crashed.status).toBe('crashed');
				return { crashed, workflow: workflows[i], orders: calls[i] };
			}),
		);
	}

	/** What goes out in a tenth of a second, or one batch. n8n 1.x keeps nothing by which a killed execution's retry could tell more. */
	const mayBeUncertain = (batchSize: number) => (isV1 ? 50 : Math.max(batchSize, Math.floor(100 / MS)));

	const boughtOf = ({ name }: StoredWorkflow) =>
		Object.fromEntries(Object.entries(bought(world.sandbox)).filter(([channel]) => channel.startsWith(`${name}-`)));

	describe.each([1, 10])('in the middle of 50 orders without any Idempotency Key, batches of %i', (batchSize) => {
		const retry = async ({ id }: StoredExecution, loadWorkflow = false) => await world.n8n.rest.retryExecution(id, { loadWorkflow });

		test('every retry buys only what is certainly not bought, and each uncertain order ends well by its reference', async () => {
			const stop = { options: batches(batchSize) };
			const goOn = { onError: 'continueErrorOutput', ...stop } as const;
			const [one, two, three] = await killAmid(batchSize, await create(stop), await create(stop), await create(goOn));

			// On Error = Stop: an uncertain order keeps all others back.
			const requests = world.sandbox.requests.length;
			const before = boughtOf(one.workflow);
			let latest = one.crashed;
			for (const tries of [[false], [true], [false, true]]) {
				const retries = await Promise.all(tries.map(async (loadWorkflow) => await retry(one.crashed, loadWorkflow)));
				for (const retried of retries) {
					expect(retried.status).toBe('error');
					expect(uncertainIn(retried).length).toBeLessThanOrEqual(mayBeUncertain(batchSize));
				}
				[latest] = retries;
			}
			expect(world.sandbox.requests).toHaveLength(requests);
			expect(boughtOf(one.workflow)).toEqual(before);
			const done = await followText(world, one.workflow, latest);
			expect(done.status).toBe('success');
			expect(boughtOf(one.workflow)).toEqual(onceEach(one.orders));
			expect(outputItems(done, 'StreamSkill').map(({ json }) => nameOn(json.channel))).toEqual(
				one.orders.filter((channel) => !(channel in before)),
			);
			// Whatever is retried now: all of it is bought.
			for (const execution of [one.crashed, latest]) await retry(execution, true);
			expect(boughtOf(one.workflow)).toEqual(onceEach(one.orders));

			// Both retries of those who do not wait for the first one.
			const held = await retry(two.crashed);
			await confirm(world, two.workflow, held);
			const both = await Promise.all([retry(held, true), retry(held, true)]);
			expect(Math.max(...Object.values(boughtOf(two.workflow)))).toBe(1);
			for (const failed of both.filter(({ status }) => status === 'error')) await followText(world, two.workflow, failed);
			expect(boughtOf(two.workflow)).toEqual(onceEach(two.orders));

			// On Error = Continue: the others are bought.
			const all = await Promise.all([retry(three.crashed), retry(three.crashed, true)]);
			expect(Math.max(...Object.values(boughtOf(three.workflow)))).toBe(1);
			const missing = three.orders.filter((channel) => !(channel in boughtOf(three.workflow)));
			for (const retried of all) {
				expect(retried.status).toBe('success');
				const uncertain = outputItems(retried, 'StreamSkill', { output: 1 }).map(({ json }) => json.details as { order: Order });
				for (const details of uncertain)
					expect(details).toMatchObject({ outcome: 'unknown', reference: expect.stringMatching(/^\w{4}-\w{4}$/) as string });
				expect(uncertain.map(({ order }) => order.channel)).toEqual(expect.arrayContaining(missing));
			}
			expect(missing.length).toBeLessThanOrEqual(mayBeUncertain(batchSize));
			// "If it is there, nothing is left to do; if it is not, order this item alone in a new execution."
			for (const channel of missing) await runWebhook(world, three.workflow, [channel]);
			expect(boughtOf(three.workflow)).toEqual(onceEach(three.orders));
		});
	});

	test.each([1, 10])('with an Idempotency Key, run anew, batches of %i', async (batchSize) => {
		const options = { ...batches(batchSize), ...TIMEOUT, idempotencyKey: KEY };
		const [{ workflow, orders, crashed }] = await killAmid(batchSize, await create({ onError: 'continueErrorOutput', options }));
		const before = made();
		expect((await logged(crashed.id)).length).toBeLessThanOrEqual(before.length);

		const execution = await runWebhook(world, workflow, orders);
		expect(execution.status).toBe('success');
		const now = made().slice(before.length);
		expect(outputItems(execution, 'StreamSkill').map(({ json }) => json.id)).toEqual(now.map(({ id }) => id));

		const uncertain = outputItems(execution, 'StreamSkill', { output: 1 }).map(({ json, pairedItem }) => {
			const key = orders[(pairedItem as { item: number }).item];
			const { reference } = json.details as { reference: string };
			expect(json).toMatchObject({
				error: `An order with the Idempotency Key "${key}" was sent before, and its answer is not known: the order may have been bought (reference ${reference})`,
				details: { outcome: 'unknown', idempotencyKey: key },
			});
			return { channel: key, reference };
		});
		expect(uncertain.length).toBeLessThanOrEqual(Math.max(batchSize, Math.floor(100 / MS)));
		const isUncertain = (key: string) => uncertain.some(({ channel }) => channel === key);
		expect({ ...onceEach(orders.filter(isUncertain)), ...bought(world.sandbox) }).toEqual(onceEach(orders));
		const skipped = orders.length - now.length - uncertain.length;
		expect(hintsOf(execution)).toContain(`${skipped} bought before with the same Idempotency Key`);

		// And now that all of it is known, with If Already Purchased = Fail.
		const requests = world.sandbox.requests.length;
		const failing = await runAnew(world, workflow, orders, { options: { ...options, onDuplicate: 'fail' } });
		expect(outcomesOf(failing)).toEqual(orders.map((key) => (isUncertain(key) ? 'unknown' : 'duplicate')));
		expect(world.sandbox.requests).toHaveLength(requests);

		// The references settle the keys, and work once.
		const isThere = ({ channel }: { channel: string }) => channel in bought(world.sandbox);
		const confirmed = {
			confirmedBought: uncertain
				.filter(isThere)
				.map(({ reference }) => reference)
				.join('\n'),
			confirmedNotBought: uncertain
				.filter((one) => !isThere(one))
				.map(({ reference }) => reference)
				.join(', '),
		};
		for (let run = 0; run < 2; run++) {
			expect(outcomesOf(await runAnew(world, workflow, orders, { options: { ...options, ...confirmed } }))).toEqual([]);
			expect(bought(world.sandbox)).toEqual(onceEach(orders));
		}
	});

	test('with On Error = Stop, the uncertain order fails the next run once the others are bought', async () => {
		const orders = items(10);
		// Neither answer nor crash: n8n dies while it waits.
		world.sandbox.fault({ match: { channel: 'item-3' }, times: 1, fault: faults.hang() });
		const workflow = await create({ options: { ...TIMEOUT, idempotencyKey: KEY } });
		await startWebhooks(world, workflow, [orders]);
		await until(() => world.sandbox.purchases.length === 4, 'The purchase without an answer');
		await world.crashAndRestart();

		const execution = await runWebhook(world, workflow, orders);
		expect(execution.status).toBe('error');
		// With those that were to go out in the same tenth of a second.
		expect(uncertainIn(execution).map(({ channel }) => channel)).toContain('item-3');
		// The others are not kept waiting for what somebody else may have on its way.
		expect(bought(world.sandbox)).toEqual(onceEach(Object.keys(bought(world.sandbox))));
		const told = [...Object.keys(bought(world.sandbox)), ...uncertainIn(execution).map(({ channel }) => channel)];
		expect([...new Set(told)].sort()).toEqual([...orders].sort());

		expect(await followText(world, workflow, execution)).toMatchObject({ status: 'success' });
		expect(bought(world.sandbox)).toEqual(onceEach(orders));
	});

	// n8n before 2.14 knows no more of these than of an execution that failed before it came to the node.
	test.each<[string, (workflow: WorkflowJson) => WorkflowJson]>([
		['its progress', (made) => ({ ...made, settings: { ...made.settings, saveExecutionProgress: true } })],
		[
			'that it waits',
			(made) => {
				const [webhook, rows, purchase, after] = made.nodes;
				// From 65 seconds on, n8n stores an execution that waits.
				const wait = node(
					'Wait',
					'wait',
					{ resume: 'timeInterval', amount: 66, unit: 'seconds' },
					{ typeVersion: 1.1, webhookId: made.name },
				);
				return chain(made.name, [webhook, rows, wait, purchase, after], made.settings);
			},
		],
	])('where n8n has stored %s before it came to the node', async (_, change) => {
		const orders = items(4);
		world.sandbox.fault({ match: { channel: 'item-2' }, times: 1, fault: faults.hang() });
		const workflow = await createActive(world, change(webhookWorkflow(`crash-${++workflows}`, streamSkill({ tarifId: 1, channel: KEY }))));
		const [id] = await startWebhooks(world, workflow, [orders]);
		await until(() => world.sandbox.purchases.length === 3, 'The purchase without an answer', { timeout: 200_000 });
		await world.crashAndRestart();
		const { rest } = world.n8n;
		await rest.waitForExecution(id);

		const retried = await rest.retryExecution(id);
		expect(retried.status).toBe('error');
		expect((await rest.retryExecution(id, { loadWorkflow: true })).status).toBe('error');
		expect(bought(world.sandbox)).toEqual(onceEach(orders.slice(0, 3)));
		await followText(world, workflow, retried);
		expect(bought(world.sandbox)).toEqual(onceEach(orders));
	});
});
