import type { INode, INodeParameters } from 'n8n-workflow';

import { outputItems } from '../../tools/n8n/rest.mts';
import { ITEM, streamSkill, webhookWorkflow } from '../../tools/n8n/workflows.mts';
import { bought, onceEach } from '../../tools/sandbox/counts.mts';
import { nameOn } from '../../tools/sandbox/purchase.mts';
import { faults } from '../../tools/sandbox/sandbox.mts';
import { createActive, runWebhook } from './executions.mts';
import { startWorld, version, type World } from './world.mts';

let world: World;

beforeAll(async () => {
	world = await startWorld();
});
afterAll(async () => await world?.close());
beforeEach(() => world.sandbox.reset());

const create = async (name: string, options: INodeParameters = {}, rest: Partial<INode> = {}) =>
	await createActive(world, webhookWorkflow(name, streamSkill({ tarifId: 1, channel: `={{ ${ITEM} }}`, options }, rest)));

test('the node is there', async () => {
	expect(await world.n8n.rest.nodeType('n8n-nodes-streamskill.streamSkill')).toMatchObject({
		displayName: 'StreamSkill',
		credentials: [{ name: 'streamSkillApi', required: true }],
	});
});

test('the credential test tells a good token from a bad one', async () => {
	const { rest } = world.n8n;
	// n8n 2.30 tests no credential that its HTTP Request node may not use.
	const domains = version.startsWith('2.30.') && { allowedHttpRequestDomains: 'all' };
	const test = async (change = {}) =>
		await rest.testCredential({ ...world.credential, data: { ...world.credential.data, ...domains, ...change } });
	expect(await test()).toEqual({ status: 'OK', message: 'Connection successful!' });
	expect(await test({ accessToken: 'wrong' })).toEqual({
		status: 'Error',
		// n8n 2.30 says it in its own words.
		message: expect.stringMatching(/does not accept the Access Token|Authorization failed/),
	});
	expect(world.sandbox.purchases).toEqual([]);
});

test('a purchase', async () => {
	const execution = await runWebhook(world, await create('smoke-purchase'), ['a']);
	expect(execution.status).toBe('success');
	expect(bought(world.sandbox)).toEqual({ a: 1 });
	expect(outputItems(execution, 'After').map(({ json }) => json)).toEqual(world.sandbox.purchases.map(({ purchase }) => purchase));
});

test('a failed execution that is retried buys only what is missing', async () => {
	const items = ['a', 'b', 'c'];
	world.sandbox.fault({ match: { channel: 'b' }, times: 1, fault: faults.rejected(403) });
	const failed = await runWebhook(world, await create('smoke-retry'), items);
	expect(failed.status).toBe('error');
	expect(bought(world.sandbox)).toEqual({ a: 1 });

	const retried = await world.n8n.rest.retryExecution(failed.id);
	expect(retried.status).toBe('success');
	expect(bought(world.sandbox)).toEqual(onceEach(items));
	expect(outputItems(retried, 'After').map(({ json }) => nameOn(json.channel))).toEqual(items);
});

test('what was not bought leaves through the error output with its reason, and a key is not bought twice', async () => {
	world.sandbox.fault({ match: { channel: 'b' }, times: 1, fault: faults.rejected(403) });
	const workflow = await create('smoke-error-output', { idempotencyKey: `={{ ${ITEM} }}` }, { onError: 'continueErrorOutput' });
	const first = await runWebhook(world, workflow, ['a', 'b']);
	expect(outputItems(first, 'StreamSkill').map(({ json }) => nameOn(json.channel))).toEqual(['a']);
	expect(outputItems(first, 'StreamSkill', { output: 1 }).map(({ json }) => json.details)).toMatchObject([
		{ outcome: 'rejected', httpCode: 403, order: { channel: 'b' }, idempotencyKey: 'b' },
	]);

	const second = await runWebhook(world, workflow, ['a', 'b']);
	expect(outputItems(second, 'StreamSkill').map(({ json }) => nameOn(json.channel))).toEqual(['b']);
	expect(bought(world.sandbox)).toEqual({ a: 1, b: 1 });
});
