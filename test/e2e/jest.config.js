const { moduleFileExtensions, transform } = require('../../jest.config.js');

const { STREAMSKILL_N8N_MODULES: modules, STREAMSKILL_N8N: version = '' } = process.env;

const [major, minor] = version.split('.').map(Number);

/** They need what an execution and all its retries share: the README says what n8n before 2.14 lacks, `noToken.test.mts` what holds there. */
const withToken = ['sequences/', 'identity/', 'programs', 'rivals', 'dispatch', 'adviceOnRetries', 'sameOrder'].map(
	(name) => `/engine/${name}`,
);

/** @type {import('jest').Config} */
module.exports = {
	rootDir: '../..',
	roots: ['<rootDir>/test/e2e', ...(modules ? ['<rootDir>/test/engine'] : [])],
	testMatch: ['**/*.test.mts'],
	testPathIgnorePatterns: major < 2 || (major === 2 && minor < 14) ? withToken : [],
	moduleFileExtensions,
	moduleNameMapper: modules ? { '^(n8n-core|n8n-workflow|@n8n/di|@n8n/backend-common|reflect-metadata)$': `${modules}/$1` } : {},
	transform,
	testTimeout: 300_000,
	// n8n-core 1.x leaves a timer running.
	forceExit: modules !== undefined,
};
