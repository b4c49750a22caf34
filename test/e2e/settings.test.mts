/** Settings of n8n's own that the documents name: what they change, and that the advice holds. */
import { readFile } from 'node:fs/promises';

import { ITEM, streamSkill, webhookWorkflow } from '../../tools/n8n/workflows.mts';
import { bought, onceEach, sent } from '../../tools/sandbox/counts.mts';
import { faults } from '../../tools/sandbox/sandbox.mts';
import { until } from '../../tools/until.mts';
import { createActive, runWebhook, startWebhooks } from './executions.mts';
import { uncertainIn } from './uncertain.mts';
import { startWorld, type World } from './world.mts';

let world: World;

const open = (env: Record<string, string>) => {
	beforeAll(async () => {
		world = await startWorld({ env });
	});
	afterAll(async () => await world?.close());
	beforeEach(() => world.sandbox.reset());
};

const buy = (name: string) => webhookWorkflow(name, streamSkill({ tarifId: 1, channel: `={{ ${ITEM} }}` }));

const logged = async () => await readFile(world.n8n.logFile, 'utf8');

/** The IDs of purchases that an execution shows beside it. */
const highlighted = (execution: object) =>
	(execution as { customData?: { streamSkillPurchases?: string } }).customData?.streamSkillPurchases;

describe('EXECUTIONS_DATA_SAVE_ON_ERROR=none', () => {
	open({ EXECUTIONS_DATA_SAVE_ON_ERROR: 'none' });

	test("a failed execution is not saved: n8n's log says what was bought, and the others are ordered", async () => {
		world.sandbox.fault({ match: { channel: 'b' }, times: 1, fault: faults.rejected(403) });
		const workflow = await createActive(world, buy('not-saved'));
		await world.n8n.rest.callWebhook(workflow.name, { items: ['a', 'b', 'c'] });
		await until(async () => /StreamSkill run \S+: 1 purchase/.test(await logged()), "The run's line");
		await until(async () => (await world.n8n.rest.executions(workflow.id)).length === 0, 'The end of the execution');

		const inLog = [...(await logged()).matchAll(/StreamSkill purchase \d+ was made: .*"channel":"(\w)"/g)].map(([, channel]) => channel);
		expect(inLog).toEqual(['a']);
		const left = ['a', 'b', 'c'].filter((channel) => !inLog.includes(channel));
		expect((await runWebhook(world, workflow, left)).status).toBe('success');
		expect(bought(world.sandbox)).toEqual(onceEach(['a', 'b', 'c']));
	});

	test('Save failed production executions = Save has it saved, and it is retried', async () => {
		world.sandbox.fault({ match: { channel: 'b' }, times: 1, fault: faults.rejected(403) });
		const workflow = buy('saved');
		const stored = await createActive(world, { ...workflow, settings: { ...workflow.settings, saveDataErrorExecution: 'all' } });
		const failed = await runWebhook(world, stored, ['a', 'b', 'c']);
		expect(failed.status).toBe('error');
		expect((await world.n8n.rest.retryExecution(failed.id)).status).toBe('success');
		expect(bought(world.sandbox)).toEqual(onceEach(['a', 'b', 'c']));
	});
});

describe('N8N_GRACEFUL_SHUTDOWN_TIMEOUT, and N8N_LOG_LEVEL=warn', () => {
	open({ N8N_GRACEFUL_SHUTDOWN_TIMEOUT: '6', N8N_LOG_LEVEL: 'warn' });

	/** Tells n8n to stop while the second order waits for its answer. */
	async function shutDownAmid(name: string, answerAfter: number) {
		world.sandbox.fault({ match: { channel: 'b' }, fault: faults.latency(answerAfter) });
		const workflow = await createActive(world, buy(name));
		const [id] = await startWebhooks(world, workflow, [['a', 'b', 'c']]);
		await until(() => 'b' in sent(world.sandbox), 'The second order');
		await world.restart();
		world.sandbox.behave();
		return await world.n8n.rest.waitForExecution(id);
	}

	test('what is bought in time is known; its IDs are in the custom data, and the lines are not in the log', async () => {
		const ended = await shutDownAmid('in-time', 2000);
		expect(ended.status).toBe('success');
		expect(bought(world.sandbox)).toEqual(onceEach(['a', 'b', 'c']));
		expect(highlighted(ended)).toBe(world.sandbox.purchases.map(({ purchase }) => purchase.id).join(' '));
		expect(await logged()).not.toContain('StreamSkill purchase');
	});

	test('an order that is on its way when the time is over is uncertain', async () => {
		const crashed = await shutDownAmid('too-late', 30_000);
		const retried = await world.n8n.rest.retryExecution(crashed.id);
		// n8n 1.x keeps nothing of a crashed execution, so there the others are held back with it.
		expect(uncertainIn(retried)).toContainEqual({ channel: 'b', reference: expect.any(String) as string });
		expect(sent(world.sandbox)).toEqual(onceEach(['a', 'b']));
	});
});
