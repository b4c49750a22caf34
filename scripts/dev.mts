// npm run dev: an n8n with this project's build linked in, rebuilt and reloaded on each change.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';

import { giveUp } from '../tools/giveUp.mts';
import { cacheDir } from '../tools/n8n/cache.mts';
import { DEFAULT_N8N, ensureN8n } from '../tools/n8n/install.mts';
import { nextFreePort } from '../tools/n8n/ports.mts';
import { OWNER } from '../tools/n8n/rest.mts';
import { run } from '../tools/n8n/npm.mts';
import { startN8n } from '../tools/n8n/server.mts';
import { credentialFor } from '../tools/n8n/workflows.mts';
import { startSandbox } from '../tools/sandbox/sandbox.mts';

/** Not by npx, which would leave it behind when it is killed. */
const GULP = join('node_modules', 'gulp', 'bin', 'gulp.js');

const log = (line: string) => console.log(line);
const userFolder = join(cacheDir(), 'dev');
const modules = join(userFolder, '.n8n', 'nodes', 'node_modules');
const isNew = !existsSync(userFolder);

await ensureN8n(DEFAULT_N8N, { log }).catch(giveUp);
await run(process.execPath, [GULP], { cwd: process.cwd() });
await mkdir(modules, { recursive: true });
await rm(join(modules, 'n8n-nodes-streamskill'), { force: true });
await symlink(process.cwd(), join(modules, 'n8n-nodes-streamskill'), 'junction');

const sandbox = await startSandbox({ port: await nextFreePort(4010) });
const n8n = await startN8n({ userFolder, port: await nextFreePort(5678), env: { N8N_DEV_RELOAD: 'true' }, log });
if (isNew) {
	await n8n.rest.setupOwner();
	await n8n.rest.createCredential(credentialFor(sandbox));
}
const watch = spawn(process.execPath, [GULP, 'watch'], { stdio: 'inherit' });
log(
	`n8n is at ${n8n.url} (${OWNER.email}, ${OWNER.password}), the sandbox at ${sandbox.url} with the token ${sandbox.token}.\n` +
		'What you change in nodes/ and credentials/ is rebuilt and reloaded. Ctrl+C ends all of it.',
);

const end = async () => {
	watch.kill();
	await n8n.stop();
	await sandbox.close();
	process.exit();
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end());
await n8n.ended;
