/**
 * All that a run leaves in people's n8n, written out: in the execution's data, and in n8n's database. A test that
 * fails here tells that what is stored by now would not be understood. Change the code back, not this file.
 */
import { faults } from '../../tools/sandbox/sandbox.mts';
import { createExecution, deduplicator } from './engine.mts';
import { openShop, type Orders } from './shop.mts';

const shop = openShop();

/** n8n 1.x has no token for resuming an execution: what is stored goes by the ID of the execution there. */
const hasToken = createExecution().resumeToken !== undefined;

/** Orders three times, always in the same execution: one is bought, one has no answer, and one is refused. */
async function leave(more: Orders = {}) {
	shop.sandbox.fault({ match: { channel: 'b' }, fault: faults.serverErrorBefore(500) });
	shop.sandbox.fault({ match: { channel: 'c' }, fault: faults.rejected(422) });
	const created = createExecution(['a', 'b', 'c'].map((channel) => ({ channel, toolCallId: `call ${channel}` })));
	if (hasToken) created.resumeToken = 'token';
	const { data } = await shop.order([], { retryOf: created, mode: 'trigger', executionId: '7', onError: 'continueErrorOutput', ...more });
	return {
		execution: JSON.parse(JSON.stringify(data.executionData!.contextData['node:StreamSkill'])) as object,
		customData: data.resultData.metadata,
		database: Object.fromEntries(deduplicator.lists),
	};
}

const ROOT = hasToken ? {} : { root: 'eQJpm-Qsio5G-7tFAXJlF-' };
const RUN = hasToken ? 'K8JE6e_g18jHeRCIlnbh98' : 'NRX-wrHokuQJ5peKg3vd3G';
const TOOL_RUN = hasToken ? 'HW5fYt5GZMeLvVd7PbCJil' : 'FAasHBIE-3tnhYwWDGMRKa';
const [A, B] = ['item 0 lAoLCRi4TvALoWbxSE6tPj', 'item 1 Xl83r81V57Z8kuE8pGPQ4B'];
const bought = () => ({ kind: 'bought', purchase: shop.sandbox.purchases[0].purchase });
const unknown = { kind: 'unknown', outcome: { kind: 'unknown', reason: { kind: 'status', httpCode: 500 } }, attempt: 1 };

test('of three orders', async () => {
	expect(await leave()).toEqual({
		execution: {
			streamSkillOrders: {
				firstRun: 0,
				...ROOT,
				runs: {
					'0': [
						{ at: A, what: '[1,"a"]', entry: 'order 1 [1,"a"]', state: bought() },
						{ at: B, what: '[1,"b"]', entry: 'order 1 [1,"b"]', state: unknown },
					],
				},
			},
		},
		customData: { streamSkillPurchases: '1' },
		database: {
			[`workflow-1 streamskill-1:run:${RUN}`]: [
				...['order 1 [1,"a"]', A, `${A} for [1,"a"]`, 'done order 1 [1,"a"]', `done ${A}`],
				...['order 1 [1,"b"]', B, `${B} for [1,"b"]`],
				...['order 1 [1,"c"]', 'void order 1 [1,"c"]'],
			],
		},
	});
});

test('of three orders with Idempotency Keys', async () => {
	expect(await leave({ options: { idempotencyKey: '={{ $json.channel }}' } })).toEqual({
		execution: {
			streamSkillOrders: {
				firstRun: 0,
				...ROOT,
				runs: {
					'0': [
						{ at: A, what: 'key a', entry: 'key a', state: bought() },
						{ at: B, what: 'key b', entry: 'key b', state: unknown },
					],
				},
			},
		},
		customData: { streamSkillPurchases: '1' },
		database: { 'workflow-1 streamskill-1': ['key a', 'key b', 'open key b'] },
	});
});

test('of an order that a model made', async () => {
	const { execution, database } = await leave({ onError: undefined, node: { tool: true } });
	expect(execution).toEqual({
		streamSkillOrders: {
			firstRun: 0,
			...ROOT,
			runs: {
				tool: [
					{ at: A, what: '[1,"a"]', entry: 'order 1 [1,"a"]', call: 'jaYSnqsaf9xTZq5VWICMlh', state: bought() },
					{ at: B, what: '[1,"b"]', entry: 'order 1 [1,"b"]', call: 'tdkiVr05X4jVsacSGZb-lS', state: unknown },
				],
			},
		},
	});
	expect(database).toEqual({
		[`workflow-1 streamskill-1:run:${TOOL_RUN}`]: [
			...['order 1 [1,"a"]', A, `${A} for [1,"a"]`, 'done order 1 [1,"a"]', `done ${A}`],
			...['order 1 [1,"b"]', B, `${B} for [1,"b"]`],
		],
	});
});
