import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

import { headersOf, withNodeFirst } from './node.mts';
import { npm } from './npm.mts';

/** sqlite3 asks for 8.x, which needs a part of Python that 3.12 no longer has. */
const OVERRIDES = { 'node-gyp': '11.5.0' };

/** What node-gyp needs, each under any of its names. */
const TOOLS = {
	'C++ compiler': ['g++', 'c++', 'clang++'],
	make: ['make'],
	'Python 3': ['python3'],
};

/**
 * Gets SQLite for Node: ready-made where that can be had, compiled otherwise.
 *
 * @returns the folder of the built files, `build` in the package
 */
export async function buildSqlite(version: string, cwd: string, nodeBin: string): Promise<string> {
	await mkdir(cwd);
	await writeFile(join(cwd, 'package.json'), JSON.stringify({ private: true, overrides: OVERRIDES }));
	// With these, node-gyp fetches no headers from elsewhere.
	const env = { ...withNodeFirst(nodeBin), npm_config_nodedir: await headersOf(nodeBin) };
	await npm(['install', `sqlite3@${version}`, '--ignore-scripts=false'], { cwd, env }).catch((error: Error) => {
		const missing = error.message.includes('node-gyp') ? missingTools() : [];
		if (missing.length === 0) throw error;
		throw new Error(
			`SQLite has to be compiled here, and there is no ${missing.join(', no ')}. Install what is missing: ` +
				'on Debian or Ubuntu `apt-get install g++ make python3` as root, on macOS `xcode-select --install`',
		);
	});
	return join(cwd, 'node_modules', 'sqlite3', 'build');
}

function missingTools(): string[] {
	if (process.platform === 'win32') return [];
	const folders = (process.env.PATH ?? '').split(delimiter);
	const isThere = (program: string) => folders.some((folder) => existsSync(join(folder, program)));
	return Object.entries(TOOLS).flatMap(([tool, names]) => (names.some(isThere) ? [] : tool));
}
