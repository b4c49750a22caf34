/**
 * What the node leans on in n8n without being promised it. Each test says what n8n does; the one that fails says what
 * n8n no longer does, and names the file that goes by it.
 */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { IDataObject, IExecuteFunctions, INode, INodeExecutionData } from 'n8n-workflow';

import { outputItems, type StoredExecution } from '../../tools/n8n/rest.mts';
import { node, webhookWorkflow } from '../../tools/n8n/workflows.mts';
import { faults } from '../../tools/sandbox/sandbox.mts';
import { until } from '../../tools/until.mts';
import { startChatModel, type ChatModel } from './chatModel.mts';
import { createActive, errorOf, runWebhook, startWebhooks } from './executions.mts';
import { startWorld, version, type World } from './world.mts';

const isV1 = version.startsWith('1.');

let world: World;
let model: ChatModel;

beforeAll(async () => {
	[world, model] = await Promise.all([startWorld({ env: { N8N_CUSTOM_EXTENSIONS: resolve('test/e2e/probe') } }), startChatModel()]);
});
afterAll(async () => {
	await world?.close();
	await model?.close();
});
beforeEach(() => {
	world.sandbox.reset();
	model.reset();
});

/** What the node sees of n8n that n8n's types do not tell of. */
interface Inside extends IExecuteFunctions {
	node: INode;
	closeFunctions: object;
	runExecutionData: {
		executionData: { nodeExecutionStack: Array<{ node: INode; metadata?: { subNodeExecutionData?: ToolRequests } }> };
	};
}

interface ToolRequests {
	actions: Array<{ action: { id: string }; nodeName: string; runIndex: number }>;
	metadata: { previousRequests?: Array<{ action: { toolCallId: string } }> };
}

interface Proxy {
	$execution: { resumeUrl: string; customData: { set(name: string, value: string): void } };
}

/** What runs within n8n: it can use nothing of this file. */
type Look = (inside: Inside) => Promise<INodeExecutionData[]> | INodeExecutionData[];

let workflows = 0;

const probe = (look: Look, rest: Partial<INode> = {}) => {
	const { id, name } = world.credential;
	return node('Probe', 'CUSTOM.probe', { code: String(look) }, { credentials: { streamSkillApi: { id, name } }, ...rest });
};

const create = async (look: Look, rest: Partial<INode> = {}) =>
	await createActive(world, webhookWorkflow(`contract-${++workflows}`, probe(look, rest)));

const run = async (look: Look, rest: Partial<INode> = {}) => await runWebhook(world, await create(look, rest), ['']);

/** The JSON of the item that it puts out. */
async function seen(look: Look): Promise<IDataObject> {
	const execution = await run(look);
	expect(errorOf(execution)?.message).toBeUndefined();
	return outputItems(execution, 'Probe')[0].json;
}

const retry = async ({ id }: StoredExecution) => await world.n8n.rest.retryExecution(id);

describe('lists in the database (n8n/rows.ts)', () => {
	test('the helpers read the ID of context.node before they first wait', async () => {
		expect(
			await seen(async ({ node, helpers }) => {
				const json: IDataObject = {};
				const { id } = node;
				const options = { mode: 'entries' } as const;
				const calls = {
					checkProcessedAndRecord: () => helpers.checkProcessedAndRecord(['a', 'b'], 'node', options),
					removeProcessed: () => helpers.removeProcessed(['a'], 'node', options),
					getProcessedDataCount: () => helpers.getProcessedDataCount('node', options),
					clearAllProcessedItems: () => helpers.clearAllProcessedItems('node', options),
				};
				for (const [name, call] of Object.entries(calls)) {
					node.id = `${id}:other`;
					const answer = call();
					node.id = id;
					json[name] = (await answer) ?? 'done';
				}
				json.own = await helpers.getProcessedDataCount('node', options);
				return [{ json }];
			}),
		).toEqual({
			checkProcessedAndRecord: { new: ['a', 'b'], processed: [] },
			removeProcessed: 'done',
			getProcessedDataCount: 1,
			clearAllProcessedItems: 'done',
			own: 0,
		});
	});

	test('of all who begin a list at the same time, one succeeds', async () => {
		const { rounds } = await seen(async ({ helpers }) => {
			const rounds: unknown[] = [];
			for (let round = 0; round < 20; round++) {
				const all = [1, 2, 3, 4].map(() => helpers.checkProcessedAndRecord(['a'], 'node', { mode: 'entries' }));
				const settled = await Promise.allSettled(all);
				rounds.push(settled.filter((one) => one.status === 'fulfilled' && one.value.new.length === 1).length);
				await helpers.clearAllProcessedItems('node', { mode: 'entries' });
			}
			return [{ json: { rounds } as IDataObject }];
		});
		expect(rounds).toEqual(Array(20).fill(1));
	});

	test('to count a list changes nothing', async () => {
		expect(
			await seen(async ({ helpers }) => {
				const options = { mode: 'entries' } as const;
				const count = async () => await helpers.getProcessedDataCount('node', options);
				const counts = [await count(), await count()];
				const first = await helpers.checkProcessedAndRecord(['a', 'b'], 'node', options);
				counts.push(await count(), await count());
				const second = await helpers.checkProcessedAndRecord(['a', 'b', 'c'], 'node', options);
				return [{ json: { counts, first, second } as unknown as IDataObject }];
			}),
		).toEqual({
			counts: [0, 0, 2, 2],
			first: { new: ['a', 'b'], processed: [] },
			second: { new: ['c'], processed: ['a', 'b'] },
		});
	});

	test('the oldest entries go first', async () => {
		expect(
			await seen(async ({ helpers }) => {
				const options = { mode: 'entries', maxEntries: 2 } as const;
				await helpers.checkProcessedAndRecord(['a', 'b'], 'node', options);
				await helpers.checkProcessedAndRecord(['c'], 'node', options);
				const { processed } = await helpers.checkProcessedAndRecord(['a', 'b', 'c'], 'node', { mode: 'entries' });
				return [{ json: { processed } as IDataObject }];
			}),
		).toEqual({ processed: ['b', 'c'] });
	});
});

describe('from an execution to its retries', () => {
	/** What it throws, in an execution, in a retry of that, and in a retry of the retry. */
	async function thrown(look: Look): Promise<string[]> {
		const first = await run(look);
		const second = await retry(first);
		const third = await retry(second);
		return [first, second, third].map((execution) => errorOf(execution)!.message);
	}

	(isV1 ? test.skip : test)('the token in $execution.resumeUrl stays the same (n8n/root.ts)', async () => {
		const look: Look = (inside) => {
			const { $execution } = inside.getWorkflowDataProxy(0) as unknown as Proxy;
			throw new Error(`Token ${new URL($execution.resumeUrl).searchParams.get('signature')}`);
		};
		const [token, ...others] = await thrown(look);
		expect(token).toMatch(/^Token \w{32,}$/);
		expect(others).toEqual([token, token]);
		expect(errorOf(await run(look))!.message).not.toBe(token);
	});

	test("getContext('flow') is handed on (purchase/journal/past.ts)", async () => {
		const modes = await thrown((inside) => {
			const kept = inside.getContext('flow') as { modes?: string[] };
			(kept.modes ??= []).push(inside.getMode());
			throw new Error(kept.modes.join());
		});
		expect(modes).toEqual(['webhook', 'webhook,retry', 'webhook,retry,retry']);
	});

	test('from a killed one: its token, but not in n8n 1.x (n8n/root.ts)', async () => {
		const workflow = await create(async (inside) => {
			const { $execution } = inside.getWorkflowDataProxy(0) as unknown as Proxy;
			const token = new URL($execution.resumeUrl).searchParams.get('signature');
			inside.logger.info(`Probe of ${inside.getMode()}: ${token}.`);
			if (inside.getMode() !== 'retry') await new Promise(() => {});
			return [];
		});
		const [id] = await startWebhooks(world, workflow, [['']]);
		const tokenOf = async (mode: string) =>
			await until(
				async () => new RegExp(`Probe of ${mode}: (\\w+)\\.`).exec(await readFile(world.n8n.logFile, 'utf8'))?.[1],
				`The probe's ${mode}`,
			);
		const token = await tokenOf('webhook');
		// n8n recovers what its event log knows of; that is written a moment later.
		const events = join(world.n8n.userFolder, '.n8n', 'n8nEventLog.log');
		await until(async () => (await readFile(events, 'utf8')).includes(`"executionId":"${id}"`), "n8n's event log");
		await world.crashAndRestart();
		await retry(await world.n8n.rest.waitForExecution(id));
		expect(await tokenOf('retry')).toBe(isV1 ? 'null' : token);
	});
});

test('custom data is stored with the execution (n8n/trace.ts)', async () => {
	const { id } = await run((inside) => {
		const { $execution } = inside.getWorkflowDataProxy(0) as unknown as Proxy;
		$execution.customData.set('probe', '1 2');
		return [];
	});
	expect(await world.n8n.rest.execution(id)).toMatchObject({ customData: { probe: '1 2' } });
});

test('error, message and details leave by the error output as they are, with an error beside them (purchase/report/report.ts)', async () => {
	const execution = await run(
		() => {
			const failed: INodeExecutionData = { json: { error: 'a', message: 'b', details: { outcome: 'c' } }, pairedItem: { item: 0 } };
			Object.defineProperty(failed, 'error', { value: { message: 'a' }, writable: true });
			return [failed, { json: { id: 1 }, pairedItem: { item: 0 } }];
		},
		{ onError: 'continueErrorOutput' },
	);
	const jsons = [0, 1].map((output) => outputItems(execution, 'Probe', { output }).map(({ json }) => json));
	expect(jsons).toMatchObject([[{ id: 1 }], [{ error: 'a', message: 'b', details: { outcome: 'c' } }]]);
});

test('Stop cuts requests, but not of a caller without getExecutionCancelSignal (n8n/http.ts)', async () => {
	world.sandbox.fault({ fault: faults.latency(5000) });
	const workflow = await create(async (inside) => {
		const data = await inside.getCredentials('streamSkillApi');
		const bare = { helpers: inside.helpers, logger: inside.logger, getNode: () => inside.getNode() } as IExecuteFunctions;
		const send = async (name: string, caller: IExecuteFunctions) => {
			const options = {
				method: 'POST' as const,
				url: `${data.baseUrl as string}/purchases/create`,
				body: { tarif: { id: 1 }, channel: name },
				json: true,
			};
			const outcome = await inside.helpers.httpRequestWithAuthentication
				.call(caller, 'streamSkillApi', options, { credentialsDecrypted: { id: '', name: '', type: 'streamSkillApi', data } })
				.then(
					() => 'answered',
					() => 'cut',
				);
			inside.logger.info(`Probe of ${name}: ${outcome}.`);
		};
		await Promise.all([send('own', inside), send('bare', bare)]);
		return [];
	});
	const [id] = await startWebhooks(world, workflow, [['']]);
	await until(() => world.sandbox.requests.length === 2, 'Both requests');
	await world.n8n.rest.stopExecution(id);
	const outcomes = await until(async () => {
		const lines = [...(await readFile(world.n8n.logFile, 'utf8')).matchAll(/Probe of (own|bare): (\w+)\./g)];
		return lines.length === 2 && Object.fromEntries(lines.map(([, name, outcome]) => [name, outcome]));
	}, 'Both outcomes');
	expect(outcomes).toEqual({ own: 'cut', bare: 'answered' });
});

describe("an AI agent's tool (n8n/host.ts, n8n/calls.ts)", () => {
	let openAi: { id: string; name: string };
	beforeAll(async () => {
		openAi = await world.n8n.rest.createCredential({ name: 'Chat model', type: 'openAiApi', data: { apiKey: 'scripted', url: model.url } });
	});

	/** What the model was told of its calls, which it makes in turns of so many. */
	async function told(agent: number, turns: number[], look: Look, rest: Partial<INode> = {}): Promise<unknown[]> {
		const langchain = (name: string, type: string, typeVersion: number, parameters: IDataObject, more: Partial<INode>) =>
			node(name, `@n8n/n8n-nodes-langchain.${type}`, { options: {}, ...parameters } as INode['parameters'], { typeVersion, ...more });
		const workflow = webhookWorkflow(
			`contract-${++workflows}`,
			langchain('Agent', 'agent', agent, { promptType: 'define', text: 'probe' }, rest),
		);
		const tool = { ...probe(look), type: 'CUSTOM.probeTool' };
		workflow.nodes.push(
			langchain(
				'Model',
				'lmChatOpenAi',
				1.2,
				{ model: { __rl: true, mode: 'id', value: 'scripted' }, options: { maxRetries: 0 } },
				{
					credentials: { openAiApi: { id: openAi.id, name: openAi.name } },
				},
			),
			{ ...tool, parameters: { ...tool.parameters, descriptionType: 'manual', toolDescription: 'Probes' } },
		);
		workflow.connections.Model = { ai_languageModel: [[{ node: 'Agent', type: 'ai_languageModel', index: 0 }]] };
		workflow.connections.Probe = { ai_tool: [[{ node: 'Agent', type: 'ai_tool', index: 0 }]] };
		model.script(
			'probe',
			turns.map((calls) => Array.from({ length: calls }, () => ({}))),
		);
		await runWebhook(world, await createActive(world, workflow), ['']);
		return model.results('probe').map((result) => (JSON.parse(result) as unknown[])[0]);
	}

	test('AI Agent 2 gives its tools one list closeFunctions for each try', async () => {
		model.failOnce();
		const lists = await told(
			isV1 ? 2.2 : 2.3,
			[1, 2],
			(inside) => {
				const shared = globalThis as unknown as { probed?: object[] };
				shared.probed ??= [];
				if (!shared.probed.includes(inside.closeFunctions)) shared.probed.push(inside.closeFunctions);
				const { type, rewireOutputLogTo = 'nothing' } = inside.getNode();
				return [
					{
						json: {
							list: shared.probed.indexOf(inside.closeFunctions),
							isList: Array.isArray(inside.closeFunctions),
							caller: inside.getExecuteData().node.name,
							type,
							rewireOutputLogTo,
						},
					},
				];
			},
			{ retryOnFail: true, maxTries: 2, waitBetweenTries: 1 },
		);
		const second = { list: 1, isList: true, caller: 'Agent', type: 'CUSTOM.probeTool', rewireOutputLogTo: 'nothing' };
		expect(lists).toEqual([second, second, second]);
	});

	test("AI Agent 3's entry in the stack has the calls of the conversation so far, and which runs they are", async () => {
		const calls = (await told(isV1 ? 3 : 3.1, [2, 1], (inside) => {
			const requests = inside.runExecutionData.executionData.nodeExecutionStack.flatMap(({ node, metadata }) =>
				metadata?.subNodeExecutionData ? { agent: node.name, ...metadata.subNodeExecutionData } : [],
			);
			const { name, type, rewireOutputLogTo } = inside.getNode();
			const json = {
				call: inside.getInputData()[0].json.toolCallId,
				together: requests.flatMap(({ actions }) => actions.map(({ action }) => action.id)),
				before: requests.flatMap(({ metadata }) => (metadata.previousRequests ?? []).map(({ action }) => action.toolCallId)),
				callers: requests.flatMap(({ agent, actions }) =>
					actions.some(({ nodeName, runIndex }) => nodeName === name && runIndex === inside.getExecuteData().runIndex) ? agent : [],
				),
				source: inside.getExecuteData().source!.main[0],
				type,
				rewireOutputLogTo,
			};
			return [{ json: json as IDataObject }];
		})) as Array<{ call: string }>;
		const [a, b, c] = calls.map(({ call }) => call);
		expect(new Set([a, b, c]).size).toBe(3);
		const source = expect.objectContaining({ previousNode: 'Agent' }) as object;
		const tool = { callers: ['Agent'], source, type: 'CUSTOM.probeTool', rewireOutputLogTo: 'ai_tool' };
		expect(calls).toEqual([
			{ ...tool, call: a, together: [a, b], before: [] },
			{ ...tool, call: b, together: [a, b], before: [] },
			{ ...tool, call: c, together: [c], before: [a, b] },
		]);
	});
});
