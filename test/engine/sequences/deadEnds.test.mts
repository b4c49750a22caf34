/** Advice that does not help, and what is never said: where a person came to no end. */
import { LOOK_UP_TIME, passTime } from '../clock.mts';
import { deduplicator } from '../engine.mts';
import { loop, sideBySide } from '../wirings.mts';
import { failuresOf, hintsOf, onceEach, openShop, outcomes, referencesOf, told, wordsOf, type Orders } from '../shop.mts';

const shop = openShop();
const { order, lose, refuse, kill, lookUp, finish, sent, sold } = shop;

const byChannel = { idempotencyKey: '={{ $json.channel }}' };

describe("20. uncertain, and the item's fields are invalid by now", () => {
	const broken = { tarifId: '={{ $json.channel === "b" ? "abc" : 1 }}' };

	describe.each([
		['no key', {}],
		['a key', byChannel],
	])('%s', (_name, options) => {
		test('it is told with its reference, and the field is named', async () => {
			lose('b', true);
			const first = await order(['a', 'b', 'c'], { options });
			const second = await order([], { options, parameters: broken, retryOf: first.data });
			expect(referencesOf(second)).toEqual(referencesOf(first));
			expect(wordsOf(second)).toContain('Tarif ID');
			expect(sent()).toEqual({ a: 1, b: 1 });
		});

		test('Confirmed Bought counts', async () => {
			lose('b', true);
			const first = await order(['a', 'b', 'c'], { options });
			const second = await order([], { options: { ...options, ...lookUp(first) }, parameters: broken, retryOf: first.data });
			expect(second.run.status).toBe('success');
			expect(told(second.success)).toEqual([
				[0, 'a'],
				[2, 'c'],
			]);
			expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
		});

		test('Confirmed Not Bought counts, and the field is what is left to mend', async () => {
			lose('b', false);
			const first = await order(['a', 'b', 'c'], { options });
			const confirmed = { ...options, ...lookUp(first) };
			const second = await order([], { options: confirmed, parameters: broken, retryOf: first.data });
			expect(outcomes(second)).toEqual(['invalid']);
			const third = await order([], { options: confirmed, retryOf: second.data });
			expect(told(third.success)).toEqual([
				[0, 'a'],
				[1, 'b'],
				[2, 'c'],
			]);
			expect(sent()).toEqual({ a: 1, b: 2, c: 1 });
		});

		test('after a crash, too', async () => {
			const killed = await kill(['a', 'b', 'c'], { at: 'answer', channel: 'b' }, { options });
			const held = await order([], { options, parameters: broken, retryOf: killed });
			// Of several that were claimed together, b is the first.
			const [b, ...others] = referencesOf(held);
			expect(wordsOf(held)).toContain('Tarif ID');
			passTime(LOOK_UP_TIME);
			await order([], {
				options: { ...options, confirmedBought: b, confirmedNotBought: others.join() },
				parameters: broken,
				retryOf: killed,
			});
			expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
		});
	});

	test('an Idempotency Key that is blank by now', async () => {
		lose('b', true);
		const first = await order(['a', 'b', 'c'], { options: byChannel });
		const blank = { idempotencyKey: '={{ $json.channel === "b" ? "" : $json.channel }}' };
		const second = await order([], { options: blank, retryOf: first.data });
		expect(referencesOf(second)).toEqual(referencesOf(first));
		expect(wordsOf(second)).toContain('Idempotency Key');
		await order([], { options: { ...blank, ...lookUp(first) }, retryOf: second.data });
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	});
});

describe('21. a reference', () => {
	const mistyped = 'AAAA-AAAA';

	test.each(['confirmedBought', 'confirmedNotBought'])('that is mistyped in %s is named in the error as well', async (option) => {
		lose('b', true);
		const first = await order(['a', 'b', 'c']);
		const { error } = await order([], { options: { [option]: mistyped }, retryOf: first.data });
		expect(`${error?.message} ${error?.description}`).toContain(mistyped);
	});

	test('that is in both options is named, and nothing is done for it', async () => {
		lose('b', false);
		const first = await order(['a', 'b', 'c']);
		const reference = referencesOf(first).join();
		const second = await order([], { options: { confirmedBought: reference, confirmedNotBought: reference }, retryOf: first.data });
		expect(second.error?.description).toMatch(/both/);
		expect(`${second.error?.message} ${second.error?.description}`).toContain(reference);
		expect(sent()).toEqual({ a: 1, b: 1 });
		await order([], { options: { confirmedNotBought: reference }, retryOf: second.data });
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	});

	test('of which there are several, all are named in one sentence', async () => {
		const { run, ...result } = await order(['a'], { options: { confirmedBought: 'AAAA-AAAA BBBB-BBBB' } });
		expect(hintsOf({ run, ...result }).join()).toContain('The references AAAA-AAAA, BBBB-BBBB did nothing: used before');
	});

	test('that is confirmed as not bought, of an order that is on record as bought, is named, and nothing is sent', async () => {
		const killed = await kill(['a', 'b'], { at: 'answer', channel: 'b' });
		const [reference] = referencesOf(await order([], { retryOf: killed }));
		passTime(LOOK_UP_TIME);
		await order([], { options: { confirmedBought: reference }, retryOf: killed });
		const { run, ...result } = await order([], { options: { confirmedNotBought: reference }, retryOf: killed });
		expect(run.status).toBe('success');
		expect(hintsOf({ run, ...result }).join()).toContain(
			`The reference ${reference} did nothing: of an order that is on record as bought.`,
		);
		expect(sold()).toEqual(onceEach(['a', 'b']));
	});

	test('that is confirmed as not bought, of a key that another execution has confirmed as bought, is named as that', async () => {
		lose('b', true);
		const [reference] = referencesOf(await order(['b'], { options: byChannel }));
		passTime(LOOK_UP_TIME);
		await order(['b'], { options: { ...byChannel, confirmedBought: reference } });
		const result = await order(['b'], { options: { ...byChannel, confirmedNotBought: reference } });
		expect(hintsOf(result).join()).toContain(`The reference ${reference} did nothing: of an order that is on record as bought.`);
		expect(sold()).toEqual({ b: 1 });
	});

	test.each([true, false])('that worked in one round of a loop is not told as unknown in the others (bought: %s)', async (bought) => {
		const wiring = loop();
		lose('b', bought);
		const first = await order(['a', 'b', 'c', 'd'], { wiring });
		const confirmed = lookUp(first);
		const second = await order([], { wiring, options: confirmed, retryOf: first.data });
		expect(second.run.status).toBe('success');
		expect(sold()).toEqual(onceEach(['a', 'b', 'c', 'd']));
		const [reference] = referencesOf(first);
		expect(hintsOf(second).filter((hint) => hint.includes(reference) && /not known/i.test(hint))).toEqual([]);
	});

	test('that is of a later round is not told as unknown before', async () => {
		const wiring = () => loop();
		const rows = () => ['a', 'b', 'c', 'd'].map((channel) => ({ channel }));
		const killed = await kill(
			[{}],
			{ at: 'answer', channel: 'c', ended: ['Start', 'Loop', 'StreamSkill'] },
			{ wiring: wiring(), before: rows },
		);
		const held = await order([], { wiring: wiring(), before: rows, retryOf: killed });
		const [reference] = referencesOf(held);
		const done = await order([], { wiring: wiring(), before: rows, options: { confirmedBought: reference }, retryOf: killed });
		expect(hintsOf(done).filter((hint) => hint.includes(reference) && /not known/i.test(hint))).toEqual([]);
		expect(sold()).toEqual(onceEach(['a', 'b', 'c', 'd']));
	});

	test('is accepted in any case, with and without its dash', async () => {
		lose('b', true);
		const first = await order(['a', 'b']);
		const typed = referencesOf(first)[0].toLowerCase().replace('-', '');
		expect((await order([], { options: { confirmedBought: typed }, retryOf: first.data })).error).toBeUndefined();
	});
});

describe('22. If Already Purchased = Fail and On Error = Stop, after a crash', () => {
	test.each([
		['no key', {}],
		['a key', byChannel],
	])('the advice, followed word by word, helps (%s)', async (_name, key) => {
		const options = { ...key, onDuplicate: 'fail' };
		const killed = await kill(['a', 'b', 'c', 'd'], { at: 'answer', channel: 'c' }, { options });
		const first = await order([], { options, retryOf: killed });
		expect(outcomes(first)).toEqual(expect.arrayContaining(['duplicate', 'unknown']));
		expect(first.error!.description).toMatch(/If Already Purchased.* Skip/s);
		passTime(LOOK_UP_TIME);
		const second = await order([], { options: { ...key, ...lookUp(first), onDuplicate: 'skip' }, retryOf: first.data });
		expect(second.run.status).toBe('success');
		expect(sold()).toEqual(onceEach(['a', 'b', 'c', 'd']));
	});
});

describe('23. a reference stays the same', () => {
	test.each([
		['no key', {}],
		['a key', byChannel],
	])('however often the original is retried (%s)', async (_name, options) => {
		lose('b', true);
		const first = await order(['a', 'b', 'c'], { options });
		const [reference] = referencesOf(first);
		for (let times = 0; times < 3; times++) {
			expect(referencesOf(await order([], { options, retryOf: first.data }))).toEqual([reference]);
		}
	});

	test.each([
		['no key', {}],
		['a key', byChannel],
	])('after a crash, in retries of the original and of the retry (%s)', async (_name, options) => {
		const killed = await kill(['a', 'b', 'c'], { at: 'answer', channel: 'b' }, { options });
		const first = await order([], { options, retryOf: killed });
		const references = referencesOf(first);
		expect(references[0]).toBeDefined();
		for (const retryOf of [killed, first.data, killed]) expect(referencesOf(await order([], { options, retryOf }))).toEqual(references);
	});

	test('after Confirmed Not Bought it is another one, and the old one does nothing', async () => {
		const killed = await kill(['b'], { at: 'request', channel: 'b' });
		const references = new Set<string>();
		let options = {};
		for (let times = 1; times <= 3; times++) {
			if (times > 1) lose('b', false);
			const [reference] = referencesOf(await order([], { options, retryOf: killed }));
			expect(sent().b ?? 0).toBe(times - 1);
			references.add(reference);
			passTime(LOOK_UP_TIME);
			options = { confirmedNotBought: [...references].join(' ') };
		}
		expect(references.size).toBe(3);
	});
});

test.each([true, false])('24. two nodes name the same order by two references, and each by its own (key: %s)', async (withKey) => {
	const options = (node: string) => (withKey ? { idempotencyKey: `=${node} {{ $json.channel }}` } : {});
	shop.lose('a', true);
	shop.lose('a', false);
	const setup = (more: object = {}): Orders => ({
		wiring: sideBySide,
		onError: 'continueErrorOutput',
		options: { ...options('one'), ...more },
		twin: {
			onError: 'continueErrorOutput',
			parameters: { tarifId: 1, channel: '={{ $json.channel }}', options: { ...options('two'), ...more } },
		},
	});
	const { data, failed } = await order(['a'], setup());
	const ofTwin = data.resultData.runData.Twin[0].data!.main[1]!;
	const [one, two] = [...failed, ...ofTwin].map(({ json }) => (json.details as { reference: string }).reference);
	expect(one).toBeDefined();
	expect(two).toBeDefined();
	expect(two).not.toBe(one);
	expect(sent()).toEqual({ a: 2 });
});

describe('what is said of a run', () => {
	test('"Nothing was bought" never beside a purchase', async () => {
		refuse('b');
		const { error } = await order(['a', 'b', 'c']);
		expect(`${error!.message} ${error!.description}`).not.toMatch(/nothing was bought/i);
	});

	test('an error says which of equal orders was bought before, so that the account shows what became of the other', async () => {
		const killed = await kill(['a', 'a'], { at: 'send', channel: 'a', nth: 2 });
		const { error } = await order([], { retryOf: killed });
		expect(error!.description).toMatch(
			/Not bought again<\/strong><br>Item \d, channel a, tarif 1: This order was bought before, in an earlier try of this execution/,
		);
	});

	test('a retry of a killed execution whose database refuses sends nothing, and goes on once it answers', async () => {
		const killed = await kill(['a', 'b', 'c'], { at: 'answer', channel: 'b' });
		deduplicator.fail = true;
		const refused = await order([], { retryOf: killed });
		expect(refused.run.status).toBe('error');
		expect(failuresOf(refused).length).toBeGreaterThan(0);
		deduplicator.fail = false;
		await finish(killed);
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	});
});
