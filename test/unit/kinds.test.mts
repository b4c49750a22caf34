import { readFields } from '../../nodes/StreamSkill/purchase/order/read.ts';
import { BODY } from '../../nodes/StreamSkill/purchase/order/table.ts';
import { integer, isBlank, oneOf } from '../../nodes/StreamSkill/purchase/order/kinds.ts';

test.each(['', ' ', '\r\n', '\u00a0', '\u2003', '\ufeff', '\u200b', ' \u00ad\u2060', '\u3164', null, undefined])('%j is blank', (value) => {
	expect(isBlank(value)).toBe(true);
});

test.each([0, false, NaN, [], {}, '0', 'null', '.'])('%j is not blank', (value) => {
	expect(isBlank(value)).toBe(false);
});

test('a range may go below zero', () => {
	const read = integer({ min: -5, max: 5 });
	expect([read('-5'), read(0), read('+5')]).toEqual([-5, 0, 5]);
	expect(() => read(-6)).toThrow('must be a whole number from -5 to 5, not -6');
});

test('a long value is cut in the sentence about it', () => {
	expect(() => oneOf(['a'])('x'.repeat(5000))).toThrow(/^must be one of a, not "x{30,100}…$/);
});

test('a sentence has the label of its field, and good fields have none', () => {
	const problems = {};
	const given = { tarifId: '1', interval: 2, lang: '', channel: '', duration: 25 };
	expect(readFields(BODY, given, problems)).toEqual({ 'tarif.id': 1, interval: 2 });
	expect(problems).toEqual({
		channel: ['Channel is required but blank'],
		'tarif.duration': ['Duration must be a whole number from 1 to 24, not 25'],
	});
});
