/**
 * Runs the tests as Node runs n8n: in its own context, not in one that Jest makes for each file. There, whatever is
 * global goes through a proxy, and all takes half as long again. Files that run in one process share what is global, so
 * what a test changes there it puts back.
 */
const vm = require('node:vm');
const { TestEnvironment } = require('jest-environment-node');

const { compileFunction } = vm;
const replaced = new WeakSet();
const compiled = new Map();

// Jest always names the context that it has made. Without it, Node compiles for its own, and once for all files.
vm.compileFunction = (code, params, { parsingContext, ...options } = {}) => {
	if (!replaced.has(parsingContext)) return compileFunction(code, params, { ...options, parsingContext });
	const known = compiled.get(options.filename);
	if (known?.code === code) return known.run;
	const run = compileFunction(code, params, options);
	compiled.set(options.filename, { code, run });
	return run;
};

module.exports = class extends TestEnvironment {
	constructor(...config) {
		super(...config);
		this.global = globalThis;
		replaced.add(this.context);
	}
};
