/** Leaves packages to Node, which loads n8n once for each process: Jest would load it anew for each test file. What a test mocks is Jest's. */
const { createRequire, isBuiltin } = require('node:module');
const { isAbsolute } = require('node:path');
const { default: Runtime } = require('jest-runtime');

const isPackage = (name) => name !== undefined && !name.startsWith('.') && !isAbsolute(name) && !isBuiltin(name);

module.exports = class extends Runtime {
	requireModule(from, name, options, ...more) {
		return isPackage(name) && !options?.isInternalModule ? createRequire(from)(name) : super.requireModule(from, name, options, ...more);
	}
};
