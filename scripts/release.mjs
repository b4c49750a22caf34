// npm run release: everything that must hold before a version is published. It publishes nothing
// itself: the GitHub workflow does, with provenance, when the version's tag is pushed.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const UNSET = 'set-before-publishing.invalid';

const pkg = JSON.parse(readFileSync('package.json', 'utf8'));
const unset = Object.entries({
	homepage: pkg.homepage,
	'author.email': pkg.author.email,
	'repository.url': pkg.repository.url,
}).filter(([, value]) => value.includes(UNSET));

if (unset.length > 0) {
	console.error(
		`Not ready to publish: package.json still has stand-ins, because nobody has given the real values.\n` +
			unset.map(([field, value]) => `  ${field}: ${value}`).join('\n') +
			`\nSet them in package.json, then run this again.`,
	);
	process.exit(1);
}

// The last one refuses a version that is published already.
for (const step of ['run check', 'test', 'run test:e2e', 'publish --dry-run']) {
	console.log(`\n> npm ${step}`);
	const { status } = spawnSync('npm', step.split(' '), { stdio: 'inherit', shell: process.platform === 'win32' });
	if (status !== 0) {
		console.error(`\nNot ready to publish: "npm ${step}" did not pass.`);
		process.exit(status ?? 1);
	}
}
console.log(`\nReady. To publish ${pkg.version}: git tag v${pkg.version} && git push origin v${pkg.version}`);
