import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';

import { ensureInstalled, type Log } from './cache.mts';
import { npm } from './npm.mts';

/** Installs the newest Node of a major version into the cache, unless one is there; returns its program. */
export async function ensureNode(major: number, log: Log): Promise<string> {
	const dir = await ensureInstalled(`node-${major}`, log, async (cwd, step) => {
		step('installing');
		await writeFile(join(cwd, 'package.json'), JSON.stringify({ private: true }));
		await npm(['install', `node@${major}`, '--ignore-scripts=false'], { cwd });
	});
	return join(dir, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
}

/** Environment in which `node` is the given one. */
export const withNodeFirst = (nodeBin: string, env = process.env): NodeJS.ProcessEnv => {
	// Windows calls it Path, and a second spelling would win or lose by chance.
	const key = Object.keys(env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH';
	return { ...env, [key]: dirname(nodeBin) + delimiter + env[key] };
};

/** The folder with the headers of a Node from npm, which its package brings along except for Windows. */
export async function headersOf(nodeBin: string): Promise<string | undefined> {
	const packages = join(dirname(nodeBin), '..', 'node_modules');
	const folders = (await readdir(packages).catch(() => [] as string[])).map((name) => join(packages, name));
	return folders.find((folder) => existsSync(join(folder, 'include', 'node', 'node.h')));
}
