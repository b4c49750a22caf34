/** What a person is told of proxies, redirects and certificates, done word by word, by way of a real proxy. */
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RequestError, type PrepareRequestFunction } from 'proxy-chain';

import { bought } from '../../tools/sandbox/counts.mts';
import { followEach, list, reads, type Cause } from './causes.mts';
import { tellsCause } from './engine.mts';
import { openSecureShop } from './secureShop.mts';
import { onceEach, openShop, outcomes, TOKEN, type Orders } from './shop.mts';

const shop = openShop();
const secure = openSecureShop();
const { orders: securely, proxyAt } = secure;

const USER = 'n8n:let-me-in';

const ASK = 'Ask whoever runs n8n: its proxy is set with the environment variable HTTPS_PROXY.';
const CHECK = 'Check the Base URL in the StreamSkill API credential and the network.';

/** A proxy that lets nothing through, until somebody has seen to it. */
const proxied = (advice: string[], wrong: () => PrepareRequestFunction): Cause => ({
	advice,
	wrong: securely,
	disturb: () => {
		process.env.HTTPS_PROXY = proxyAt();
		secure.onConnect = wrong();
	},
	mend: () => {
		secure.onConnect = () => ({});
		return securely();
	},
});

const refuse = (status: number) => () => () => {
	throw new RequestError('No way through', status);
};

describe('a proxy', () => {
	followEach(
		{
			'asks for a user name and password, which HTTPS_PROXY gets': {
				advice: ['The proxy asks for a user name and password (407)', ASK],
				wrong: securely,
				disturb: () => {
					process.env.HTTPS_PROXY = proxyAt();
					secure.onConnect = ({ username, password }) => ({ requestAuthentication: `${username}:${password}` !== USER });
				},
				mend: () => {
					process.env.HTTPS_PROXY = proxyAt(USER);
					return securely();
				},
			},
			'is not needed for the host, which NO_PROXY names': {
				advice: ['The proxy asks for a user name and password (407)', ASK],
				wrong: securely,
				disturb: () => {
					process.env.HTTPS_PROXY = proxyAt();
					secure.onConnect = () => ({ requestAuthentication: true });
				},
				mend: () => {
					process.env.NO_PROXY = 'localhost';
					return securely();
				},
			},
			forbids: proxied(['that no firewall is in between'], refuse(403)),
			'closes the connection': proxied(['StreamSkill could not be reached (the proxy did not connect)', CHECK], () => ({ request }) => {
				request.socket.end();
				return new Promise<undefined>(() => {});
			}),
			'is down': {
				advice: ['StreamSkill could not be reached (ECONNREFUSED)', CHECK],
				wrong: securely,
				disturb: () => (process.env.HTTPS_PROXY = 'http://127.0.0.1:1'),
				mend: () => {
					process.env.HTTPS_PROXY = proxyAt();
					return securely();
				},
			},
			// In n8n 1.x nothing tells that the order was not sent: it is uncertain there.
			...(tellsCause && {
				'did not connect (502)': proxied(['The proxy did not connect to StreamSkill (502)', ASK], refuse(502)),
			}),
		},
		shop,
		() => bought(secure.sandbox),
	);
});

describe('the address', () => {
	let elsewhere: HttpServer;
	let status: number;
	beforeAll(async () => {
		elsewhere = createServer((request, response) => response.writeHead(status, { location: shop.sandbox.origin + request.url }).end());
		elsewhere.listen(0, '127.0.0.1');
		await new Promise((resolve) => elsewhere.once('listening', resolve));
	});
	afterAll(() => elsewhere.close());

	const redirect = (): Orders => ({
		credentials: { accessToken: TOKEN, baseUrl: `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/v1` },
	});

	followEach(
		Object.fromEntries(
			[301, 302, 307, 308].map((code): [string, Cause] => [
				`redirects (${code})`,
				{
					advice: [
						`The Base URL redirects to another address (${code}), and no order is sent there`,
						'Put the address of the StreamSkill API itself into the StreamSkill API credential.',
					],
					wrong: redirect,
					disturb: () => (status = code),
				},
			]),
		),
		shop,
		shop.sold,
	);

	test('redirects (303), which does not say whether it was bought: the reference is added, and the address mended', async () => {
		status = 303;
		const first = await shop.order(list, redirect());
		expect(outcomes(first)).toEqual(['unknown']);
		reads(first, 'StreamSkill sent a redirect (303) instead of a purchase', 'add it to Confirmed Not Bought');
		expect((await shop.order([], { options: shop.lookUp(first), retryOf: first.data })).error).toBeUndefined();
		expect(shop.sold()).toEqual(onceEach(list));
	});
});

describe('a certificate that nobody trusts', () => {
	followEach(
		{
			'is exchanged for one that is trusted': {
				advice: ['StreamSkill could not be reached (', CHECK],
				wrong: securely,
				disturb: () => (secure.trusted = undefined),
				mend: () => {
					secure.trusted = secure.certificate;
					return securely();
				},
			},
		},
		shop,
		() => bought(secure.sandbox),
	);
});

test('a Base URL with plain http goes through HTTP_PROXY with the token, unless NO_PROXY names the host', async () => {
	const seen: string[] = [];
	secure.onConnect = ({ request }) => {
		seen.push(JSON.stringify(request.headers));
		return {};
	};
	process.env.HTTP_PROXY = proxyAt();
	await shop.order(['a']);
	expect(seen.join()).toContain(TOKEN);
	seen.length = 0;
	process.env.NO_PROXY = '127.0.0.1';
	await shop.order(['b']);
	expect(seen).toEqual([]);
	expect(shop.sold()).toEqual(onceEach(['a', 'b']));
});
