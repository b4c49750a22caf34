/** What n8n does with an execution besides running it: it calls another one, stops it, lets it wait, and loses it. */
import { outputItems, type StoredWorkflow } from '../../tools/n8n/rest.mts';
import { chain, inLoop, ITEM, node, streamSkill, webhookWorkflow } from '../../tools/n8n/workflows.mts';
import { bought, onceEach } from '../../tools/sandbox/counts.mts';
import { createActive, createCalled, runWebhook } from './executions.mts';
import { startWorld, type World } from './world.mts';

let world: World;

beforeAll(async () => {
	world = await startWorld();
});
afterAll(async () => await world?.close());
beforeEach(() => world.sandbox.reset());

const KEYED = { idempotencyKey: `={{ ${ITEM} }}` };

const buy = (options = {}) => streamSkill({ tarifId: 1, channel: `={{ ${ITEM} }}`, options });

/** A workflow for others to call. */
const createChild = async (name: string, options = {}) =>
	await createCalled(
		world,
		chain(name, [node('Called', 'executeWorkflowTrigger', { inputSource: 'passthrough' }, { typeVersion: 1.1 }), buy(options)]),
	);

const call = ({ id }: StoredWorkflow) =>
	node('Call', 'executeWorkflow', { workflowId: { __rl: true, mode: 'id', value: id } }, { typeVersion: 1.2 });

test('a loop around a sub-workflow goes on after an order that was bought before', async () => {
	const child = await createChild('called-in-loop', KEYED);
	const workflow = await createActive(world, inLoop(webhookWorkflow('loop-of-calls', call(child)), 1));
	await runWebhook(world, workflow, ['b']);
	const execution = await runWebhook(world, workflow, [...'abcd']);
	expect(execution.status).toBe('success');
	expect(bought(world.sandbox)).toEqual(onceEach([...'abcd']));
	expect(outputItems(execution, 'After').map(({ json }) => json.channel ?? json.leftOut)).toEqual([
		'a',
		[{ tarif: { id: 1 }, channel: 'b' }],
		'c',
		'd',
	]);
});
