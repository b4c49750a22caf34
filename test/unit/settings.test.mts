import type { FieldProblems } from '../../nodes/StreamSkill/purchase/order/problems.ts';
import { readSettings } from '../../nodes/StreamSkill/purchase/order/settings.ts';

const defaults = { batchSize: 1, batchInterval: 0, timeout: 60_000 };

const problemsOf = (options: object) => {
	const problems: FieldProblems = {};
	readSettings({ ...options }, problems);
	return problems;
};

const batch = (values: object) => ({ batching: { batch: values } });

test.each([
	['nothing', {}, {}],
	['options that are none of its own', { dryRun: true, expand: ['tarif'], maxPurchases: 'many' }, {}],
	['Batching that was added and left alone', { batching: { batch: {} } }, {}],
	['Batching that is empty', { batching: {} }, {}],
	['Batching that is blank', { batching: '' }, {}],
	['Batching that is null', { batching: null }, {}],
	['Batching with a batch of null', { batching: { batch: null } }, {}],
	['items per batch', batch({ batchSize: 10 }), { batchSize: 10 }],
	['items per batch as text', batch({ batchSize: ' 10 ' }), { batchSize: 10 }],
	['0 items per batch, which is one', batch({ batchSize: 0 }), { batchSize: 1 }],
	['-1 items per batch, which is all', batch({ batchSize: -1 }), { batchSize: Infinity }],
	['"-1" items per batch, which is all', batch({ batchSize: '-1' }), { batchSize: Infinity }],
	['blank items per batch', batch({ batchSize: '' }), {}],
	['a batch interval', batch({ batchInterval: 250 }), { batchInterval: 250 }],
	['a batch interval of 0', batch({ batchInterval: 0 }), { batchInterval: 0 }],
	['a batch interval as text', batch({ batchInterval: '1000' }), { batchInterval: 1000 }],
	['a blank batch interval', batch({ batchInterval: null }), {}],
	['a timeout', { timeout: 1 }, { timeout: 1 }],
	['a timeout as text', { timeout: '5000' }, { timeout: 5000 }],
	['a blank timeout', { timeout: ' ' }, {}],
])('%s', (_, options, settings) => {
	const problems = {};
	expect(readSettings(options, problems)).toStrictEqual({ ...defaults, ...settings });
	expect(problems).toEqual({});
});

test.each([
	['batchSize', 'Items per Batch', batch({ batchSize: -2 }), '-2'],
	['batchSize', 'Items per Batch', batch({ batchSize: 1.5 }), '1.5'],
	['batchSize', 'Items per Batch', batch({ batchSize: 'all' }), '"all"'],
	['batchInterval', 'Batch Interval', batch({ batchInterval: -1 }), '-1'],
	['batchInterval', 'Batch Interval', batch({ batchInterval: '1s' }), '"1s"'],
	['batchInterval', 'Batch Interval', batch({ batchInterval: Infinity }), 'Infinity'],
	['timeout', 'Timeout', { timeout: 0 }, '0'],
	['timeout', 'Timeout', { timeout: '10s' }, '"10s"'],
	['timeout', 'Timeout', { timeout: 1e12 }, '1000000000000'],
	['timeout', 'Timeout', { timeout: {} }, '{}'],
])('%s is refused, by its label %j', (field, label, options, shown) => {
	const problems = problemsOf(options);
	expect(Object.keys(problems)).toEqual([field]);
	const [sentence] = problems[field];
	expect(sentence).toMatch(new RegExp(`^${label}.* must be a whole number `));
	expect(sentence).toMatch(/-?\d+ (to|or) /);
	expect(sentence.split(', not ')[1]).toBe(shown);
});

test('all problems are told at once', () => {
	const problems = problemsOf({ ...batch({ batchSize: 'a', batchInterval: 'b' }), timeout: 'd' });
	expect(Object.keys(problems).sort()).toEqual(['batchInterval', 'batchSize', 'timeout']);
});
