import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { Server, type PrepareRequestFunction } from 'proxy-chain';

import { makeCertificate } from '../../tools/sandbox/certificate.mts';
import { startSandbox, type Sandbox } from '../../tools/sandbox/sandbox.mts';
import { TOKEN, type Orders } from './shop.mts';

/** Sets up a sandbox with TLS for a test file, and a real proxy, which nothing goes through until a test says so. */
export function openSecureShop() {
	let sandbox: Sandbox;
	let proxy: Server;
	let certificate: string;
	const shop = {
		get sandbox() {
			return sandbox;
		},
		get certificate() {
			return certificate;
		},
		/** The certificate that n8n trusts. */
		trusted: undefined as string | undefined,
		/** What the proxy does when it is to connect. */
		onConnect: (() => ({})) as PrepareRequestFunction,
		proxyAt: (user = '') => `http://${user && `${user}@`}127.0.0.1:${proxy.port}`,
		/** n8n's proxy client checks no certificate against an IP address. */
		orders: (): Orders => ({ credentials: { accessToken: TOKEN, baseUrl: sandbox.url.replace('127.0.0.1', 'localhost') } }),
	};
	beforeAll(async () => {
		const folder = await mkdtemp(join(tmpdir(), 'streamskill-'));
		const made = await makeCertificate(folder);
		await rm(folder, { recursive: true });
		certificate = made.cert;
		sandbox = await startSandbox({ token: TOKEN, certificate: made });

		const { connect } = tls;
		jest
			.spyOn(tls, 'connect')
			.mockImplementation(((options: tls.ConnectionOptions, ...more: never[]) =>
				connect({ ...options, ca: shop.trusted }, ...more)) as typeof connect);

		proxy = new Server({ host: '127.0.0.1', port: 0, prepareRequestFunction: (request) => shop.onConnect(request) });
		await proxy.listen();
	});
	beforeEach(() => {
		sandbox.reset();
		shop.trusted = certificate;
		shop.onConnect = () => ({});
	});
	afterEach(() => {
		for (const name of ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY']) delete process.env[name];
	});
	afterAll(async () => {
		jest.restoreAllMocks();
		await proxy.close(true);
		await sandbox.close();
	});
	return shop;
}
