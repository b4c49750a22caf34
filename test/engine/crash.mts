/** `kill -9` at any moment of a run, and what n8n has stored of it then. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { INodeType, IRunExecutionData, NodeOperationError, WorkflowOperationError } from 'n8n-workflow';
import * as n8nWorkflow from 'n8n-workflow';

/** What a run comes to that can be seen from outside of the node. */
export type Moment =
	/** An order was handed to n8n's request function, and nothing of it is on the wire. */
	| 'send'
	/** It is at the API's door. */
	| 'request'
	/** The API has dealt with it, and nothing of the answer is on the wire. */
	| 'answer'
	/** A call of n8n's database begins. */
	| 'database'
	/** A call of n8n's database has done its work, and nobody knows it yet. */
	| 'written'
	/** A later node has begun. */
	| 'later';

/** A run that can be killed: from then on nothing that it does leaves it, and nothing reaches it. */
export class Life {
	private killed = false;

	/** Resolves when it is killed. */
	readonly end: Promise<void>;

	private kill = () => {};

	/** The channels whose answer went out to it. */
	readonly answered = new Set<string>();

	/** Its orders that the API has to deal with, whether it lives or not. */
	readonly orders: Array<Promise<unknown>> = [];

	/** @param isLast whether it dies at this moment, with the channel of an order */
	constructor(private readonly isLast: (moment: Moment, channel?: string) => boolean) {
		this.end = new Promise((resolve) => {
			this.kill = () => {
				this.killed = true;
				resolve();
			};
		});
	}

	get isOver() {
		return this.killed;
	}

	async live<T>(work: () => Promise<T>): Promise<T> {
		return await lives.run(this, work);
	}

	/** Never returns to a run that is dead. */
	async step(moment: Moment, channel?: string) {
		if (!this.killed && this.isLast(moment, channel)) this.kill();
		if (this.killed) await new Promise(() => {});
	}
}

const lives = new AsyncLocalStorage<Life>();

/** Marks a moment of whatever run calls it. */
export const step = async (moment: Moment, channel?: string) => await lives.getStore()?.step(moment, channel);

/** Whether the run that calls this is dead. */
export const isDead = () => lives.getStore()?.isOver ?? false;

/** The way of a mortal run's requests to the API, which takes each run's by a Base URL of its own. */
export async function startWire(api: () => string) {
	const runs: Life[] = [];
	const server = createServer((req, res) => {
		void (async () => {
			const [, run, path] = /^\/(\d+)(\/.*)$/.exec(req.url!)!;
			const life = runs[Number(run)];
			const body = await text(req);
			const { channel } = JSON.parse(body) as { channel: string };
			await life.step('request', channel);
			const { authorization = '', 'content-type': contentType = '' } = req.headers;
			const order = fetch(api() + path, { method: req.method, body, headers: { authorization, 'content-type': contentType } }).then(
				async (answer) => ({ status: answer.status, type: answer.headers.get('content-type') ?? '', body: await answer.text() }),
			);
			life.orders.push(order);
			const answer = await order;
			await life.step('answer', channel);
			life.answered.add(channel);
			res.writeHead(answer.status, { 'content-type': answer.type }).end(answer.body);
		})();
	});
	server.keepAliveTimeout = 120_000;
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	const { port } = server.address() as AddressInfo;
	return {
		/** The Base URL for a run. */
		url: (life: Life) => `http://127.0.0.1:${port}/${runs.push(life) - 1}`,
		close() {
			server.closeAllConnections();
			server.close();
		},
	};
}

/** The node as another n8n process has it: what one keeps in its memory, the other does not see. */
export function inAnotherProcess(): INodeType {
	let node: INodeType | undefined;
	jest.isolateModules(() => {
		// n8n itself tells errors by their class. With the n8n of another version, Jest would load it anew (e2e/jest.config.js).
		jest.doMock('n8n-workflow', () => n8nWorkflow);
		const { StreamSkill } = jest.requireActual<{ StreamSkill: new () => INodeType }>('../../nodes/StreamSkill/StreamSkill.node.ts');
		node = new StreamSkill();
	});
	return node!;
}

/**
 * A killed execution as n8n stores it once its event log was read at the next start. Seen in n8n 2.41.1 and
 * 1.123.81, made by n8n's `executions/execution-recovery.service.js`: to what was stored when the execution
 * was created comes one run for each node that had begun, with data that is none, and nothing of what it did.
 * A node that begins again in a retry has that run before it.
 *
 * @param ended the nodes that had ended, at least once
 * @param begun a node that had only begun
 * @param last of all of them, the one that comes last in the workflow's list of nodes
 */
export function recovered(created: IRunExecutionData, ended: string[], begun?: string, last = begun ?? ended.at(-1)): IRunExecutionData {
	const stored = JSON.parse(JSON.stringify(created)) as IRunExecutionData;
	const task = { startTime: 1795557959, executionIndex: 0, executionTime: 0, source: [null] };
	const { resultData } = stored;
	for (const name of ended) {
		resultData.runData[name] = [
			{ ...task, executionStatus: 'success', data: { main: [[{ json: { isArtificialRecoveredEventItem: true } }]] } },
		];
	}
	if (begun) {
		const crashed = { message: 'Execution stopped at this node', name: 'NodeCrashedError', context: {} } as NodeOperationError;
		resultData.runData[begun] = [{ ...task, executionStatus: 'crashed', error: crashed }];
		resultData.error = {
			message: 'Workflow did not finish, possible out-of-memory issue',
			name: 'WorkflowCrashedError',
			context: {},
		} as WorkflowOperationError;
	}
	resultData.lastNodeExecuted = last;
	return stored;
}

/**
 * The same where the workflow saves its progress: what the nodes before have put out is there, and the execution
 * goes on at the node.
 */
export function atNode(created: IRunExecutionData): IRunExecutionData {
	const stored = recovered(created, ['Start'], 'StreamSkill');
	for (const entry of stored.executionData!.nodeExecutionStack) {
		stored.resultData.runData.Start[0].data = entry.data;
		entry.node.name = 'StreamSkill';
		entry.source = { main: [{ previousNode: 'Start', previousNodeOutput: 0, previousNodeRun: 0 }] };
	}
	return stored;
}
