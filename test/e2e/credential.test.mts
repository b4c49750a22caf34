import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { INodeParameters } from 'n8n-workflow';

import { makeCertificate } from '../../tools/sandbox/certificate.mts';
import { chain, node } from '../../tools/n8n/workflows.mts';
import { faults, startSandbox, type Fault, type Sandbox } from '../../tools/sandbox/sandbox.mts';
import { errorOf } from './executions.mts';
import { startWorld, type World } from './world.mts';

let world: World;
/** StreamSkill with a certificate of its own making. */
let untrusted: Sandbox;

beforeAll(async () => {
	const folder = await mkdtemp(join(tmpdir(), 'streamskill-'));
	untrusted = await startSandbox({ certificate: await makeCertificate(folder) });
	await rm(folder, { recursive: true });
	world = await startWorld();
});
afterAll(async () => {
	await world.close();
	await untrusted.close();
});
beforeEach(() => world.sandbox.reset());
afterEach(() => expect(world.sandbox.purchases).toEqual([]));

const test_ = async (data: { accessToken?: string; baseUrl?: string } = {}) =>
	await world.n8n.rest.testCredential({ ...world.credential, data: { ...world.credential.data, ...data } });

test('a good token', async () => {
	expect(await test_()).toEqual({ status: 'OK', message: 'Connection successful!' });
	expect(await test_({ baseUrl: ` ${world.sandbox.url}/ ` })).toMatchObject({ status: 'OK' });
	expect(await test_({ accessToken: ` ${world.sandbox.token}\r\n` })).toMatchObject({ status: 'OK' });
});

test.each<[string, () => { accessToken?: string; baseUrl?: string }, RegExp]>([
	['a bad token', () => ({ accessToken: 'wrong' }), /does not accept the Access Token \(401\)/],
	['no token', () => ({ accessToken: '' }), /The Access Token .* is empty/],
	[
		'more than a token',
		() => ({ accessToken: `Bearer ${world.sandbox.token}` }),
		/The Access Token .* starts with the word Bearer\. Leave that word out/,
	],
	['a token with a space', () => ({ accessToken: `${world.sandbox.token} x` }), /The Access Token .* contains a space, .*Copy it again/],
	['nobody there', () => ({ baseUrl: 'http://127.0.0.1:9/v1' }), /ECONNREFUSED|refused the connection/],
	['a name that is none', () => ({ baseUrl: `https://${'x'.repeat(64)}/v1` }), /ENOTFOUND|EAI_\w+|cannot be established/],
	['a certificate that nobody trusts', () => ({ baseUrl: untrusted.url }), /CERT|certificate/i],
	[
		'a wrong path',
		() => ({ baseUrl: world.sandbox.origin }),
		/Nothing is at this address \(404\)\. Check the Base URL: it usually ends in \/v1/,
	],
	['http to a foreign host', () => ({ baseUrl: 'http://api.streamskill.pro/v1' }), /access token unencrypted/],
	['no address at all', () => ({ baseUrl: 'streamskill' }), /is not a web address/],
])('%s, and then what the message asks for', async (_, data, message) => {
	expect(await test_(data())).toEqual({ status: 'Error', message: expect.stringMatching(message) });
	const { accessToken = '' } = data();
	expect(await test_(accessToken.startsWith('Bearer ') ? { accessToken: accessToken.slice('Bearer '.length) } : {})).toMatchObject({
		status: 'OK',
	});
});

const status = (code: number, rest: object = {}): Fault => ({ kind: 'status', status: code, bought: false, ...rest }) as Fault;

test.each<[string, Fault, RegExp]>([
	['200', status(200, { body: { ok: true } }), /not as the StreamSkill API does/],
	['201', status(201, { body: { ok: true } }), /not as the StreamSkill API does/],
	['204', status(204), /not as the StreamSkill API does/],
	['a web page', { kind: 'html', bought: false }, /not as the StreamSkill API does/],
	['an empty answer', { kind: 'empty', bought: false }, /not as the StreamSkill API does/],
	["somebody else's 422", status(422, { body: { detail: 'no' } }), /not as the StreamSkill API does/],
	['a 422 with a web page', status(422, { body: '<html>' }), /not as the StreamSkill API does/],
	...[301, 302, 303, 308].map((code): [string, Fault, RegExp] => [
		String(code),
		status(code, { headers: { Location: 'http://127.0.0.1:9/' } }),
		new RegExp(`redirects elsewhere \\(${code}\\)`),
	]),
	['307', status(307, { headers: { Location: 'http://127.0.0.1:9/' } }), /redirects elsewhere \(307\)/],
	['403', status(403), /Access is forbidden \(403\)/],
	['404', status(404), /Nothing is at this address \(404\)/],
	['405', status(405), /This address takes no purchases \(405\)/],
	['408', status(408), /took too long \(408\)\. The token was not checked: test again later/],
	['429', status(429), /too many requests right now \(429\)/],
	['500', status(500), /not working right now \(500\)/],
	['502', status(502), /behind its gateway \(502\)/],
	['503', status(503), /not available right now \(503\)/],
	['504', status(504), /does not answer its gateway \(504\)/],
	['a reset connection', { kind: 'reset', bought: false }, /ECONNRESET|closed unexpectedly/],
])('%s is not taken for success, and once it is over, the test says so', async (_, fault, message) => {
	world.sandbox.fault({ fault });
	expect(await test_()).toEqual({ status: 'Error', message: expect.stringMatching(message) });
	world.sandbox.reset();
	expect(await test_()).toMatchObject({ status: 'OK' });
});

describe("in n8n's HTTP Request node", () => {
	let foreign: Sandbox;

	beforeAll(async () => {
		foreign = await startSandbox();
	});
	afterAll(async () => await foreign.close());
	beforeEach(() => foreign.reset());

	/** What becomes of a request with the credential, made by a user who has allowed that. */
	async function request(url: string, { data = {}, options = {} }: { data?: object; options?: INodeParameters } = {}) {
		const { rest } = world.n8n;
		const { id, name, type } = await rest.createCredential({
			...world.credential,
			data: { ...world.credential.data, allowedHttpRequestDomains: 'all', ...data },
		});
		const authentication = { authentication: 'predefinedCredentialType', nodeCredentialType: type };
		const body = { sendBody: true, specifyBody: 'json', jsonBody: '{}' };
		const parameters = { method: 'POST', url, ...authentication, ...body, options };
		const http = node('HTTP Request', 'httpRequest', parameters, { typeVersion: 4.2, credentials: { [type]: { id, name } } });
		const workflow = await rest.createWorkflow(chain('HTTP Request', [node('Start', 'manualTrigger'), http]));
		return errorOf(await rest.waitForExecution(await rest.runWorkflow(workflow.id)));
	}

	const at = ({ url }: Sandbox) => `${url}/purchases/create`;

	test('it reaches StreamSkill, with the token', async () => {
		await request(at(world.sandbox));
		// An empty order, and a good token.
		expect(world.sandbox.requests).toMatchObject([{ status: 422 }]);
	});

	test.each<[string, () => string]>([
		['another address', () => at(foreign)],
		['another path', () => `${world.sandbox.origin}/v2/purchases/create`],
		['a path that leads out of the Base URL', () => `${world.sandbox.url}/../v2/purchases/create`],
	])('its token is not sent to %s', async (_, url) => {
		const error = await request(url());
		expect(error?.message).toMatch(/The Access Token .* under its Base URL only/);
		expect([...world.sandbox.requests, ...foreign.requests]).toEqual([]);
	});

	test('its token is not sent to a server that need not prove who it is', async () => {
		expect((await request(at(world.sandbox), { options: { allowUnauthorizedCerts: true } }))?.message).toMatch(
			/Turn off Ignore SSL Issues/,
		);
		expect(world.sandbox.requests).toEqual([]);
	});

	test('its token does not follow a redirect', async () => {
		world.sandbox.fault({ fault: faults.redirect(at(foreign), 307) });
		expect(await request(at(world.sandbox))).toBeDefined();
		expect(world.sandbox.requests).toHaveLength(1);
		expect(foreign.requests).toEqual([]);
	});

	test('n8n sends nothing at all unless the user has allowed it', async () => {
		expect((await request(at(world.sandbox), { data: { allowedHttpRequestDomains: undefined } }))?.message).toMatch(
			/prevent use within an HTTP Request/,
		);
		expect(world.sandbox.requests).toEqual([]);
	});
});
