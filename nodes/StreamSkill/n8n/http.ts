import type {
	ICredentialDataDecryptedObject,
	IExecuteFunctions,
	IHttpRequestMethods,
	IHttpRequestOptions,
	IN8nHttpFullResponse,
} from 'n8n-workflow';

import { checkedAccessToken } from '../../../credentials/accessToken';
import { checkedBaseUrl } from '../../../credentials/baseUrl';

/** A purchase has a few hundred bytes; what is much longer is none, and must not fill n8n's memory. */
const MAX_BODY_BYTES = 1024 * 1024;

const UNAUTHORISED = 401;

/** n8n throws for these, with the request: only that tells whether StreamSkill answered, or a proxy in its place. */
const SERVER_ERRORS = Array.from({ length: 100 }, (_, i) => 500 + i);

/** A request as it goes over the wire; the access token is added by the credential. */
export interface HttpRequest {
	method: IHttpRequestMethods;
	url: string;
	qs: Record<string, string>;
	headers: Record<string, string>;
	body?: object;
}

/** An answer as it came over the wire. */
export interface Answer {
	statusCode: number;
	/** With lower-case names. */
	headers: Record<string, unknown>;
	body: string;
	/** Whether a proxy answered in the server's place, because it did not connect to it. */
	isFromProxy?: boolean;
}

/** The way to StreamSkill, with the credential as each item of the list resolves it. */
export type Connection = Awaited<ReturnType<typeof connect>>;

/**
 * Reads the credential of these items: nothing is to be sent for any of them before all are known to have one.
 *
 * @param timeout milliseconds that an answer may take, from the first byte sent to the last one received
 */
export async function connect(context: IExecuteFunctions, timeout: number, itemIndexes: number[]) {
	const accounts = await readAccounts(context, itemIndexes);
	const accepted = new Set([...accounts.values()].filter(({ kind }) => kind === 'usable'));
	const usable = (itemIndex: number) => {
		const account = accounts.get(itemIndex);
		if (account?.kind === 'usable') return account;
		throw new Error(account?.message);
	};

	// n8n aborts a request in flight when the execution is stopped, and the answer of a purchase is lost. It does so
	// only for a caller with `getExecutionCancelSignal` (n8n-core: request-helpers/authentication.js), so this one goes
	// without.
	const caller = {
		helpers: context.helpers,
		logger: context.logger,
		getNode: () => context.getNode(),
	} as IExecuteFunctions;

	return {
		/** Why an item's credential cannot be used; undefined if it can. */
		obstacleTo: (itemIndex: number) => {
			const account = accounts.get(itemIndex);
			return account?.kind === 'unusable' ? account.message : undefined;
		},
		/** The Base URL of an item's credential, without a trailing slash. */
		baseUrl: (itemIndex: number) => usable(itemIndex).baseUrl,
		/** Whether an item's access token was refused. */
		isRefused: (itemIndex: number) => !accepted.has(usable(itemIndex)),
		/** Whether the access token of every item was refused. */
		isAllRefused: () => accepted.size === 0,
		/** Sends one request with an item's credential. Rejects with what n8n's request helper threw when there is no answer. */
		send: async (itemIndex: number, request: HttpRequest): Promise<Answer> => {
			const account = usable(itemIndex);
			const options: IHttpRequestOptions = {
				...request,
				encoding: 'stream',
				returnFullResponse: true,
				// Without this, n8n sends a request that was answered 401 a second time.
				ignoreHttpStatusErrors: { ignore: true, except: SERVER_ERRORS },
				timeout,
				// n8n's timeout starts anew with each byte; this one is for the whole request.
				abortSignal: AbortSignal.timeout(timeout),
			};
			try {
				const { statusCode, headers, body } = (await context.helpers.httpRequestWithAuthentication.call(caller, 'streamSkillApi', options, {
					credentialsDecrypted: { id: '', name: '', type: 'streamSkillApi', data: account.data },
				})) as IN8nHttpFullResponse;
				if (statusCode === UNAUTHORISED) accepted.delete(account);
				return { statusCode, headers, body: await readBody(body as unknown as AsyncIterable<Uint8Array>) };
			} catch (error) {
				return answerIn(error as ServerError);
			}
		},
	};
}

type Account = { kind: 'usable'; data: ICredentialDataDecryptedObject; baseUrl: string } | { kind: 'unusable'; message: string };

/**
 * Reads the credential once if nothing in it is an expression (see `isFixed` in the credential), since each reading
 * takes n8n a look into its database. Items with the same account share one object.
 */
async function readAccounts(context: IExecuteFunctions, itemIndexes: number[]): Promise<Map<number, Account>> {
	const accounts = new Map<number, Account>();
	const known = new Map<string, Account>();
	let fixed: Account | undefined;
	for (const itemIndex of itemIndexes) {
		const read = fixed ?? (await readAccount(context, itemIndex));
		const content = JSON.stringify(read);
		const account = known.get(content) ?? read;
		known.set(content, account);
		accounts.set(itemIndex, account);
		if (account.kind === 'usable' && account.data.isFixed === true) fixed = account;
	}
	return accounts;
}

async function readAccount(context: IExecuteFunctions, itemIndex: number): Promise<Account> {
	try {
		const data = await context.getCredentials('streamSkillApi', itemIndex);
		checkedAccessToken(data.accessToken);
		return { kind: 'usable', data, baseUrl: checkedBaseUrl(data.baseUrl) };
	} catch (error) {
		return { kind: 'unusable', message: (error as Error).message };
	}
}

/** What n8n throws for an answer with one of the `SERVER_ERRORS`; n8n before 2.41 leaves out the cause. */
interface ServerError extends Error {
	httpCode?: string | null;
	/** Axios' error. */
	cause?: { request?: { protocol?: string; socket?: { encrypted?: boolean } | null; destroy(): void } };
}

/**
 * The body of such an answer says nothing that counts, and may never end: it is not read.
 *
 * @throws the error, if there was no answer
 */
function answerIn(error: ServerError): Answer {
	const statusCode = Number(error.httpCode);
	if (!SERVER_ERRORS.includes(statusCode)) throw error;
	const request = error.cause?.request;
	// A proxy's refusal is played to the client as if it were the server's answer, over a socket without TLS
	// (https-proxy-agent: index.js).
	const isFromProxy = request?.protocol === 'https:' && request.socket != null && !request.socket.encrypted;
	request?.destroy();
	return { statusCode, headers: {}, body: '', isFromProxy };
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
