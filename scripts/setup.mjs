// Installs what the lockfile names unless that has been done, so that `npm test` and
// `npm run demo` work in a fresh clone.
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';

/** @param {string} file */
const modified = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;

// npm writes this file at the end of an install, so a half-finished one is older or absent.
if (modified('node_modules/.package-lock.json') < modified('package-lock.json')) {
	console.log('Installing the development packages (about a minute) …');
	// n8n's isolated-vm asks for Node 24, and npm would warn of that. Nothing here loads it.
	const { status } = spawnSync('npm', ['ci', '--loglevel=error'], { stdio: 'inherit', shell: process.platform === 'win32' });
	process.exitCode = status ?? 1;
}
