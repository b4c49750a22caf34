import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { startWorker, type N8nProcess } from '../tools/n8n/server.mts';

/** Milliseconds from one kill to the next. */
const KILL_EVERY = 60_000;

export interface Workers {
	readonly kills: number;
	/** Memory in MB of the worker that is never killed, every few seconds. */
	readonly memory: number[];
	/** What both have logged, over all starts. */
	logs(): Promise<string[]>;
	/** Ends the killing. */
	spare(): Promise<void>;
	close(): Promise<void>;
}

/** Starts two workers. One of them is killed every minute, with `kill -9`, and replaced. */
export async function startWorkers(dir: string, packageTarball: string, env: Record<string, string>): Promise<Workers> {
	const start = async (name: string, tarball?: string) =>
		await startWorker({ userFolder: join(dir, name), packageTarball: tarball, concurrency: 10, env });
	const steady = await start('steady', packageTarball);
	let mortal: N8nProcess | undefined = await start('mortal', packageTarball);

	let kills = 0;
	const memory: number[] = [];
	const ending = new AbortController();
	const everySoOften = async (ms: number, act: () => Promise<void>) => {
		while (!ending.signal.aborted) {
			await delay(ms, undefined, { signal: ending.signal }).catch(() => {});
			if (!ending.signal.aborted) await act();
		}
	};
	const killing = everySoOften(KILL_EVERY, async () => {
		await mortal?.kill();
		mortal = undefined;
		kills++;
		mortal = await start('mortal');
	});
	const watching = everySoOften(5000, async () => {
		const status = await readFile(`/proc/${steady.pid}/status`, 'utf8');
		memory.push(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024);
	});
	const spare = async () => {
		ending.abort();
		await Promise.all([killing, watching]);
	};
	return {
		get kills() {
			return kills;
		},
		memory,
		logs: async () => await Promise.all(['steady', 'mortal'].map((name) => readFile(join(dir, name, 'n8n.log'), 'utf8'))),
		spare,
		close: async () => {
			await spare().catch(() => {});
			await Promise.all([steady.stop(), mortal?.stop()]);
		},
	};
}
