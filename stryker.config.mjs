// npm run mutate: changes the pure modules bit by bit, and sees whether their unit tests notice.
const credential = ['accessToken', 'baseUrl'];
const purchase = ['coerce', 'decide', 'errors', 'identity', 'order', 'outcome', 'recognise', 'references', 'settings', 'summary'];

/** @type {import('@stryker-mutator/api/core').PartialStrykerOptions} */
export default {
	mutate: [`credentials/{${credential.join()}}.ts`, `nodes/StreamSkill/purchase/*/{${purchase.join()}}.ts`],
	testRunner: 'jest',
	jest: { config: { testMatch: [`**/unit/{${[...credential, ...purchase].join()}}.test.mts`] } },
	coverageAnalysis: 'perTest',
	// What is read when a module is loaded takes a run of all tests for each change: most of the time, for little but texts.
	ignoreStatic: true,
	// A busy machine is not what notices a change.
	timeoutMS: 60_000,
	reporters: ['clear-text', 'progress'],
	clearTextReporter: { allowColor: false, reportTests: false },
	concurrency: 2,
};
