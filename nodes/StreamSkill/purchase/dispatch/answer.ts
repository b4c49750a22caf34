import type { IDataObject } from 'n8n-workflow';

import type { Answer } from '../../n8n/http';
import { isObject, show } from '../order/kinds';
import type { FieldProblems } from '../order/problems';
import type { NotBought, Outcome } from './outcome';

/** Failures of reaching the host, where it is not said which call failed. */
const NEVER_CONNECTED = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/;
const BAD_CERTIFICATE =
	/CERT|CRL|SELF_SIGNED|UNABLE_TO_(DECODE|GET|VERIFY)|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH|HOSTNAME_MISMATCH|^ERR_TLS/;

/**
 * What Node.js says of a TLS handshake that failed: its own words (lib/internal/tls/wrap.js), or OpenSSL's for
 * the write of the order, which waits for the handshake (src/crypto/crypto_tls.cc: ClearIn, DoWrite). What
 * fails in reading later has the code ERR_SSL_….
 */
const FAILED_HANDSHAKE = /^Client network socket disconnected before secure TLS|^write EPROTO .*:SSL routines:/;

/** A proxy that closes the connection or talks nonsense, by https-proxy-agent (parse-proxy-response.js). */
const NO_TUNNEL = /\b(receiving|from proxy) CONNECT response\b/;

/** n8n's protection against requests to addresses of its own network (backend-network: ssrf-blocked-ip.error.js). */
const REFUSED_BY_N8N = /^The request was blocked because/;

/**
 * What an answer means for the user's money: see `NotBought`.
 *
 * Any other redirect than a 303 is a rejection because it is never followed.
 */
export function readAnswer({ statusCode: httpCode, headers, body, isFromProxy }: Answer): Outcome {
	// 407 is a proxy's by definition (RFC 9110, 15.5.8).
	if (isFromProxy || httpCode === 407) return { kind: 'rejected', reason: { kind: 'proxy', httpCode } };

	const parsed = parse(body);
	const json = isObject(parsed) ? parsed : undefined;
	const unknown = (apiMessage?: string): NotBought => ({ kind: 'unknown', reason: { kind: 'status', httpCode, apiMessage } });

	if (httpCode >= 200 && httpCode < 300) {
		return json && Number.isSafeInteger(json.id) && (json.id as number) > 0
			? { kind: 'bought', purchase: json }
			: unknown(describeBody(body, parsed));
	}

	// "See Other" is what a server says after a POST when it is done (RFC 9110, 15.4.4).
	if (httpCode === 303) return unknown('a redirect (303)');

	const isCertain = httpCode >= 300 && httpCode < 500 && httpCode !== 408;
	if (!isCertain) return unknown();
	return {
		kind: 'rejected',
		reason: {
			kind: 'status',
			httpCode,
			apiMessage: [json?.message, json?.errors].find((text) => typeof text === 'string')?.slice(0, 500),
			fieldErrors: httpCode === 422 ? readFieldErrors(json?.errors) : undefined,
			retryAfterMs: httpCode === 429 ? readRetryAfter(headers) : undefined,
		},
	};
}

/** What it means that no answer came: `error` is what n8n's request helper threw. */
export function readFailure(error: unknown): NotBought {
	const failure = innermost(error);
	const { code, text } = failure;
	if (REFUSED_BY_N8N.test(text)) return { kind: 'rejected', reason: { kind: 'blocked' } };
	const kind = wasNeverSent(failure) ? 'rejected' : 'unknown';
	const isTimeout = /^(ERR_CANCELED|ECONNABORTED|ABORT_ERR)$/.test(code) || (code === 'ETIMEDOUT' && kind === 'unknown');
	if (isTimeout) return { kind, reason: { kind: 'timeout' } };
	if (NO_TUNNEL.test(text)) return { kind, reason: { kind: 'network', code: 'the proxy did not connect' } };
	return { kind, reason: code === '' ? { kind: 'unrecognised' } : { kind: 'network', code } };
}

const wasNeverSent = ({ code, text, syscall, socket }: Innermost) =>
	BAD_CERTIFICATE.test(code) ||
	/^(connect|getaddrinfo)$/.test(syscall ?? '') ||
	(syscall === undefined && NEVER_CONNECTED.test(code)) ||
	NO_TUNNEL.test(text) ||
	// Node.js gives a request its socket once a proxy has connected (_http_client.js: onSocket).
	socket === null ||
	(socket?.secureConnecting ?? FAILED_HANDSHAKE.test(text));

/** What an error that was thrown may have, as far as it is looked at here. */
interface Thrown {
	code?: unknown;
	message?: unknown;
	/** What n8n before 2.41 makes of it where it leaves out the cause: its code, and the text of it. */
	httpCode?: unknown;
	messages?: unknown[];
	syscall?: string;
	errors?: Thrown[];
	request?: { socket?: Socket };
	cause?: Thrown;
}

/** Of a request; `secureConnecting` is true from the start of a TLS connection until its handshake is complete. */
type Socket = { secureConnecting?: boolean } | null;

interface Innermost {
	/** Blank if there is none. */
	code: string;
	text: string;
	syscall?: string;
	/** Undefined where it is not to be seen. */
	socket?: Socket;
}

/** n8n wraps the failure of the socket a few times over: the innermost code is the socket's. */
function innermost(error: unknown): Innermost {
	const found: Innermost = { code: '', text: '' };
	let cause = error as Thrown | undefined;
	for (let depth = 0; cause && typeof cause === 'object' && depth < 6; depth++) {
		const text = String(cause.messages?.[0] ?? cause.message);
		const code = cause.code ?? cause.httpCode;
		if (typeof code === 'string') {
			found.code = code;
			// A host with several addresses fails with one error for each.
			found.syscall = cause.syscall ?? cause.errors?.[0]?.syscall ?? syscallIn(text);
		}
		found.text = text;
		if (found.socket === undefined) found.socket = cause.request?.socket;
		cause = cause.cause;
	}
	return found;
}

/** The call that failed, in a text like "read ECONNRESET". */
const syscallIn = (text: string) => /^([a-z]+) E[A-Z]+/.exec(text)?.[1];

/** Parses JSON so that n8n can copy and store it; undefined if it is none. */
function parse(body: string): unknown {
	try {
		const json: unknown = JSON.parse(body);
		if (isDeep(json)) return isObject(json) ? shallow(json) : [];
		return /__proto__|\\u/.test(body) ? JSON.parse(body, dropProto) : json;
	} catch {
		return undefined;
	}
}

/** `__proto__` is a key like any other to JSON.parse, but not to the code that copies the output. */
const dropProto = (key: string, value: unknown) => (key === '__proto__' ? undefined : value);

/** Deeper than an expanded purchase by far, yet shallow enough for n8n's recursive copying. */
const MAX_DEPTH = 50;

const isDeep = (value: unknown, depth = 0): boolean =>
	typeof value === 'object' && value !== null && (depth === MAX_DEPTH || Object.values(value).some((child) => isDeep(child, depth + 1)));

/** It may be a purchase, so its plain values are kept even if the rest would exhaust the stack. */
const shallow = (json: IDataObject) =>
	Object.fromEntries(Object.entries(json).filter(([key, value]) => key !== '__proto__' && (typeof value !== 'object' || value === null)));

function describeBody(body: string, parsed: unknown): string {
	if (body.trim() === '') return 'an empty answer';
	if (parsed !== undefined) return 'an answer without a purchase ID';
	return /^\s*</.test(body) ? 'a web page' : 'an answer that is not complete JSON';
}

function readFieldErrors(errors: unknown): FieldProblems | undefined {
	if (!isObject(errors)) return undefined;
	const entries = Object.entries(errors)
		.slice(0, 50)
		.map(([field, messages]): [string, string[]] => [
			field.slice(0, 100),
			(Array.isArray(messages) ? messages : [messages])
				.slice(0, 10)
				.map((message) => (typeof message === 'string' ? message.slice(0, 500) : show(message))),
		]);
	return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

/**
 * `Retry-After` is seconds or a date (RFC 9110). Yii, which the API's errors look like, sends
 * `X-Rate-Limit-Reset` instead: the seconds until the limit is lifted.
 */
function readRetryAfter(headers: Answer['headers']): number | undefined {
	for (const value of [headers['retry-after'], headers['x-rate-limit-reset']]) {
		const text = typeof value === 'string' ? value.trim() : '';
		if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
		// Date.parse takes much for a date that is none, such as "-5".
		const date = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(text) ? Date.parse(text) : NaN;
		if (!Number.isNaN(date)) return Math.max(0, date - Date.now());
	}
	return undefined;
}
