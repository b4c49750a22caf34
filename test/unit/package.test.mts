/** What is published, and what is promised of it. Needs `npm run build` before, as `npm test` does it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
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
			.filter((file) => statSync(join(root, folder, file)).isFile() && !file.endsWith('.md'))
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
	const exported = execFileSync(
		process.execPath,
		['-p', 'Object.values(require("./index.js")).map((Type) => new Type().constructor.name).join()'],
		{ cwd: root, encoding: 'utf8' },
	);
	expect(exported.trim().split(',').sort()).toEqual(['StreamSkill', 'StreamSkillApi']);
});

test('npm run release refuses while nobody has given the real addresses, and says where each belongs', () => {
	const folder = mkdtempSync(join(tmpdir(), 'streamskill-release-'));
	const release = (...args: string[]) =>
		spawnSync(process.execPath, [join(root, 'scripts/release.mjs'), ...args], { cwd: folder, encoding: 'utf8' });
	const write = (file: string, text: string) => writeFileSync(join(folder, file), text);
	try {
		mkdirSync(join(folder, '.github'));
		write('.github/CODEOWNERS', '* @set-before-publishing\n');
		write('package.json', '{\n"homepage": "https://set-before-publishing.invalid/x",\n"author": { "email": "someone@example.com" }\n}');
		const refused = release();
		expect(refused.status).toBe(1);
		expect(refused.stderr).toMatch(/Not ready to publish.*package\.json:2 .*homepage.*CODEOWNERS:1 /s);
		expect(refused.stderr).not.toContain('author');

		write('.github/CODEOWNERS', '* @someone\n');
		write('package.json', '{ "homepage": "https://example.com" }');
		expect(release('--addresses')).toMatchObject({ status: 0, stdout: "All of the publisher's addresses are set.\n" });
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
});

test('the lockfile names no registry, so that npm installs from the one that is set', () => {
	expect(readFileSync(join(root, 'package-lock.json'), 'utf8')).not.toContain('"resolved"');
});
