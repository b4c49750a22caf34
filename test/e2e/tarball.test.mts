/** The package is installed from its tarball, by the commands that the README gives. */
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { run } from '../../tools/n8n/npm.mts';
import { ITEM, streamSkill, webhookWorkflow } from '../../tools/n8n/workflows.mts';
import { bought } from '../../tools/sandbox/counts.mts';
import { createActive, runWebhook } from './executions.mts';
import { packageTarball, startWorld, type World } from './world.mts';

let world: World;

beforeAll(async () => {
	const home = await mkdtemp(join(tmpdir(), 'streamskill-tarball-'));
	const [, commands] = /```bash\n(mkdir -p ~\/\.n8n\/nodes\n.+?)```/s.exec(await readFile('README.md', 'utf8'))!;
	const install = commands.replace(/\S+\.tgz/, packageTarball!);
	expect(install).not.toBe(commands);
	// A shell of its own, without what the outer `npm run` has set.
	await run('sh', ['-e', '-c', install], { cwd: home, env: { PATH: process.env.PATH, HOME: home } });
	world = await startWorld({ userFolder: home, packageTarball: undefined });
});
afterAll(async () => await world?.close());

test('n8n loads the node from there, and buys', async () => {
	const workflow = await createActive(world, webhookWorkflow('tarball', streamSkill({ tarifId: 1, channel: `={{ ${ITEM} }}` })));
	expect(await runWebhook(world, workflow, ['a'])).toMatchObject({ status: 'success' });
	expect(bought(world.sandbox)).toEqual({ a: 1 });
});
