/** @type {import('jest').Config} */
module.exports = {
	// Runs that were killed leave waits of a minute behind.
	forceExit: true,
	roots: ['<rootDir>/test'],
	testEnvironment: '<rootDir>/test/environment.js',
	runtime: '<rootDir>/test/runtime.js',
	testSequencer: '<rootDir>/test/sequencer.js',
	testMatch: ['**/unit/**/*.test.mts', '**/engine/**/*.test.mts'],
	moduleFileExtensions: ['js', 'mjs', 'cjs', 'ts', 'mts', 'json', 'node'],
	// The tests wait more than they compute. Jest takes a share of more than 100 % for a number: '150%' are 150 workers.
	maxWorkers: 6,
	// Killed runs, and what each file has loaded of n8n, stay in the worker: a new one costs less.
	workerIdleMemoryLimit: '512MB',
	// A busy machine is no defect of the node: some tests place hundreds of orders.
	testTimeout: 300_000,
	transform: {
		'\\.m?ts$': ['@swc/jest', { module: { type: 'commonjs' }, jsc: { target: 'es2022', parser: { syntax: 'typescript' } } }],
	},
	collectCoverageFrom: ['nodes/**/*.ts', 'credentials/**/*.ts'],
	coverageProvider: 'v8',
	coverageReporters: ['text'],
};
