import type { IDataObject, IExecuteFunctions } from 'n8n-workflow';

import { digest } from '../../nodes/StreamSkill/n8n/digest.ts';
import { isRetryWithoutRoot, tokenRoot } from '../../nodes/StreamSkill/n8n/root.ts';

test('a digest tells nothing of its text', () => {
	expect(digest('secret')).toMatch(/^[\w-]{22}$/);
	expect(new Set(Array.from({ length: 1000 }, (_, i) => digest(String(i)))).size).toBe(1000);
});

const execution = (resumeUrl: string | undefined, id = '7') =>
	({ getExecutionId: () => id, getWorkflowDataProxy: () => ({ $execution: { resumeUrl } }) }) as unknown as IExecuteFunctions;

describe('what stays the same in all retries', () => {
	test.each([
		['the only parameter', 'http://127.0.0.1:5678/webhook-waiting/7?signature=abc', 'abc'],
		['after another one', 'http://127.0.0.1:5678/webhook-waiting/7?a=b&signature=abc', 'abc'],
		['before others', 'http://127.0.0.1:5678/webhook-waiting/7?signature=abc&a=b#c', 'abc'],
		['in another execution with the same token', 'https://n8n.example.com/webhook-waiting/8?signature=abc', 'abc'],
	])('the token of the URL for resuming: %s', (_, url, token) => {
		expect(tokenRoot(execution(url))).toBe(digest(token));
		expect(tokenRoot(execution(url))).not.toContain(token);
	});

	test.each([
		['n8n 1.x', 'http://127.0.0.1:5678/webhook-waiting/7'],
		['an empty token', 'http://127.0.0.1:5678/webhook-waiting/7?signature='],
		['a parameter that ends like it', 'http://127.0.0.1:5678/webhook-waiting/7?xsignature=abc'],
		['no URL', undefined],
	])('there is none: %s', (_, url) => {
		expect(tokenRoot(execution(url))).toBeUndefined();
	});

	test('there is none where n8n says nothing of the execution', () => {
		const silent = { getExecutionId: () => '7', getWorkflowDataProxy: () => ({}) } as unknown as IExecuteFunctions;
		expect(tokenRoot(silent)).toBeUndefined();
	});

	// n8n's Engine 2 makes a new token for each step.
	test.each(['0b81f6a4-5f7f-4d5e-9c0a-6a0f2a9f6c11', '7a', 'a7', ''])(
		'there is none where the ID of an execution is no number: %j',
		(id) => {
			expect(tokenRoot(execution('http://127.0.0.1:5678/webhook-waiting/7?signature=abc', id))).toBeUndefined();
		},
	);
});

describe('the retry of a killed execution where n8n has no token', () => {
	interface Seen {
		token?: string;
		mode?: string;
		source?: string;
		/** The first item that a node before has put out; one that has none has not run. */
		before?: Array<IDataObject | undefined>;
	}
	const isIt = ({ token, mode = 'retry', source, before = [] }: Seen) =>
		isRetryWithoutRoot({
			getExecutionId: () => '7',
			getMode: () => mode,
			getNode: () => ({ name: 'StreamSkill' }),
			getExecutionContext: source === undefined ? undefined : () => ({ source }),
			getParentNodes: () => before.map((_, i) => ({ name: String(i) })),
			getWorkflowDataProxy: () => ({
				$execution: { resumeUrl: `http://127.0.0.1/7${token ? `?signature=${token}` : ''}` },
				$items: (name: string) => {
					const json = before[Number(name)];
					if (!json) throw new Error(`Node '${name}' hasn't been executed`);
					return [{ json }];
				},
			}),
		} as unknown as IExecuteFunctions);

	const filledIn = { isArtificialRecoveredEventItem: true };

	test.each<[string, Seen, boolean]>([
		['n8n made a new execution context for the retry', { source: 'retry' }, true],
		['the context is that of the first execution', { source: 'webhook' }, false],
		['n8n has no execution context', {}, false],
		['n8n filled in what a node before had put out', { before: [filledIn] }, true],
		['the same, with a node that has not run', { source: 'webhook', before: [undefined, { a: 1 }, filledIn] }, true],
		['the nodes before have put out items of their own', { before: [{ a: 1 }, {}] }, false],
		['no node before has run', { before: [undefined] }, false],
		['there is a token', { token: 'abc', source: 'retry', before: [filledIn] }, false],
		['it is no retry', { mode: 'trigger', source: 'retry', before: [filledIn] }, false],
	])('%s', (_, seen, expected) => {
		expect(isIt(seen)).toBe(expected);
	});
});
