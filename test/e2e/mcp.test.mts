/** An MCP client, such as a chat program, buys through n8n's MCP Server Trigger. */
import type { INodeParameters } from 'n8n-workflow';

import { node } from '../../tools/n8n/workflows.mts';
import { bought } from '../../tools/sandbox/counts.mts';
import { faults } from '../../tools/sandbox/sandbox.mts';
import { until } from '../../tools/until.mts';
import { createActive } from './executions.mts';
import { startWorld, type World } from './world.mts';

let world: World;
beforeAll(async () => void (world = await startWorld()));
afterAll(async () => await world?.close());
beforeEach(() => world.sandbox.reset());

let servers = 0;

/** Sets up a server, and gives what calls its tool, each time in a session of its own. */
async function serve(options: INodeParameters = {}) {
	const path = `mcp-${++servers}`;
	await createActive(world, {
		name: path,
		nodes: [
			node('MCP', '@n8n/n8n-nodes-langchain.mcpTrigger', { authentication: 'none', path }, { typeVersion: 2, webhookId: path }),
			node('Buy promotion', 'n8n-nodes-streamskill.streamSkillTool', {
				resource: 'purchase',
				operation: 'create',
				tarifId: "={{ $fromAI('Tarif_ID', '', 'number') }}",
				channel: "={{ $fromAI('Channel', '', 'string') }}",
				additionalFields: {},
				options,
			}),
		],
		connections: { 'Buy promotion': { ai_tool: [[{ node: 'MCP', type: 'ai_tool', index: 0 }]] } },
		settings: { executionOrder: 'v1' },
	});
	let id = 0;
	const post = async (method: string, params: object, session?: string) => {
		const isNotification = method.startsWith('notifications/');
		const response = await fetch(`${world.n8n.url}/mcp/${path}`, {
			method: 'POST',
			headers: {
				'content-type': 'application/json',
				accept: 'application/json, text/event-stream',
				...(session && { 'mcp-session-id': session }),
			},
			body: JSON.stringify({ jsonrpc: '2.0', method, params, ...(!isNotification && { id: ++id }) }),
		});
		return { text: await response.text(), status: response.status, session: response.headers.get('mcp-session-id') ?? session };
	};
	const hello = { protocolVersion: '2025-03-26', capabilities: {}, clientInfo: { name: 'client', version: '1' } };
	await until(async () => (await post('initialize', hello)).status === 200, 'The MCP server');
	return async (channel: string) => {
		const { session } = await post('initialize', hello);
		await post('notifications/initialized', {}, session);
		return (await post('tools/call', { name: 'Buy_promotion', arguments: { Tarif_ID: 1, Channel: channel } }, session)).text;
	};
}

test('each call is an order', async () => {
	const call = await serve();
	for (let times = 0; times < 2; times++) expect(await call('a')).toMatch(/\\"channel\\":\\"https:\/\/www\.twitch\.tv\/a\\"/);
	expect(bought(world.sandbox)).toEqual({ a: 2 });
});

test('with an Idempotency Key, calls at the same time buy once', async () => {
	const call = await serve({ idempotencyKey: "={{ $fromAI('Channel', '', 'string') }}" });
	await Promise.all(Array.from({ length: 4 }, async () => await call('a')));
	expect(bought(world.sandbox)).toEqual({ a: 1 });
});

test('the client is told that an order may have been bought', async () => {
	world.sandbox.fault({ times: 1, fault: faults.serverErrorAfter(500) });
	const call = await serve();
	expect(await call('a')).toMatch(/may have been bought \(reference/);
});
