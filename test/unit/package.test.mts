/** What is published, and what is promised of it. Needs `npm run build` before, as `npm test` does it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(__dirname, '../..');
const pkg = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
	name: string;
	keywords: string[];
	n8n: { nodes: string[]; credentials: string[] };
};

/** Folders that are compiled into `dist/`. */
const SOURCES = ['credentials', 'nodes'];

test('npm packs what n8n needs, and nothing else', () => {
	const packed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root, encoding: 'utf8' });
	const [{ files }] = JSON.parse(packed) as Array<{ files: Array<{ path: string }> }>;
	const paths = files.map(({ path }) => path);
	const built = SOURCES.flatMap((folder) =>
		readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
			.filter((file) => statSync(join(root, folder, file)).isFile())
			.map((file) => `dist/${folder}/${file.replaceAll('\\', '/').replace(/\.ts$/, '.js')}`),
	);
	expect(paths.sort()).toEqual(['LICENSE', 'README.md', 'index.js', 'package.json', ...built].sort());
	expect(paths).toEqual(expect.arrayContaining([...pkg.n8n.nodes, ...pkg.n8n.credentials]));
});

test('n8n takes it for a community package', () => {
	expect(pkg.name).toMatch(/^n8n-nodes-/);
	expect(pkg.keywords).toContain('n8n-community-node-package');
});

test('nothing is installed along with it', () => {
	expect(pkg).toMatchObject({ peerDependencies: { 'n8n-workflow': '*' } });
	for (const kind of ['dependencies', 'optionalDependencies', 'bundledDependencies', 'overrides']) expect(pkg).not.toHaveProperty(kind);
});

test('index.js exports the node and the credential', () => {
	const exported = execFileSync(process.execPath, ['-p', 'Object.values(require("./index.js")).map((Type) => new Type().constructor.name).join()'], { cwd: root, encoding: 'utf8' });
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
