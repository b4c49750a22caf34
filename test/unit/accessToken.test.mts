import { checkedAccessToken } from '../../credentials/accessToken.ts';

test.each([
	['abc-._~+/=', 'abc-._~+/='],
	[' abc ', 'abc'],
	['abc\r\n', 'abc'],
	['\ufeffabc', 'abc'],
	['Bearer', 'Bearer'],
	['bearer-abc', 'bearer-abc'],
])('%j is %s', (typed, token) => {
	expect(checkedAccessToken(typed)).toBe(token);
});

test.each([
	['', /is empty/],
	[' \n', /is empty/],
	[undefined, /is empty/],
	[null, /is empty/],
	[{}, /is empty/],
	['s3cret token', /space/],
	['s3cret\r\nX-Other: 1', /line break/],
	['s3cret\0', /another character/],
	['s3cret\u200b', /another character/],
	['s3cret-ключ', /another character/],
])('%j is refused', (typed, reason) => {
	const check = () => checkedAccessToken(typed);
	expect(check).toThrow(reason);
	expect(check).toThrow(/^The Access Token .*Copy it again from your StreamSkill account, or correct the expression that fills it$/);
	expect(check).not.toThrow(/s3cret/);
});

test.each(['Bearer s3cret', ' bearer s3cret\n', 'BEARER\ts3cret', 'Bearer  s3cret token'])('%j is told to leave a word out', (typed) => {
	const check = () => checkedAccessToken(typed);
	expect(check).toThrow(/^The Access Token .* starts with the word Bearer\. Leave that word out/);
	expect(check).not.toThrow(/s3cret/);
});
