/** What one execution keeps of its purchases, and what it does not send. */
import type { IDataObject } from 'n8n-workflow';

import { pageOf } from '../../tools/sandbox/purchase.mts';
import { faults } from '../../tools/sandbox/sandbox.mts';
import { deduplicator, logLines, type RunResult } from './engine.mts';
import { channelOf, onceEach, onErrors, openShop, referencesOf, told, TOKEN, until } from './shop.mts';

const shop = openShop();
const { order, sent, sold } = shop;
const refused = faults.rejected(422, { errors: { channel: ['Not now'] } });

/** The parts of the error that ended a run which hand over what was bought. */
const handedOver = ({ error }: RunResult) => {
	const { purchases, failedItems } = error!.context as unknown as {
		purchases: Array<{ item: number; purchase: IDataObject }>;
		failedItems: Array<{ item: number; details: IDataObject }>;
	};
	return {
		bought: purchases.map(({ item, purchase }) => [item, channelOf({ json: purchase })]),
		failed: failedItems.map(({ item, details }) => [item, details.outcome]),
	};
};

/** What the execution's data holds apart from the output. */
const kept = ({ data }: RunResult) => JSON.stringify(data.executionData?.contextData);

describe('the nodes after this one do not get what was bought before another order failed', () => {
	const NOT_HANDED_ON = 'The nodes after this one do not get what is listed as bought';

	test.each([
		['by hand', { mode: 'manual' }],
		['in a sub-workflow', { mode: 'integrated' }],
	] as const)('%s: the message says so, where something was bought', async (_, setup) => {
		shop.sandbox.fault({ match: { channel: 'b' }, times: 1, fault: refused });
		expect((await order(['a', 'b'], setup)).error!.description).toContain(NOT_HANDED_ON);
		shop.sandbox.fault({ match: { channel: 'b' }, times: 1, fault: refused });
		expect((await order(['b'], setup)).error!.description).not.toContain(NOT_HANDED_ON);
	});

	test('in production, a retry hands it on', async () => {
		shop.sandbox.fault({ match: { channel: 'b' }, times: 1, fault: refused });
		const first = await order(['a', 'b']);
		expect(first.error!.description).not.toContain(NOT_HANDED_ON);
		expect((await order([], { retryOf: first.data })).success.map(channelOf)).toEqual(['a', 'b']);
	});
});

describe('Retry execution', () => {
	test('buys what is missing once the fault is gone, and hands back the rest', async () => {
		shop.sandbox.fault({ match: { channel: 'b' }, times: 1, fault: refused });

		const first = await order(['a', 'b', 'c']);
		expect(handedOver(first)).toEqual({ bought: [[0, 'a']], failed: [[1, 'rejected']] });
		expect(first.error!.message).toBe('Channel b, tarif 1: Channel: Not now');
		expect(first.error!.description).toMatch(
			/Item 0, channel a, tarif 1: ID 1<br>.*"Retry with currently saved workflow": what was bought is not bought again\./,
		);

		const second = await order([], { retryOf: first.data });
		expect(second.run.status).toBe('success');
		expect(told(second.success)).toEqual([
			[0, 'a'],
			[1, 'b'],
			[2, 'c'],
		]);
		expect(second.success[0].json).toEqual(shop.sandbox.purchases[0].purchase);
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
		expect(kept(second)).not.toContain('created_at');
	});

	test('goes on where it failed as often as it fails', async () => {
		const channels = ['a', 'b', 'c', 'd'];
		for (const channel of channels) shop.sandbox.fault({ match: { channel }, times: 1, fault: refused });

		let result = await order(channels);
		let executions = 1;
		for (; result.error && executions < 10; executions++) result = await order([], { retryOf: result.data });

		expect(executions).toBe(5);
		expect(told(result.success)).toEqual(channels.map((channel, item) => [item, channel]));
		expect(sold()).toEqual(onceEach(channels));
	});

	test('buys with the parameter that was mended since', async () => {
		const tarifFor = (tarif: number) => ({ parameters: { tarifId: `={{ $json.channel === "b" ? ${tarif} : 1 }}` } });

		const first = await order(['a', 'b', 'c'], tarifFor(1000));
		expect(first.error!.message).toBe('Channel b, tarif 1000: Tarif ID: Tarif not found');

		const second = await order([], { retryOf: first.data, ...tarifFor(5) });
		expect(second.success.map(({ json }) => json.tarif)).toEqual([1, 5, 1]);
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	});

	test('does not buy again what was bought when only its parameters have changed', async () => {
		shop.sandbox.fault({ match: { channel: 'b' }, times: 1, fault: refused });
		const first = await order(['a', 'b']);
		const second = await order([], { retryOf: first.data, parameters: { additionalFields: { comment: 'mended' } } });
		expect(told(second.success)).toEqual([
			[0, 'a'],
			[1, 'b'],
		]);
		expect(sold()).toEqual(onceEach(['a', 'b']));
	});
});

describe('what was bought is handed over also by a try that fails before it sends anything', () => {
	test.each([
		['a bad item', { parameters: { tarifId: '={{ $json.channel === "c" ? "abc" : 1 }}' } }],
		['a Base URL that is none', { credentials: { accessToken: TOKEN, baseUrl: '' } }],
		['a limit that is too low', { options: { maxPurchases: 1 } }],
	])('%s', async (_name, obstacle) => {
		shop.sandbox.fault({ match: { channel: 'b' }, times: 1, fault: refused });
		const first = await order(['a', 'b', 'c']);
		const second = await order([], { retryOf: first.data, ...obstacle });
		expect(handedOver(second).bought).toEqual([[0, 'a']]);
		expect(second.error!.description).toContain('Item 0, channel a, tarif 1: ID 1');

		const third = await order([], { retryOf: second.data });
		expect(told(third.success)).toEqual([
			[0, 'a'],
			[1, 'b'],
			[2, 'c'],
		]);
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	});

	test.each(['continueRegularOutput', 'continueErrorOutput'] as const)(
		'a credential that is gone in the second try of Retry On Fail (%s)',
		async (onError) => {
			shop.sandbox.fault({ match: { channel: 'a' }, fault: refused });
			const credentials = {
				accessToken: TOKEN,
				get baseUrl() {
					return sold().c === 1 ? '' : shop.sandbox.url;
				},
			};
			const { success, failed } = await order(['a', 'b', 'c'], { tries: 2, onError, credentials });
			// The execution ends well, so that nobody can retry it: its output is all there will ever be.
			expect(told([...success, ...failed]).sort()).toEqual([
				[0, 'notSent'],
				[1, 'b'],
				[2, 'c'],
			]);
		},
	);
});

describe('an unknown outcome', () => {
	const lose = (times: number) => shop.sandbox.fault({ match: { channel: 'b' }, times, fault: faults.serverErrorBefore(500) });

	test('is never sent again by itself, and is explained each time', async () => {
		lose(1);
		const first = await order(['a', 'b', 'c'], { tries: 3 });
		const second = await order([], { retryOf: first.data, tries: 3 });
		for (const result of [first, second]) {
			expect(handedOver(result)).toEqual({ bought: [[0, 'a']], failed: [[1, 'unknown']] });
			expect(result.error!.message).toMatch(/may have been bought/);
			expect(result.error!.description).toMatch(/Confirmed Bought.*Confirmed Not Bought/);
		}
		expect(sent()).toEqual({ a: 1, b: 1 });
	});

	test('is sent once more when it is confirmed that it was not bought, and the rest goes on', async () => {
		lose(1);
		const first = await order(['a', 'b', 'c'], { tries: 3 });
		const second = await order([], { retryOf: first.data, tries: 3, options: { confirmedNotBought: referencesOf(first).join() } });
		expect(told(second.success)).toEqual([
			[0, 'a'],
			[1, 'b'],
			[2, 'c'],
		]);
		expect(sent()).toEqual({ a: 1, b: 2, c: 1 });
	});

	test('is left out when it is confirmed that it was bought, and the rest goes on', async () => {
		shop.sandbox.fault({ match: { channel: 'b' }, times: 1, fault: faults.serverErrorAfter(500) });
		const first = await order(['a', 'b', 'c'], { tries: 3 });
		const second = await order([], { retryOf: first.data, tries: 3, options: { confirmedBought: referencesOf(first).join() } });
		expect(told(second.success)).toEqual([
			[0, 'a'],
			[2, 'c'],
		]);
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));

		// The first execution knows nothing of it.
		const third = await order([], { retryOf: first.data });
		expect(third.error).toBeUndefined();
		expect(told(third.success)).toEqual([[0, 'a']]);
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	});

	test('has a new reference with each time that it is sent, and an old one does nothing', async () => {
		lose(Infinity);
		let result = await order(['b', 'c'], { tries: 5 });
		const references = referencesOf(result);
		for (let times = 2; times <= 4; times++) {
			result = await order([], { retryOf: result.data, tries: 5, options: { confirmedNotBought: references.join(' ') } });
			expect(sent()).toEqual({ b: times });
			references.push(...referencesOf(result));
			expect(new Set(references).size).toBe(times);
		}
		await order([], {
			retryOf: result.data,
			options: { confirmedNotBought: references.slice(0, -1).join('\n'), confirmedBought: references[0] },
		});
		expect(sent()).toEqual({ b: 4 });
	});
});

test.each([null, '', 'none', {}])(
	'a purchase with an "error" of its own (%j) is bought once, as often as Retry On Fail repeats it',
	async (error) => {
		shop.sandbox.fault({ match: { channel: 'a' }, fault: faults.body(JSON.stringify({ id: 7, channel: 'a', error })) });
		const { success } = await order(['a', 'b'], { tries: 3 });
		expect(success.map(channelOf)).toEqual(['a', 'b']);
		expect(sold()).toEqual(onceEach(['a', 'b']));
	},
);

test('Timeout gives up waiting for an answer', async () => {
	shop.sandbox.fault({ fault: faults.hang() });
	const result = await order(['a'], { options: { timeout: 300 } });
	expect(result.error!.message).toMatch(/^Channel a, tarif 1: StreamSkill did not answer in time: the order may have been bought/);
	expect(handedOver(result).failed).toEqual([[0, 'unknown']]);
});

describe('a loop', () => {
	test('buys in each round', async () => {
		const { success, run } = await order(['a', 'b'], { rounds: 3 });
		expect(run.status).toBe('success');
		expect(success).toHaveLength(6);
		expect(sold()).toEqual({ a: 3, b: 3 });
	});

	test('takes no purchase of a round with failed items for one of the next', async () => {
		shop.sandbox.fault({ match: { channel: 'b' }, fault: refused });
		await order(['a', 'b'], { rounds: 2, onError: 'continueErrorOutput' });
		expect(sold()).toEqual({ a: 2 });
	});

	test('goes on in the round that failed', async () => {
		shop.sandbox.fault({ match: { channel: 'b' }, skip: 1, times: 1, fault: refused });
		const first = await order(['a', 'b', 'c'], { rounds: 3 });
		expect(sold()).toEqual({ a: 2, b: 1, c: 1 });

		const second = await order([], { retryOf: first.data });
		expect(second.run.status).toBe('success');
		expect(told(second.success)).toEqual(
			[1, 2, 3].flatMap(() => [
				[0, 'a'],
				[1, 'b'],
				[2, 'c'],
			]),
		);
		expect(sold()).toEqual({ a: 3, b: 3, c: 3 });
		expect(kept(second)).not.toContain('created_at');
	});
});

describe('the same node twice in a workflow', () => {
	const parameters = { tarifId: 2, channel: '={{ $json.channel }}' };

	test('keeps two ledgers', async () => {
		shop.sandbox.fault({ match: { channel: pageOf('b'), tarifId: 2 }, times: 1, fault: refused });
		const first = await order(['a', 'b', 'c'], { twin: { parameters } });
		expect(handedOver(first)).toEqual({ bought: [[0, 'a']], failed: [[1, 'rejected']] });

		const second = await order([], { retryOf: first.data, twin: { parameters } });
		expect(second.run.status).toBe('success');
		expect(sold()).toEqual(onceEach(['a', 'b', 'c'].flatMap((channel) => [channel, pageOf(channel)])));
		expect(second.data.resultData.runData.Twin[0].data!.main[0]!.map(({ json }) => json.tarif)).toEqual([2, 2, 2]);
	});

	test('buys in the second what the first one still remembers', async () => {
		shop.sandbox.fault({ match: { channel: 'b', tarifId: 1 }, fault: refused });
		await order(['a', 'b'], { onError: 'continueErrorOutput', twin: { parameters } });
		expect(sold()).toEqual(onceEach(['a', pageOf('a')]));
	});
});

describe('Stop', () => {
	const channels = Array.from({ length: 200 }, (_, i) => `c${i}`);
	const logged = () => logLines.flatMap(({ metadata }) => (metadata as { purchaseId?: number })?.purchaseId ?? []);

	test.each([
		['one at a time', 'stopWorkflow', 1, 51],
		['one at a time', 'continueRegularOutput', 1, 51],
		['one at a time', 'continueErrorOutput', 1, 51],
		['in batches', 'stopWorkflow', 20, 60],
	] as const)(
		'in the middle of 200 items, %s, %s: nothing is sent after it, and what was on its way is logged',
		async (_name, onError, batchSize, expected) => {
			shop.sandbox.fault({ match: { channel: 'c50' }, fault: faults.latency(200) });
			let atStop = 0;
			const { run } = await order(channels, {
				onError,
				options: { batching: { batch: { batchSize, batchInterval: 0 } } },
				onStart: (stop) =>
					void until(() => shop.sandbox.requests.length >= expected).then(() => {
						stop();
						atStop = shop.sandbox.requests.length;
					}),
			});
			expect(run.status).toBe('canceled');
			expect(Object.keys(sent())).toEqual(expect.arrayContaining(channels.slice(0, expected)));
			// What had left the node already may still arrive.
			expect(shop.sandbox.requests.length - atStop).toBeLessThan(batchSize);
			const ids = shop.sandbox.purchases.map(({ purchase }) => purchase.id).sort();
			expect(logged().sort()).toEqual(ids);
			// n8n's log may begin at the level `warn`, and its custom data has room for some of them only.
			const [line] = logLines
				.filter(({ level, message }) => level === 'warn' && message.includes('was stopped'))
				.map(({ message }) => message);
			expect(
				/has bought: ([\d, ]+)$/
					.exec(line ?? '')?.[1]
					?.split(', ')
					.map(Number)
					.sort(),
			).toEqual(ids);
		},
	);

	test("while another execution's order is waited for, what was bought is told as that", async () => {
		shop.sandbox.fault({ match: { channel: 'b' }, fault: faults.latency(1500) });
		const options = { idempotencyKey: '={{ $json.channel }}', timeout: 10_000 };
		const other = order(['b'], { options });
		await until(() => shop.sandbox.requests.length === 1);
		logLines.length = 0;
		const { run } = await order(['a', 'b', 'c'], {
			options,
			onStart: (stop) => void until(() => logged().length === 2).then(() => setTimeout(stop, 100)),
		});
		expect(run.status).toBe('canceled');
		const [summary] = logLines.filter(({ message }) => message.startsWith('StreamSkill run')).map(({ message }) => message);
		expect(summary).toMatch(/2 purchases for .*May have been bought: 1 order$/);
		await other;
		expect(sent()).toEqual({ a: 1, b: 1, c: 1 });
	});

	test('an order that is claimed anew after a rate limit is not sent', async () => {
		shop.sandbox.fault({ times: 1, fault: faults.rateLimited({ 'retry-after': '1' }) });
		let stop = () => {};
		let settledAt: number | undefined;
		deduplicator.pause = async () => {
			if (shop.sandbox.requests.length === 0) return;
			settledAt ??= performance.now();
			if (performance.now() - settledAt > 900) stop();
		};
		const { run } = await order(['a'], { onStart: (stopIt) => void (stop = stopIt) });
		expect(run.status).toBe('canceled');
		expect(sent()).toEqual({ a: 1 });
	});

	test.each([
		['of a rate limit', () => shop.sandbox.fault({ fault: faults.rateLimited({ 'retry-after': '1' }) })],
		['between batches', () => {}],
	])('nothing is sent after a pause %s', async (_name, disturb) => {
		disturb();
		await order(['a', 'b'], {
			options: { batching: { batch: { batchSize: 1, batchInterval: 1000 } } },
			onStart: (stop) => void until(() => shop.sandbox.requests[0]?.status !== undefined).then(() => setTimeout(stop, 50)),
		});
		expect(sent()).toEqual({ a: 1 });
	});
});

test('with On Error = Stop, an order that waits because of a rate limit is not sent once another one has failed', async () => {
	shop.sandbox.fault({ match: { channel: 'a' }, times: 1, fault: faults.rateLimited({ 'retry-after': '1' }) });
	shop.sandbox.fault({ match: { channel: 'b' }, fault: refused });
	const result = await order(['a', 'b'], { options: { batching: { batch: { batchSize: 2, batchInterval: 0 } } } });
	expect(sent()).toEqual(onceEach(['a', 'b']));
	expect(handedOver(result)).toEqual({
		bought: [],
		failed: [
			[0, 'rejected'],
			[1, 'rejected'],
		],
	});
});

test('a purchase that cannot be logged is put out all the same', async () => {
	jest.spyOn(logLines, 'push').mockImplementationOnce(() => {
		throw new Error('disk full');
	});
	expect(told((await order(['a', 'b'])).success)).toEqual([
		[0, 'a'],
		[1, 'b'],
	]);
	expect(sent()).toEqual(onceEach(['a', 'b']));
	expect(logLines[0].message).toMatch(/could not log an order: disk full/);
});

describe('Max Purchases', () => {
	test.each(onErrors)('buys nothing if there are more items (%s)', async (onError) => {
		const { error, success, failed } = await order(['a', 'b', 'c'], { onError, options: { maxPurchases: 2 } });
		expect(sent()).toEqual({});
		if (onError === 'stopWorkflow') expect(error!.message).toMatch(/^3 orders are more than Max Purchases allows \(2\)/);
		else
			expect(told(onError === 'continueErrorOutput' ? failed : success)).toEqual([
				[0, 'notSent'],
				[1, 'notSent'],
				[2, 'notSent'],
			]);
	});

	test('lets as many through as it says', async () => {
		await order(['a', 'b', 'c'], { options: { maxPurchases: 3 } });
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	});

	test('says so in a Dry Run as well', async () => {
		const { error } = await order(['a', 'b', 'c'], { options: { maxPurchases: 2, dryRun: true } });
		expect(error!.message).toBe('3 orders are more than Max Purchases allows (2)');
		const { success } = await order(['a', 'b'], { options: { maxPurchases: 2, dryRun: true } });
		expect(success).toHaveLength(2);
		expect(sent()).toEqual({});
	});

	test('does not count what is not going to be bought', async () => {
		await order(['a', 'b', 'c', 'd'], {
			onError: 'continueErrorOutput',
			options: { maxPurchases: 2, dryRun: '={{ $json.channel > "b" }}' },
		});
		expect(sold()).toEqual(onceEach(['a', 'b']));
	});
});

describe('Dry Run', () => {
	test('outputs what would be sent, sends nothing, records nothing and shows no token', async () => {
		const result = await order(['a', 'b'], {
			options: { dryRun: true, idempotencyKey: '={{ $json.channel }}', expand: ['tarif'], acceptLanguage: 'ru' },
		});
		expect(result.success).toEqual(
			['a', 'b'].map((channel, item) => ({
				json: {
					order: { tarif: { id: 1 }, channel },
					request: {
						method: 'POST',
						url: `${shop.sandbox.url}/purchases/create`,
						qs: { expand: 'tarif' },
						headers: { Accept: 'application/json', 'Content-Type': 'application/json', 'Accept-Language': 'ru' },
						body: { tarif: { id: 1 }, channel },
					},
				},
				pairedItem: { item },
			})),
		);
		expect(shop.sandbox.requests).toEqual([]);
		expect([...deduplicator.lists]).toEqual([]);
		expect(kept(result)).not.toContain('streamSkill');
		expect(JSON.stringify([result.data, logLines])).not.toContain(TOKEN);
	});

	test('spends nothing on what is wrong, either', async () => {
		const { error } = await order(['a', ''], { options: { dryRun: true } });
		expect(error!.message).toBe('Channel is required but blank');
	});
});

describe('before anything is spent', () => {
	const channels = Array.from({ length: 200 }, (_, i) => (i === 150 ? ' ' : `c${i}`));
	const parameters = { tarifId: '={{ $json.channel === "c137" ? "abc" : 1 }}' };

	test('every item is checked, and all the bad ones are listed', async () => {
		const result = await order(channels, { parameters });
		expect(sent()).toEqual({});
		expect(handedOver(result)).toEqual({
			bought: [],
			failed: [
				[137, 'invalid'],
				[150, 'invalid'],
			],
		});
		expect(result.error!.message).toBe('2 items are not valid orders');
		expect(result.error!.description).toMatch(/Item 137: Tarif ID.*"abc".*Item 150: Channel/s);
	});

	test('bad items become error items with Continue, and the others are bought', async () => {
		const { success, failed } = await order(channels, { parameters, onError: 'continueErrorOutput' });
		expect(told(failed)).toEqual([
			[137, 'invalid'],
			[150, 'invalid'],
		]);
		const good = channels.filter((_, item) => item !== 137 && item !== 150);
		expect(told(success).map(([, channel]) => channel)).toEqual(good);
		expect(sold()).toEqual(onceEach(good));
	});

	test('an expression that cannot be evaluated is a bad item like any other', async () => {
		const { error } = await order(['a', 'b'], {
			parameters: { tarifId: '={{ $json.channel === "b" ? $("Nowhere").first().json.id : 1 }}' },
		});
		expect(sent()).toEqual({});
		expect(error!.message).toMatch(/^Tarif ID: /);
	});

	describe.each([
		['a credential that is missing', { node: { withoutCredential: true } }, 'notSent', /credential/i],
		[
			'a token that is none',
			{ credentials: { accessToken: 'two words', baseUrl: 'http://127.0.0.1/v1' } },
			'notSent',
			/^The Access Token .* contains a space/,
		],
		[
			'a Base URL that is none',
			{ credentials: { accessToken: TOKEN, baseUrl: 'streamskill' } },
			'notSent',
			/Base URL .* is not a web address/,
		],
		[
			'a Base URL that would send the token in clear',
			{ credentials: { accessToken: TOKEN, baseUrl: 'http://api.streamskill.pro/v1' } },
			'notSent',
			/unencrypted/,
		],
		['a limit that is none', { options: { maxPurchases: 'many' } }, 'invalid', /^Max Purchases must be|^2 items are not valid orders$/],
		['a batch size that is none', { options: { batching: { batch: { batchSize: '1.5' } } } }, 'invalid', /^Items per Batch must be/],
	] as const)('%s', (_name, setup, outcome, message) => {
		// n8n puts out the input as the result of a node that throws with Continue: nobody would see that
		// nothing was bought.
		test.each(onErrors)('ends the run or makes error items of all items (%s)', async (onError) => {
			const { node, ...more } = { node: undefined, ...setup };
			const { error, success, failed, data } = await order(['a', 'b'], {
				onError,
				tries: 2,
				...(more as object),
				...(node && { node: { ...node, onError, parameters: { tarifId: 1, channel: '={{ $json.channel }}' } } }),
			});
			expect(sent()).toEqual({});
			expect(JSON.stringify(data)).not.toContain(TOKEN);
			if (onError === 'stopWorkflow') {
				expect(error!.message).toMatch(message);
				return;
			}
			const [errors, others] = onError === 'continueErrorOutput' ? [failed, success] : [success, failed];
			expect(others).toEqual([]);
			expect(told(errors)).toEqual([
				[0, outcome],
				[1, outcome],
			]);
			for (const { json } of errors) expect(json.error).toMatch(message);
		});
	});
});

test("hands over what was bought where n8n goes on by older versions' setting, beside On Error = Stop", async () => {
	shop.refuse('b');
	const node = { more: { continueOnFail: true, onError: 'stopWorkflow' } as const };
	const result = await shop.order(['a', 'b', 'c'], { node: { ...node, parameters: { tarifId: 1, channel: '={{ $json.channel }}' } } });
	expect(result.run.status).toBe('success');
	expect(result.success.map((item) => item.json.error ?? channelOf(item))).toEqual(['a', expect.stringMatching(/./), 'c']);
	expect(shop.sold()).toEqual({ a: 1, c: 1 });
});
