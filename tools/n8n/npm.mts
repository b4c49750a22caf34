import { spawn } from 'node:child_process';

/**
 * Settings of this project's `.npmrc` and of an `npm run`, which hands them on to its children as variables: they hold
 * for the project, not for what is installed elsewhere. What npm says is read, so `npm run --silent` does not count.
 */
const PROJECT_SETTINGS =
	/^npm_(package_|lifecycle_|config_(ignore_scripts|legacy_peer_deps|loglevel|omit_|include$|workspace|dry_run$|json$))/i;

/** The environment without what an outer `npm run` put into it; registry settings stay. */
const cleanNpmEnv = (env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv =>
	Object.fromEntries(Object.entries(env).filter(([name]) => !PROJECT_SETTINGS.test(name)));

/** Runs a program to its end and returns what it printed; throws with the end of it otherwise. */
export async function run(command: string, args: string[], { cwd, env }: { cwd: string; env?: NodeJS.ProcessEnv }): Promise<string> {
	// On Windows npm is a script that only a shell can start.
	const child =
		process.platform === 'win32'
			? spawn([command, ...args].map(quote).join(' '), { cwd, env, shell: true })
			: spawn(command, args, { cwd, env });
	const killChild = () => child.kill();
	process.once('exit', killChild);
	let stdout = '';
	let output = '';
	child.stdout.setEncoding('utf8').on('data', (text: string) => {
		stdout += text;
		output += text;
	});
	child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text));
	try {
		const code = await new Promise<number | string | null>((resolve, reject) => {
			child.once('error', reject);
			child.once('close', (exitCode, signal) => resolve(exitCode ?? signal));
		});
		if (code === 0) return stdout;
		throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${tail(output)}`);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
		throw new Error(`${command} was not found: is it installed, and on the PATH?`);
	} finally {
		process.off('exit', killChild);
	}
}

const quote = (arg: string) => (/[\s&^]/.test(arg) ? `"${arg}"` : arg);

/** Runs npm in `cwd` as if no other npm were around it. */
export const npm = (args: string[], { cwd, env }: { cwd: string; env?: NodeJS.ProcessEnv }) =>
	run('npm', [...args, '--no-fund', '--no-audit', '--no-update-notifier'], { cwd, env: cleanNpmEnv(env) });

/** The last lines of a text. */
export const tail = (text: string, lines = 30): string => text.trimEnd().split('\n').slice(-lines).join('\n');
