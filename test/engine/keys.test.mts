/** What the Idempotency Key keeps across executions, crashes and everything that goes wrong meanwhile. */
import { faults } from '../../tools/sandbox/sandbox.mts';
import { createExecution, deduplicator } from './engine.mts';
import { onceEach, onErrors, openShop, referencesOf, told, until, type Orders } from './shop.mts';

const shop = openShop();
const { order, sent, sold } = shop;

/** Orders by key, for a channel of the same name. */
const buy = async (keys: string[], { options, ...more }: Orders = {}) =>
	await order(keys, { onError: 'continueErrorOutput', ...more, options: { idempotencyKey: '={{ $json.channel }}', ...options } });

const batchSize = (size: number) => ({ batching: { batch: { batchSize: size, batchInterval: 0 } } });
const hints = ({ data }: Awaited<ReturnType<typeof buy>>) =>
	data.resultData.runData.StreamSkill.flatMap((task) => task.hints?.map(({ message }) => message) ?? []);

afterEach(() => jest.restoreAllMocks());

describe.each([1, 3, -1])('with batches of %d', (size) => {
	const options = batchSize(size);

	test('a key that was bought by another execution is skipped, and the skipped are counted', async () => {
		await buy(['a', 'b'], { options });
		const second = await buy(['a', 'b', 'c'], { options });
		expect(told(second.success)).toEqual([[2, 'c']]);
		expect(second.failed).toEqual([]);
		expect(hints(second)).toEqual(['1 purchase for 10 usd. Left out: 2 bought before with the same Idempotency Key']);
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	});

	test('a key that comes twice in a run is bought once', async () => {
		const result = await buy(['a', 'b', 'a', 'b', 'a'], { options });
		expect(told(result.success)).toEqual([
			[0, 'a'],
			[1, 'b'],
		]);
		expect(hints(result)).toEqual(['2 purchases for 20 usd. Left out: 3 bought before with the same Idempotency Key']);
		expect(sold()).toEqual(onceEach(['a', 'b']));
	});

	test('a key that comes twice is bought by the second item if the first is refused', async () => {
		shop.sandbox.fault({ match: { channel: 'a' }, times: 1, fault: faults.rejected(422) });
		const { success, failed } = await buy(['a', 'a', 'a'], { options });
		expect(told(success)).toEqual([[1, 'a']]);
		expect(told(failed)).toEqual([[0, 'rejected']]);
		expect(sold()).toEqual(onceEach(['a']));
	});

	test('a refused order gives its key back', async () => {
		shop.sandbox.fault({ match: { channel: 'b' }, times: 1, fault: faults.rejected(422) });
		expect(told((await buy(['a', 'b', 'c'], { options })).failed)).toEqual([[1, 'rejected']]);
		expect(told((await buy(['a', 'b', 'c'], { options })).success)).toEqual([[1, 'b']]);
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	});

	test('a key without an answer stays uncertain until somebody wants it sent again', async () => {
		shop.sandbox.fault({ match: { channel: 'b' }, times: 1, fault: faults.serverErrorBefore(500) });
		await buy(['a', 'b', 'c'], { options });
		for (const tries of [undefined, 3]) {
			const { failed } = await buy(['b', 'a', 'c'], { options, tries });
			expect(told(failed)).toEqual([[0, 'unknown']]);
			expect(failed[0].json.error).toMatch(/Idempotency Key "b".*may have been bought/);
			expect(failed[0].json.message).toMatch(/Confirmed Bought.*Confirmed Not Bought.*same Idempotency Key/);
			expect(failed[0].json.details).toMatchObject({ idempotencyKey: 'b' });
		}
		expect(sent().b).toBe(1);

		const confirmed = { ...options, confirmedNotBought: referencesOf(await buy(['b'], { options })).join() };
		const resent = await buy(['a', 'b', 'c'], { options: confirmed });
		expect(told(resent.success)).toEqual([[1, 'b']]);
		expect((await buy(['a', 'b', 'c'], { options: confirmed })).success).toEqual([]);
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	});

	test('a key that is confirmed as not bought, and then refused, is free again', async () => {
		shop.sandbox.fault({ match: { channel: 'b' }, times: 1, fault: faults.serverErrorBefore(500) });
		shop.sandbox.fault({ match: { channel: 'b' }, times: 1, fault: faults.rejected(422) });
		const lost = await buy(['b'], { options });
		const refused = await buy(['b'], { options: { ...options, confirmedNotBought: referencesOf(lost).join() } });
		expect(told(refused.failed)).toEqual([[0, 'rejected']]);
		expect(told((await buy(['b'], { options })).success)).toEqual([[0, 'b']]);
		expect(sold()).toEqual({ b: 1 });
	});

	test('a key that is confirmed as bought is bought from then on, with If Already Purchased = Fail as well', async () => {
		shop.sandbox.fault({ match: { channel: 'b' }, times: 1, fault: faults.serverErrorAfter(500) });
		const lost = await buy(['b'], { options });
		const confirmed = await buy(['b', 'c'], { options: { ...options, onDuplicate: 'fail', confirmedBought: referencesOf(lost).join() } });
		expect(told(confirmed.success)).toEqual([[1, 'c']]);
		expect(confirmed.failed).toEqual([]);
		expect(told((await buy(['b'], { options: { ...options, onDuplicate: 'fail' } })).failed)).toEqual([[0, 'duplicate']]);
		expect(sold()).toEqual(onceEach(['b', 'c']));
	});

	test('Retry On Fail and Retry execution hand back what they bought: it is not skipped as known', async () => {
		shop.sandbox.fault({ match: { channel: 'b' }, times: 3, fault: faults.rejected(422) });
		const setup = { options, onError: 'stopWorkflow', tries: 3 } as const;
		const first = await buy(['a', 'b', 'c'], setup);
		const second = await buy([], { ...setup, retryOf: first.data });
		expect(told(second.success)).toEqual([
			[0, 'a'],
			[1, 'b'],
			[2, 'c'],
		]);
		expect(hints(second)).toEqual([
			expect.stringMatching(/^(1 purchase for 10|2 purchases for 20) usd\. From an earlier try: [12] purchases?$/),
		]);
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	});
});

test('an uncertain key ends a run with Stop before the rest of its batch is sent, whose keys stay free', async () => {
	shop.sandbox.fault({ match: { channel: 'b' }, times: 1, fault: faults.serverErrorBefore(500) });
	await buy(['b']);
	const { error } = await buy(['a', 'b', 'c'], { onError: 'stopWorkflow', options: batchSize(-1) });
	expect(error!.message).toMatch(/Idempotency Key "b"/);
	expect(sent()).toEqual({ b: 1 });
	expect(told((await buy(['a', 'c'])).success)).toEqual([
		[0, 'a'],
		[1, 'c'],
	]);
});

test('with Stop, all uncertain keys of a list are named at once', async () => {
	shop.sandbox.fault({ match: { channel: '/[bd]/' }, times: 2, fault: faults.serverErrorAfter(500) });
	await buy(['b', 'd']);
	const { error } = await buy(['a', 'b', 'c', 'd'], { onError: 'stopWorkflow' });
	expect(error!.description).toMatch(/Item 1, channel b, .*"b".*Item 3, channel d, .*"d"/s);
	expect(sold()).toEqual(onceEach(['b', 'd']));
	expect(told((await buy(['a', 'c'])).success)).toEqual([
		[0, 'a'],
		[1, 'c'],
	]);
});

test('Stop while keys are claimed sends nothing, and leaves no key uncertain', async () => {
	const record = deduplicator.checkProcessedAndRecord.bind(deduplicator);
	let stop = () => {};
	jest.spyOn(deduplicator, 'checkProcessedAndRecord').mockImplementationOnce(async (...call) => {
		stop();
		return await record(...call);
	});
	await buy(['a', 'b'], { onStart: (stopExecution) => (stop = stopExecution) });
	jest.restoreAllMocks();
	expect(sent()).toEqual({});
	expect(told((await buy(['a', 'b'])).success)).toEqual([
		[0, 'a'],
		[1, 'b'],
	]);
});

describe('If Already Purchased = Fail', () => {
	test.each(onErrors)('makes an error of it (%s)', async (onError) => {
		await buy(['a']);
		const { success, failed, error } = await buy(['a', 'b'], { onError, options: { onDuplicate: 'fail' } });
		if (onError === 'stopWorkflow') {
			expect(error!.message).toBe('Channel a, tarif 1: An order with the Idempotency Key "a" was bought before');
			expect(sold()).toEqual({ a: 1 });
			return;
		}
		expect(told([...success, ...failed]).sort()).toEqual([
			[0, 'duplicate'],
			[1, 'b'],
		]);
		expect(sold()).toEqual(onceEach(['a', 'b']));
	});
});

test('a list with the same key twice, with Fail and Stop, is refused before anything is sent', async () => {
	const { error } = await buy(['a', 'a'], { onError: 'stopWorkflow', options: { onDuplicate: 'fail' } });
	expect(error!.message).toBe('Channel a, tarif 1: The Idempotency Key "a" is also used by another item');
	expect(error!.itemIndex ?? error!.context?.itemIndex).toBe(1);
	expect(sent()).toEqual({});
});

test('a key that was bought hides nothing of what is wrong with the fields by now: another key would buy it twice', async () => {
	await buy(['a']);
	const { failed } = await buy(['a'], { parameters: { tarifId: 'abc' } });
	expect(told(failed)).toEqual([[0, 'invalid']]);
	expect(failed[0].json.error).toMatch(/^Tarif ID must be a whole number/);
	expect((await buy(['a'])).success).toEqual([]);
	expect(sold()).toEqual({ a: 1 });
});

describe('the same key for different orders', () => {
	test.each(onErrors)('in one list: none of them is sent, since it cannot be told which one is meant (%s)', async (onError) => {
		const { success, failed, error } = await order(['a', 'b', 'a'], { onError, options: { idempotencyKey: 'same' } });
		expect(sent()).toEqual({});
		if (error) expect(error.message).toBe('Channel a, tarif 1: The Idempotency Key "same" is also used by another order in the list');
		else
			expect(told([...success, ...failed])).toEqual([
				[0, 'conflict'],
				[1, 'conflict'],
				[2, 'conflict'],
			]);
	});

	test.each(onErrors)('one after the other: the second is neither sent nor skipped (%s)', async (onError) => {
		await order(['a'], { options: { idempotencyKey: 'same' } });
		const { success, failed, error } = await order(['b'], { onError, options: { idempotencyKey: 'same' } });
		expect(sent()).toEqual({ a: 1 });
		if (error) expect(error.message).toBe('Channel b, tarif 1: The Idempotency Key "same" has bought another order before');
		else expect(told([...success, ...failed])).toEqual([[0, 'conflict']]);
	});

	test('is free for the other one once the first was refused', async () => {
		shop.refuse('a');
		const options = { idempotencyKey: 'same' };
		await order(['a'], { onError: 'continueErrorOutput', options });
		expect(told((await order(['b'], { options })).success)).toEqual([[0, 'b']]);
	});
});

describe('Confirmed Not Bought', () => {
	test('does not send a key twice in one run', async () => {
		shop.sandbox.fault({ match: { channel: 'a' }, fault: faults.serverErrorBefore(500) });
		const lost = await buy(['a']);
		const { failed } = await buy(['a', 'a'], { options: { confirmedNotBought: referencesOf(lost).join() } });
		expect(told(failed)).toEqual([
			[0, 'unknown'],
			[1, 'unknown'],
		]);
		expect(sent()).toEqual({ a: 2 });
	});

	test('sends a key once more, not with each try of Retry On Fail, nor in the next run', async () => {
		shop.sandbox.fault({ match: { channel: 'a' }, fault: faults.serverErrorBefore(500) });
		const setup = { onError: 'stopWorkflow', tries: 4 } as const;
		const lost = await buy(['a'], setup);
		const options = { confirmedNotBought: referencesOf(lost).join() };
		const again = await buy([], { ...setup, retryOf: lost.data, options });
		expect(sent()).toEqual({ a: 2 });
		await buy(['a'], { ...setup, options });
		await buy([], { ...setup, retryOf: again.data, options });
		expect(sent()).toEqual({ a: 2 });
		await buy(['a'], { ...setup, options: { confirmedNotBought: referencesOf(again).join() } });
		expect(sent()).toEqual({ a: 3 });
	});
});

describe('executions at the same time', () => {
	const keys = ['a', 'b', 'c', 'd'];

	test.each([1, 3, -1])('with the same keys buy each once (batches of %d)', async (size) => {
		const runs = await Promise.all([1, 2, 3].map(async () => await buy(keys, { options: batchSize(size) })));
		expect(sold()).toEqual(onceEach(keys));
		const bought = runs.flatMap(({ success }) => told(success).map(([, channel]) => channel));
		expect(bought.sort()).toEqual(keys);
	});

	test.each([1, 3, -1])("with other keys do not lose each other's (batches of %d)", async (size) => {
		const runs = ['v', 'w', 'x', 'y', 'z'].map((name) => keys.map((key) => name + key));
		for (const round of [1, 2]) {
			const results = await Promise.all(runs.map(async (run) => await buy(run, { options: batchSize(size) })));
			expect(results.flatMap(({ failed }) => failed)).toEqual([]);
			expect(results.flatMap(({ success }) => success)).toHaveLength(round === 1 ? 20 : 0);
		}
		expect(sold()).toEqual(onceEach(runs.flat()));
	});
});

describe('a crash', () => {
	test.each([1, -1])('leaves uncertain what was on its way, and nothing else (batches of %d)', async (size) => {
		const options = batchSize(size);
		shop.sandbox.fault({ match: { channel: 'b' }, times: 1, fault: faults.hang(false) });
		// Never ends for as long as the others run, as if n8n were gone.
		const crashed = buy(['a', 'b', 'c'], { options });
		await until(() => shop.sandbox.requests.filter(({ status }) => status).length === (size === 1 ? 1 : 2) && sent().b === 1);

		const impatient = { ...options, timeout: 1000 };
		const after = await buy(['a', 'b', 'c'], { options: impatient });
		expect(told(after.failed)).toContainEqual([1, 'unknown']);
		expect(sent().b).toBe(1);
		await buy(['a', 'b', 'c'], { options: { ...impatient, confirmedNotBought: referencesOf(after).join() } });
		expect(sold()).toMatchObject({ b: 1 });
		if (size === 1) expect(sold()).toEqual(onceEach(['a', 'b', 'c']));

		shop.sandbox.reset();
		await crashed;
	});
});

describe("when n8n's database fails", () => {
	test.each(onErrors)('nothing is bought without a claim (%s)', async (onError) => {
		deduplicator.fail = true;
		const { success, failed, error } = await buy(['a', 'b'], { onError, tries: 2 });
		expect(sent()).toEqual({});
		if (onError === 'stopWorkflow') expect(error!.message).toMatch(/could not look up whether the order was sent before.*locked/);
		else
			expect(told([...success, ...failed])).toEqual([
				[0, 'notSent'],
				[1, 'notSent'],
			]);

		deduplicator.fail = false;
		expect(told((await buy(['a', 'b'])).success)).toEqual([
			[0, 'a'],
			[1, 'b'],
		]);
	});

	test('only while it is asked, nothing is bought without what it knows', async () => {
		// A killed execution that n8n runs again: its data know of nothing.
		const created = createExecution([{ channel: 'a' }]);
		const again = async (tarifId: number) =>
			await order([], { retryOf: created, mode: 'trigger', executionId: '90002', onError: 'continueErrorOutput', parameters: { tarifId } });
		await again(1);
		jest.spyOn(deduplicator, 'getProcessedDataCount').mockRejectedValueOnce(new Error('SQLITE_BUSY: database is locked'));
		// Mended since: it is the item that tells.
		expect(told((await again(2)).failed)).toEqual([[0, 'notSent']]);
		expect((await again(2)).success).toEqual([]);
		expect(sold()).toEqual({ a: 1 });
	});

	test('a version of n8n that keeps keys in another way loses none of them, and buys nothing', async () => {
		await buy(['a']);
		const record = deduplicator.checkProcessedAndRecord.bind(deduplicator);
		const clear = jest.spyOn(deduplicator, 'clearAllProcessedItems');
		// It looks for the node's ID later than the n8n that is known.
		jest.spyOn(deduplicator, 'checkProcessedAndRecord').mockImplementation(async (...call) => {
			await Promise.resolve();
			return await record(...call);
		});
		const { failed } = await buy(['a', 'b']);
		expect(told(failed)).toEqual([
			[0, 'notSent'],
			[1, 'notSent'],
		]);
		expect(failed[0].json.error).toMatch(/This version of n8n/);
		expect(clear).not.toHaveBeenCalled();
		jest.restoreAllMocks();
		expect(told((await buy(['a', 'b'])).success)).toEqual([[1, 'b']]);
	});

	test('after the purchase, it is output all the same, and its key stays uncertain', async () => {
		shop.sandbox.fault({ match: { channel: 'a' }, fault: faults.latency(100) });
		const { success } = await buy(['a'], { onStart: () => void until(() => sent().a === 1).then(() => (deduplicator.fail = true)) });
		expect(told(success)).toEqual([[0, 'a']]);

		deduplicator.fail = false;
		expect(told((await buy(['a'], { options: { timeout: 1000 } })).failed)).toEqual([[0, 'unknown']]);
		expect(sold()).toEqual({ a: 1 });
	});
});

describe('what counts as a key', () => {
	test('any text, also one that looks like a marker', async () => {
		const keys = ['1', 'open 1', 'key 1', 'key open 1', 'open key 1', '__proto__', 'ё\n', 'x'.repeat(5000)];
		const items = keys.map((key, i) => ({ key, channel: `c${i}` }));
		const options = { idempotencyKey: '={{ $json.key }}' };
		expect((await order(items, { options })).success).toHaveLength(keys.length);
		expect((await order(items, { options })).success).toHaveLength(0);
		expect(sold()).toEqual(onceEach(items.map(({ channel }) => channel)));
	});

	test('a number is the text it is written as, and blanks around it do not count', async () => {
		const items = [7, '7', ' 7 '].map((key) => ({ key, channel: 'a' }));
		await order(items, { options: { idempotencyKey: '={{ $json.key }}' } });
		expect(sold()).toEqual({ a: 1 });
	});

	test('an accent is the same, as one character and as two', async () => {
		const items = ['caf\u00e9-1', 'cafe\u0301-1'].map((key) => ({ key, channel: 'a' }));
		await order(items, { options: { idempotencyKey: '={{ $json.key }}' } });
		expect(sold()).toEqual({ a: 1 });
	});

	test('a blank one is none, and nothing is bought without one', async () => {
		const { error } = await order(['a'], { options: { idempotencyKey: '={{ $json.missing }}' } });
		expect(error!.message).toBe('Idempotency Key is required but blank');
		expect(sent()).toEqual({});
	});

	test.each([
		['the same order', 1, []],
		['another order', 2, ['conflict']],
	])('a key holds for all nodes of a workflow: %s in the second one', async (_, tarifId, told) => {
		const options = { idempotencyKey: 'same' };
		const { data } = await order(['a'], {
			options,
			twin: { onError: 'continueRegularOutput', parameters: { tarifId, channel: '={{ $json.channel }}', options } },
		});
		expect(sold()).toEqual({ a: 1 });
		const [second] = data.resultData.runData.Twin;
		expect(second.data!.main[0]!.map(({ json }) => (json.details as { outcome: string }).outcome)).toEqual(told);
	});

	test('a node that was pasted again, with another ID, knows its keys', async () => {
		await buy(['a']);
		expect((await buy(['a'], { node: { id: 'pasted' } })).success).toEqual([]);
		expect(sold()).toEqual({ a: 1 });
	});

	test('a key belongs to one workflow', async () => {
		await buy(['a']);
		await buy(['a'], { workflowId: 'workflow-2' });
		expect(sold()).toEqual({ a: 2 });
	});
});
