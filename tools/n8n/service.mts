import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { endWithThisProcess } from './minder.mts';
import { run, tail } from './npm.mts';

/** A server that n8n works with, started for one's own use. */
export interface Service {
	/** Tells n8n, the main as well as the workers, to work with it. */
	env: Record<string, string>;
	close(): Promise<void>;
}

const POSTGRES_HOMES = '/usr/lib/postgresql';

/** Where Debian puts PostgreSQL's programs, newest version first, then everything on the PATH. */
const programFolders = () => [
	...(existsSync(POSTGRES_HOMES) ? readdirSync(POSTGRES_HOMES) : [])
		.sort((a, b) => Number(b) - Number(a))
		.map((version) => join(POSTGRES_HOMES, version, 'bin')),
	...(process.env.PATH ?? '').split(delimiter),
	'/usr/sbin',
];

const find = (program: string) =>
	programFolders()
		.map((folder) => join(folder, program))
		.find((file) => existsSync(file));

/** Finds the programs of a package of Debian's, or installs that. */
export async function ensurePrograms<Name extends string>(debianPackage: string, programs: Name[]): Promise<Record<Name, string>> {
	const missing = () => programs.filter((program) => !find(program));
	if (missing().length > 0 && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
		const options = { cwd: '/', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
		await run('apt-get', ['update'], options);
		await run('apt-get', ['install', '-y', debianPackage], options);
	}
	if (missing().length > 0) {
		throw new Error(`This needs ${missing().join(' and ')}. Install it: on Debian or Ubuntu, \`apt-get install ${debianPackage}\` as root`);
	}
	return Object.fromEntries(programs.map((program) => [program, find(program)])) as Record<Name, string>;
}

interface Setting {
	/** A temporary folder, for the server's data. */
	cwd: string;
	uid?: number;
	gid?: number;
}

/** Makes a folder for a server, and a user of it other than root, as whom PostgreSQL refuses to run. */
export async function makeSetting(): Promise<Setting> {
	const cwd = await mkdtemp(join(tmpdir(), 'streamskill-service-'));
	if (process.getuid?.() !== 0) return { cwd };
	const id = async (flag: string) => Number(await run('id', [flag, 'nobody'], { cwd: '/' }));
	const user = { uid: await id('-u'), gid: await id('-g') };
	await chown(cwd, user.uid, user.gid);
	return { cwd, ...user };
}

/** Starts a program that ends with this process at the latest. */
export function launch(program: string, args: string[], setting: Setting) {
	// Its own group, as with n8n: Ctrl+C is for this process, which then stops it.
	const child = spawn(program, args, { ...setting, detached: true });
	let output = '';
	for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
	const ended = new Promise<string>((resolve) => {
		child.once('error', (error) => resolve(error.message));
		child.once('close', (code, signal) => resolve(String(code ?? signal)));
	});
	// To PostgreSQL this means: end at once, and end what you started. SIGKILL would leave that behind.
	endWithThisProcess(child, 'SIGQUIT');
	let how: string | undefined;
	void ended.then((text) => (how = text));
	const failure = () => new Error(`${program} ended with ${how}:\n${tail(output)}`);

	return {
		/** Waits for its end. */
		async success() {
			if ((await ended) !== '0') throw failure();
		},
		/** Waits until `attempt` stops failing. */
		async answers(attempt: () => Promise<unknown>) {
			for (const deadline = Date.now() + 60_000; ; await delay(100)) {
				if (how !== undefined) throw failure();
				try {
					return await attempt();
				} catch (error) {
					if (Date.now() > deadline) throw new Error(`${program} does not answer: ${(error as Error).message}\n${tail(output)}`);
				}
			}
		},
		/** Ends it, and removes its folder. */
		close: async () => {
			child.kill('SIGINT');
			await ended;
			await rm(setting.cwd, { recursive: true, force: true });
		},
	};
}
