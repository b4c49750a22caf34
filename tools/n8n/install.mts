import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ensureInstalled, type Log } from './cache.mts';
import { ensureNode, withNodeFirst } from './node.mts';
import { npm } from './npm.mts';
import { buildSqlite } from './sqlite.mts';

export const DEFAULT_N8N = '2.41.1';

export interface InstalledN8n {
	version: string;
	/** n8n's start script, to be run by `nodeBin`. */
	n8nBin: string;
	/** A Node that this n8n runs on. */
	nodeBin: string;
}

/** Packages that n8n's own ranges would take in a version that is not to be had, or does not fit. */
const OVERRIDES = { linkedom: '0.18.12', xlsx: '0.18.5', '@langchain/langgraph-checkpoint': '1.0.0' };

/** A version of n8n that nobody can install. */
class NotOnNpm extends Error {}

/** Installs the given n8n and a Node for it into the cache, unless they are there. */
export async function ensureN8n(version = DEFAULT_N8N, { log = console.log }: { log?: Log } = {}): Promise<InstalledN8n> {
	// Older ones refuse Node 24, newer ones ask for it.
	const nodeBin = await ensureNode(version.startsWith('1.') ? 22 : 24, log);
	const dir = await ensureInstalled(`n8n-${version}`, log, async (cwd, step) => {
		const options = { cwd, env: withNodeFirst(nodeBin) };
		step('looking up packages');
		await writeFile(join(cwd, 'package.json'), JSON.stringify({ private: true, overrides: OVERRIDES }));
		await npm(['install', `n8n@${version}`, '--save-exact', '--package-lock-only', '--legacy-peer-deps'], options).catch((error: Error) => {
			const missing = missingPackage(error.message);
			throw missing ? new NotOnNpm(`n8n ${version} cannot be installed: npm's registry has no ${missing}`) : error;
		});

		// The one native part that n8n needs here. It comes before the rest, which is 2 GB, as it fails
		// where there is neither a ready-made one nor a compiler.
		step('building SQLite');
		const sqlite = await lockedPackage(cwd, 'sqlite3');
		const build = await buildSqlite(sqlite.version, join(cwd, 'sqlite'), nodeBin);

		step('unpacking packages');
		await npm(['ci', '--ignore-scripts', '--legacy-peer-deps'], options);
		await rename(build, join(cwd, sqlite.path, 'build'));
		await rm(join(cwd, 'sqlite'), { recursive: true });
	});
	return { version, nodeBin, n8nBin: join(dir, 'node_modules', 'n8n', 'bin', 'n8n') };
}

/** How many versions are tried: more of them in a row that nobody can install have another cause. */
const TRIES = 10;

/** Installs the newest n8n that can be installed: at times the very newest asks for packages that are not there. */
export async function ensureNewestN8n({ log = console.log }: { log?: Log } = {}): Promise<InstalledN8n> {
	const { versions, time } = JSON.parse(await npm(['view', 'n8n', 'versions', 'time', '--json'], { cwd: tmpdir() })) as {
		versions: string[];
		time: Record<string, string>;
	};
	const newestFirst = versions
		.filter((version) => /^[\d.]+$/.test(version))
		.sort((a, b) => b.localeCompare(a, undefined, { numeric: true }));
	for (const version of newestFirst.slice(0, TRIES)) {
		try {
			const n8n = await ensureN8n(version, { log });
			log(`The newest n8n that can be installed is ${version}`);
			const warning = nothingNew(version, time[version]);
			if (warning) log(warning);
			return n8n;
		} catch (error) {
			if (!(error instanceof NotOnNpm)) throw error;
			log(error.message);
		}
	}
	throw new NotOnNpm(`None of the ${TRIES} newest versions of n8n can be installed`);
}

/** n8n publishes every week. */
const DAYS_OLD = 14;

/** A warning, as GitHub shows it beside a run that passes, if a version must have been tried long ago. */
export function nothingNew(version: string, published: string, now = Date.now()): string | undefined {
	if (now - Date.parse(published) < DAYS_OLD * 24 * 3600 * 1000) return undefined;
	return (
		`::warning title=No newer n8n on npm::n8n ${version}, of ${published.slice(0, 10)}, is the newest that npm can install, ` +
		'so this run tries nothing new. Newer ones may be in images only.'
	);
}

/** The package that npm says its registry lacks: the one that was asked for, or one that it depends on. */
export function missingPackage(npmOutput: string): string | undefined {
	const [, version, name] = /^npm error notarget No matching version found for (\S+)\.$|^npm error 404 .*'(\S+)'/m.exec(npmOutput) ?? [];
	return version ?? name;
}

/** A package in the lockfile of a folder. */
async function lockedPackage(cwd: string, name: string) {
	const { packages } = JSON.parse(await readFile(join(cwd, 'package-lock.json'), 'utf8')) as {
		packages: Record<string, { version: string }>;
	};
	const found = Object.entries(packages).find(([path]) => path.endsWith(`node_modules/${name}`));
	if (!found) throw new Error(`This version of n8n does without ${name}`);
	return { path: found[0], version: found[1].version };
}
