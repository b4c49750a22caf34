const { moduleFileExtensions, transform } = require('../../jest.config.js');

/** @type {import('jest').Config} */
module.exports = {
	rootDir: '../..',
	roots: ['<rootDir>/test/e2e'],
	testMatch: ['**/*.test.mts'],
	moduleFileExtensions,
	transform,
	testTimeout: 240_000,
};
