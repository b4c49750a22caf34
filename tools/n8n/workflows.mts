import type { INode, INodeParameters } from 'n8n-workflow';

import type { Sandbox } from '../sandbox/sandbox.mts';
import type { Credential, WorkflowJson } from './rest.mts';

/** A node with defaults for what does not matter. */
export const node = (name: string, type: string, parameters: INodeParameters = {}, rest: Partial<INode> = {}): INode => ({
	id: name,
	name,
	type: type.includes('.') ? type : `n8n-nodes-base.${type}`,
	typeVersion: 1,
	position: [0, 0],
	parameters,
	...rest,
});

/** This project's node. */
export const streamSkill = (parameters: INodeParameters = {}, rest: Partial<INode> = {}): INode =>
	node(
		rest.name ?? 'StreamSkill',
		'n8n-nodes-streamskill.streamSkill',
		{ resource: 'purchase', operation: 'create', additionalFields: {}, options: {}, ...parameters },
		rest,
	);

/** Connects nodes in a row, each by its first output, and lays them out from left to right. */
export function chain(name: string, nodes: INode[], settings: WorkflowJson['settings'] = {}): WorkflowJson {
	const connections: WorkflowJson['connections'] = {};
	nodes.forEach((current, i) => {
		current.position = [i * 220, 0];
		const next = nodes[i + 1];
		if (next) connections[current.name] = { main: [[{ node: next.name, type: 'main', index: 0 }]] };
	});
	return { name, nodes, connections, settings: { executionOrder: 'v1', ...settings } };
}

/**
 * Webhook → an item per element of the body's `items` → the given node → After. The webhook's path is
 * the workflow's name.
 */
export const webhookWorkflow = (name: string, purchase: INode): WorkflowJson =>
	chain(name, [
		node('Webhook', 'webhook', { path: name, httpMethod: 'POST' }, { typeVersion: 2, webhookId: name }),
		node('Items', 'splitOut', { fieldToSplitOut: 'body.items' }),
		purchase,
		node('After', 'noOp'),
	]);

/** Puts a Loop Over Items around the third of four nodes in a row. `batchSize` items go through it in each round, and all of them to the fourth at the end. */
export function inLoop(workflow: WorkflowJson, batchSize: number): WorkflowJson {
	const [first, source, inner, last] = workflow.nodes.map(({ name }) => name);
	const to = (name: string) => [{ node: name, type: 'main' as const, index: 0 }];
	return {
		...workflow,
		nodes: [...workflow.nodes, node('Loop', 'splitInBatches', { batchSize }, { typeVersion: 3 })],
		connections: {
			[first]: { main: [to(source)] },
			[source]: { main: [to('Loop')] },
			Loop: { main: [to(last), to(inner)] },
			[inner]: { main: [to('Loop')] },
		},
	};
}

/** A workflow for others to call, which passes on to this node what it gets. */
export const subWorkflow = (name: string, purchase: INode): WorkflowJson =>
	chain(name, [node('Called', 'executeWorkflowTrigger', { inputSource: 'passthrough' }, { typeVersion: 1.1 }), purchase]);

/** A node that calls another workflow. */
export const callOf = ({ id }: { id: string }, rest: Partial<INode> = {}): INode =>
	node('Call', 'executeWorkflow', { workflowId: { __rl: true, mode: 'id', value: id } }, { typeVersion: 1.2, ...rest });

/** The item's value, in a workflow of `webhookWorkflow`. */
export const ITEM = "$json['body.items']";

/** A credential that leads to a sandbox. */
export const credentialFor = ({ token, url }: Sandbox): Omit<Credential, 'id'> => ({
	name: 'StreamSkill (sandbox)',
	type: 'streamSkillApi',
	data: { accessToken: token, baseUrl: url },
});

/** Chooses the credential in this project's nodes. */
export function chooseCredential({ nodes }: WorkflowJson, { id, name }: Credential) {
	for (const one of nodes) {
		if (one.type.startsWith('n8n-nodes-streamskill.')) one.credentials = { streamSkillApi: { id, name } };
	}
}

/** Has an example place its orders instead of showing them. */
export function removeDryRun({ nodes }: WorkflowJson) {
	for (const { type, parameters } of nodes) {
		if (type.startsWith('n8n-nodes-streamskill.')) delete (parameters.options as INodeParameters).dryRun;
	}
}
