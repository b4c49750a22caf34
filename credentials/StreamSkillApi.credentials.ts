import type { IAuthenticate, ICredentialTestRequest, ICredentialType, INodeProperties, Icon } from 'n8n-workflow';

import { checkedAccessToken } from './accessToken';
import { checkDestination, checkedBaseUrl } from './baseUrl';

const ORDER_REFUSED = 422;

const NOT_STREAMSKILL = 'The Base URL answers, but not as the StreamSkill API does. Check the Base URL: it usually ends in /v1';

/** What an answer to the Test button means, by HTTP status. */
const TEST_MESSAGES: Record<number, string> = {
	200: NOT_STREAMSKILL,
	201: NOT_STREAMSKILL,
	202: NOT_STREAMSKILL,
	204: NOT_STREAMSKILL,
	301: 'The Base URL redirects elsewhere (301). Use the address of the StreamSkill API itself',
	302: 'The Base URL redirects elsewhere (302). Use the address of the StreamSkill API itself',
	303: 'The Base URL redirects elsewhere (303). Use the address of the StreamSkill API itself',
	307: 'The Base URL redirects elsewhere (307). Use the address of the StreamSkill API itself',
	308: 'The Base URL redirects elsewhere (308). Use the address of the StreamSkill API itself',
	400: NOT_STREAMSKILL,
	401: 'StreamSkill does not accept the Access Token (401). Copy it again from your StreamSkill account',
	403: 'Access is forbidden (403). Check that your StreamSkill account may use the API, and that no firewall is in between',
	404: 'Nothing is at this address (404). Check the Base URL: it usually ends in /v1',
	405: 'This address takes no purchases (405). Check the Base URL: it usually ends in /v1',
	408: 'StreamSkill took too long (408). The token was not checked: test again later',
	429: 'StreamSkill receives too many requests right now (429). Wait a minute, then test again',
	500: 'StreamSkill is not working right now (500). The token was not checked: test again later',
	502: 'StreamSkill cannot be reached behind its gateway (502). The token was not checked: test again later',
	503: 'StreamSkill is not available right now (503). The token was not checked: test again later',
	504: 'StreamSkill does not answer its gateway (504). The token was not checked: test again later',
};

/** n8n sends the token on to wherever a redirect points. Its current helper knows the first of these, its old one the others. */
const NO_REDIRECTS = { disableFollowRedirect: true, followRedirect: false, followAllRedirects: false };

export class StreamSkillApi implements ICredentialType {
	name = 'streamSkillApi';

	displayName = 'StreamSkill API';

	icon: Icon = {
		light: 'file:../nodes/StreamSkill/streamskill.svg',
		dark: 'file:../nodes/StreamSkill/streamskill.dark.svg',
	};

	documentationUrl = 'https://set-before-publishing.invalid/n8n-nodes-streamskill#credentials';

	properties: INodeProperties[] = [
		{
			displayName: 'Access Token',
			name: 'accessToken',
			type: 'string',
			typeOptions: { password: true },
			default: '',
			required: true,
			description: 'The bearer token of your StreamSkill account. Whoever has it can spend your balance.',
		},
		{
			displayName: 'Base URL',
			name: 'baseUrl',
			type: 'string',
			default: 'https://api.streamskill.pro/v1',
			required: true,
			description: 'Where the API is. Leave it as it is unless StreamSkill gives you another address.',
		},
		{
			// In place of n8n's own field of this name, which allows every address unless it is changed (n8n-workflow:
			// credential-domain-restrictions.js). HTTP Request and GraphQL go by it.
			displayName: 'Allowed HTTP Request Domains',
			name: 'allowedHttpRequestDomains',
			type: 'options',
			options: [
				{
					name: 'None',
					value: 'none',
					description: 'Only StreamSkill nodes can use this credential',
				},
				{
					name: 'Base URL',
					value: 'all',
					description: 'The HTTP Request node can order as well, without anything that keeps it from buying twice',
				},
			],
			default: 'none',
			description:
				"What n8n's HTTP Request and GraphQL nodes can use this credential for. The Access Token never goes to any address but those under the Base URL.",
		},
		{
			// There only if neither field is an expression: n8n leaves out what is not displayed, before it evaluates any
			// (n8n: credentials-helper.js, applyDefaultsAndOverwrites). Only an expression may differ from item to item.
			displayName: 'Is Fixed',
			name: 'isFixed',
			type: 'hidden',
			default: true,
			// Not by `regex`: n8n gives one 250 ms, and throws where a busy machine needs longer (n8n-workflow: safe-regex.js).
			displayOptions: { hide: { accessToken: [{ _cnd: { startsWith: '=' } }], baseUrl: [{ _cnd: { startsWith: '=' } }] } },
		},
	];

	/** A function, not n8n's generic form: that one evaluates an expression for every request. */
	authenticate: IAuthenticate = async (credentials, requestOptions) => {
		checkDestination(requestOptions, checkedBaseUrl(credentials.baseUrl));
		return {
			...requestOptions,
			...NO_REDIRECTS,
			headers: {
				...requestOptions.headers,
				Authorization: `Bearer ${checkedAccessToken(credentials.accessToken)}`,
			},
		};
	};

	/**
	 * The API documents one endpoint only, so the test sends it an empty order: a good token is
	 * answered 422 (the order is incomplete), a bad one 401. Neither buys anything.
	 *
	 * Where there is no answer at all, n8n 2.x shows the bare code, such as ECONNREFUSED, before it looks at any rule (n8n:
	 * credentials-tester.service.js). A test function could say more, but has n8n's deprecated helper only, which its
	 * linter forbids.
	 */
	test: ICredentialTestRequest = {
		request: {
			baseURL: '={{ $credentials.baseUrl.trim() }}',
			url: '/purchases/create',
			method: 'POST',
			headers: { 'Content-Type': 'application/json' },
			body: '{}',
			disableFollowRedirect: true,
			// n8n 2.x throws for every status but 422, and looks its message up in the rules below. n8n 1.x
			// knows no exceptions and throws for none: there, the rules on the body tell them apart.
			ignoreHttpStatusErrors: {
				ignore: true,
				except: Array.from({ length: 500 }, (_, i) => 100 + i).filter((status) => status !== ORDER_REFUSED),
			},
		},
		rules: [
			...Object.entries(TEST_MESSAGES).flatMap(([status, message]) => [
				{ type: 'responseCode', properties: { value: Number(status), message } },
				// The API's own refusals have their status in the body as well.
				{ type: 'responseSuccessBody', properties: { key: 'status', value: Number(status), message } },
			]),
			// And a type; what has none is somebody else's answer.
			{ type: 'responseSuccessBody', properties: { key: 'type', value: undefined, message: NOT_STREAMSKILL } },
		] as ICredentialTestRequest['rules'],
	};
}
