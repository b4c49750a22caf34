import type { INodeParameters } from 'n8n-workflow';

import { chain, node, streamSkill } from '../../tools/n8n/workflows.mts';
import { bought, onceEach } from '../../tools/sandbox/counts.mts';
import { until } from '../../tools/until.mts';
import { createActive } from './executions.mts';
import { startWorld, type World } from './world.mts';

let world: World;

beforeAll(async () => {
	world = await startWorld();
});
afterAll(async () => await world?.close());

/** Stores and activates a workflow that orders one purchase every second. */
const everySecond = async (name: string, parameters: INodeParameters) =>
	await createActive(
		world,
		chain(name, [
			node('Schedule', 'scheduleTrigger', { rule: { interval: [{ field: 'seconds', secondsInterval: 1 }] } }, { typeVersion: 1.2 }),
			streamSkill({ tarifId: 1, ...parameters }),
		]),
	);

test('a schedule buys once per tick, and nothing more once it is deactivated', async () => {
	const { rest } = world.n8n;
	const scheduled = await everySecond('Scheduled', { channel: '={{ $execution.id }}' });
	// Goes on when the other one ends, and so tells how much time has passed.
	const clock = await everySecond('Clock', { channel: 'clock' });
	const clockTicks = async (count: number) => {
		const { clock: ticked = 0 } = bought(world.sandbox);
		await until(() => bought(world.sandbox).clock >= ticked + count, 'The schedule');
	};

	await until(() => Object.keys(bought(world.sandbox)).length > 3, 'The schedule');
	await rest.deactivate(scheduled.id);
	// n8n 2.x lets go of the trigger a moment after its answer.
	await clockTicks(2);
	const executions = await until(async () => {
		const all = await rest.executions(scheduled.id);
		return all.every(({ status }) => !['new', 'running'].includes(status)) && all;
	}, 'The end of all executions');
	await clockTicks(3);
	await rest.deactivate(clock.id);

	expect(executions.length).toBeGreaterThanOrEqual(3);
	for (const execution of executions) expect(execution).toMatchObject({ mode: 'trigger', status: 'success' });
	expect(bought(world.sandbox)).toEqual({ ...onceEach(executions.map(({ id }) => id)), clock: expect.any(Number) });
});

test('an order that each tick finds again is bought once with an Idempotency Key', async () => {
	world.sandbox.reset();
	const { id } = await everySecond('Same order', { channel: 'same', options: { idempotencyKey: 'order-7' } });
	const ended = async () => (await world.n8n.rest.executions(id)).filter(({ status }) => status === 'success');
	await until(async () => (await ended()).length >= 3, 'The schedule');
	// On a busy machine, the clock's last order may come as late as this.
	expect(bought(world.sandbox).same).toBe(1);
});
