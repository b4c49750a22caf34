import type { INode, INodeParameters } from 'n8n-workflow';

import { StreamSkill } from '../../nodes/StreamSkill/StreamSkill.node.ts';
import { faults, startSandbox, type Sandbox } from '../../tools/sandbox/sandbox.mts';
import { initEngine, logLines, run } from './engine.mts';
import { channelOf } from './shop.mts';

let sandbox: Sandbox;

beforeAll(async () => {
	await initEngine();
	sandbox = await startSandbox();
});
afterAll(async () => await sandbox.close());
beforeEach(() => {
	sandbox.reset();
	logLines.length = 0;
});

/** Runs an item per channel; the Channel parameter is an expression, as it is with real data. */
const buy = async (channels: unknown[], parameters: INodeParameters = {}, onError?: INode['onError']) =>
	await run({
		credentials: { accessToken: sandbox.token, baseUrl: sandbox.url },
		items: channels.map((channel) => ({ channel }) as never),
		node: { onError, parameters: { tarifId: 1, channel: '={{ $json.channel }}', ...parameters } },
	});

test('sends one order and outputs the purchase unchanged', async () => {
	const { success, failed, run } = await buy(['twitch']);

	expect(sandbox.requests).toHaveLength(1);
	expect(sandbox.requests[0]).toMatchObject({
		method: 'POST',
		path: '/v1/purchases/create',
		query: {},
		body: { tarif: { id: 1 }, channel: 'twitch' },
		headers: {
			authorization: 'Bearer sandbox-token',
			accept: 'application/json',
			'content-type': 'application/json',
		},
	});
	expect(sandbox.requests[0].headers).not.toHaveProperty('accept-language');
	expect(run.status).toBe('success');
	expect(success).toEqual([{ json: sandbox.purchases[0].purchase, pairedItem: { item: 0 } }]);
	expect(failed).toEqual([]);
});

test('sends every field, from the form and from a spreadsheet alike', async () => {
	const literal = {
		additionalFields: { quantity: 1000, duration: 24, interval: 10, lang: 'no', comment: 'Test', start: true },
		options: { expand: ['tarif', 'parent'], acceptLanguage: 'ru' },
	};
	const spreadsheet = {
		tarifId: '={{ "1" }}',
		additionalFields: {
			quantity: '={{ "1000" }}',
			duration: '={{ " 24 " }}',
			interval: '={{ 10 }}',
			lang: '={{ "no" }}',
			comment: '={{ "Test" }}',
			start: '={{ "TRUE" }}',
		},
		options: { expand: '={{ "tarif,parent" }}', acceptLanguage: '={{ "ru" }}' },
	};
	const { properties } = new StreamSkill().description;
	for (const parameters of [literal, spreadsheet]) {
		const fields = properties.find(({ name }) => name === 'additionalFields')?.options?.map(({ name }) => name);
		expect(Object.keys(parameters.additionalFields).sort()).toEqual(fields?.sort());
		sandbox.reset();
		const { success } = await buy(['twitch'], parameters);
		expect(sandbox.requests[0]).toMatchObject({
			query: { expand: 'tarif,parent' },
			headers: { 'accept-language': 'ru' },
			body: {
				tarif: { id: 1, quantity: 1000, duration: 24 },
				channel: 'twitch',
				interval: 10,
				lang: 'no',
				comment: 'Test',
				start: true,
			},
		});
		expect(success[0].json).toMatchObject({ id: 1, tarif: { id: 1 }, parent: expect.any(Object) });
	}
});

test('leaves blank optional values out of the order', async () => {
	await buy(['twitch'], {
		additionalFields: { quantity: '={{ "" }}', duration: '={{ null }}', comment: '', lang: '={{ undefined }}', start: '={{ "" }}' },
		options: { expand: [], acceptLanguage: '={{ "" }}' },
	});
	expect(sandbox.requests[0].body).toEqual({ tarif: { id: 1 }, channel: 'twitch' });
	expect(sandbox.requests[0].query).toEqual({});
});

test('buys for each item in turn and pairs each purchase with its item', async () => {
	const { success } = await buy(['a', 'b', 'c']);
	expect(sandbox.purchases.map(({ order }) => order.channel)).toEqual(['a', 'b', 'c']);
	expect(sandbox.maxInFlight).toBe(1);
	expect(success.map((item) => [channelOf(item), item.pairedItem])).toEqual([
		['a', { item: 0 }],
		['b', { item: 1 }],
		['c', { item: 2 }],
	]);
});

test('sends a batch together', async () => {
	sandbox.fault({ fault: { kind: 'latency', ms: 30 } });
	const { success } = await buy(['a', 'b', 'c', 'd', 'e'], {
		options: { batching: { batch: { batchSize: 2, batchInterval: 0 } } },
	});
	expect(sandbox.maxInFlight).toBe(2);
	expect(success.map(channelOf)).toEqual(['a', 'b', 'c', 'd', 'e']);
});

test('never sends more than a batch at a time, however many are claimed together', async () => {
	const channels = Array.from({ length: 60 }, (_, i) => String(i));
	const { success } = await buy(channels, { options: { batching: { batch: { batchSize: 2, batchInterval: 0 } } } });
	expect(sandbox.maxInFlight).toBeLessThanOrEqual(2);
	expect(success.map(channelOf)).toEqual(channels);
});

describe('a list with a wrong item', () => {
	test.each([undefined, 'stopWorkflow'] as const)('buys nothing with On Error %s', async (onError) => {
		const { error, success } = await buy(['a', '', 'c', {}], {}, onError);
		expect(sandbox.requests).toEqual([]);
		expect(success).toEqual([]);
		expect(error?.message).toBe('2 items are not valid orders');
		expect(error?.description).toContain('Item 1: Channel is required but blank');
		expect(error?.description).toContain('Item 3: Channel must be text, not {}');
	});

	test.each(['continueRegularOutput', 'continueErrorOutput'] as const)('buys the rest with %s', async (onError) => {
		const { success, failed } = await buy(['a', '', 'c'], {}, onError);
		expect(sandbox.purchases.map(({ order }) => order.channel)).toEqual(['a', 'c']);

		const all = [...success, ...failed];
		expect(all.map(({ pairedItem }) => (pairedItem as { item: number }).item).sort()).toEqual([0, 1, 2]);
		const wrong = (onError === 'continueErrorOutput' ? failed : success).find(({ json }) => json.error);
		expect(wrong).toMatchObject({
			json: {
				error: 'Channel is required but blank',
				message:
					'This order was not sent. Change the named fields, or the data that fills them. Then order this item alone in a new execution.',
				details: { outcome: 'invalid', errors: { channel: ['Channel is required but blank'] } },
			},
			pairedItem: { item: 1 },
		});
	});
});

test('names the field of a 422 by its label', async () => {
	const stopped = await buy(['a'], { tarifId: 4040 });
	expect(stopped.error).toMatchObject({ message: 'Channel a, tarif 4040: Tarif ID: Tarif not found', httpCode: '422' });
	expect(stopped.error?.context).toMatchObject({ itemIndex: 0, purchases: [] });

	const { failed } = await buy(['a'], { tarifId: 4040, options: { acceptLanguage: 'ru' } }, 'continueErrorOutput');
	expect(failed).toMatchObject([
		{
			json: {
				error: 'Tarif ID: Тариф не найден',
				message: 'This order was not bought. Change the order as the message says. Then order this item alone in a new execution.',
				details: {
					outcome: 'rejected',
					httpCode: 422,
					errors: { 'tarif.id': ['Тариф не найден'] },
					order: { tarif: { id: 4040 }, channel: 'a' },
				},
			},
			pairedItem: { item: 0 },
		},
	]);
});

test('hands over what was bought when a later item fails', async () => {
	sandbox.fault({ match: { channel: 'c' }, fault: faults.serverErrorAfter(503) });
	const { error } = await buy(['a', 'b', 'c', 'd']);
	expect(sandbox.purchases).toHaveLength(3);
	expect(error?.message).toMatch(
		/^Channel c, tarif 1: StreamSkill answered 503, which does not say whether the order was bought: the order may have been bought \(reference [A-Z\d]{4}-[A-Z\d]{4}\)$/,
	);
	const groups =
		/^<strong>Bought<.strong><br>Item 0, channel a, tarif 1: ID 1<br>Item 1, channel b, tarif 1: ID 2<br><br><strong>May have been bought<.strong><br>Item 2, channel c, .*<strong>Not tried<.strong><br>Item 3, channel d, tarif 1<br><br>/;
	expect(error?.description).toMatch(groups);
	expect(error?.context?.purchases).toEqual([
		{ item: 0, purchase: sandbox.purchases[0].purchase },
		{ item: 1, purchase: sandbox.purchases[1].purchase },
	]);
});

test('follows no redirect, and so never hands the token on', async () => {
	const other = await startSandbox({ token: sandbox.token });
	sandbox.fault({ fault: { kind: 'status', status: 307, headers: { Location: `${other.url}/purchases/create` }, bought: false } });
	const { error } = await buy(['a']);
	await other.close();
	expect(other.requests).toEqual([]);
	expect(error?.message).toContain('redirects to another address (307)');
});

test('leaves a trace of each purchase in the log and in the custom data of the execution', async () => {
	const { data } = await buy(['a', 'b']);
	expect(logLines.map(({ message }) => message)).toEqual([
		expect.stringMatching(/^StreamSkill purchase 1 was made: .*"node":"StreamSkill","item":0,"tarif":1,"channel":"a"/),
		expect.stringMatching(/^StreamSkill purchase 2 was made: .*"node":"StreamSkill","item":1,"tarif":1,"channel":"b"/),
		expect.stringMatching(/^StreamSkill run \S+: 2 purchases for 20 usd$/),
	]);
	expect(data.resultData.metadata).toEqual({ streamSkillPurchases: '1 2' });
});

test('an operation that does not exist buys nothing', async () => {
	const { run } = await buy(['a'], { operation: 'delete' });
	expect(run.status).toBe('error');
	expect(sandbox.requests).toEqual([]);
});

describe('Custom API Call, which n8n adds to Resource and Operation', () => {
	const custom = '__CUSTOM_API_CALL__';
	const says = 'Custom API Call works in the HTTP Request node only. Nothing was bought now';

	test.each([{ operation: custom }, { resource: custom, operation: custom }])('%j ends the execution', async (parameters) => {
		const { error } = await buy(['a'], parameters);
		expect(error).toMatchObject({ message: says, description: expect.stringContaining('choose Purchase as Resource') as string });
		expect(sandbox.requests).toEqual([]);
	});

	test.each(['continueRegularOutput', 'continueErrorOutput'] as const)(
		'with %s, it puts out no item that looks like a purchase',
		async (onError) => {
			const { success, failed } = await buy(['a', 'b'], { operation: custom }, onError);
			const [told, others] = onError === 'continueErrorOutput' ? [failed, success] : [success, failed];
			expect(others).toEqual([]);
			expect(told).toMatchObject(
				[0, 1].map((item) => ({
					json: { error: says, message: expect.stringContaining('choose Purchase as Resource') as string, details: { outcome: 'notSent' } },
					pairedItem: { item },
				})),
			);
			expect(sandbox.requests).toEqual([]);
		},
	);
});

test('retrying the same failed execution twice buys once', async () => {
	sandbox.fault({ match: { channel: 'b' }, times: 1, fault: faults.rejected(422) });
	sandbox.fault({ match: { channel: 'd' }, times: 1, fault: faults.rejected(422) });
	const first = await buy(['a', 'b', 'c', 'd', 'e']);
	const retry = async (retryOf: typeof first.data) =>
		await run({
			credentials: { accessToken: sandbox.token, baseUrl: sandbox.url },
			node: { parameters: { tarifId: 1, channel: '={{ $json.channel }}' } },
			retryOf,
		});

	const second = await retry(first.data);
	expect(sandbox.purchases.map(({ order }) => order.channel)).toEqual(['a', 'b', 'c']);

	const third = await retry(first.data);
	expect(third.success.map(channelOf)).toEqual(['a', 'd', 'e']);
	expect(third.data.resultData.runData.StreamSkill.at(-1)!.hints).toMatchObject([
		{ message: '2 purchases for 20 usd. From an earlier try: 1 purchase. Left out: 2 bought before, in an earlier try of this execution' },
		{
			message: expect.stringMatching(
				/^The purchases of an earlier try are in its output, or in the lines of n8n's log that have "run":"\S+"$/,
			),
		},
	]);

	const fourth = await retry(second.data);
	expect(fourth.success.map(channelOf)).toEqual(['a', 'b', 'c']);
	expect(sandbox.purchases.map(({ order }) => order.channel)).toEqual(['a', 'b', 'c', 'd', 'e']);
});
