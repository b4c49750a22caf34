const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * Checks an address that the access token is going to be sent to.
 *
 * Plain `http` is let through for a loopback host only, so that the token never travels in clear.
 *
 * @param text the credential's Base URL, as typed
 * @returns the address without a trailing slash
 * @throws Error that says what is wrong with it and what it should look like
 */
export function checkedBaseUrl(text: unknown): string {
	const refuse = (reason: string) =>
		new Error(`The Base URL of the StreamSkill API credential ${reason}. Use an address such as https://api.streamskill.pro/v1`);

	const base = typeof text === 'string' ? text.trim() : '';
	if (base === '') throw refuse('is empty');
	if (/[\s\\\p{Cc}]/u.test(base)) throw refuse('contains a space, a line break or a backslash');

	let url: URL;
	try {
		url = new URL(base);
	} catch {
		throw refuse('is not a web address');
	}
	if (url.protocol !== 'https:' && url.protocol !== 'http:') throw refuse('does not start with https://');
	if (url.username || url.password) throw refuse('contains a user name or password');
	if (/[?#]/.test(base)) throw refuse('contains a query or a fragment');
	if (/(^|\/)(\.|%2e){1,2}(\/|$)/i.test(base.slice(url.protocol.length + 2))) {
		throw refuse('contains a relative path');
	}
	if (url.protocol === 'http:' && !LOOPBACK.test(url.hostname)) {
		throw refuse('would send the access token unencrypted: http:// is for this machine only');
	}
	return base.replace(/\/+$/, '');
}

/** What tells where a request goes, in n8n's current form (`IHttpRequestOptions`) and its old one (`IRequestOptions`). */
export interface Destination {
	baseURL?: unknown;
	url?: unknown;
	uri?: unknown;
	headers?: object;
	skipSslCertificateValidation?: boolean;
	rejectUnauthorized?: boolean;
	agentOptions?: { rejectUnauthorized?: boolean; ca?: unknown };
}

/**
 * Checks where a request goes before it gets the access token: any node may send one, such as n8n's HTTP Request.
 *
 * @param baseUrl as `checkedBaseUrl` returns it
 * @throws Error that says what to do, unless the request goes to an address under the Base URL
 */
export function checkDestination(request: Destination, baseUrl: string) {
	const address = addressOf(request);
	if (!address || !isUnder(address, new URL(baseUrl))) {
		const where = address ? address.origin + address.pathname : 'this one';
		throw new Error(
			`The Access Token of the StreamSkill API credential goes to addresses under its Base URL only, and ${where} is none. Nothing was sent. Use an address that starts with ${baseUrl}/, or another credential`,
		);
	}
	if (mayBeTaken(request)) {
		throw new Error(
			'The Access Token of the StreamSkill API credential goes only to a server that proves who it is. Nothing was sent. Turn off Ignore SSL Issues and SSL Certificates, and set no Host header',
		);
	}
}

/** Whether somebody else than the host of the address could take the request: who listens in between, or shares its server. */
function mayBeTaken({ headers = {}, skipSslCertificateValidation, rejectUnauthorized, agentOptions }: Destination): boolean {
	return (
		skipSslCertificateValidation === true ||
		rejectUnauthorized === false ||
		agentOptions?.rejectUnauthorized === false ||
		agentOptions?.ca !== undefined ||
		Object.keys(headers).some((name) => name.toLowerCase() === 'host')
	);
}

/** As n8n (backend-network: http/axios/utils.js) and axios (buildFullPath.js) put it together. */
function addressOf({ baseURL, url, uri }: Destination): URL | undefined {
	const target = String((url ?? uri ?? '') as string);
	const isAbsolute = !baseURL || /^([a-z][a-z\d+\-.]*:)?\/\//i.test(target);
	try {
		return new URL(isAbsolute ? target : `${String(baseURL as string).replace(/\/+$/, '')}/${target.replace(/^\/+/, '')}`);
	} catch {
		return undefined;
	}
}

function isUnder({ origin, username, password, pathname }: URL, base: URL): boolean {
	return (
		origin === base.origin &&
		// axios would send these in place of the token.
		username + password === '' &&
		`${pathname}/`.startsWith(base.pathname.replace(/\/*$/, '/')) &&
		// A server may read an encoded slash as one, and so leave the path.
		!/%2f|%5c/i.test(pathname)
	);
}
