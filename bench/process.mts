import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';

const TICKS = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** Seconds of CPU that a process has used so far, in user and in kernel mode (Linux). */
export async function cpuSeconds(pid: number): Promise<number> {
	const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ');
	return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Memory in MB that a process has now, and the most that it has had since `resetPeakMemory`. */
export async function memory(pid: number): Promise<{ now: number; peak: number }> {
	const status = await readFile(`/proc/${pid}/status`, 'utf8');
	const megabytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024;
	return { now: megabytes('VmRSS'), peak: megabytes('VmHWM') };
}

/** Makes the peak count from now (see proc(5), clear_refs). */
export const resetPeakMemory = async (pid: number) => await writeFile(`/proc/${pid}/clear_refs`, '5');
