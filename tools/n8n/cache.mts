import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

export type Log = (line: string) => void;

/** Where installs are kept between runs, outside the project. */
export function cacheDir(): string {
	const { STREAMSKILL_N8N_CACHE, LOCALAPPDATA, XDG_CACHE_HOME } = process.env;
	if (STREAMSKILL_N8N_CACHE) return STREAMSKILL_N8N_CACHE;
	const base = process.platform === 'win32' ? LOCALAPPDATA : XDG_CACHE_HOME;
	return join(base || join(homedir(), '.cache'), 'n8n-nodes-streamskill');
}

/** Written last, so a folder that has it is complete. */
const MARKER = '.streamskill-installed';

/** `step` names what goes on. */
type Install = (dir: string, step: (what: string) => void) => Promise<void>;

/**
 * Installs into a folder of this process's own and moves that into place when it is complete:
 * whoever looks sees all of it or nothing, also when two processes install at once.
 */
export async function ensureInstalled(name: string, log: Log, install: Install): Promise<string> {
	const dir = join(cacheDir(), name);
	if (await isComplete(dir)) return dir;

	await mkdir(cacheDir(), { recursive: true });
	await removeLeftovers(name, log);
	const workDir = await mkdtemp(join(cacheDir(), `${name}.installing-${process.pid}-`));
	const progress = reportProgress(name, workDir, log);
	try {
		await install(workDir, progress.step);
		await writeFile(join(workDir, MARKER), `${new Date().toISOString()}\n`);
		await moveIntoPlace(workDir, dir);
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
	let current = '';
	log(`Installing ${name} from npm into ${cacheDir()} (once; later runs reuse it) …`);
	const timer = setInterval(() => {
		void countPackages(dir).then((count) => log(`  ${name}: ${current}${count ? ` (${count})` : ''}, ${seconds()} s`));
	}, 5000);
	return {
		step: (what: string) => void (current = what),
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
