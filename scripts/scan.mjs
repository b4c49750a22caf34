// Runs the rules of n8n's package scanner over the tarball that would be published.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
// @ts-expect-error The scanner has no types.
import { analyzePackage } from '@n8n/scan-community-package/scanner/scanner.mjs';

const dir = mkdtempSync(join(tmpdir(), 'streamskill-scan-'));
try {
	const [{ filename }] = JSON.parse(
		execFileSync('npm', ['pack', '--json', '--pack-destination', dir], { encoding: 'utf8' }),
	);
	execFileSync('tar', ['-xzf', join(dir, filename), '-C', dir]);
	const result = await analyzePackage(join(dir, 'package'));
	console.log(result.passed ? `${filename} passes n8n's scanner rules` : result.details ?? result.message);
	process.exitCode = result.passed ? 0 : 1;
} finally {
	rmSync(dir, { recursive: true, force: true });
}
