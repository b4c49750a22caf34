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
		new Error(
			`The Base URL of the StreamSkill API credential ${reason}. Use an address such as https://api.streamskill.pro/v1`,
		);

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
		throw refuse('would send the access token unencrypted: http:// is for 127.0.0.1 only');
	}
	return base.replace(/\/+$/, '');
}
