/** What n8n does with an execution besides running it: it calls another one, stops it, lets it wait, and loses it. */
import { outputItems, type StoredExecution } from '../../tools/n8n/rest.mts';
import { callOf, chain, inLoop, ITEM, node, streamSkill, subWorkflow, webhookWorkflow } from '../../tools/n8n/workflows.mts';
import { bought, onceEach, sent } from '../../tools/sandbox/counts.mts';
import { nameOn } from '../../tools/sandbox/purchase.mts';
import { faults } from '../../tools/sandbox/sandbox.mts';
import { until } from '../../tools/until.mts';
import { createActive, createCalled, runWebhook, startWebhooks } from './executions.mts';
import { confirm, textOf, uncertainIn } from './uncertain.mts';
import { startWorld, version, type World } from './world.mts';

let world: World;

beforeAll(async () => {
	world = await startWorld();
});
afterAll(async () => await world?.close());
beforeEach(() => world.sandbox.reset());

const buy = () => streamSkill({ tarifId: 1, channel: `={{ ${ITEM} }}` });

test('by hand, a sub-workflow buys again each time that its caller is executed', async () => {
	const { rest } = world.n8n;
	const child = await createCalled(world, subWorkflow('called-by-hand', buy()));
	const caller = chain('by-hand', [node('Start', 'manualTrigger'), callOf(child)]);
	const { id } = await world.create({ ...caller, pinData: { Start: [{ json: { 'body.items': 'a' } }] } });
	for (let times = 1; times <= 2; times++) {
		expect(await rest.waitForExecution(await rest.runWorkflow(id))).toMatchObject({ status: 'success' });
		expect(bought(world.sandbox)).toEqual({ a: times });
	}
});

test('a sub-workflow goes on ordering after its caller was stopped, until it is stopped itself', async () => {
	const { rest } = world.n8n;
	world.sandbox.fault({ match: { channel: /^item/ }, fault: faults.latency(100) });
	const child = await createCalled(world, subWorkflow('called-and-stopped', buy()));
	const items = Array.from({ length: 50 }, (_, i) => `item-${i}`);
	const [id] = await startWebhooks(world, await createActive(world, webhookWorkflow('stopped-caller', callOf(child))), [items]);
	const boughtSome = async (more: number) => {
		const before = world.sandbox.purchases.length;
		await until(() => world.sandbox.purchases.length >= before + more, 'Purchases');
	};
	await boughtSome(2);
	await rest.stopExecution(id);
	expect(await rest.waitForExecution(id)).toMatchObject({ status: 'canceled' });
	await boughtSome(2);
	const [inner] = await rest.executions(child.id);
	await rest.stopExecution(inner.id);
	const sentBefore = world.sandbox.requests.length;
	expect(await rest.waitForExecution(inner.id)).toMatchObject({ status: 'canceled' });
	// It gets time to send more.
	await runWebhook(
		world,
		await createActive(world, webhookWorkflow('bystander', buy())),
		Array.from({ length: 10 }, (_, i) => `bystander-${i}`),
	);
	// What had left n8n before may arrive after it.
	expect(Object.keys(sent(world.sandbox)).filter((channel) => channel.startsWith('item')).length).toBeLessThanOrEqual(sentBefore + 1);
});

test('a failed execution that is debugged in the editor instead of retried buys again, as its message warns', async () => {
	const { rest } = world.n8n;
	world.sandbox.fault({ match: { channel: 'b' }, times: 1, fault: faults.rejected(403) });
	const workflow = await createActive(world, webhookWorkflow('debugged', buy()));
	const failed = await runWebhook(world, workflow, [...'abc']);
	expect(textOf(failed)).toContain('Do not use "Debug in editor": it would buy again what was bought.');
	// It pins what has started the execution (editor-ui: useExecutionDebugging).
	await rest.updateWorkflow(workflow.id, { pinData: { Webhook: outputItems(failed, 'Webhook') } });
	expect(await rest.waitForExecution(await rest.runWorkflow(workflow.id))).toMatchObject({ status: 'success' });
	expect(bought(world.sandbox)).toEqual({ a: 2, b: 1, c: 1 });
});

// n8n 1.x keeps nothing by which the retry of a killed execution could tell one order from another.
(version.startsWith('1.') ? describe.skip : describe)('a loop with a wait', () => {
	/** Each round waits until somebody lets it go on. */
	const createWaiting = async (name: string) => {
		const workflow = inLoop(webhookWorkflow(name, buy()), 1);
		const to = (next: string) => ({ main: [[{ node: next, type: 'main' as const, index: 0 }]] });
		return await createActive(world, {
			...workflow,
			nodes: [...workflow.nodes, node('Wait', 'wait', { resume: 'webhook', options: {} }, { typeVersion: 1.1, webhookId: name })],
			connections: { ...workflow.connections, StreamSkill: to('Wait'), Wait: to('Loop') },
		});
	};

	/** Gives an execution once it waits or has ended. */
	const paused = async (id: string) =>
		await until(async () => {
			const execution = await world.n8n.rest.execution(id);
			return !['new', 'running'].includes(execution.status) && execution;
		}, 'The wait');

	async function goOn(id: string) {
		const { resumeToken } = (await world.n8n.rest.execution(id)).data as { resumeToken?: string };
		expect(await fetch(`${world.n8n.url}/webhook-waiting/${id}?signature=${resumeToken}`)).toMatchObject({ status: 200 });
	}

	async function retry(id: string, loadWorkflow = false) {
		const retried = await world.n8n.rest.request<{ id: string }>('POST', `/rest/executions/${id}/retry`, { loadWorkflow });
		return await paused(retried.id);
	}

	/** Lets it go on until it has ended. */
	async function finish(id: string): Promise<StoredExecution> {
		for (;;) {
			const execution = await paused(id);
			if (execution.status !== 'waiting') return execution;
			const { length } = execution.data.resultData.runData.StreamSkill;
			await goOn(id);
			await until(async () => {
				const { status, data } = await world.n8n.rest.execution(id);
				return !['new', 'running', 'waiting'].includes(status) || data.resultData.runData.StreamSkill.length > length;
			}, 'The next round');
		}
	}

	test('n8n is killed while it waits, and in the next round: each order is bought once', async () => {
		const workflow = await createWaiting('killed-after-wait');
		const [id] = await startWebhooks(world, workflow, [[...'abc']]);
		expect(await paused(id)).toMatchObject({ status: 'waiting' });
		await world.crashAndRestart();
		world.sandbox.fault({ match: { channel: 'b' }, fault: faults.hang() });
		await goOn(id);
		await until(() => 'b' in bought(world.sandbox), 'Round 2');
		await world.crashAndRestart();
		world.sandbox.behave();
		expect(await paused(id)).toMatchObject({ status: 'crashed' });

		const held = await retry(id);
		expect(uncertainIn(held)).toMatchObject([{ channel: 'b' }]);
		await confirm(world, workflow, held);
		const done = await finish((await retry(held.id, true)).id);
		expect(done.status).toBe('success');
		const rounds = [0, 1, 2].map((run) => outputItems(done, 'StreamSkill', { run }));
		expect(rounds.flat().map(({ json }) => json.leftOut ?? nameOn(json.channel))).toEqual(['a', { tarif: { id: 1 }, channel: 'b' }, 'c']);
		// Whatever is retried now: all of it is bought.
		await finish((await retry(id)).id);
		expect(bought(world.sandbox)).toEqual(onceEach([...'abc']));
	});
});
