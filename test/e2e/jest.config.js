const { moduleFileExtensions, transform } = require('../../jest.config.js');

const { STREAMSKILL_N8N_MODULES: modules } = process.env;

/** @type {import('jest').Config} */
module.exports = {
	rootDir: '../..',
	roots: ['<rootDir>/test/e2e', ...(modules ? ['<rootDir>/test/engine'] : [])],
	testMatch: ['**/*.test.mts'],
	moduleFileExtensions,
	moduleNameMapper: modules ? { '^(n8n-core|n8n-workflow|@n8n/di|@n8n/backend-common|reflect-metadata)$': `${modules}/$1` } : {},
	transform,
	testTimeout: 240_000,
	// n8n-core 1.x leaves a timer running.
	forceExit: modules !== undefined,
};
