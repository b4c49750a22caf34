import 'reflect-metadata';
import { Logger } from '@n8n/backend-common';
import { Container } from '@n8n/di';
import { DataDeduplicationService, ExecutionLifecycleHooks, WorkflowExecute } from 'n8n-core';
import {
	createRunExecutionData,
	ICredentialsHelper,
	NodeApiError,
	NodeHelpers,
	Workflow,
	type ICredentialDataDecryptedObject,
	type IDataObject,
	type IHttpRequestOptions,
	type INode,
	type INodeExecutionData,
	type INodeParameters,
	type INodeType,
	type IPinData,
	type IRun,
	type IRunExecutionData,
	type IWorkflowExecuteAdditionalData,
	type IWorkflowSettings,
	type JsonObject,
} from 'n8n-workflow';

import { StreamSkillApi } from '../../credentials/StreamSkillApi.credentials.ts';
import { StreamSkill } from '../../nodes/StreamSkill/StreamSkill.node.ts';
import { isDead, step } from './crash.mts';
import { MemoryDeduplicator } from './deduplicator.mts';

/** How long a retry waits in case its execution still runs in another process. Nearly all tests have one process. */
export const patience = { isReal: false };

jest.mock('../../nodes/StreamSkill/purchase/journal/times.ts', () => {
	const records = jest.requireActual<{ SHARED_AFTER: number }>('../../nodes/StreamSkill/purchase/journal/times.ts');
	return Object.defineProperty({ ...records }, 'SHARED_AFTER', { get: () => (patience.isReal ? records.SHARED_AFTER : 0) });
});

/** What of the node's settings and parameters a test chooses. */
export interface NodeSetup {
	parameters?: INodeParameters;
	onError?: INode['onError'];
	retryOnFail?: boolean;
	maxTries?: number;
	id?: string;
	/** If it is not StreamSkill. */
	name?: string;
	/** As if nobody had chosen a credential. */
	withoutCredential?: boolean;
	/** What else n8n stores of the node. */
	more?: Partial<INode>;
	/** Run as AI Agent 3 runs its tools; what the model is told comes as `success`. */
	tool?: boolean;
}

/** Nodes around StreamSkill, and what goes where. */
export interface Wiring {
	/** The node that gets the items first. */
	entry: string;
	nodes?: Record<string, INodeType>;
	/** By their names, the IDs of nodes that have others. */
	nodeIds?: Record<string, string>;
	/** By the name of a node: for each of its outputs the nodes that get it. */
	connections: Record<string, string[][]>;
	/** The agent that has StreamSkill as its tool. */
	agent?: string;
	/** Nodes that are tools as well, and the agents that have them. */
	tools?: Record<string, string>;
	/** The node that has Retry On Fail, with two tries. */
	retryOnFail?: string;
}

export interface RunSetup {
	node?: NodeSetup;
	/** A second StreamSkill node, named Twin, that gets what the first one put out. */
	twin?: NodeSetup;
	items?: IDataObject[];
	/** What a node before StreamSkill does: it reads items, anew in each execution, and may fail. */
	before?: () => IDataObject[];
	/** What the nodes after StreamSkill do first. */
	after?: () => void;
	/** How often the items come to the node, as in a loop. */
	rounds?: number;
	/** Other nodes around it than Success and Failed. */
	wiring?: Wiring;
	credentials?: ICredentialDataDecryptedObject;
	/** Continues an execution that was stored, as "Retry execution" does. */
	retryOf?: IRunExecutionData;
	executionId?: string;
	workflowId?: string;
	workflowName?: string;
	mode?: 'manual' | 'trigger' | 'retry' | 'evaluation' | 'integrated' | 'chat';
	/** Of the workflow. */
	settings?: IWorkflowSettings;
	/** The node as the n8n process has it that runs it. */
	streamSkill?: INodeType;
	/** As *Execute step* in the editor, with what the nodes before have put out, as it is stored or pinned. */
	step?: { runData: IRunExecutionData['resultData']['runData']; pinData: IPinData };
	/** Called with what stops the execution, as the Stop button does. */
	onStart?: (stop: () => void) => void;
}

export interface RunResult {
	run: IRun;
	/** What came out of the node's two outputs, all rounds together. */
	success: INodeExecutionData[];
	failed: INodeExecutionData[];
	/** The error that ended the execution. */
	error?: Error & { description?: string; context?: IDataObject; httpCode?: string; itemIndex?: number };
	data: IRunExecutionData;
}

/** Every line that nodes wrote into n8n's log. */
export const logLines: Array<{ level: 'info' | 'warn' | 'error'; message: string; metadata?: object }> = [];

export const deduplicator = new MemoryDeduplicator();

/** To be called once per test file, before the first run. */
export async function initEngine() {
	const at = (level: 'info' | 'warn' | 'error') => (message: string, metadata?: object) => {
		if (!isDead()) logLines.push({ level, message, metadata });
	};
	Container.set(Logger, {
		info: at('info'),
		warn: at('warn'),
		error: at('error'),
		debug: () => {},
		scoped: () => Container.get(Logger),
	} as unknown as Logger);
	// n8n takes one for each process; here, test files share it.
	Object.assign(DataDeduplicationService, { instance: undefined });
	await DataDeduplicationService.init(deduplicator);
}

/** n8n 1.x leaves out the cause of a network failure, and with it the socket, which knows how far it came. */
export const tellsCause = new NodeApiError({ name: '' } as INode, new Error('x') as unknown as JsonObject).cause !== undefined;

/** A node that does something, then hands on its items, or others. */
export const other = (work?: (items: INodeExecutionData[]) => Promise<IDataObject[] | void> | IDataObject[] | void): INodeType => ({
	description: {
		displayName: 'Other',
		name: 'other',
		group: ['transform'],
		version: 1,
		description: '',
		defaults: { name: 'Other' },
		inputs: ['main'],
		outputs: ['main'],
		properties: [],
	},
	async execute() {
		const items = this.getInputData();
		return [(await work?.(items))?.map((json) => ({ json })) ?? items];
	},
});

const realNode = new StreamSkill();

const credentialType = new StreamSkillApi();

/** Authenticates as n8n does, with the credential type's own function. */
class CredentialsHelper extends ICredentialsHelper {
	constructor(private readonly credentials: ICredentialDataDecryptedObject) {
		super();
	}
	getParentTypes = () => [];
	isCredentialUsableByNode = () => true;
	authenticate = async (credentials: ICredentialDataDecryptedObject, _: string, options: object) => {
		if (typeof credentialType.authenticate !== 'function') throw new Error('authenticate is not a function');
		const { body } = options as IHttpRequestOptions;
		const order = (typeof body === 'string' ? JSON.parse(body) : body) as { channel?: string } | undefined;
		await step('send', order?.channel);
		return await credentialType.authenticate(credentials, options as IHttpRequestOptions);
	};
	preAuthentication = async () => undefined;
	runPreAuthentication = async () => undefined;
	getCredentials = () => Promise.reject(new Error('not used'));
	/** Fills in defaults and resolves expressions for the item, as n8n does (n8n 2.41.1: credentials-helper.js, applyDefaultsAndOverwrites). */
	getDecrypted: ICredentialsHelper['getDecrypted'] = async (_additionalData, _credential, _type, mode, executeData, _raw, values) => {
		credentialReads.count++;
		const data = NodeHelpers.getNodeParameters(credentialType.properties, this.credentials as INodeParameters, true, false, null, null)!;
		if (!values) return data as ICredentialDataDecryptedObject;
		const { workflow, runExecutionData, runIndex, itemIndex, node, connectionInputData } = values;
		return workflow.expression.getParameterValue(
			data,
			runExecutionData,
			runIndex,
			itemIndex,
			node.name,
			connectionInputData,
			mode,
			{},
			executeData,
			false,
			data,
		) as ICredentialDataDecryptedObject;
	};
	updateCredentials = async () => {};
	updateCredentialsOauthTokenData = async () => {};
	getCredentialsProperties = () => credentialType.properties;
}

/** How often a node has read its credential. */
export const credentialReads = { count: 0 };

/** As n8n makes a tool of a node (n8n: tool-generation/ai-tools.js). */
const asTool = (nodeType: INodeType): INodeType =>
	Object.create(nodeType, { description: { value: { ...nodeType.description, inputs: [], outputs: ['ai_tool'] } } }) as INodeType;

let executions = 0;

/** An execution as n8n stores it before it begins, with the items of each round. */
export const createExecution = (...rounds: IDataObject[][]): IRunExecutionData =>
	createRunExecutionData({
		executionData: {
			nodeExecutionStack: rounds.map((items) => ({
				node: { name: 'Start' } as INode,
				data: { main: [items.map((json) => ({ json }))] },
				source: null,
			})),
		},
	});

/** Runs Start (→ Before) → StreamSkill → Success (→ Twin) / Failed, or what the wiring says, through n8n-core's `WorkflowExecute`. */
export async function run(setup: RunSetup): Promise<RunResult> {
	const {
		node = {},
		twin,
		items = [{}],
		rounds = 1,
		before,
		after,
		wiring,
		credentials,
		retryOf,
		streamSkill: nodeType = realNode,
		workflowId = 'workflow-1',
		workflowName = 'Test',
		mode = setup.retryOf ? 'retry' : 'trigger',
		settings,
	} = setup;
	const executionId = setup.executionId ?? String(++executions);
	// By its type, StreamSkill knows a node that calls another workflow.
	const typeOf = (type: string) => (type === 'Call' ? 'n8n-nodes-base.executeWorkflow' : `test.${type}`);
	const simple = (name: string, type: string): INode => ({
		id: wiring?.nodeIds?.[name] ?? name,
		name,
		type: typeOf(type),
		typeVersion: 1,
		position: [0, 0],
		parameters: {},
		...(wiring?.retryOnFail === name && { retryOnFail: true, maxTries: 2, waitBetweenTries: 1 }),
	});
	const { name: ownName = 'StreamSkill' } = node;
	const nameOf = (name: string) => (name === 'StreamSkill' ? ownName : name);
	const streamSkill = (name: string, id: string, node: NodeSetup): INode => ({
		id: node.id ?? id,
		name,
		type: `n8n-nodes-streamskill.streamSkill${node.tool ? 'Tool' : ''}`,
		typeVersion: 1,
		position: [0, 0],
		parameters: { resource: 'purchase', operation: 'create', additionalFields: {}, options: {}, ...node.parameters },
		credentials: node.withoutCredential ? undefined : { streamSkillApi: { id: 'credential-1', name: 'StreamSkill account' } },
		// With an agent in the workflow, n8n says so itself.
		rewireOutputLogTo: node.tool && !wiring?.agent ? 'ai_tool' : undefined,
		onError: node.onError,
		retryOnFail: node.retryOnFail,
		maxTries: node.maxTries,
		waitBetweenTries: 1,
		...node.more,
	});
	const nodes: INode[] = [
		simple('Start', 'start'),
		...(before ? [simple('Before', 'before')] : []),
		streamSkill(ownName, 'streamskill-1', node),
		...(twin ? [streamSkill('Twin', 'streamskill-2', twin)] : []),
		simple('Success', 'after'),
		simple('Failed', 'after'),
		...Object.keys(wiring?.nodes ?? {}).map((name) => simple(name, name)),
	];
	// n8n runs what is higher up in the editor first.
	nodes.forEach((node, place) => (node.position = [0, 100 * place]));
	const nodeTypes: Record<string, INodeType> = {
		'test.start': other(),
		'test.before': other(before),
		'test.after': other(async () => {
			await step('later');
			after?.();
		}),
		'n8n-nodes-streamskill.streamSkill': nodeType,
		'n8n-nodes-streamskill.streamSkillTool': asTool(nodeType),
	};
	for (const [name, type] of Object.entries(wiring?.nodes ?? {})) nodeTypes[typeOf(name)] = type;
	const entry = wiring?.entry ?? 'StreamSkill';
	const connections = {
		Start: [[before ? 'Before' : entry]],
		...(before && { Before: [[entry]] }),
		StreamSkill: [['Success'], ['Failed']],
		...(twin && { Success: [['Twin']] }),
		...wiring?.connections,
	};
	const to = (name: string, type: 'main' | 'ai_tool' = 'main') => ({ node: nameOf(name), type, index: 0 });
	const workflow = new Workflow({
		id: workflowId,
		name: workflowName,
		active: false,
		nodes,
		// n8n's own default takes long to reckon with.
		settings: { executionOrder: 'v1', timezone: 'UTC', ...settings },
		connections: {
			...Object.fromEntries(
				Object.entries(connections).map(([name, outputs]) => [
					nameOf(name),
					{ main: outputs.map((names) => names.map((next) => to(next))) },
				]),
			),
			...Object.fromEntries(Object.entries(wiring?.tools ?? {}).map(([name, agent]) => [name, { ai_tool: [[to(agent, 'ai_tool')]] }])),
			...(wiring?.agent && { [ownName]: { ai_tool: [[to(wiring.agent, 'ai_tool')]] } }),
		},
		pinData: setup.step?.pinData,
		nodeTypes: {
			getByName: (type: string) => nodeTypes[type],
			getByNameAndVersion: (type: string) => NodeHelpers.getVersionedNodeType(nodeTypes[type]),
			getKnownTypes: () => ({}),
		},
	});

	const data = retryOf ? forRetry(retryOf) : createExecution(...Array.from({ length: rounds }, () => items));
	for (const entry of data.executionData!.nodeExecutionStack) entry.node = nodeToRetry(workflow, entry.node.name);
	const additionalData = {
		credentialsHelper: new CredentialsHelper(credentials ?? {}),
		executionId,
		currentNodeExecutionIndex: 0,
		variables: {},
		webhookWaitingBaseUrl: 'http://127.0.0.1/waiting',
		formWaitingBaseUrl: 'http://127.0.0.1/form',
		restApiUrl: '',
		instanceBaseUrl: '',
		setExecutionStatus: () => {},
		hooks: new ExecutionLifecycleHooks(mode, executionId, {
			id: workflowId,
			name: 'Test',
			nodes,
			connections: {},
			active: false,
			createdAt: new Date(),
			updatedAt: new Date(),
		} as never),
	} as unknown as IWorkflowExecuteAdditionalData;

	const { step: stored } = setup;
	const execution = stored
		? new WorkflowExecute(additionalData, mode).runPartialWorkflow2(workflow, stored.runData, stored.pinData, [ownName], {
				nodeName: ownName,
				mode: 'inclusive',
			})
		: new WorkflowExecute(additionalData, mode, data).processRunExecutionData(workflow);
	setup.onStart?.(() => execution.cancel());
	const result = await execution;
	const output = (index: number) =>
		result.data.resultData.runData[ownName]?.flatMap(({ data }) => (data?.ai_tool ?? data?.main)?.[index] ?? []) ?? [];
	return {
		run: result,
		success: output(0),
		failed: output(1),
		error: result.data.resultData.error as RunResult['error'],
		data: result.data,
	};
}

/** What n8n does with a stored execution when it is retried (n8n 2.41.1: `executions/execution.service.js`, `retry`). */
function forRetry(stored: IRunExecutionData): IRunExecutionData {
	const data = JSON.parse(JSON.stringify(stored)) as IRunExecutionData;
	const { resultData } = data;
	if (resultData.lastNodeExecuted) {
		delete resultData.error;
		const tasks = resultData.runData[resultData.lastNodeExecuted];
		if (tasks?.at(-1)?.error !== undefined) tasks.pop();
	}
	return data;
}

/** In n8n's own words (n8n 2.41.1: `executions/execution.service.js`, `retry`). */
function nodeToRetry(workflow: Workflow, name: string): INode {
	const node = workflow.getNode(name);
	if (node) return node;
	throw new Error(
		`Could not find the node "${name}" in workflow. It probably got deleted or renamed. Without it the workflow can sadly not be retried.`,
	);
}
