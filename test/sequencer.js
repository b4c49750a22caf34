const { default: Sequencer } = require('@jest/test-sequencer');

/** Jest begins with the files that took longest, but in a fresh clone with the largest: there, the longest would come last. */
module.exports = class extends Sequencer {
	sort(tests) {
		const isLong = ({ path }) => /engine.(identity|matrix|programs|rivals|lateCalls)/.test(path);
		const sorted = super.sort(tests);
		return [...sorted.filter(isLong), ...sorted.filter((test) => !isLong(test))];
	}
};
