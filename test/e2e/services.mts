import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { endWithThisProcess } from '../../tools/n8n/minder.mts';
import { run, tail } from '../../tools/n8n/npm.mts';
import { freePort } from '../../tools/n8n/ports.mts';

/** What n8n's queue mode needs besides n8n: a Redis and a PostgreSQL of this test's own. */
export interface Services {
	/** Tells n8n, the main as well as the workers, to work with them. */
	env: Record<string, string>;
	/** Runs a query in n8n's database; returns its rows, each a list of texts. */
	query(sql: string): Promise<string[][]>;
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

const find = (program: string) => programFolders().map((folder) => join(folder, program)).find((file) => existsSync(file));

const PROGRAMS = ['redis-server', 'initdb', 'postgres', 'psql'] as const;

/** Finds Redis and PostgreSQL, or installs Debian's packages of them. */
async function ensurePrograms(): Promise<Record<(typeof PROGRAMS)[number], string>> {
	const missing = () => PROGRAMS.filter((program) => !find(program));
	if (missing().length > 0 && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
		const options = { cwd: '/', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
		await run('apt-get', ['update'], options);
		await run('apt-get', ['install', '-y', 'redis-server', 'postgresql'], options);
	}
	if (missing().length > 0) {
		throw new Error(
			`Queue mode is tested with Redis and PostgreSQL, and there is no ${missing().join(', no ')} here. ` +
				'Install them: on Debian or Ubuntu, `apt-get install redis-server postgresql` as root',
		);
	}
	return Object.fromEntries(PROGRAMS.map((program) => [program, find(program)])) as Awaited<ReturnType<typeof ensurePrograms>>;
}

/** Starts both on free ports of 127.0.0.1, with their data in a temporary folder. */
export async function startServices(): Promise<Services> {
	const programs = await ensurePrograms();
	const dir = await mkdtemp(join(tmpdir(), 'streamskill-services-'));
	const options = { cwd: dir, ...(await lowerUser(dir)) };
	const [redisPort, postgresPort] = [String(await freePort()), String(await freePort())];
	const started: Service[] = [];

	const services: Services = {
		env: {
			EXECUTIONS_MODE: 'queue',
			QUEUE_BULL_REDIS_HOST: '127.0.0.1',
			QUEUE_BULL_REDIS_PORT: redisPort,
			DB_TYPE: 'postgresdb',
			DB_POSTGRESDB_HOST: '127.0.0.1',
			DB_POSTGRESDB_PORT: postgresPort,
			DB_POSTGRESDB_DATABASE: 'postgres',
			DB_POSTGRESDB_USER: 'n8n',
		},
		async query(sql) {
			const database = ['-h', '127.0.0.1', '-p', postgresPort, '-U', 'n8n', '-d', 'postgres'];
			const rows = await run(programs.psql, [...database, '-XAtF', '\t', '-c', sql], { cwd: dir });
			return rows.split('\n').filter(Boolean).map((row) => row.split('\t'));
		},
		async close() {
			await Promise.all(started.map(async (service) => await service.stop()));
			await rm(dir, { recursive: true, force: true });
		},
	};
	try {
		await launch(programs.initdb, ['-D', 'data', '-U', 'n8n', '-E', 'UTF8', '--locale=C', '-A', 'trust', '-N'], options).success();
		const postgres = launch(programs.postgres, ['-D', 'data', '-p', postgresPort, '-h', '127.0.0.1', '-k', ''], options);
		started.push(postgres);
		const redis = launch(programs['redis-server'], ['--port', redisPort, '--bind', '127.0.0.1', '--save', ''], options);
		started.push(redis);
		await postgres.until(async () => await services.query('SELECT 1'));
		await redis.until(async () => await connect(Number(redisPort)));
	} catch (error) {
		await services.close();
		throw error;
	}
	return services;
}

/** Whom to run as, because PostgreSQL refuses to run as root; the folder becomes theirs. */
async function lowerUser(dir: string): Promise<{ uid?: number; gid?: number }> {
	if (process.getuid?.() !== 0) return {};
	const id = async (flag: string) => Number(await run('id', [flag, 'nobody'], { cwd: '/' }));
	const user = { uid: await id('-u'), gid: await id('-g') };
	await chown(dir, user.uid, user.gid);
	return user;
}

type Service = ReturnType<typeof launch>;

/** Starts a program that ends with this process at the latest. */
function launch(program: string, args: string[], options: { cwd: string; uid?: number; gid?: number }) {
	// Its own group, as with n8n: Ctrl+C is for this process, which then stops it.
	const child = spawn(program, args, { ...options, detached: true });
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
		async until(attempt: () => Promise<unknown>) {
			for (const deadline = Date.now() + 60_000; ; await delay(100)) {
				if (how !== undefined) throw failure();
				try {
					return await attempt();
				} catch (error) {
					if (Date.now() > deadline) throw new Error(`${program} does not answer: ${(error as Error).message}\n${tail(output)}`);
				}
			}
		},
		async stop() {
			child.kill('SIGINT');
			await ended;
		},
	};
}

async function connect(port: number) {
	const socket = createConnection({ port, host: '127.0.0.1' });
	try {
		await once(socket, 'connect');
	} finally {
		socket.destroy();
	}
}
