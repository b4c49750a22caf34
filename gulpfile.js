const { execFile } = require('node:child_process');
const { rm } = require('node:fs/promises');
const { promisify } = require('node:util');
const { dest, parallel, series, src, watch } = require('gulp');

const clean = () => rm('dist', { recursive: true, force: true });

const compile = () =>
	promisify(execFile)(process.execPath, [require.resolve('typescript/bin/tsc')]).catch((error) => {
		throw new Error(error.stdout || error.message);
	});

/** What n8n reads beside the compiled code: icons, codex and output schema. */
const copyAssets = () => src('{credentials,nodes}/**/*.{svg,json}', { encoding: false }).pipe(dest('dist'));

exports.default = series(clean, parallel(compile, copyAssets));

/** Without cleaning: a running n8n looks at these files. */
exports.watch = () => {
	watch('{credentials,nodes}/**/*.ts', compile);
	watch('{credentials,nodes}/**/*.{svg,json}', copyAssets);
};
