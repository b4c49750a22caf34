import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { npm } from '../tools/n8n/npm.mts';
import { packNode } from '../tools/n8n/pack.mts';

/** This package, and another one with the nodes that exist for the bench only. */
export interface Packages {
	shipped: string;
	bench: string;
}

/** Packs both into a folder; returns their tarballs. */
export async function packAll(dir: string): Promise<Packages> {
	const root = join(dir, 'bench-package');
	await mkdir(root, { recursive: true });
	for (const folder of ['nodes', 'credentials']) await cp(join('bench', folder), join(root, folder), { recursive: true });
	const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
	const nodes = ['Declarative', 'DeclarativeOwn', 'Floor', 'Profiled', 'WithoutSafety'];
	await writeFile(
		join(root, 'package.json'),
		JSON.stringify({
			name: 'n8n-nodes-streamskill-bench',
			version,
			keywords: ['n8n-community-node-package'],
			n8n: {
				n8nNodesApiVersion: 1,
				credentials: ['credentials/BenchApi.credentials.js'],
				nodes: nodes.map((name) => `nodes/${name}.node.js`),
			},
		}),
	);
	await npm(['pack', '--pack-destination', dir], { cwd: root });
	return { shipped: await packNode(dir), bench: join(dir, `n8n-nodes-streamskill-bench-${version}.tgz`) };
}

/** Installs packages where n8n's editor would. */
export async function installAll({ shipped, bench }: Packages, userFolder: string) {
	const cwd = join(userFolder, '.n8n', 'nodes');
	await mkdir(cwd, { recursive: true });
	await writeFile(join(cwd, 'package.json'), '{"private":true}');
	await npm(['install', shipped, bench, '--ignore-scripts', '--legacy-peer-deps'], { cwd });
}
