import { execFileSync } from 'node:child_process';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { startN8n } from '../tools/n8n/server.mts';
import { installAll, type Packages } from './packages.mts';
import type { Report } from './report.mts';
import { median, spread } from './statistics.mts';

/** Reports what the package weighs, and how long it takes to load next to the declarative node. */
export async function measureLoading(report: Report, packages: Packages, parent: string) {
	const dir = join(parent, 'loading');
	await mkdir(dir);
	const installed = join(dir, 'both', '.n8n', 'nodes', 'node_modules');
	await installAll(packages, join(dir, 'both'));
	const files = (await readdir(join(installed, 'n8n-nodes-streamskill'), { recursive: true, withFileTypes: true })).filter((entry) =>
		entry.isFile(),
	);
	const sizes = await Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size));
	const requireMs = (file: string) => median(Array.from({ length: report.rounds }, () => timeToRequire(join(installed, file))));
	await report.add('Loading', [
		{
			name: 'StreamSkill',
			packedKb: Number(((await stat(packages.shipped)).size / 1024).toFixed(1)),
			unpackedKb: Number((sizes.reduce((sum, size) => sum + size, 0) / 1024).toFixed(1)),
			files: files.length,
			requireMs: Number(requireMs('n8n-nodes-streamskill/dist/nodes/StreamSkill/StreamSkill.node.js').toFixed(1)),
			requireMsDeclarative: Number(requireMs('n8n-nodes-streamskill-bench/nodes/Declarative.node.js').toFixed(1)),
			...(await measureListing(packages.shipped, report.rounds, dir)),
		},
	]);
}

const timeToRequire = (file: string) =>
	Number(
		execFileSync(
			process.execPath,
			// n8n-workflow is loaded in n8n anyway.
			['-p', `require('n8n-workflow'); const t = performance.now(); require(${JSON.stringify(file)}); performance.now() - t`],
			{ encoding: 'utf8', env: { ...process.env, NODE_PATH: join(process.cwd(), 'node_modules') } },
		),
	);

/** How long after its start n8n lists the node, next to how long it takes to list its own where this package is not. */
async function measureListing(packageTarball: string, rounds: number, dir: string) {
	const folders = { with: join(dir, 'with'), without: join(dir, 'without') };
	// The first start makes the database.
	for (const setup of [{ userFolder: folders.with, packageTarball }, { userFolder: folders.without }]) {
		const server = await startN8n(setup);
		await server.rest.setupOwner();
		await server.stop();
	}
	const listed = async (name: keyof typeof folders) => {
		const start = performance.now();
		const server = await startN8n({ userFolder: folders[name] });
		await server.rest.login();
		const nodeTypes = await server.rest.nodeTypes();
		const ms = performance.now() - start;
		await server.stop();
		if (nodeTypes.some(({ name: type }) => type === 'n8n-nodes-streamskill.streamSkill') !== (name === 'with')) {
			throw new Error(`n8n started ${name} the package lists other nodes than it should`);
		}
		return ms;
	};
	const samples: Array<{ with: number; without: number }> = [];
	for (let round = 0; round < rounds; round++) {
		samples.push({ without: await listed('without'), with: await listed('with') });
	}
	const ratios = samples.map((sample) => sample.with / sample.without);
	return {
		listedMs: Math.round(median(samples.map((sample) => sample.with))),
		listedRatio: Number(median(ratios).toFixed(2)),
		listedSpread: spread(ratios),
	};
}
