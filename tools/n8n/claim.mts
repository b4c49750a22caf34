import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isAlive } from './cache.mts';

/** Who works in a folder, and the n8n that was started there. */
interface Claim {
	pid: number;
	n8n?: { pid: number; url: string };
}

export interface ClaimedFolder {
	/** Notes the n8n that runs here, for the case that nobody is left to stop it. */
	note: (n8n: { pid: number; url: string }) => Promise<void>;
	release: () => Promise<void>;
}

/** Makes a folder this process's own and empties it; refuses while another process has it. */
export async function claimFolder(folder: string, log: (line: string) => void): Promise<ClaimedFolder> {
	const file = `${folder}.pid`;
	await mkdir(dirname(folder), { recursive: true });
	await takeFile(file, log);
	await rm(folder, { recursive: true, force: true });
	await mkdir(folder);
	return {
		note: (n8n) => writeFile(file, JSON.stringify({ pid: process.pid, n8n: { pid: n8n.pid, url: n8n.url } } satisfies Claim)),
		release: () => rm(file, { force: true }),
	};
}

async function takeFile(file: string, log: (line: string) => void): Promise<void> {
	try {
		// Fails if the file exists, so that of two processes only one gets on.
		await writeFile(file, JSON.stringify({ pid: process.pid } satisfies Claim), { flag: 'wx' });
		return;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
	}
	const claim = await readClaim(file);
	if (claim && isAlive(claim.pid)) {
		const n8n = claim.n8n ? `, with n8n at ${claim.n8n.url}` : '';
		throw new Error(
			`Another one is running as process ${claim.pid}${n8n}. Stop that first (Ctrl+C in its terminal), ` +
				`or delete ${file} if process ${claim.pid} is something else`,
		);
	}
	if (claim?.n8n) await endOrphan(claim.n8n, log);
	await rm(file, { force: true });
	await takeFile(file, log);
}

const readClaim = (file: string): Promise<Claim | undefined> =>
	readFile(file, 'utf8')
		.then((text) => JSON.parse(text) as Claim)
		.catch(() => undefined);

/** Ends the n8n of a run that was killed. The process id may be someone else's by now, so n8n has to answer, too. */
async function endOrphan({ pid, url }: { pid: number; url: string }, log: (line: string) => void) {
	const answers = await fetch(`${url}/healthz`).then(
		({ ok }) => ok,
		() => false,
	);
	if (!answers || !isAlive(pid)) return;
	log(`Ending n8n (process ${pid}) that an earlier, killed run left behind …`);
	process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL');
}
