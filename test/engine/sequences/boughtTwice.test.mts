/** What people and n8n do one after the other, and an order must be bought once all the same. The sandbox counts. */
import { setTimeout as sleep } from 'node:timers/promises';

import type { IDataObject } from 'n8n-workflow';

import { faults } from '../../../tools/sandbox/sandbox.mts';
import { DAY, LOOK_UP_TIME, passTime } from '../clock.mts';
import { createExecution, deduplicator } from '../engine.mts';
import { branches, errorsLoopedBack, loop } from '../wirings.mts';
import { failuresOf, hintsOf, onceEach, openShop, outcomes, processOf, referencesOf, told, until, wordsOf, type Orders } from '../shop.mts';

const shop = openShop();
const { order, lose, refuse, slow, kill, lookUp, finish, failBefore, sent, sold } = shop;

const key = (idempotencyKey?: string) => (idempotencyKey === undefined ? {} : { idempotencyKey });

const KEY_CHANGES = [
	['added', undefined, '={{ $json.channel }}'],
	['changed', 'order {{ $json.channel }}', '={{ $json.channel }} again'],
	['one that has the time in it', '={{ $json.channel }} {{ $now.toMillis() }}', '={{ $json.channel }} {{ $now.toMillis() }}'],
	['taken away', '={{ $json.channel }}', undefined],
].map(([name, before, after]) => [name as string, key(before?.startsWith('=') === false ? `=${before}` : before), key(after)] as const);

describe('1. an order without an answer, and the key is', () => {
	describe.each(KEY_CHANGES)('%s', (_name, before, after) => {
		test.each([true, false])('bought: %s; a retry without a word of it holds it back', async (bought) => {
			lose('b', bought);
			const first = await order(['a', 'b', 'c'], { options: before });
			const second = await order([], { options: after, retryOf: first.data });
			expect(outcomes(second)).toEqual(['unknown']);
			const third = await order([], { options: after, retryOf: first.data });
			expect(outcomes(third)).toEqual(['unknown']);
			expect(sent()).toEqual({ a: 1, b: 1 });
			expect(failuresOf(second)[0].reference).toBeDefined();
		});

		test("it was bought, and the first message's reference says so", async () => {
			lose('b', true);
			const first = await order(['a', 'b', 'c'], { options: before });
			const second = await order([], { options: { ...after, ...lookUp(first) }, retryOf: first.data });
			expect(told(second.success)).toEqual([
				[0, 'a'],
				[2, 'c'],
			]);
			expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
		});

		test("it was not bought, and the first message's reference has it sent once more, once", async () => {
			lose('b', false);
			const first = await order(['a', 'b', 'c'], { options: before });
			const options = { ...after, ...lookUp(first) };
			const second = await order([], { options, retryOf: first.data });
			expect(told(second.success)).toEqual([
				[0, 'a'],
				[1, 'b'],
				[2, 'c'],
			]);
			await order([], { options, retryOf: first.data });
			expect(sent()).toEqual({ a: 1, b: 2, c: 1 });
		});
	});

	test.each(['stopWorkflow', 'continueErrorOutput'] as const)('made of $now in each try of Retry On Fail (%s)', async (onError) => {
		lose('a', true);
		await order(['a', 'b'], { options: key('={{ $json.channel }} {{ $now.toMillis() }}'), tries: 3, onError });
		expect(sent().a).toBe(1);
	});
});

describe('2. killed, and the key is another one at the retry:', () => {
	const ofTheDay = key('={{ $json.channel }} {{ $now.toISODate() }}');

	test.each([
		['of channel and day, a day later', ofTheDay, ofTheDay],
		['added', {}, key('={{ $json.channel }}')],
		['taken away', key('={{ $json.channel }}'), {}],
		['another one', key('={{ $json.channel }}'), key('=x {{ $json.channel }}')],
	] as const)('%s', async (_name, before, after) => {
		const killed = await kill(['a', 'b', 'c'], { at: 'answer', channel: 'b' }, { options: before });
		passTime(DAY);
		const second = await order([], { options: after, retryOf: killed, onError: 'continueErrorOutput' });
		// What goes out within a tenth of a second is uncertain together.
		expect(sold()).toMatchObject(onceEach(['a', 'b']));
		expect(told(second.failed)).toContainEqual([1, 'unknown']);
		await finish(killed, { options: after });
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	});
});

describe('3. Loop Over Items, one order a round', () => {
	const rows = (letters: string) => [...letters].map((channel) => ({ channel }));
	const inRound4 = { ended: ['Start', 'Loop', 'StreamSkill'], channel: 'd' };

	test.each([
		['the same list', 'abcdef'],
		['a row more in front', 'xabcdef'],
		['a row less', 'acdef'],
		['another sequence', 'fedcba'],
	])('killed in round 4, and the list is read anew: %s', async (_name, later) => {
		for (const at of ['send', 'answer'] as const) {
			shop.sandbox.reset();
			const killed = await kill([{}], { ...inRound4, at }, { wiring: loop(), before: () => rows('abcdef') });
			const mayBe = at === 'answer' ? 1 : 0;
			expect(sold()).toEqual({ a: 1, b: 1, c: 1, ...(mayBe && { d: 1 }) });
			const held = await order([], { wiring: loop(), before: () => rows(later), retryOf: killed });
			expect(outcomes(held)).toEqual(['unknown']);
			// What comes in a later round is for a later retry.
			expect(sold().d).toBe(mayBe || undefined);
			const { run } = await finish(killed, { wiring: loop(), before: () => rows(later) });
			expect(run.status).toBe('success');
			expect(sold()).toEqual(onceEach([...new Set('abcdef' + later)].filter((channel) => later.includes(channel) || channel <= 'c')));
		}
	});

	test('no crash: the original is retried after its retry failed later', async () => {
		const original = await failBefore();
		refuse('d');
		const setup = { wiring: loop(), before: () => rows('abcdef') };
		expect((await order([], { ...setup, retryOf: original })).error).toBeDefined();
		const { run } = await order([], { ...setup, retryOf: original });
		expect(run.status).toBe('success');
		expect(sold()).toEqual(onceEach([...'abcdef']));
	});

	test('no crash: the original is retried with another list after its retry failed later', async () => {
		const original = await failBefore();
		refuse('d');
		await order([], { wiring: loop(), before: () => rows('abcdef'), retryOf: original });
		// Nothing tells yet that x is a new row, and not one of before with other fields: a person does.
		const { run } = await finish(original, { wiring: loop(), before: () => rows('xfedcba') });
		expect(run.status).toBe('success');
		expect(sold()).toEqual(onceEach([...'abcdefx']));
	});

	test('the same order in each round is bought in each round, and no more often after a crash', async () => {
		const list = [1, 2, 3, 4].map((visit) => ({ channel: 'a', visit }));
		const wiring = loop();
		const created = await failBefore();
		let ended = 0;
		const fail = () => {
			if (++ended === 1) throw new Error('Not now');
		};
		await order([], { wiring, before: () => list, after: fail, retryOf: created });
		expect(sold()).toEqual({ a: 4 });
		await order([], { wiring, before: () => list, retryOf: created });
		expect(sold()).toEqual({ a: 4 });
	});

	test('two branches into the node, the first of them empty in the retry', async () => {
		let isEmpty = false;
		const wiring = () =>
			branches(
				(items) => (isEmpty ? [] : items.slice(0, 2)),
				(items) => items.slice(2),
			);
		const killed = await kill(
			['a', 'b', 'c', 'd', 'e'],
			{ at: 'answer', channel: 'd', ended: ['Start', 'Split', 'StreamSkill'] },
			{ wiring: wiring() },
		);
		isEmpty = true;
		await finish(killed, { wiring: wiring() });
		expect(sold()).toEqual(onceEach(['a', 'b', 'c', 'd', 'e']));
	});

	test('two branches that order the same buy it in both, and no more often in a retry', async () => {
		const wiring = () =>
			branches(
				(items) => items,
				(items) => items,
			);
		const original = await failBefore();
		let ended = 0;
		const failAtTheEnd = () => {
			if (++ended === 2) throw new Error('Not now');
		};
		const before = () => [{ channel: 'a' }, { channel: 'b' }];
		await order([], { wiring: wiring(), before, retryOf: original, after: failAtTheEnd });
		await order([], { wiring: wiring(), before, retryOf: original });
		expect(sold()).toEqual({ a: 2, b: 2 });
	});
});

test('4. a round without a valid order, killed in a later one, mended, and the same rows again', async () => {
	const rows = ['first', 'a', 'b', 'c', 'd'].map((channel) => ({ channel }));
	const setup = (channel: string): Orders => ({
		wiring: loop({ errorsToo: true }),
		onError: 'continueErrorOutput',
		parameters: { channel },
	});
	const killed = await kill(
		rows,
		{ at: 'answer', channel: 'c', ended: ['Start', 'Loop', 'StreamSkill'] },
		setup('={{ $json.channel === "first" ? "" : $json.channel }}'),
	);
	expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	await finish(killed, setup('={{ $json.channel }}'));
	expect(sold()).toEqual(onceEach(['first', 'a', 'b', 'c', 'd']));
});

describe('5. two retries at once, one with the original workflow, one with a mended tarif', () => {
	describe.each(['main', 'worker'] as const)('the second one in the process %s', (second) => {
		test.each(['stopWorkflow', 'continueErrorOutput'] as const)('%s', async (onError) => {
			const rows = ['a', 'b', 'c', 'd'].map((channel, row) => ({ channel, row }));
			const setup = (tarifId: number): Orders => ({ onError, before: () => rows, parameters: { tarifId }, options: { timeout: 1000 } });
			const original = await failBefore();
			slow('/./', 20);
			await Promise.all([
				order([], { ...setup(1), retryOf: original, streamSkill: processOf('main') }),
				order([], { ...setup(2), retryOf: original, streamSkill: processOf(second) }),
			]);
			for (const channel of ['a', 'b', 'c', 'd']) expect(sold()[channel] ?? 0).toBeLessThan(2);
			await finish(original, setup(2));
			expect(sold()).toEqual(onceEach(['a', 'b', 'c', 'd']));
		});
	});
});

describe('6. killed, then a field is mended and the list', () => {
	const before = ['a', 'b', 'c', 'd'];
	const options = { timeout: 300 };

	test.each([
		['has a row more', ['x', ...before]],
		['comes in another sequence', [...before].reverse()],
		['has a row less', before.slice(1)],
	])('%s', async (_name, later) => {
		const rows = (channels: string[]) => channels.map((channel) => ({ channel, of: 'sheet' }));
		const killed = await kill([{}], { at: 'answer', channel: 'c' }, { before: () => rows(before), options });
		const mended: Orders = { before: () => rows(later), parameters: { tarifId: 2 }, options };
		const held = await order([], { ...mended, retryOf: killed });
		expect(outcomes(held)).toContain('unknown');
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
		await finish(killed, mended);
		expect(sold()).toEqual(onceEach([...new Set(['a', 'b', 'c', ...later])]));
	});

	test('has a fresh time stamp in each row: nothing is sent, and the original workflow is advised, which goes on', async () => {
		let stamp = 0;
		const stamped = () => before.map((channel) => ({ channel, read: ++stamp }));
		const killed = await kill([{}], { at: 'answer', channel: 'c' }, { before: stamped, options });
		const held = await order([], { before: stamped, parameters: { tarifId: 2 }, options, retryOf: killed });
		expect(held.error).toBeDefined();
		expect(wordsOf(held)).toMatch(/original workflow/i);
		expect(sent()).toEqual(onceEach(['a', 'b', 'c']));
		await finish(killed, { before: stamped, options });
		expect(sold()).toEqual(onceEach(before));
	});
});

describe('7. the error output is looped back into the node', () => {
	const onError = 'continueErrorOutput' as const;

	test.each([true, false])('an order without an answer is not sent again, and keeps its reference (bought: %s)', async (bought) => {
		lose('b', bought);
		const result = await order(['a', 'b', 'c'], { wiring: errorsLoopedBack(), onError });
		expect(sent()).toEqual(onceEach(['a', 'b', 'c']));
		const [first, second] = failuresOf(result);
		expect([first.outcome, second.outcome]).toEqual(['unknown', 'unknown']);
		expect(second.reference).toBe(first.reference);
	});

	test('nor with another key in each round', async () => {
		lose('b', true);
		await order(['a', 'b', 'c'], { wiring: errorsLoopedBack(3), onError, options: key('={{ $json.channel }} {{ $runIndex }}') });
		expect(sent()).toEqual(onceEach(['a', 'b', 'c']));
	});

	test('an order that was refused is sent again', async () => {
		refuse('b');
		const { success } = await order(['a', 'b', 'c'], { wiring: errorsLoopedBack(), onError });
		expect(told(success).map(([, channel]) => channel)).toEqual(['a', 'c', 'b']);
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	});
});

test('8. two retries at once read the same tarif and channel with other quantities, in another sequence', async () => {
	const original = await failBefore();
	const setup = (quantities: number[]): Orders => ({
		before: () => quantities.map((quantity) => ({ channel: 'a', quantity })),
		parameters: { additionalFields: { quantity: '={{ $json.quantity }}' } },
		options: { timeout: 1000 },
		onError: 'continueErrorOutput',
	});
	slow('a', 20);
	await Promise.all([
		order([], { ...setup([100, 200, 300]), retryOf: original, streamSkill: processOf('main') }),
		order([], { ...setup([300, 100, 200]), retryOf: original, streamSkill: processOf('worker') }),
	]);
	const quantities = () => shop.sandbox.purchases.map(({ order }) => order.tarif.quantity).sort();
	expect(new Set(quantities()).size).toBe(quantities().length);
	const left = await order([], { ...setup([100, 200, 300]), retryOf: original });
	expect(quantities().length + failuresOf(left).length).toBeGreaterThanOrEqual(3);
	expect(new Set(quantities()).size).toBe(quantities().length);
});

describe('9. a reference is confirmed as not bought while the first order is still on its way', () => {
	const sameKey = (timeout: number, more: IDataObject = {}): Orders => ({
		onError: 'continueErrorOutput',
		options: { ...key('k'), timeout, ...more },
	});
	const isSent = (times: number) => until(() => sent().a === times);

	test('the same key, a moment later: it is waited for, and nobody is asked', async () => {
		slow('a', 300);
		const first = order(['a'], sameKey(3000));
		await isSent(1);
		const second = await order(['a'], sameKey(3000));
		expect(outcomes(second)).toEqual([]);
		expect(hintsOf(second).join()).toMatch(/Left out: 1 /);
		expect(told((await first).success)).toEqual([[0, 'a']]);
		expect(sold()).toEqual({ a: 1 });
	});

	test('it is bought meanwhile: it is not sent', async () => {
		slow('a', 800);
		const first = order(['a'], sameKey(5000));
		await isSent(1);
		const [reference] = referencesOf(await order(['a'], sameKey(50)));
		expect(reference).toBeDefined();
		const third = await order(['a'], sameKey(5000, { confirmedNotBought: reference }));
		expect(outcomes(third)).toEqual([]);
		await first;
		expect(sent()).toEqual({ a: 1 });
		expect(sold()).toEqual({ a: 1 });
	});

	test('the order that is sent once more is refused, and then the first is bought: the key is not free', async () => {
		shop.sandbox.fault({ match: { channel: 'a' }, times: 1, fault: faults.latency(800) });
		shop.sandbox.fault({ match: { channel: 'a' }, skip: 1, times: 1, fault: faults.rejected(422) });
		const first = order(['a'], sameKey(5000));
		await isSent(1);
		const [reference] = referencesOf(await order(['a'], sameKey(50)));
		await order(['a'], sameKey(50, { confirmedNotBought: reference }));
		expect(told((await first).success)).toEqual([[0, 'a']]);
		expect(outcomes(await order(['a'], sameKey(1000)))).toEqual([]);
		expect(sold()).toEqual({ a: 1 });
	});

	test.each(['with a key', 'without a key, by another retry'])(
		'it is to wait, as StreamSkill asks: it is not bought yet, so the other one buys it, and it is not sent again (%s)',
		async (way) => {
			const original = way === 'with a key' ? undefined : await failBefore();
			const setup: Orders = original
				? { before: () => [{ channel: 'a' }], onError: 'continueErrorOutput', retryOf: original }
				: sameKey(5000);
			const items = original ? [] : ['a'];
			shop.sandbox.fault({ match: { channel: 'a' }, times: 1, fault: faults.rateLimited({ 'retry-after': '2' }) });
			const first = order(items, setup);
			await isSent(1);
			await sleep(300);
			expect(told((await order(items, setup)).success)).toEqual([[0, 'a']]);
			expect(outcomes(await first)).toEqual([]);
			expect(hintsOf(await first).join()).toMatch(/Left out: 1 /);
			expect(sold()).toEqual({ a: 1 });
		},
	);

	test('an order without a key, whose other retry is still waiting for its answer', async () => {
		const original = await failBefore();
		slow('a', 800);
		const setup = (timeout: number, more: IDataObject = {}): Orders => ({
			before: () => [{ channel: 'a' }],
			onError: 'continueErrorOutput',
			retryOf: original,
			options: { timeout, ...more },
		});
		const first = order([], setup(5000));
		await isSent(1);
		const [reference] = referencesOf(await order([], setup(50)));
		await order([], setup(5000, { confirmedNotBought: reference }));
		await first;
		expect(sold()).toEqual({ a: 1 });
	});
});

describe('10. keys stay when', () => {
	test.each([
		['the node is deleted and pasted again, or the workflow is updated without node IDs', { node: { id: 'streamskill-new' } }],
		['the node runs in another process', { streamSkill: processOf }],
	])('%s', async (_name, change) => {
		const setup: Orders = { onError: 'continueErrorOutput', options: key('={{ $json.channel }}') };
		lose('b', false);
		const first = await order(['a', 'b'], setup);
		const again = { ...setup, ...change, ...('streamSkill' in change && { streamSkill: processOf('worker') }) } as Orders;
		const second = await order(['a', 'b', 'c'], again);
		expect(told(second.success)).toEqual([[2, 'c']]);
		expect(told(second.failed)).toEqual([[1, 'unknown']]);
		expect(referencesOf(second)).toEqual(referencesOf(first));
		await order(['a', 'b', 'c'], { ...again, options: { ...again.options, ...lookUp(first) } });
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	});

	test('but not in another workflow', async () => {
		await order(['a'], { options: key('k') });
		await order(['a'], { options: key('k'), workflowId: 'workflow-2' });
		expect(sold()).toEqual({ a: 2 });
	});
});

describe('11. by hand', () => {
	const byHand = async (items: Array<string | IDataObject>, more: Orders = {}) => await order(items, { mode: 'manual', ...more });

	test('three rows, the second refused: it is corrected in its sheet, and executed again', async () => {
		refuse('b');
		expect((await byHand(['a', 'b', 'c'])).error).toBeDefined();
		const second = await byHand(['a', 'b corrected', 'c']);
		expect(second.run.status).toBe('success');
		expect(told(second.success)).toEqual([
			[1, 'b corrected'],
			[2, 'c'],
		]);
		expect(hintsOf(second).join()).toMatch(/Left out: 1 /);
		expect(hintsOf(second).join()).toMatch(/Repeat Manual Orders/);
		expect(sold()).toEqual(onceEach(['a', 'b corrected', 'c']));
	});

	test('Execute step pressed twice, and three times', async () => {
		for (let times = 0; times < 3; times++) await byHand(['a', 'b']);
		expect(sold()).toEqual(onceEach(['a', 'b']));
	});

	test('two rows for the same are two orders, however often they are executed', async () => {
		for (let times = 0; times < 3; times++) await byHand(['a', 'a']);
		expect(sold()).toEqual({ a: 2 });
	});

	test('the comment makes no other order, the quantity does', async () => {
		const withFields = (additionalFields: IDataObject): Orders => ({ parameters: { additionalFields } });
		await byHand(['a'], withFields({ comment: 'one', quantity: 100 }));
		await byHand(['a'], withFields({ comment: 'two', quantity: 100 }));
		expect(sold()).toEqual({ a: 1 });
		await byHand(['a'], withFields({ comment: 'two', quantity: 200 }));
		expect(sold()).toEqual({ a: 2 });
	});

	test('Repeat Manual Orders buys again', async () => {
		await byHand(['a']);
		await byHand(['a'], { options: { repeatManualOrders: true } });
		expect(sold()).toEqual({ a: 2 });
	});

	test.each([
		['the next day is left out', DAY, 1],
		['three days later is bought', 3 * DAY, 2],
	])('the same %s', async (_name, later, times) => {
		await byHand(['a']);
		passTime(later);
		await byHand(['a']);
		expect(sold()).toEqual({ a: times });
	});

	test('an order without an answer is held back, and goes on with what was looked up', async () => {
		lose('b', false);
		const first = await byHand(['a', 'b']);
		const second = await byHand(['a', 'b']);
		expect(outcomes(second)).toEqual(['unknown']);
		expect(sent()).toEqual(onceEach(['a', 'b']));
		await byHand(['a', 'b'], { options: lookUp(first) });
		expect(sold()).toEqual(onceEach(['a', 'b']));
	});

	test('If Already Purchased = Fail makes an error of it', async () => {
		await byHand(['a']);
		const { failed } = await byHand(['a', 'b'], { onError: 'continueErrorOutput', options: { onDuplicate: 'fail' } });
		expect(told(failed)).toEqual([[0, 'duplicate']]);
		expect(sold()).toEqual(onceEach(['a', 'b']));
	});

	test('n8n dies in the middle, and it is executed again', async () => {
		await kill(['a', 'b', 'c'], { at: 'answer', channel: 'b' }, { mode: 'manual' });
		const again = await byHand(['a', 'b', 'c'], { onError: 'continueErrorOutput', options: { timeout: 300 } });
		expect(told(again.failed)).toContainEqual([1, 'unknown']);
		expect(sold()).toMatchObject(onceEach(['a', 'b']));
		passTime(LOOK_UP_TIME);
		await byHand(['a', 'b', 'c'], { options: lookUp(again) });
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	});

	test('has nothing to do with what runs by itself', async () => {
		await order(['a'], { mode: 'trigger' });
		await byHand(['a']);
		await order(['a'], { mode: 'trigger' });
		expect(sold()).toEqual({ a: 3 });
	});

	test('a loop by hand buys the same order in each of its rounds, once', async () => {
		for (let times = 0; times < 2; times++) {
			await byHand(
				[
					{ channel: 'a', n: 1 },
					{ channel: 'a', n: 2 },
					{ channel: 'b', n: 3 },
				],
				{ wiring: loop() },
			);
		}
		expect(sold()).toEqual({ a: 2, b: 1 });
	});
});

/** n8n's database as long-lived as it is. */
describe('19. n8n forgets the oldest of 10,000 entries (a thousand times fewer here)', () => {
	afterEach(() => jest.restoreAllMocks());

	test('keys are known however many came since', async () => {
		const record = deduplicator.checkProcessedAndRecord.bind(deduplicator);
		jest.spyOn(deduplicator, 'checkProcessedAndRecord').mockImplementation(async (items, scope, context, options) => {
			const { maxEntries } = options;
			return await record(items, scope, context, {
				...options,
				maxEntries: maxEntries && maxEntries >= 1000 ? maxEntries / 1000 : maxEntries,
			});
		});
		const channels = Array.from({ length: 40 }, (_, i) => `c${i}`);
		const setup: Orders = { options: { ...key('={{ $json.channel }}'), batching: { batch: { batchSize: 3, batchInterval: 0 } } } };
		for (let at = 0; at < channels.length; at += 8) await order(channels.slice(at, at + 8), setup);
		for (let at = 0; at < channels.length; at += 8) await order(channels.slice(at, at + 8), setup);
		expect(sold()).toEqual(onceEach(channels));
	});
});

test('an execution that is created once and run twice under one ID buys once', async () => {
	const created = createExecution([{ channel: 'a' }, { channel: 'b' }]);
	const again = async () => await order([], { retryOf: created, mode: 'trigger', executionId: '90004', options: { timeout: 300 } });
	await again();
	await again();
	expect(sold()).toEqual(onceEach(['a', 'b']));
});
