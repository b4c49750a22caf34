import type { INode, INodeParameters } from 'n8n-workflow';

import { ITEM, streamSkill, webhookWorkflow } from '../../tools/n8n/workflows.mts';
import { bought, onceEach, sent } from '../../tools/sandbox/counts.mts';
import { faults, type Fault } from '../../tools/sandbox/sandbox.mts';
import { createActive, hintsOf, outcomesOf, runAnew, runWebhook } from './executions.mts';
import { confirm, followText, textOf, uncertainIn } from './uncertain.mts';
import { startWorld, type World } from './world.mts';

/** What used to lead into a trap: each text is read and done word by word, and has to end well. */

let world: World;

beforeAll(async () => {
	world = await startWorld();
});
afterAll(async () => await world?.close());
beforeEach(() => world.sandbox.reset());

const ITEMS = [...'abcde'];

const KEY = `={{ ${ITEM} }}`;

let workflows = 0;

const create = async (options: INodeParameters = {}, rest: Partial<INode> = {}) =>
	await createActive(world, webhookWorkflow(`uncertain-${++workflows}`, streamSkill({ tarifId: 1, channel: KEY, options }, rest)));

const lose = (channel: string, fault: Fault, times = 1) => world.sandbox.fault({ match: { channel }, times, fault });

const retry = async ({ id }: { id: string }, loadWorkflow = false) => await world.n8n.rest.retryExecution(id, { loadWorkflow });

describe.each<[string, Fault]>([
	['bought', faults.serverErrorAfter()],
	['not bought', faults.serverErrorBefore()],
])('an order without an answer, in truth %s', (_, fault) => {
	test('the execution is retried: it goes on, and the others are bought', async () => {
		lose('c', fault);
		const workflow = await create();
		const failed = await runWebhook(world, workflow, ITEMS);
		expect(textOf(failed)).toContain('<strong>Bought</strong>\nItem 0, channel a, tarif 1: ID 1\nItem 1, channel b, tarif 1: ID 2\n');
		expect(uncertainIn(failed)).toEqual([{ channel: 'c', reference: expect.any(String) as string }]);

		// Retries before anybody has looked it up do no harm.
		for (const loadWorkflow of [false, true]) expect(uncertainIn(await retry(failed, loadWorkflow))).toEqual(uncertainIn(failed));
		expect(Object.values(sent(world.sandbox))).toEqual([1, 1, 1]);

		expect(await followText(world, workflow, failed)).toMatchObject({ status: 'success' });
		expect(bought(world.sandbox)).toEqual(onceEach(ITEMS));
		await retry(failed, true);
		expect(bought(world.sandbox)).toEqual(onceEach(ITEMS));
	});

	test('the same with Retry On Fail and an Idempotency Key: the next run goes on', async () => {
		lose('c', fault);
		const options = { idempotencyKey: KEY };
		const workflow = await create(options, { onError: 'continueErrorOutput', retryOnFail: true, maxTries: 3, waitBetweenTries: 1 });
		const [first, second] = [await runWebhook(world, workflow, ITEMS), await runWebhook(world, workflow, ITEMS)];
		const [{ json }] = second.data.resultData.runData.StreamSkill[0].data!.main[1]!;
		const { reference } = json.details as { reference: string };
		for (const execution of [first, second]) expect(outcomesOf(execution)).toEqual(['unknown']);
		expect(json).toMatchObject({
			message: `Wait a few minutes, then check whether the order is in your StreamSkill account, with the time when it was sent. If it is there, add ${reference} to the option Confirmed Bought. If it is not, add it to Confirmed Not Bought. Then save and publish the workflow, and run the item again with the same Idempotency Key.`,
		});

		const option = 'c' in bought(world.sandbox) ? 'confirmedBought' : 'confirmedNotBought';
		// The option is left in, as in a schedule that goes on every day.
		for (let day = 0; day < 3; day++) {
			const execution = await runAnew(world, workflow, ITEMS, { options: { ...options, [option]: reference } });
			expect(outcomesOf(execution)).toEqual([]);
		}
		expect(bought(world.sandbox)).toEqual(onceEach(ITEMS));
	});
});

test('two uncertain orders, one bought and one not: each is settled by its own reference', async () => {
	lose('b', faults.serverErrorAfter());
	lose('d', faults.reset(false));
	const workflow = await create({ batching: { batch: { batchSize: 5, batchInterval: 0 } } });
	const failed = await runWebhook(world, workflow, ITEMS);
	expect(uncertainIn(failed).map(({ channel }) => channel)).toEqual(['b', 'd']);

	expect(await followText(world, workflow, failed)).toMatchObject({ status: 'success' });
	expect(bought(world.sandbox)).toEqual(onceEach(ITEMS));
	expect(sent(world.sandbox)).toEqual({ ...onceEach(ITEMS), d: 2 });
});

test('a reference works once: an order that gets no answer again has another one', async () => {
	lose('c', faults.serverErrorBefore(), 2);
	const workflow = await create();
	const failed = await runWebhook(world, workflow, ITEMS);
	await confirm(world, workflow, failed);
	const again = await retry(failed, true);
	expect(again.status).toBe('error');
	expect(sent(world.sandbox).c).toBe(2);

	const [[first], [second]] = [uncertainIn(failed), uncertainIn(again)];
	expect(second.channel).toBe('c');
	expect(second.reference).not.toBe(first.reference);
	// What is left in the option does nothing, in whatever is retried.
	for (const execution of [again, failed]) expect(uncertainIn(await retry(execution, true))).toEqual([second]);
	expect(sent(world.sandbox).c).toBe(2);

	expect(await followText(world, workflow, again)).toMatchObject({ status: 'success' });
	expect(bought(world.sandbox)).toEqual(onceEach(ITEMS));
	// Nor does it, left in, for what is uncertain later.
	lose('f', faults.serverErrorAfter());
	const later = await runWebhook(world, workflow, ['f']);
	await retry(later, true);
	expect(sent(world.sandbox).f).toBe(1);
});

test('a mistyped reference is named, and does nothing', async () => {
	lose('c', faults.serverErrorAfter());
	const options = { idempotencyKey: KEY };
	const workflow = await create(options, { onError: 'continueErrorOutput' });
	await runWebhook(world, workflow, ITEMS);
	const execution = await runAnew(world, workflow, ITEMS, { options: { ...options, confirmedNotBought: 'XXXX-3333, none' } });
	expect(outcomesOf(execution)).toEqual(['unknown']);
	expect(hintsOf(execution)).toMatch(/XXXX-3333.*NONE/);
	expect(sent(world.sandbox)).toEqual(onceEach(ITEMS));
});
