import { hasGap } from '../../nodes/StreamSkill/purchase/order/template.ts';

test.each([
	['={{ $json.n }} chatbot', ' chatbot'],
	['={{ $json.n }} chatbot', '\u00a0 chatbot'],
	['={{ $json.day }} {{ $json.channel }}', '2026-11-27 '],
	['={{ $json.day }} {{ $json.channel }}', ' twitch'],
	['=twitch.tv/{{ $json.name }}', 'twitch.tv/'],
	['=twitch.tv/{{ $json.name }}\n', 'twitch.tv/\n'],
	['={{ $json.a }}{{ $json.b }}', 'x'],
	['=(a+b) [{{ { n: $json.n }.n }}]', '(a+b) []'],
	['=a {{\n$json.n\n}} b', 'a  b'],
])('%j has a gap in %j', (written, value) => {
	expect(hasGap(written, value)).toBe(true);
});

test.each([
	['={{ $json.n }} chatbot', '7 chatbot'],
	['={{ $json.n }} chatbot', ' 7 chatbot'],
	['={{ $json.day }} {{ $json.channel }}', '2026-11-27 twitch'],
	['={{ $json.a }}-{{ $json.b }}', '--x'],
	['={{ $json.a }}{{ $json.b }}', 'xy'],
	['={{ $json.n }}', '7'],
	// It is blank as a whole, which is told in other words.
	['={{ $json.n }}', ''],
	['={{ $json.n }}', 7],
	['=(a+b) [{{ { n: $json.n }.n }}]', '(a+b) [7]'],
	// It is no expression.
	['{{ $json.n }} chatbot', '{{ $json.n }} chatbot'],
	['twitch', 'twitch'],
	[7, '7'],
	[undefined, ' chatbot'],
	// Not taken apart as n8n does it.
	["={{ '}}' + $json.n }} a", '}}7 a'],
	['={{ { a: { n: $json.n }}.a.n }} a', '7 a'],
])('%j has none in %j', (written, value) => {
	expect(hasGap(written, value)).toBe(false);
});
