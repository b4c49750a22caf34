// npm run test:e2e [-- --n8n VERSION|latest] [jest arguments]
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { giveUp } from '../../tools/giveUp.mts';
import { DEFAULT_N8N, ensureN8n, ensureNewestN8n } from '../../tools/n8n/install.mts';
import { packNode } from '../../tools/n8n/pack.mts';

const { values, tokens } = parseArgs({
	options: { n8n: { type: 'string', default: DEFAULT_N8N } },
	strict: false,
	tokens: true,
});
const own = tokens.find((token) => token.kind === 'option' && token.name === 'n8n');
const jestArgs = process.argv.slice(2).filter((_, i) => !own || (i !== own.index && i !== own.index + 1));

const asked = String(values.n8n);
const { version, n8nBin } = await (asked === 'latest' ? ensureNewestN8n() : ensureN8n(asked)).catch(giveUp);
const dir = await mkdtemp(join(tmpdir(), 'streamskill-pack-'));
const jest = spawn(
	process.execPath,
	['node_modules/jest/bin/jest.js', '--config', 'test/e2e/jest.config.js', '--maxWorkers=4', ...jestArgs],
	{
		stdio: 'inherit',
		env: {
			...process.env,
			STREAMSKILL_N8N: version,
			STREAMSKILL_TARBALL: await packNode(dir),
			// `npm test` runs the engine tests on the default version; the others bring their own n8n-core for them.
			...(version !== DEFAULT_N8N && { STREAMSKILL_N8N_MODULES: resolve(n8nBin, '../../..') }),
		},
	},
);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void jest.kill(signal));
jest.on('exit', (code) => void rm(dir, { recursive: true, force: true }).then(() => process.exit(code ?? 1)));
