/** What is published, and what is promised of it. Needs `npm run build` before, as `npm test` does it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(__dirname, '../..');
const pkg = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, unknown>;

test('npm packs what n8n needs, and nothing else', () => {
	const packed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root, encoding: 'utf8' });
	const [{ files }] = JSON.parse(packed) as Array<{ files: Array<{ path: string }> }>;
	const node = 'dist/nodes/StreamSkill';
	expect(files.map(({ path }) => path).sort()).toEqual(
		[
			'LICENSE', 'README.md', 'index.js', 'package.json',
			'dist/credentials/StreamSkillApi.credentials.js', 'dist/credentials/accessToken.js', 'dist/credentials/baseUrl.js',
			`${node}/StreamSkill.node.js`, `${node}/StreamSkill.node.json`, `${node}/transport.js`,
			`${node}/streamskill.svg`, `${node}/streamskill.dark.svg`, `${node}/__schema__/v1.0.0/purchase/create.json`,
			...[
				'buy', 'coerce', 'errors', 'fields', 'idempotency', 'labels', 'ledger', 'lock', 'order', 'outcome', 'results',
				'settings', 'tool', 'trace', 'values',
			].map((name) => `${node}/purchase/${name}.js`),
		].sort(),
	);
});

test('nothing is installed along with it', () => {
	expect(pkg).toMatchObject({ peerDependencies: { 'n8n-workflow': '*' } });
	for (const kind of ['dependencies', 'optionalDependencies', 'bundledDependencies', 'overrides']) expect(pkg).not.toHaveProperty(kind);
});

test('index.js exports the node and the credential', () => {
	const exported = execFileSync(process.execPath, ['-p', 'Object.keys(require("./index.js")).join()'], { cwd: root, encoding: 'utf8' });
	expect(exported.trim().split(',').sort()).toEqual(['StreamSkill', 'StreamSkillApi']);
});

test('npm run release refuses while nobody has given the real addresses', () => {
	const folder = mkdtempSync(join(tmpdir(), 'streamskill-release-'));
	try {
		const url = 'https://set-before-publishing.invalid/x';
		writeFileSync(join(folder, 'package.json'), JSON.stringify({ ...pkg, homepage: url, repository: { url }, author: { email: 'someone@example.com' } }));
		const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts/release.mjs')], { cwd: folder, encoding: 'utf8' });
		expect(status).toBe(1);
		expect(stderr).toMatch(/Not ready to publish.*homepage.*repository\.url/s);
		expect(stderr).not.toContain('author.email');
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
});
