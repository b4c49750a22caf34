import type { IExecuteFunctions } from 'n8n-workflow';

import { digest } from '../../nodes/StreamSkill/n8n/digest.ts';
import { tokenRoot } from '../../nodes/StreamSkill/n8n/root.ts';

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
