import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';

const TICKS = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** Seconds of CPU that a process has used so far, in user and in kernel mode (Linux). */
export async function cpuSeconds(pid: number): Promise<number> {
	const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ');
	return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Makes `peakMemory` count from now (Linux: see proc(5), clear_refs). */
export const resetPeakMemory = async (pid: number) => await writeFile(`/proc/${pid}/clear_refs`, '5');

/** The most memory in MB that a process has held since `resetPeakMemory`. */
export async function peakMemory(pid: number): Promise<number> {
	const kilobytes = /VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
	return Number(kilobytes) / 1024;
}
