import type { INode, INodeParameters } from 'n8n-workflow';

import { ITEM } from '../tools/n8n/workflows.mts';

/** How orders are to be placed. */
export interface Pace {
	/** How many orders at a time; -1 for all. */
	batchSize?: number;
	/** Milliseconds between batches; with 0, this node sends the next order as soon as one is answered. */
	batchInterval?: number;
}

/** A way to place the same orders. */
export interface Contender {
	name: string;
	node: (pace: Pace, baseUrl: string) => Pick<INode, 'type' | 'typeVersion' | 'parameters'>;
	/** What the node has ordered before it is measured: so many executions of so many orders. */
	past?: { executions: number; orders: number };
}

const CHANNEL = `={{ ${ITEM} }}`;

const ours =
	(type: string, options: INodeParameters = {}): Contender['node'] =>
	({ batchSize = 1, batchInterval = 0 }) => ({
		type,
		typeVersion: 1,
		parameters: {
			resource: 'purchase',
			operation: 'create',
			tarifId: 1,
			channel: CHANNEL,
			additionalFields: { quantity: 100 },
			options: { batching: { batch: { batchSize, batchInterval } }, ...options },
		},
	});

export const streamSkill: Contender = { name: 'StreamSkill', node: ours('n8n-nodes-streamskill.streamSkill') };

/** After executions of one order each, as of a node that has been in use for a while. */
export const streamSkillUsed = (executions: number): Contender => ({
	...streamSkill,
	name: `StreamSkill after ${executions} executions`,
	past: { executions, orders: 1 },
});

const KEYS_AT_ONCE = 1000;
/** n8n has to evaluate it for each item, whatever becomes of it. */
const KEY = { idempotencyKey: `={{ ${ITEM} + "-" + $execution.id }}` };

/** With an Idempotency Key for each order, after so many others. */
export const withKey = (stored: number): Contender => ({
	name: `StreamSkill with keys, ${stored} stored`,
	node: ours('n8n-nodes-streamskill.streamSkill', KEY),
	past: { executions: stored / KEYS_AT_ONCE, orders: KEYS_AT_ONCE },
});

const WITHOUT_SAFETY = 'n8n-nodes-streamskill-bench.withoutSafety';

export const withoutSafety: Contender = { name: 'StreamSkill, the safety taken out', node: ours(WITHOUT_SAFETY) };

export const withKeyWithoutSafety: Contender = { name: 'StreamSkill with keys, the safety taken out', node: ours(WITHOUT_SAFETY, KEY) };

export const profiled: Contender = { name: 'StreamSkill, profiled', node: ours('n8n-nodes-streamskill-bench.profiled') };

const declarativeNode = (name: string, type: string): Contender => ({
	name,
	node: () => ({
		type: `n8n-nodes-streamskill-bench.${type}`,
		typeVersion: 1,
		parameters: { resource: 'purchase', operation: 'create', tarifId: 1, channel: CHANNEL, additionalFields: { quantity: 100 } },
	}),
});

export const declarative = declarativeNode('Declarative', 'declarativeOwn');

/** With this package's credential, which is faster than the one that n8n's starter makes. */
export const declarativeFaster = declarativeNode("Declarative, this package's credential", 'declarative');

/** n8n's request function alone. */
export const floor: Contender = {
	name: 'Floor',
	node: ({ batchSize = 1 }) => ({
		type: 'n8n-nodes-streamskill-bench.floor',
		typeVersion: 1,
		parameters: { channel: CHANNEL, batchSize },
	}),
};

/** As a careful user sets it up: a credential (this package's own is for its node alone), batches, no redirects, a timeout. Its batches do not wait for answers. */
export const httpRequest: Contender = {
	name: 'HTTP Request',
	node: ({ batchSize = 1, batchInterval = 0 }, baseUrl) => ({
		type: 'n8n-nodes-base.httpRequest',
		typeVersion: 4.2,
		parameters: {
			method: 'POST',
			url: `${baseUrl}/purchases/create`,
			authentication: 'predefinedCredentialType',
			nodeCredentialType: 'benchApi',
			sendBody: true,
			specifyBody: 'json',
			jsonBody: `={{ { tarif: { id: 1, quantity: 100 }, channel: ${ITEM} } }}`,
			options: {
				batching: { batch: { batchSize, batchInterval } },
				redirect: { redirect: { followRedirects: false } },
				timeout: 60000,
			},
		},
	}),
};
