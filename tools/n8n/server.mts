import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, open, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { cacheDir, type Log } from './cache.mts';
import { DEFAULT_N8N, ensureN8n, type InstalledN8n } from './install.mts';
import { endWithThisProcess } from './minder.mts';
import { withNodeFirst } from './node.mts';
import { npm, tail } from './npm.mts';
import { freePort } from './ports.mts';
import { N8nRest } from './rest.mts';

export interface N8nOptions {
	version?: string;
	/** Everything this n8n writes goes here; start again with the same folder to go on from it. */
	userFolder: string;
	/** A free one unless given. */
	port?: number;
	/** The packed node, to be installed as a community package; leave it out to keep what is installed. */
	packageTarball?: string;
	/** Added to n8n's environment. */
	env?: Record<string, string>;
	log?: Log;
}

/** A running n8n, be it the server or a worker. */
export interface N8nProcess {
	url: string;
	pid: number;
	version: string;
	userFolder: string;
	/** What n8n printed, over all starts in this folder. */
	logFile: string;
	/** Settles when n8n has ended, for whatever reason. */
	ended: Promise<void>;
	/** Shuts n8n down as a service manager would. */
	stop: () => Promise<void>;
	/** `kill -9`: n8n gets no chance to save anything. */
	kill: () => Promise<void>;
}

export interface N8nServer extends N8nProcess {
	rest: N8nRest;
}

const START_TIMEOUT = 180_000;
const STOP_TIMEOUT = 20_000;

/** What of this process's environment n8n gets to see; neither a developer's own n8n settings, nor jest's NODE_ENV, nor a proxy. */
const PASSED_ON = /^(path|pathext|comspec|systemroot|windir|temp|tmp|tmpdir|home|userprofile|appdata|localappdata|lang|lc_.*|tz)$/i;

/** Keeps n8n on this machine: no telemetry, no look at what is new, no templates, no list of vetted packages. */
const LOCAL_AND_QUIET = {
	N8N_LISTEN_ADDRESS: '127.0.0.1',
	N8N_DIAGNOSTICS_ENABLED: 'false',
	N8N_VERSION_NOTIFICATIONS_ENABLED: 'false',
	N8N_VERSION_NOTIFICATIONS_WHATS_NEW_ENABLED: 'false',
	N8N_DYNAMIC_BANNERS_ENABLED: 'false',
	N8N_HIRING_BANNER_ENABLED: 'false',
	N8N_TEMPLATES_ENABLED: 'false',
	N8N_PERSONALIZATION_ENABLED: 'false',
	N8N_VERIFIED_PACKAGES_ENABLED: 'false',
	N8N_LICENSE_AUTO_RENEW_ENABLED: 'false',
	// Sessions over plain HTTP.
	N8N_SECURE_COOKIE: 'false',
	// A second start in the same folder must be able to read the credentials of the first.
	N8N_ENCRYPTION_KEY: 'streamskill-tests-only',
	// The default of 2.x. Without it, 1.x writes an execution's status and its data one after the
	// other, and who reads in between gets the new status with the old data.
	DB_SQLITE_POOL_SIZE: '3',
	N8N_GRACEFUL_SHUTDOWN_TIMEOUT: '10',
	NO_COLOR: '1',
	// Of the time that a start takes, a sixth is compiling.
	NODE_COMPILE_CACHE: join(cacheDir(), 'compiled'),
};

/** Starts n8n in a folder of its own, with its embedded SQLite unless `env` says otherwise, and waits until it answers. */
export async function startN8n(options: N8nOptions): Promise<N8nServer> {
	// `/rest/login` refuses whoever has not signed in, once it is there.
	const isReady = async (url: string) => (await answers(`${url}/healthz/readiness`)) && (await answers(`${url}/rest/login`));
	const n8n = await start(options, ['start'], (port) => ({ N8N_PORT: String(port) }), isReady);
	return { ...n8n, rest: new N8nRest(n8n.url, n8n.version) };
}

/**
 * Starts a worker of queue mode in a folder of its own and waits until it takes executions. Its `env`
 * needs the Redis and the database of its main.
 */
export async function startWorker({ concurrency = 5, ...options }: N8nOptions & { concurrency?: number }): Promise<N8nProcess> {
	const health = (port: number) => ({
		QUEUE_HEALTH_CHECK_ACTIVE: 'true',
		QUEUE_HEALTH_CHECK_PORT: String(port),
		N8N_WORKER_SERVER_ADDRESS: '127.0.0.1',
	});
	return await start(options, ['worker', `--concurrency=${concurrency}`], health, (url) => answers(`${url}/healthz/readiness`));
}

async function start(
	options: N8nOptions,
	command: string[],
	listenOn: (port: number) => Record<string, string>,
	isReady: (url: string) => Promise<boolean>,
): Promise<N8nProcess> {
	const { version = DEFAULT_N8N, userFolder, packageTarball, log = () => {} } = options;
	const n8n = await ensureN8n(version, { log });
	await mkdir(userFolder, { recursive: true });
	if (packageTarball) await installPackage(packageTarball, userFolder);

	const port = options.port || (await freePort());
	const logFile = join(userFolder, 'n8n.log');
	const logStart = await stat(logFile).then(
		({ size }) => size,
		() => 0,
	);
	log(`Starting n8n ${version} …`);
	const child = spawnN8n(n8n, command, logFile, {
		...LOCAL_AND_QUIET,
		N8N_DISABLED_MODULES: onlineModulesOf(n8n).join(),
		N8N_USER_FOLDER: userFolder,
		...listenOn(port),
		N8N_RUNNERS_BROKER_PORT: String(await freePort()),
		...options.env,
	});
	const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
	const kill = async () => {
		killTree(child);
		await ended;
	};
	endWithThisProcess(child);

	const url = `http://127.0.0.1:${port}`;
	try {
		await waitUntilReady(() => isReady(url), child);
	} catch (error) {
		await kill();
		const output = tail(await readFrom(logFile, logStart));
		throw new Error(`n8n ${version} did not start: ${(error as Error).message}\n${output}\n(${logFile})`);
	}
	return {
		url,
		pid: child.pid!,
		version,
		userFolder,
		logFile,
		ended,
		kill,
		stop: async () => {
			child.kill('SIGTERM');
			await Promise.race([ended, delay(STOP_TIMEOUT, undefined, { ref: false })]);
			// What n8n started may outlive it, too.
			await kill();
		},
	};
}

/** Modules that fetch something at start and have no switch of their own; n8n refuses names that it does not know. */
const onlineModulesOf = ({ n8nBin }: InstalledN8n) =>
	['mcp-registry'].filter((name) => existsSync(join(dirname(n8nBin), '..', 'dist', 'modules', name)));

/** Installs the packed node where n8n's editor would install it. */
async function installPackage(tarball: string, userFolder: string) {
	const nodesDir = join(userFolder, '.n8n', 'nodes');
	await mkdir(nodesDir, { recursive: true });
	await writeFile(join(nodesDir, 'package.json'), JSON.stringify({ name: 'installed-nodes', private: true }));
	await npm(['install', tarball], { cwd: nodesDir });
}

function spawnN8n({ n8nBin, nodeBin }: InstalledN8n, command: string[], logFile: string, settings: Record<string, string>): ChildProcess {
	const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => PASSED_ON.test(name)));
	const output = openSync(logFile, 'a');
	try {
		return spawn(nodeBin, [n8nBin, ...command], {
			cwd: settings.N8N_USER_FOLDER,
			// n8n starts its task runner with whatever `node` the PATH leads to.
			env: { ...withNodeFirst(nodeBin, inherited), ...settings },
			stdio: ['ignore', output, output],
			// A group of its own: one signal reaches all n8n has started, and Ctrl+C here does not.
			detached: process.platform !== 'win32',
		});
	} finally {
		closeSync(output);
	}
}

async function waitUntilReady(isReady: () => Promise<boolean>, child: ChildProcess) {
	const deadline = Date.now() + START_TIMEOUT;
	let spawnError: Error | undefined;
	child.once('error', (error) => (spawnError = error));
	while (Date.now() < deadline) {
		if (spawnError) throw spawnError;
		if (hasEnded(child)) throw new Error(`it ended with ${child.exitCode ?? child.signalCode}`);
		if (await isReady()) return;
		await delay(200);
	}
	throw new Error(`it was not ready after ${START_TIMEOUT / 1000} s`);
}

/** n8n answers in HTML, with 200, while it is still starting, or not at all. */
const answers = (url: string) =>
	fetch(url, { signal: AbortSignal.timeout(5000) }).then(
		({ status, headers }) => status < 500 && !!headers.get('content-type')?.includes('json'),
		() => false,
	);

const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null;

/** Ends n8n and whatever of what it started is left, at once. */
function killTree({ pid }: ChildProcess) {
	if (!pid) return;
	if (process.platform === 'win32') {
		spawnSync('taskkill', ['/pid', String(pid), '/t', '/f']);
		return;
	}
	try {
		process.kill(-pid, 'SIGKILL');
	} catch {
		// Nothing of the group is left.
	}
}

async function readFrom(file: string, position: number): Promise<string> {
	const handle = await open(file);
	try {
		const { size } = await handle.stat();
		const { buffer } = await handle.read(Buffer.alloc(size - position), 0, size - position, position);
		return buffer.toString('utf8');
	} finally {
		await handle.close();
	}
}
