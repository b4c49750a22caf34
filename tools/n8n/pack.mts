import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { npm, run } from './npm.mts';

/** Builds the project, packs it into `outDir` as it would be published, and returns the tarball's path. */
export async function packNode(outDir: string, projectDir = process.cwd()): Promise<string> {
	const destination = resolve(outDir);
	await mkdir(destination, { recursive: true });
	await run(process.execPath, [join('node_modules', 'gulp', 'bin', 'gulp.js')], { cwd: projectDir });
	const packed = await npm(['pack', '--json', '--ignore-scripts', '--pack-destination', destination], { cwd: projectDir });
	const [{ filename }] = JSON.parse(packed) as Array<{ filename: string }>;
	return join(destination, filename);
}
