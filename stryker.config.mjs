// npm run mutate: changes the pure modules bit by bit, and sees whether their unit tests notice.
const mutated = {
	credentials: ['accessToken', 'baseUrl'],
	'nodes/StreamSkill/purchase': ['decide'],
	'nodes/StreamSkill/purchase/order': ['kinds', 'order', 'read', 'settings', 'template'],
	'nodes/StreamSkill/purchase/dispatch': ['answer'],
	'nodes/StreamSkill/purchase/journal': ['confirmations', 'match', 'names', 'references'],
	'nodes/StreamSkill/purchase/report': ['messages', 'panel', 'summary'],
};

/** @type {import('@stryker-mutator/api/core').PartialStrykerOptions} */
export default {
	mutate: Object.entries(mutated).flatMap(([folder, modules]) => modules.map((module) => `${folder}/${module}.ts`)),
	testRunner: 'jest',
	// `items` and `description` read the fields by their kinds as well.
	jest: {
		config: {
			// In the one that all tests share, runs one after the other leave more behind than Stryker clears away.
			testEnvironment: 'node',
			testMatch: [`**/unit/{${[...Object.values(mutated).flat(), 'description', 'items'].join()}}.test.mts`],
		},
	},
	coverageAnalysis: 'perTest',
	// What is read when a module is loaded takes a run of all tests for each change: most of the time, for little but texts.
	ignoreStatic: true,
	// A busy machine is not what notices a change.
	timeoutMS: 60_000,
	reporters: ['clear-text', 'progress'],
	clearTextReporter: { allowColor: false, reportTests: false },
	concurrency: 2,
	// Each run leaves modules behind in its process, and the next ones take longer.
	maxTestRunnerReuse: 25,
};
