/** Who may spend, and whose account pays. */
import { outputItems, type StoredExecution } from '../../tools/n8n/rest.mts';
import { chain, chooseCredential, node, streamSkill, webhookWorkflow } from '../../tools/n8n/workflows.mts';
import { bought } from '../../tools/sandbox/counts.mts';
import { startSandbox, type Sandbox } from '../../tools/sandbox/sandbox.mts';
import { until } from '../../tools/until.mts';
import { errorOf, runWebhook } from './executions.mts';
import { startWorld, version, type World } from './world.mts';

let world: World;

beforeAll(async () => {
	world = await startWorld();
});
afterAll(async () => await world?.close());
beforeEach(() => world.sandbox.reset());

describe('a credential by expression', () => {
	let other: Sandbox;
	beforeAll(async () => void (other = await startSandbox({ token: 'the-other-token' })));
	afterAll(async () => await other.close());

	test.each([
		['of the item', () => ['$json.token', '$json.url']],
		// What it gives for an item that does not exist is what it gives for the first one.
		[
			'of the place in the list',
			() => [
				`$itemIndex === 1 ? "${other.token}" : "${world.sandbox.token}"`,
				`$itemIndex === 1 ? "${other.url}" : "${world.sandbox.url}"`,
			],
		],
	])('each order is paid with what its own item resolves to: %s', async (name, expressions) => {
		const [accessToken, baseUrl] = expressions().map((expression) => `={{ ${expression} }}`);
		const credential = await world.n8n.rest.createCredential({ name, type: 'streamSkillApi', data: { accessToken, baseUrl } });
		other.reset();
		const made = webhookWorkflow(
			`by-expression-${name.replaceAll(' ', '-')}`,
			streamSkill({ tarifId: 1, channel: '={{ $json.channel }}' }),
		);
		chooseCredential(made, credential);
		const workflow = await world.n8n.rest.createWorkflow(made);
		await world.n8n.rest.activate(workflow.id);
		const rows = [world.sandbox, other, world.sandbox].map(({ token, url }, i) => ({ token, url, channel: `channel-${i}` }));
		const execution = await runWebhook(world, workflow, rows);
		expect(errorOf(execution)?.message).toBeUndefined();
		expect(bought(world.sandbox)).toEqual({ 'channel-0': 1, 'channel-2': 1 });
		expect(bought(other)).toEqual({ 'channel-1': 1 });
	});
});

// n8n 1.x has no Data tables.
(version.startsWith('1.') ? describe.skip : describe)('an evaluation', () => {
	/** Runs a workflow over a data set of two channels, and gives the executions. */
	async function evaluate(name: string, options: { dryRun?: boolean }): Promise<StoredExecution[]> {
		const { rest } = world.n8n;
		const { id: project } = await rest.request<{ id: string }>('GET', '/rest/projects/personal');
		const tables = `/rest/projects/${project}/data-tables`;
		const table = await rest.request<{ id: string }>('POST', tables, { name, columns: [{ name: 'channel', type: 'string' }] });
		await rest.request('POST', `${tables}/${table.id}/insert`, { data: [{ channel: 'a' }, { channel: 'b' }] });
		const metrics = { assignments: [{ id: 'one', name: 'one', value: 1, type: 'number' }] };
		const workflow = await world.create(
			chain(name, [
				node(
					'Data set',
					'evaluationTrigger',
					{ source: 'dataTable', dataTableId: { __rl: true, mode: 'id', value: table.id } },
					{ typeVersion: 4.7 },
				),
				streamSkill({ tarifId: 1, channel: '={{ $json.channel }}', options }, { onError: 'continueRegularOutput' }),
				node('Metrics', 'evaluation', { operation: 'setMetrics', metric: 'customMetrics', metrics }, { typeVersion: 4.7 }),
			]),
		);
		await rest.request('POST', `/rest/workflows/${workflow.id}/test-runs/new`, {});
		const ended = await until(async () => {
			const found = (await rest.executions(workflow.id)).filter(({ mode }) => mode === 'evaluation');
			return found.length === 2 && found.every(({ status }) => !['new', 'running'].includes(status)) && found;
		}, 'The evaluation');
		return await Promise.all(ended.map(async ({ id }) => await rest.execution(id)));
	}

	test('buys nothing, and says why', async () => {
		const executions = await evaluate('evaluated', {});
		for (const execution of executions) {
			expect(outputItems(execution, 'StreamSkill').map(({ json }) => json)).toMatchObject([
				{ error: 'An evaluation places no paid orders unless the node says so', details: { outcome: 'notSent' } },
			]);
		}
		expect(world.sandbox.requests).toEqual([]);
	});

	test('buys where the node says so', async () => {
		await evaluate('evaluated-for-money', { dryRun: false });
		expect(bought(world.sandbox)).toEqual({ a: 1, b: 1 });
	});
});

test('Custom API Call, which n8n adds to Resource and Operation, buys nothing and says what to do', async () => {
	const custom = '__CUSTOM_API_CALL__';
	for (const parameters of [{ resource: custom, operation: custom }, { operation: custom }]) {
		const { id } = await world.create(
			chain('Custom API Call', [node('Start', 'manualTrigger'), streamSkill({ tarifId: 1, channel: 'a', ...parameters })]),
		);
		const execution = await world.n8n.rest.waitForExecution(await world.n8n.rest.runWorkflow(id));
		expect(errorOf(execution)?.message).toMatch(/HTTP Request/);
	}
	expect(world.sandbox.requests).toEqual([]);
});
