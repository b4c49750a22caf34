/** Where n8n runs the node without an execution: for an MCP client, and for its Agents. */
import { SupplyDataContext } from 'n8n-core';
import { createRunExecutionData, NodeHelpers, Workflow, type IDataObject, type INode } from 'n8n-workflow';

import { StreamSkill } from '../../nodes/StreamSkill/StreamSkill.node.ts';
import { pageOf } from '../../tools/sandbox/purchase.mts';
import { openShop, TOKEN } from './shop.mts';

const shop = openShop();

/** As n8n runs a tool for an MCP client (n8n 2.41.1: webhook-helpers.js, webhook-context.js). */
async function call(
	args: IDataObject,
	options: IDataObject = {},
	{ isOfAgents = false, isOnWorker = false, onError }: { isOfAgents?: boolean; isOnWorker?: boolean; onError?: INode['onError'] } = {},
) {
	const type = new StreamSkill();
	const nodeType = Object.create(type, {
		description: { value: { ...type.description, inputs: [], outputs: ['ai_tool'] } },
	}) as StreamSkill;
	const base = { typeVersion: 1, position: [0, 0] as [number, number] };
	const trigger: INode = { ...base, id: 'mcp', name: 'MCP', type: 'test.mcp', parameters: {} };
	const node: INode = {
		...base,
		id: 'tool',
		onError,
		name: 'Buy',
		type: 'n8n-nodes-streamskill.streamSkillTool',
		parameters: {
			resource: 'purchase',
			operation: 'create',
			tarifId: 1,
			channel: '={{ $json.channel }}',
			additionalFields: {},
			options: options as never,
		},
		credentials: { streamSkillApi: { id: '1', name: 'StreamSkill account' } },
	};
	const workflow = new Workflow({
		id: 'workflow-1',
		nodes: [trigger, node],
		connections: {},
		active: false,
		settings: { executionOrder: 'v1', timezone: 'UTC' },
		nodeTypes: {
			getByName: () => nodeType,
			getByNameAndVersion: () => NodeHelpers.getVersionedNodeType(nodeType),
			getKnownTypes: () => ({}),
		},
	});
	const additionalData = {
		credentialsHelper: {
			getDecrypted: async () => ({ accessToken: TOKEN, baseUrl: shop.sandbox.url }),
			getParentTypes: () => [],
			isCredentialUsableByNode: () => true,
			preAuthentication: async () => undefined,
			authenticate: async (_: IDataObject, __: string, request: IDataObject) => ({
				...request,
				headers: { ...(request.headers as object), Authorization: `Bearer ${TOKEN}` },
			}),
		},
		variables: {},
		webhookWaitingBaseUrl: 'http://127.0.0.1/waiting',
		formWaitingBaseUrl: 'http://127.0.0.1/form',
		currentNodeExecutionIndex: 0,
	} as never;
	const items = [{ json: args }];
	const data = createRunExecutionData({ executionData: { nodeExecutionStack: [{ node: trigger, data: { main: [] }, source: null }] } });
	// n8n 2.41.1: ephemeral-node-executor.js
	if (isOfAgents) delete data.executionData;
	// n8n 2.41.1: job-processor.js, invokeTool
	const executeData = { node: isOnWorker ? node : trigger, data: { main: [items] }, source: null };
	const context = new SupplyDataContext(
		workflow,
		node,
		additionalData,
		'webhook',
		data,
		0,
		items,
		{},
		'ai_tool' as never,
		executeData,
		[],
		undefined,
		trigger,
	);
	context.addInputData('ai_tool' as never, [items]);
	const [output] = await nodeType.execute.call(context as never);
	return output.map(({ json }) => json);
}

const a = { channel: 'a' };

test('an MCP client buys, and the same in another call is a new order', async () => {
	expect(await call(a)).toMatchObject([{ id: 1, channel: pageOf('a') }]);
	expect(await call(a)).toMatchObject([{ id: 2, channel: pageOf('a') }]);
});

test('an MCP client buys once with an Idempotency Key, however often it calls', async () => {
	const options = { idempotencyKey: 'order 1', onDuplicate: 'fail' };
	expect(await call(a, options)).toMatchObject([{ id: 1, channel: pageOf('a') }]);
	expect(await call(a, options)).toMatchObject([{ details: { outcome: 'duplicate' } }]);
	expect(shop.sold()).toEqual({ a: 1 });
});

test('an MCP client is told that an order may have been bought', async () => {
	shop.lose('a', true);
	expect(await call(a)).toMatchObject([{ details: { outcome: 'unknown' } }]);
});

test("n8n's Agents buy nothing, and are told why: n8n keeps nothing of what they order", async () => {
	expect(await call(a, {}, { isOfAgents: true })).toEqual([
		{
			error: 'Nothing was bought now: n8n does not keep here what was ordered before',
			message: 'Use the AI Agent node in a workflow instead.',
			details: { outcome: 'notSent' },
		},
	]);
	expect(shop.sold()).toEqual({});
});

test.each([false, true])('an MCP client is told everything, whatever On Error is; on a worker: %s', async (isOnWorker) => {
	const how = { isOnWorker, onError: 'continueErrorOutput' } as const;
	expect(await call(a, {}, how)).toMatchObject([{ id: 1, channel: pageOf('a') }]);
	shop.refuse('a');
	expect(await call(a, {}, how)).toMatchObject([{ details: { outcome: 'rejected' } }]);
});
