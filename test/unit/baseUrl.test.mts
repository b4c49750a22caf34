import { checkedBaseUrl } from '../../credentials/baseUrl.ts';

test.each([
	['https://api.streamskill.pro/v1', 'https://api.streamskill.pro/v1'],
	['https://api.streamskill.pro/v1/', 'https://api.streamskill.pro/v1'],
	['https://api.streamskill.pro/v1///', 'https://api.streamskill.pro/v1'],
	['  https://api.streamskill.pro/v1\r\n', 'https://api.streamskill.pro/v1'],
	['https://api.streamskill.pro', 'https://api.streamskill.pro'],
	['https://api.streamskill.pro/', 'https://api.streamskill.pro'],
	['https://proxy.example:8443/streamskill/v1', 'https://proxy.example:8443/streamskill/v1'],
	['https://proxy.example/a..b/.well-known/v1.0', 'https://proxy.example/a..b/.well-known/v1.0'],
	['https://192.168.1.10/v1', 'https://192.168.1.10/v1'],
	['https://[2001:db8::1]/v1', 'https://[2001:db8::1]/v1'],
	['http://localhost', 'http://localhost'],
	['http://localhost:3000/v1', 'http://localhost:3000/v1'],
	['http://LOCALHOST:3000/v1', 'http://LOCALHOST:3000/v1'],
	['http://127.0.0.1:3000/v1/', 'http://127.0.0.1:3000/v1'],
	['http://127.255.0.9', 'http://127.255.0.9'],
	['http://[::1]', 'http://[::1]'],
	['http://[::1]:3000/v1', 'http://[::1]:3000/v1'],
])('%j is %s', (typed, address) => {
	expect(checkedBaseUrl(typed)).toBe(address);
});

test.each([
	// The token would travel in clear.
	['http://api.streamskill.pro/v1', /unencrypted/],
	['HTTP://api.streamskill.pro/v1', /unencrypted/],
	['http://localhost.evil.com', /unencrypted/],
	['http://localhost.', /unencrypted/],
	['http://127.0.0.1.evil.com', /unencrypted/],
	['http://evil.com/127.0.0.1', /unencrypted/],
	['http://0.0.0.0', /unencrypted/],
	['http://10.0.0.1', /unencrypted/],
	['http://128.0.0.1', /unencrypted/],
	['http://[::2]', /unencrypted/],
	['http://[::ffff:10.0.0.1]', /unencrypted/],
	['http://①②⑧.0.0.1', /unencrypted/],
	// The host is not the one it seems to be.
	['https://user:secret@api.streamskill.pro/v1', /user name or password/],
	['https://user@api.streamskill.pro/v1', /user name or password/],
	['https://:secret@api.streamskill.pro/v1', /user name or password/],
	['http://127.0.0.1@evil.com', /user name or password/],
	['http://localhost:80@evil.com', /user name or password/],
	['https://api.streamskill.pro\\@evil.com', /backslash/],
	['https:\\\\evil.com', /backslash/],
	['https://api.streamskill.pro\\v1', /backslash/],
	// It is not for the web.
	['ftp://api.streamskill.pro/v1', /https:\/\//],
	['file:///etc/passwd', /https:\/\//],
	['javascript:alert(1)', /https:\/\//],
	['data:text/plain,x', /https:\/\//],
	['ws://localhost', /https:\/\//],
	['localhost:3000', /https:\/\//],
	['api.streamskill.pro/v1', /not a web address/],
	['//api.streamskill.pro/v1', /not a web address/],
	['/v1', /not a web address/],
	['https://', /not a web address/],
	['https://api.streamskill.pro:99999', /not a web address/],
	['http://127.999.0.1', /not a web address/],
	// The path would end up elsewhere.
	['https://api.streamskill.pro/v1?x=1', /query/],
	['https://api.streamskill.pro/v1?', /query/],
	['https://api.streamskill.pro/v1#x', /fragment/],
	['https://api.streamskill.pro/v1#', /fragment/],
	['https://api.streamskill.pro/v1/..', /relative/],
	['https://api.streamskill.pro/v1/../v2', /relative/],
	['https://api.streamskill.pro/./v1', /relative/],
	['https://api.streamskill.pro/%2e%2e/v1', /relative/],
	['https://api.streamskill.pro/v1/%2E%2E', /relative/],
	['https://api.streamskill.pro/v1/.%2e/', /relative/],
	['https://api.streamskill.pro/v1/%2E/x', /relative/],
	// It has what does not belong into an address.
	['https://api.streamskill.pro/ v1', /space/],
	['https://api.stream skill.pro', /space/],
	['https://api.streamskill.pro/v1\r\nX-Other: 1', /line break/],
	['https://api.stream\nskill.pro/v1', /line break/],
	['https://api.streamskill.pro/\tv1', /space/],
	['ht\ttps://api.streamskill.pro/v1', /space/],
	['https://api.streamskill.pro/\0v1', /space/],
	['https://api.streamskill.pro/\u00a0v1', /space/],
	// It is none.
	['', /empty/],
	[' \n', /empty/],
	[undefined, /empty/],
	[null, /empty/],
	[5, /empty/],
	[{}, /empty/],
	[['https://api.streamskill.pro/v1'], /empty/],
])('%j is refused', (typed, reason) => {
	expect(() => checkedBaseUrl(typed)).toThrow(reason);
	expect(() => checkedBaseUrl(typed)).toThrow(/^The Base URL .*Use an address such as https:\/\/api\.streamskill\.pro\/v1$/);
});

test('a password in it is not repeated in the message', () => {
	expect(() => checkedBaseUrl('https://user:s3cret@api.streamskill.pro')).toThrow(
		expect.objectContaining({ message: expect.not.stringContaining('s3cret') as string }) as Error,
	);
});
