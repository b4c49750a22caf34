import type { IExecuteFunctions, IHttpRequestOptions, IN8nHttpFullResponse } from 'n8n-workflow';

import { checkedAccessToken } from '../../../credentials/accessToken';
import { checkedBaseUrl } from '../../../credentials/baseUrl';

/** A purchase has a few hundred bytes; what is much longer is none, and must not fill n8n's memory. */
const MAX_BODY_BYTES = 1024 * 1024;

/** A request as it goes over the wire; the access token is added by the credential. */
export interface HttpRequest {
	method: 'POST';
	url: string;
	qs: Record<string, string>;
	headers: Record<string, string>;
	body: object;
}

/** An answer as it came over the wire. */
export interface Answer {
	statusCode: number;
	/** With lower-case names. */
	headers: Record<string, unknown>;
	body: string;
}

export interface Connection {
	/** The credential's Base URL, without a trailing slash. */
	baseUrl: string;
	/** Sends one request and gives its answer. Rejects with what n8n's request helper threw when there is none. */
	send(request: HttpRequest): Promise<Answer>;
}

/**
 * Reads the credential, once for the whole run.
 *
 * @param timeout milliseconds that an answer may take, from the first byte sent to the last one received
 * @throws Error when the credential is missing, or holds no Access Token or no Base URL to send it to
 */
export async function connect(context: IExecuteFunctions, timeout: number): Promise<Connection> {
	const credentials = await context.getCredentials('streamSkillApi');
	const baseUrl = checkedBaseUrl(credentials.baseUrl);
	checkedAccessToken(credentials.accessToken);

	// n8n aborts a request in flight when the execution is stopped, and the answer of a purchase is
	// lost. It does so only for a caller with
	// `getExecutionCancelSignal` (n8n-core: request-helper-functions.js), so this one goes without.
	const caller = {
		helpers: context.helpers,
		logger: context.logger,
		getNode: () => context.getNode(),
	} as IExecuteFunctions;
	const credentialsDecrypted = { id: '', name: '', type: 'streamSkillApi', data: credentials };

	const send: Connection['send'] = async (request) => {
		const options: IHttpRequestOptions = {
			...request,
			encoding: 'stream',
			returnFullResponse: true,
			// Without this, n8n sends a request that was answered 401 a second time.
			ignoreHttpStatusErrors: true,
			// n8n sends the token on to wherever a redirect points.
			disableFollowRedirect: true,
			timeout,
			// n8n's timeout starts anew with each byte; this one is for the whole request.
			abortSignal: AbortSignal.timeout(timeout),
		};
		const { statusCode, headers, body } = (await context.helpers.httpRequestWithAuthentication.call(
			caller,
			'streamSkillApi',
			options,
			{ credentialsDecrypted },
		)) as IN8nHttpFullResponse;
		return { statusCode, headers, body: await readBody(body as unknown as AsyncIterable<Uint8Array>) };
	};

	return { baseUrl, send };
}

/**
 * Reads a body as text, as far as it comes and up to `MAX_BODY_BYTES`. What is cut off is not JSON, and no
 * purchase then; but a refusal is one by its status, and a purchase that came whole is one even if the
 * connection breaks after it.
 */
async function readBody(stream: AsyncIterable<Uint8Array>): Promise<string> {
	const decoder = new TextDecoder();
	let text = '';
	let bytes = 0;
	try {
		for await (const chunk of stream) {
			text += decoder.decode(chunk, { stream: true });
			bytes += chunk.length;
			if (bytes > MAX_BODY_BYTES) break;
		}
	} catch {
		// What came so far tells all there is to know.
	}
	return text;
}
