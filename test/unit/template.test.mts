import { hasGap } from '../../nodes/StreamSkill/purchase/order/template.ts';

/** @param values what the expressions give that are not there in the value, or may not be */
const isGap = (written: unknown, value: unknown, values: Record<string, unknown> = {}) =>
	hasGap(written, value, (expression) => {
		const name = expression.replace(/^\{\{\s*(.*?)\s*\}\}$/s, '$1');
		if (!(name in values)) throw new Error(`${name} need not be evaluated`);
		return values[name];
	});

const DAY = '2026-11-27';

test.each<[string, string, Record<string, unknown>]>([
	['={{ n }} chatbot', ' chatbot', { n: undefined }],
	['={{ n }} chatbot', '\u00a0 chatbot', { n: '\u00a0' }],
	['={{ day }} {{ channel }}', `${DAY} `, { channel: '' }],
	['={{ day }} {{ channel }}', ' twitch', { day: undefined }],
	['={{ channel }} {{ day }}', 'my channel ', { day: undefined }],
	['={{ channel }}-{{ day }}', 'my-channel-', { channel: 'my-channel', day: null }],
	['={{ site }}/{{ name }}', 'https://twitch.tv/', { site: 'https://twitch.tv', name: undefined }],
	['=twitch.tv/{{ name }}', 'twitch.tv/', { name: '' }],
	['=twitch.tv/{{ name }}\n', 'twitch.tv/\n', { name: '' }],
	['={{ a }}{{ b }}', 'x', { a: '', b: 'x' }],
	['=(a+b) [{{ { n: $json.n }.n }}]', '(a+b) []', { '{ n: $json.n }.n': undefined }],
	['=a {{\nn\n}} b', 'a  b', { n: undefined }],
])('%j has a gap in %j', (written, value, values) => {
	expect(isGap(written, value, values)).toBe(true);
});

test.each<{ written: unknown; value: unknown; values?: Record<string, unknown> }>([
	{ written: '={{ n }} chatbot', value: '7 chatbot' },
	{ written: '={{ n }} chatbot', value: ' 7 chatbot' },
	{ written: '={{ day }} {{ channel }}', value: `${DAY} twitch` },
	{ written: '={{ a }}-{{ b }}', value: '-x-y', values: { a: '-x' } },
	{ written: '={{ channel }}-{{ day }}', value: 'my-channel-1', values: { channel: 'my-channel' } },
	{ written: '={{ a }}{{ b }}', value: 'xy', values: { a: 'x', b: 'y' } },
	{ written: '={{ n }}', value: '7' },
	// It is blank as a whole, which is told in other words.
	{ written: '={{ n }}', value: '' },
	{ written: '={{ n }}', value: 7 },
	{ written: '=(a+b) [{{ { n: n }.n }}]', value: '(a+b) [7]' },
	// It is no expression.
	{ written: '{{ n }} chatbot', value: '{{ n }} chatbot' },
	{ written: 'twitch', value: 'twitch' },
	{ written: 7, value: '7' },
	{ written: undefined, value: ' chatbot' },
	// Not taken apart as n8n does it.
	{ written: "={{ '}}' + n }} a", value: '}}7 a' },
	{ written: '={{ { a: { n: n }}.a.n }} a', value: '7 a' },
])('$written has none in $value', ({ written, value, values }) => {
	expect(isGap(written, value, values)).toBe(false);
});

test.each([NaN, [], [null]])('%j is left out of text as well', (nothing) => {
	expect(isGap('=twitch.tv/{{ name }}', 'twitch.tv/', { name: nothing })).toBe(true);
});

test('of many expressions, each is evaluated', () => {
	const value = '-'.repeat(2000);
	expect(isGap('={{ a }}-{{ b }}-{{ c }}', value, { a: '-', b: '-', c: value })).toBe(false);
	expect(isGap('={{ a }}-{{ b }}-{{ c }}', value, { a: '-', b: '', c: value })).toBe(true);
});
