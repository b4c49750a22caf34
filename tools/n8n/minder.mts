import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Ends a detached child and what it started with this process, however that goes: a process of its own
 * waits for the pipe between them to close. A listener would not hear of a signal, nor of anything within
 * jest, which has a `process` of its own.
 */
export function endWithThisProcess(child: ChildProcess, signal: 'SIGKILL' | 'SIGQUIT' = 'SIGKILL') {
	const killTreeAtEnd = `
		process.stdin.resume().on('end', () => {
			if (process.platform === 'win32') require('node:child_process').spawnSync('taskkill', ['/pid', '${child.pid}', '/t', '/f']);
			else try { process.kill(-${child.pid}, '${signal}'); } catch {}
		});`;
	const minder = spawn(process.execPath, ['--eval', killTreeAtEnd], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
	minder.unref();
	child.once('exit', () => minder.kill());
}
