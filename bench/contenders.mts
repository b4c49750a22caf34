import type { INode, INodeParameters } from 'n8n-workflow';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { npm } from '../tools/n8n/npm.mts';

/** Something that places the same orders; `batchSize` orders at a time. */
export interface Contender {
	name: string;
	node: (batchSize: number) => Pick<INode, 'type' | 'typeVersion' | 'parameters'>;
}

/** The item's channel, as Split Out hands it over. */
const CHANNEL = "={{ $json['body.items'] }}";

const ours = (type: string, options: INodeParameters = {}) => (batchSize: number) => ({
	type,
	typeVersion: 1,
	parameters: {
		resource: 'purchase',
		operation: 'create',
		tarifId: 1,
		channel: CHANNEL,
		additionalFields: { quantity: 100 },
		options: { batching: { batch: { batchSize, batchInterval: 0 } }, ...options },
	},
});

export const streamSkill: Contender = {
	name: 'StreamSkill',
	node: ours('n8n-nodes-streamskill.streamSkill'),
};

export const withKey: Contender = {
	name: 'StreamSkill with Idempotency Key',
	node: ours('n8n-nodes-streamskill.streamSkill', { idempotencyKey: `=${'{{ $json["body.items"] + "-" + $execution.id }}'}` }),
};

export const withoutLedger: Contender = {
	name: 'StreamSkill without its ledger',
	node: ours('n8n-nodes-streamskill-bench.streamSkill'),
};

export const declarative: Contender = {
	name: 'Declarative node',
	node: () => ({
		type: 'n8n-nodes-streamskill-bench.declarative',
		typeVersion: 1,
		parameters: {
			resource: 'purchase', operation: 'create', tarifId: 1, channel: CHANNEL, additionalFields: { quantity: 100 },
		},
	}),
};

export const floor: Contender = {
	name: 'Floor',
	node: (batchSize) => ({
		type: 'n8n-nodes-streamskill-bench.floor',
		typeVersion: 1,
		parameters: { channel: CHANNEL, batchSize },
	}),
};

/** As a careful user sets it up: own credential, batches, no redirects, a timeout. */
export const httpRequest = (baseUrl: string): Contender => ({
	name: 'HTTP Request',
	node: (batchSize) => ({
		type: 'n8n-nodes-base.httpRequest',
		typeVersion: 4.2,
		parameters: {
			method: 'POST',
			url: `${baseUrl}/purchases/create`,
			authentication: 'predefinedCredentialType',
			nodeCredentialType: 'streamSkillApi',
			sendBody: true,
			specifyBody: 'json',
			jsonBody: `={{ { tarif: { id: 1, quantity: 100 }, channel: ${CHANNEL.slice(3, -2)} } }}`,
			options: {
				batching: { batch: { batchSize, batchInterval: 0 } },
				redirect: { redirect: { followRedirects: false } },
				timeout: 60000,
			},
		},
	}),
});

/**
 * Packs the nodes that exist for the bench only: the declarative one, the floor, and this node with its
 * ledger taken out. They use the credential type of the real package.
 *
 * @returns the tarball's path
 */
export async function packBenchNodes(dir: string, projectDir = process.cwd()): Promise<string> {
	const root = join(dir, 'bench-package');
	await mkdir(root, { recursive: true });
	await cp(join(projectDir, 'dist'), join(root, 'dist'), { recursive: true });
	await cp(join(projectDir, 'bench/nodes'), join(root, 'nodes'), { recursive: true });
	await writeFile(
		join(root, 'dist/nodes/StreamSkill/purchase/ledger.js'),
		'exports.openLedger = () => ({ find() {}, send: () => () => {}, retryKey() {}, close() {} });\n',
	);
	const { version } = JSON.parse(await readFile(join(projectDir, 'package.json'), 'utf8')) as { version: string };
	await writeFile(
		join(root, 'package.json'),
		JSON.stringify({
			name: 'n8n-nodes-streamskill-bench',
			version,
			keywords: ['n8n-community-node-package'],
			n8n: {
				n8nNodesApiVersion: 1,
				nodes: ['dist/nodes/StreamSkill/StreamSkill.node.js', 'nodes/Declarative.node.js', 'nodes/Floor.node.js'],
			},
		}),
	);
	await npm(['pack', '--pack-destination', dir], { cwd: root });
	return join(dir, `n8n-nodes-streamskill-bench-${version}.tgz`);
}
