import { fieldReader, integer, isBlank, oneOf } from '../../nodes/StreamSkill/purchase/order/coerce.ts';

test.each(['', ' ', '\r\n', '\u00a0', '\u2003', '\ufeff', null, undefined])('%j is blank', (value) => {
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
	const { parsed, required, optional } = fieldReader();
	const read = integer({ min: 1, max: 2 });
	expect([required('tarif.id', '1', read), optional('interval', 2, read), optional('lang', '', read)]).toEqual([1, 2, undefined]);
	required('channel', '', read);
	optional('Accept-Language', 3, read);
	expect(parsed({})).toEqual({ kind: 'invalid', problems: {
		channel: ['Channel is required but blank'],
		'Accept-Language': ['Response Language must be a whole number from 1 to 2, not 3'],
	} });
});
