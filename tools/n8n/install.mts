import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { npm } from './npm.mts';

export const DEFAULT_N8N = '2.41.1';

export type Log = (line: string) => void;

export interface InstalledN8n {
	version: string;
	/** n8n's start script, to be run by `nodeBin`. */
	n8nBin: string;
	/** A Node that this n8n runs on. */
	nodeBin: string;
}

/** Written last, so a folder that has it is complete. */
const MARKER = '.streamskill-installed';

/** Packages that n8n's own ranges would take in a version that is not to be had, or does not fit. */
const OVERRIDES = { linkedom: '0.18.12', xlsx: '0.18.5', '@langchain/langgraph-checkpoint': '1.0.0' };

/** Where installs are kept between runs, outside the project. */
export function cacheDir(): string {
	const { STREAMSKILL_N8N_CACHE, LOCALAPPDATA, XDG_CACHE_HOME } = process.env;
	if (STREAMSKILL_N8N_CACHE) return STREAMSKILL_N8N_CACHE;
	const base = process.platform === 'win32' ? LOCALAPPDATA : XDG_CACHE_HOME;
	return join(base || join(homedir(), '.cache'), 'n8n-nodes-streamskill');
}

/** Environment in which `node` is the given one. */
export const withNodeFirst = (nodeBin: string, env = process.env): NodeJS.ProcessEnv => {
	// Windows calls it Path, and a second spelling would win or lose by chance.
	const key = Object.keys(env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH';
	return { ...env, [key]: dirname(nodeBin) + delimiter + env[key] };
};

/** Installs the given n8n and a Node for it into the cache, unless they are there. */
export async function ensureN8n(
	version = DEFAULT_N8N,
	{ log = console.log }: { log?: Log } = {},
): Promise<InstalledN8n> {
	// Older ones refuse Node 24, newer ones ask for it.
	const nodeBin = await ensureNode(version.startsWith('1.') ? 22 : 24, log);
	const dir = await ensureInstalled(`n8n-${version}`, log, async (cwd, progress) => {
		await writeFile(join(cwd, 'package.json'), JSON.stringify({ private: true, overrides: OVERRIDES }));
		const env = withNodeFirst(nodeBin);
		await npm(['install', `n8n@${version}`, '--save-exact', '--ignore-scripts', '--legacy-peer-deps'], { cwd, env });
		// The one native part that n8n needs here; compiled where no ready-made one can be had.
		progress.step('building SQLite');
		await npm(['rebuild', 'sqlite3', '--ignore-scripts=false'], { cwd, env });
	});
	return { version, nodeBin, n8nBin: join(dir, 'node_modules', 'n8n', 'bin', 'n8n') };
}

async function ensureNode(major: number, log: Log): Promise<string> {
	const dir = await ensureInstalled(`node-${major}`, log, async (cwd) => {
		await writeFile(join(cwd, 'package.json'), JSON.stringify({ private: true }));
		await npm(['install', `node@${major}`, '--ignore-scripts=false'], { cwd });
	});
	return join(dir, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
}

type Install = (dir: string, progress: { step(what: string): void }) => Promise<void>;

/**
 * Installs into a folder of this process's own and moves that into place when it is complete:
 * whoever looks sees all of it or nothing, also when two processes install at once.
 */
async function ensureInstalled(name: string, log: Log, install: Install): Promise<string> {
	const dir = join(cacheDir(), name);
	if (await isComplete(dir)) return dir;

	await mkdir(cacheDir(), { recursive: true });
	await removeLeftovers(name, log);
	const workDir = await mkdtemp(join(cacheDir(), `${name}.installing-${process.pid}-`));
	const progress = reportProgress(name, workDir, log);
	try {
		await install(workDir, progress);
		await writeFile(join(workDir, MARKER), `${new Date().toISOString()}\n`);
		await moveIntoPlace(workDir, dir);
	} catch (error) {
		throw new Error(`Installing ${name} into ${cacheDir()} failed: ${(error as Error).message}`);
	} finally {
		progress.end();
		await rm(workDir, { recursive: true, force: true });
	}
	return dir;
}

const isComplete = (dir: string) =>
	stat(join(dir, MARKER)).then(
		() => true,
		() => false,
	);

async function moveIntoPlace(workDir: string, dir: string) {
	try {
		await rename(workDir, dir);
	} catch (error) {
		// Another process was faster, and its install is as good as this one.
		if (!(await isComplete(dir))) throw error;
	}
}

/** Removes what earlier, interrupted runs left behind; what a living process works on stays. */
async function removeLeftovers(name: string, log: Log) {
	for (const entry of await readdir(cacheDir())) {
		const owner = new RegExp(`^${name.replaceAll('.', '\\.')}\\.installing-(\\d+)-`).exec(entry)?.[1];
		const abandoned = owner ? !isAlive(Number(owner)) : entry === name && !(await isComplete(join(cacheDir(), entry)));
		if (!abandoned) continue;
		log(`Removing ${entry}, which an interrupted run left half-finished …`);
		await rm(join(cacheDir(), entry), { recursive: true, force: true });
	}
}

/** Whether a process with this id is running. */
export function isAlive(pid: number): boolean {
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === 'EPERM';
	}
}

/** Says every few seconds how far the install is; npm itself is silent when nobody types at it. */
function reportProgress(name: string, dir: string, log: Log) {
	const started = Date.now();
	const seconds = () => Math.round((Date.now() - started) / 1000);
	let step = '';
	log(`Installing ${name} from npm into ${cacheDir()} (once; later runs reuse it) …`);
	const timer = setInterval(() => {
		void countPackages(dir).then((count) => {
			log(`  ${name}: ${step || (count ? `unpacking ${count} packages` : 'looking up packages')}, ${seconds()} s`);
		});
	}, 5000);
	return {
		/** Names what goes on after npm's own install. */
		step: (what: string) => void (step = what),
		end: () => {
			clearInterval(timer);
			log(`  ${name}: ${seconds()} s in all`);
		},
	};
}

async function countPackages(dir: string): Promise<number> {
	const list = (path: string) => readdir(path).catch(() => [] as string[]);
	const modules = join(dir, 'node_modules');
	const names = (await list(modules)).filter((name) => !name.startsWith('.'));
	const scopes = names.filter((name) => name.startsWith('@'));
	const scoped = await Promise.all(scopes.map((scope) => list(join(modules, scope))));
	return names.length - scopes.length + scoped.flat().length;
}
