// npm run release: everything that must hold before a version is published. It publishes nothing
// itself: the GitHub workflow does, with provenance, when the version's tag is pushed.
// npm run release -- --addresses only looks for addresses that nobody has given yet.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const STAND_IN = 'set-before-publishing';
const FILES = [
	'package.json',
	'credentials/StreamSkillApi.credentials.ts',
	'nodes/StreamSkill/StreamSkill.node.json',
	'.github/CODEOWNERS',
	'.github/ISSUE_TEMPLATE/config.yml',
];

const missing = FILES.filter((file) => existsSync(file)).flatMap((file) =>
	readFileSync(file, 'utf8')
		.split('\n')
		.flatMap((line, i) => (line.includes(STAND_IN) ? `  ${file}:${i + 1}  ${line.trim()}` : [])),
);
if (missing.length > 0) {
	console.error(`Not ready to publish: these addresses are stand-ins, since nobody has given the real ones.\n${missing.join('\n')}`);
	process.exit(1);
}
console.log("All of the publisher's addresses are set.");
if (process.argv.includes('--addresses')) process.exit();

// The last one refuses a version that is published already.
for (const step of ['run check', 'test', 'run test:e2e', 'publish --dry-run']) {
	console.log(`\n> npm ${step}`);
	const { status } = spawnSync('npm', step.split(' '), { stdio: 'inherit', shell: process.platform === 'win32' });
	if (status !== 0) {
		console.error(`\nNot ready to publish: "npm ${step}" did not pass.`);
		process.exit(status ?? 1);
	}
}
const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
console.log(`\nReady. To publish ${version}: git tag v${version} && git push origin v${version}`);
