// Runs n8n's package scanner as it runs on what is published: over the source, and over the tarball.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
// @ts-expect-error The scanner has no types.
import { analyzePackage, SOURCE_FILE_PATTERNS } from '@n8n/scan-community-package/scanner/scanner.mjs';

const dir = mkdtempSync(join(tmpdir(), 'streamskill-scan-'));
try {
	const [{ filename }] = JSON.parse(execFileSync('npm', ['pack', '--json', '--pack-destination', dir], { encoding: 'utf8' }));
	execFileSync('tar', ['-xzf', join(dir, filename), '-C', dir]);
	// The patterns are those of the scanner's analyzePackageByName.
	const parts = { 'The source': [process.cwd(), SOURCE_FILE_PATTERNS], [filename]: [join(dir, 'package'), ['**/*.js', 'package.json']] };
	for (const [part, [folder, patterns]] of Object.entries(parts)) {
		const { passed, details, message } = await analyzePackage(folder, patterns);
		console.log(passed ? `${part} passes n8n's scanner rules` : (details ?? message));
		if (!passed) process.exitCode = 1;
	}
} finally {
	rmSync(dir, { recursive: true, force: true });
}
