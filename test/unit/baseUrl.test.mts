import { checkDestination, checkedBaseUrl, type Destination } from '../../credentials/baseUrl.ts';

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

describe('the token goes to', () => {
	const BASE = 'https://api.streamskill.pro/v1';

	test.each<[Destination, string?]>([
		[{ url: 'https://api.streamskill.pro/v1/purchases/create' }],
		[{ uri: 'https://api.streamskill.pro/v1/purchases/create' }],
		[{ url: 'https://api.streamskill.pro/v1' }],
		[{ url: 'https://api.streamskill.pro/v1/' }],
		[{ url: 'https://api.streamskill.pro/v1?x=https://evil.com' }],
		[{ url: 'HTTPS://API.StreamSkill.pro:443/v1/purchases' }],
		[{ url: 'https://api.streamskill.pro/v2/../v1/purchases' }],
		[{ baseURL: BASE, url: '/purchases/create' }],
		[{ baseURL: `${BASE}/`, url: 'purchases/create' }],
		[{ baseURL: BASE }],
		[{ baseURL: 'https://api.streamskill.pro', uri: '/v1/purchases' }],
		[{ baseURL: 'https://evil.com', url: 'https://api.streamskill.pro/v1/purchases' }],
		[{ url: 'https://api.streamskill.pro/v1/x', uri: 'https://evil.com' }],
		[{ url: 'https://api.streamskill.pro/v1/x', rejectUnauthorized: true, agentOptions: {}, headers: { Accept: '*/*' } }],
		[{ url: 'https://api.streamskill.pro/anything' }, 'https://api.streamskill.pro'],
		[{ url: 'http://127.0.0.1:3000/v1/x' }, 'http://127.0.0.1:3000/v1'],
	])('%j', (request, base = BASE) => {
		expect(() => checkDestination(request, base)).not.toThrow();
	});

	test.each<[Destination]>([
		// Another server.
		[{ url: 'https://evil.com/v1/purchases' }],
		[{ uri: 'https://evil.com/v1/purchases' }],
		[{ url: 'https://evil.com', uri: 'https://api.streamskill.pro/v1/purchases' }],
		[{ url: 'https://api.streamskill.pro.evil.com/v1' }],
		[{ url: 'https://api.streamskill.pro./v1' }],
		[{ url: 'https://evil.com/https://api.streamskill.pro/v1' }],
		[{ url: 'https://api.streamskill.pro@evil.com/v1' }],
		[{ url: 'https://evil.com\\@api.streamskill.pro/v1' }],
		[{ url: 'https://api.streamskill.pro:8443/v1' }],
		[{ url: 'http://api.streamskill.pro/v1' }],
		[{ url: 'http://api.streamskill.pro:443/v1' }],
		[{ url: 'https:evil.com/v1' }],
		[{ url: '//evil.com/v1' }],
		[{ baseURL: BASE, url: 'https://evil.com/v1' }],
		[{ baseURL: BASE, url: '//evil.com/v1' }],
		[{ baseURL: 'https://evil.com/v1', url: '/purchases/create' }],
		// Somebody's name and password in place of the token.
		[{ url: 'https://user:secret@api.streamskill.pro/v1' }],
		// Another path of the same server.
		[{ url: 'https://api.streamskill.pro' }],
		[{ url: 'https://api.streamskill.pro/v2' }],
		[{ url: 'https://api.streamskill.pro/V1' }],
		[{ url: 'https://api.streamskill.pro/v10/purchases' }],
		[{ url: 'https://api.streamskill.pro/v1/../v2' }],
		[{ url: 'https://api.streamskill.pro/v1/%2e%2E/v2' }],
		[{ url: 'https://api.streamskill.pro/v1\\..\\v2' }],
		[{ url: 'https://api.streamskill.pro/v1/..%2fv2' }],
		[{ url: 'https://api.streamskill.pro/v1/..%5Cv2' }],
		[{ url: 'https://api.streamskill.pro//v1' }],
		[{ baseURL: BASE, url: '../v2' }],
		[{ baseURL: BASE, url: '/../v2' }],
		// No address.
		[{}],
		[{ url: '' }],
		[{ url: '/purchases/create' }],
		[{ url: 'api.streamskill.pro/v1' }],
		[{ url: 5 as unknown as string }],
	])('no such address as %j', (request) => {
		const check = () => checkDestination(request, BASE);
		expect(check).toThrow(
			/^The Access Token .* under its Base URL only.*Use an address that starts with https:\/\/api\.streamskill\.pro\/v1\//,
		);
		expect(check).not.toThrow(/secret/);
	});

	test('what is in the query of another address is not repeated in the message', () => {
		expect(() => checkDestination({ url: 'https://evil.com/?key=s3cret#s3cret' }, BASE)).toThrow(/^((?!s3cret).)*$/);
	});

	test.each<Destination>([
		{ skipSslCertificateValidation: true },
		{ rejectUnauthorized: false },
		{ agentOptions: { rejectUnauthorized: false } },
		{ agentOptions: { ca: 'a certificate of their own' } },
		{ headers: { hOST: 'evil.com' } },
	])('no server that need not prove who it is: %j', (request) => {
		expect(() => checkDestination({ url: `${BASE}/x`, ...request }, BASE)).toThrow(/proves who it is.*Turn off Ignore SSL Issues/);
	});
});
