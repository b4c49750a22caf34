import { parse } from 'flatted';
import type {
	IConnections,
	ICredentialDataDecryptedObject,
	INode,
	INodeExecutionData,
	INodeTypeDescription,
	IPinData,
	IRunData,
	IRunExecutionData,
	IWorkflowSettings,
} from 'n8n-workflow';

import { until } from '../until.mts';

/** A workflow as one exports it from the editor. */
export interface WorkflowJson {
	name: string;
	nodes: INode[];
	connections: IConnections;
	settings?: IWorkflowSettings;
	/** Items that manual runs take for a node's output instead of running it; the way to feed a Manual Trigger. */
	pinData?: IPinData;
}

export interface StoredWorkflow extends WorkflowJson {
	id: string;
	versionId: string;
	active: boolean;
}

export interface Credential {
	id: string;
	name: string;
	type: string;
	data: ICredentialDataDecryptedObject;
}

export interface ExecutionSummary {
	id: string;
	workflowId: string;
	mode: string;
	status: 'new' | 'running' | 'waiting' | 'success' | 'error' | 'crashed' | 'canceled' | 'unknown';
	retryOf?: string | null;
	startedAt: string;
	stoppedAt?: string | null;
}

export interface StoredExecution extends ExecutionSummary {
	data: IRunExecutionData;
	workflowData: StoredWorkflow;
}

export interface RunOptions {
	/** Name of the trigger to start from; the workflow's only one unless given. */
	trigger?: string;
	/** Name of the node to stop after. */
	destinationNode?: string;
}

export interface WebhookAnswer {
	status: number;
	/** Parsed where it is JSON. */
	body: unknown;
}

/** Who a test n8n belongs to. */
export const OWNER = {
	email: 'owner@streamskill.invalid',
	firstName: 'Test',
	lastName: 'Owner',
	password: 'Streamskill-1',
};

/** What n8n answered instead of what it was asked for. */
export class RestError extends Error {
	constructor(
		readonly method: string,
		readonly path: string,
		readonly status: number,
		readonly body: unknown,
	) {
		super(`${method} ${path} was answered ${status}: ${messageOf(body)}`);
		this.name = 'RestError';
	}
}

/** n8n has left a request without an answer. */
export class NoAnswer extends Error {
	constructor(method: string, path: string, timeout: number) {
		super(`${method} ${path} was not answered within ${timeout / 1000} s`);
		this.name = 'NoAnswer';
	}
}

/** The requests that n8n's editor makes, for n8n 1.x and 2.x alike. */
export class N8nRest {
	private cookie = '';

	constructor(
		readonly url: string,
		private readonly version: string,
	) {}

	/** Makes the owner of a new n8n, and logs in as that. */
	async setupOwner() {
		await this.request('POST', '/rest/owner/setup', OWNER);
	}

	async login({ email, password } = OWNER) {
		await this.request('POST', '/rest/login', { emailOrLdapLoginId: email, password });
	}

	async createCredential(credential: Omit<Credential, 'id'>): Promise<Credential> {
		const { id } = await this.request<{ id: string }>('POST', '/rest/credentials', credential);
		return { ...credential, id };
	}

	/** Does what the *Test* button of a stored credential does. */
	async testCredential(credentials: Credential): Promise<{ status: 'OK' | 'Error'; message: string }> {
		return await this.request('POST', '/rest/credentials/test', { credentials });
	}

	async createWorkflow(workflow: WorkflowJson): Promise<StoredWorkflow> {
		return await this.request('POST', '/rest/workflows', { active: false, settings: {}, ...workflow });
	}

	async workflow(id: string): Promise<StoredWorkflow> {
		return await this.request('GET', `/rest/workflows/${id}`);
	}

	async updateWorkflow(id: string, changes: Partial<WorkflowJson>): Promise<StoredWorkflow> {
		const { name, nodes, connections, settings, versionId } = await this.workflow(id);
		return await this.request('PATCH', `/rest/workflows/${id}`, {
			...{ name, nodes, connections, settings, versionId },
			...changes,
		});
	}

	async activate(id: string): Promise<StoredWorkflow> {
		const { versionId } = await this.workflow(id);
		if (this.version.startsWith('1.')) return await this.request('PATCH', `/rest/workflows/${id}`, { active: true, versionId });
		return await this.request('POST', `/rest/workflows/${id}/activate`, { versionId });
	}

	/** 2.x answers before it has let go of the triggers: a webhook may still be served for a moment. */
	async deactivate(id: string): Promise<StoredWorkflow> {
		if (this.version.startsWith('1.')) return await this.request('PATCH', `/rest/workflows/${id}`, { active: false });
		return await this.request('POST', `/rest/workflows/${id}/deactivate`, {});
	}

	/** Does what the editor's *Execute workflow* does with a saved workflow; returns the execution's id. */
	async runWorkflow(id: string, { trigger, destinationNode }: RunOptions = {}): Promise<string> {
		const workflowData = await this.workflow(id);
		const answer = await this.request<{ executionId?: string }>('POST', `/rest/workflows/${id}/run`, {
			// n8n 1.x runs what it is sent, 2.x what it has stored.
			workflowData,
			triggerToStartFrom: { name: trigger ?? onlyTriggerOf(workflowData) },
			...(destinationNode && { destinationNode: { nodeName: destinationNode, mode: 'inclusive' } }),
		});
		if (!answer.executionId) throw new Error(`Workflow ${id} did not start: ${JSON.stringify(answer)}`);
		return answer.executionId;
	}

	async execution(id: string): Promise<StoredExecution> {
		const { data, ...execution } = await this.request<StoredExecution & { data: string }>('GET', `/rest/executions/${id}`);
		return { ...execution, data: parse(data) as IRunExecutionData };
	}

	/** Waits until an execution has ended in whatever way. It may itself wait a minute, which is this node's *Timeout*, for an answer. */
	async waitForExecution(id: string, { timeout = 150_000, interval = 100 } = {}): Promise<StoredExecution> {
		const ended = async () => {
			const execution = await this.execution(id);
			return !['new', 'running', 'waiting'].includes(execution.status) && execution;
		};
		return await until(ended, `The end of execution ${id}`, { timeout, interval });
	}

	/** The newest executions of a workflow, running ones included, newest first. */
	async executions(workflowId: string): Promise<ExecutionSummary[]> {
		const filter = encodeURIComponent(JSON.stringify({ workflowId }));
		const { results } = await this.request<{ results: ExecutionSummary[] }>('GET', `/rest/executions?filter=${filter}&limit=100`);
		return results;
	}

	/** Retries a failed execution as the Executions list does, waits for its end and returns it. */
	async retryExecution(id: string, { loadWorkflow = false } = {}): Promise<StoredExecution> {
		// n8n answers at the end of the retry; in queue mode never, if it has missed the worker's word of that.
		const path = `/rest/executions/${id}/retry`;
		const answer = await this.request<{ id: string } | boolean>('POST', path, { loadWorkflow }, 30_000).catch(undefinedIfLate);
		return await this.waitForExecution(typeof answer === 'object' ? answer.id : await this.newestRetryOf(id));
	}

	/** Old versions of n8n do not say which execution a retry has become. */
	private async newestRetryOf(id: string): Promise<string> {
		const { workflowId } = await this.execution(id);
		return (await this.executions(workflowId)).find(({ retryOf }) => retryOf === id)!.id;
	}

	async stopExecution(id: string) {
		await this.request('POST', `/rest/executions/${id}/stop`, {});
	}

	/** How n8n describes a node type to its editor. */
	async nodeType(name: string, version = 1): Promise<INodeTypeDescription> {
		const [description] = await this.request<INodeTypeDescription[]>('POST', '/rest/node-types', {
			nodeInfos: [{ name, version }],
		});
		return description;
	}

	/** All node types that n8n's editor offers; those with unlike versions more than once. */
	async nodeTypes(): Promise<INodeTypeDescription[]> {
		const { body } = await this.send('GET', '/types/nodes.json');
		return body as INodeTypeDescription[];
	}

	/** Calls a production webhook, waiting for n8n to register it: that comes a moment after activation. */
	async callWebhook(path: string, body: unknown = {}, { timeout = 10_000 } = {}): Promise<WebhookAnswer> {
		const answered = async () => {
			const answer = await this.send('POST', `/webhook/${path}`, body);
			return !(answer.status === 404 && messageOf(answer.body).includes('not registered')) && answer;
		};
		return await until(answered, `The webhook ${path}`, { timeout, interval: 100 });
	}

	/** Any other request of n8n's REST API; returns what is in its `data`. */
	async request<T>(method: string, path: string, body?: unknown, timeout?: number): Promise<T> {
		const answered = async () => {
			const answer = await this.send(method, path, body, timeout);
			return !isOutOfStep(answer) && answer;
		};
		const answer = await until(answered, `An answer to ${method} ${path}`, { interval: 500 });
		if (answer.status >= 300) throw new RestError(method, path, answer.status, answer.body);
		return (answer.body as { data: T }).data;
	}

	private async send(method: string, path: string, body?: unknown, timeout = 120_000): Promise<WebhookAnswer> {
		const response = await fetch(this.url + path, {
			method,
			// n8n may close a connection that was kept just when the next request goes out.
			headers: { 'content-type': 'application/json', cookie: this.cookie, connection: 'close' },
			body: body === undefined ? undefined : JSON.stringify(body),
			signal: AbortSignal.timeout(timeout),
		}).catch((error: Error) => {
			throw error.name === 'TimeoutError' ? new NoAnswer(method, path, timeout) : error;
		});
		const session = response.headers.getSetCookie().find((cookie) => cookie.startsWith('n8n-auth='));
		if (session) this.cookie = session.split(';')[0];
		return { status: response.status, body: parseIfJson(await response.text()) };
	}
}

/**
 * Whether n8n could not look at a request: its 503 says that it is too busy to look after its database (n8n:
 * abstract-server.js), and once, 2.41.1 failed to validate a node of its own that it validates otherwise (n8n:
 * workflow-validation.service.js).
 */
const isOutOfStep = ({ status, body }: WebhookAnswer) =>
	status === 503 || (status === 400 && messageOf(body).includes('Error validating node parameters'));

const undefinedIfLate = (error: unknown) => {
	if (error instanceof NoAnswer) return undefined;
	throw error;
};

/** What a node of an execution put out in its last run, through its first output unless told otherwise. */
export function outputItems({ data }: StoredExecution, node: string, { output = 0, run = -1 } = {}): INodeExecutionData[] {
	const runData: IRunData = data.resultData.runData;
	return runData[node]?.at(run)?.data?.main[output] ?? [];
}

function onlyTriggerOf({ name, nodes }: WorkflowJson): string {
	const triggers = nodes.filter(({ type, disabled }) => !disabled && /(trigger|webhook)$/i.test(type));
	if (triggers.length !== 1) throw new Error(`"${name}" has ${triggers.length} triggers: say which one to start from`);
	return triggers[0].name;
}

function parseIfJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return text;
	}
}

const messageOf = (body: unknown): string =>
	typeof body === 'object' && body !== null && 'message' in body ? String(body.message) : String(JSON.stringify(body)).slice(0, 500);
