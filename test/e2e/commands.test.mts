/** The developer's commands that nothing else runs; they take the default n8n. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { DEFAULT_N8N } from '../../tools/n8n/install.mts';
import { endWithThisProcess } from '../../tools/n8n/minder.mts';
import { run } from '../../tools/n8n/npm.mts';
import { N8nRest } from '../../tools/n8n/rest.mts';
import { until } from '../../tools/until.mts';
import { version } from './world.mts';

const cwd = process.cwd();
const script = (...args: string[]) => ['--import', 'tsx', ...args];

(version === DEFAULT_N8N ? describe : describe.skip)('npm run', () => {
	let dir: string;
	beforeAll(async () => void (dir = await mkdtemp(join(tmpdir(), 'streamskill-commands-'))));
	afterAll(async () => await rm(dir, { recursive: true, force: true }));

	// The tarball under test is packed already, so this may build.
	test('dev starts an n8n with the node, and Ctrl+C ends all of it', async () => {
		const dev = spawn(process.execPath, script('scripts/dev.mts'), { cwd, detached: true });
		endWithThisProcess(dev);
		let output = '';
		for (const stream of [dev.stdout, dev.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
		const [, url] = await until(() => /n8n is at (http:\S+)/.exec(output), 'The address of n8n', { timeout: 180_000 });
		const rest = new N8nRest(url, DEFAULT_N8N);
		await rest.login();
		expect(await rest.nodeType('n8n-nodes-streamskill.streamSkill')).toMatchObject({ displayName: 'StreamSkill' });

		const isAlive = () => {
			try {
				return process.kill(-dev.pid!, 0);
			} catch {
				return false;
			}
		};
		expect(isAlive()).toBe(true);
		dev.kill('SIGINT');
		await once(dev, 'exit');
		await until(() => !isAlive(), 'The end of what it started');
	});

	test('bench measures, and writes what it measured', async () => {
		const out = join(dir, 'bench.json');
		await run(process.execPath, script('bench/bench.mts', '--rounds', '1', '--out', out, 'loading'), { cwd });
		expect(JSON.parse(await readFile(out, 'utf8'))).toMatchObject({
			n8n: DEFAULT_N8N,
			tables: { Loading: { rows: [{ packedKb: expect.any(Number) as number, files: expect.any(Number) as number }] } },
		});
	});
});
