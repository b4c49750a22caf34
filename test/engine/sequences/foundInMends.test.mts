/** What fresh eyes found in the mends of what they had found before: by hand, and keys that several orders have. */
import { withAgent3 } from '../agents.mts';
import { deduplicator } from '../engine.mts';
import { hintsOf, onceEach, openShop, outcomes, processOf, purchasesOf, referencesOf, until, wordsOf, type Orders } from '../shop.mts';
import { errorsLoopedBack } from '../wirings.mts';

const shop = openShop();
const { order, sold, sent, kill, lose, slow, refuse } = shop;
const hand = (options: Orders['options'] = {}, more: Orders = {}): Orders => ({
	mode: 'manual',
	onError: 'continueErrorOutput',
	options,
	...more,
});
const keyed = (idempotencyKey: string, options: Orders['options'] = {}): Orders => ({
	onError: 'continueErrorOutput',
	options: { idempotencyKey, timeout: 500, ...options },
});

describe('a void key outranks what was bought by hand', () => {
	test.each([undefined, 'k1'])('two at once by hand, with keys %s and k2', async (first) => {
		slow('a', 300);
		const one = order(['a'], hand(first === undefined ? {} : { idempotencyKey: first }, { streamSkill: processOf('main') }));
		const two = order(['a'], hand({ idempotencyKey: 'k2' }, { streamSkill: processOf('worker') }));
		await Promise.all([one, two]);
		expect(sold()).toEqual({ a: 1 });
	});

	test('the same workflow executed twice by hand, nothing changed: what is refused is looped back', async () => {
		refuse('a');
		const setup = () => hand({ idempotencyKey: '={{ $runIndex }} {{ $json.channel }}' }, { wiring: errorsLoopedBack() });
		await order(['a'], setup());
		expect(sold()).toEqual({ a: 1 });
		await order(['a'], setup());
		expect(sold()).toEqual({ a: 1 });
	});

	test('a chat by hand: the model orders under another key once the first one is refused', async () => {
		const talk = async (...keys: string[]) =>
			await order([{}], {
				mode: 'manual',
				node: { tool: true },
				parameters: { channel: 'a' },
				options: { idempotencyKey: '={{ $json.key }}' },
				wiring: withAgent3((_item, steps) => (steps.length < keys.length ? [{ input: { key: keys[steps.length] } }] : 'done')),
			});
		refuse('a');
		await talk('1', '2');
		await talk('1');
		expect(sold()).toEqual({ a: 1 });
	});

	test('a used reference is left in the option, and the key is put back', async () => {
		lose('a', false);
		const [ofKey] = referencesOf(await order(['a'], hand({ idempotencyKey: 'k' })));
		const [ofDay] = referencesOf(await order(['a'], hand({ confirmedNotBought: ofKey })));
		const confirmedNotBought = `${ofKey} ${ofDay}`;
		await order(['a'], hand({ confirmedNotBought }));
		expect(sold()).toEqual({ a: 1 });
		await order(['a'], hand({ confirmedNotBought, idempotencyKey: 'k' }));
		expect(sold()).toEqual({ a: 1 });
	});
});

test('by hand with Retry On Fail: the database refuses the first try; n8n is killed; retried', async () => {
	await order(['a', 'b'], hand());
	let left = 1;
	deduplicator.pause = async () => {
		if (left-- > 0) throw new Error('SQLITE_BUSY: database is locked');
	};
	const later = { at: 'later', channel: undefined as never, ended: ['Start', 'StreamSkill'] } as const;
	const killed = await kill(['a', 'b', 'c'], { ...later, ended: [...later.ended] }, hand({}, { tries: 2 }));
	expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	await order([], { onError: 'continueErrorOutput', retryOf: killed });
	expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
});

test('the words alone: credential, and Dry Run', async () => {
	slow('a', 1500);
	const first = order(['a'], { ...keyed('k'), streamSkill: processOf('main') });
	await until(() => sent().a === 1);
	const broken = { accessToken: '={{ "" }}', baseUrl: shop.sandbox.url };
	const b = await order(['b'], { ...keyed('k'), credentials: broken, streamSkill: processOf('worker') });
	await first;
	const dry = await order(['b'], keyed('k', { dryRun: true }));
	expect([wordsOf(b).includes('Another order with the Idempotency Key'), wordsOf(dry).includes('"It may have been bought before')]).toEqual(
		[true, false],
	);
});

test('by hand, each look of a wait costs more than the one before', async () => {
	slow('a', 12_000);
	const first = order(['a'], hand({ timeout: 30_000 }, { streamSkill: processOf('main') }));
	await until(() => sent().a === 1);
	const [reference] = referencesOf(await order(['a'], hand({ timeout: 30_000 })));
	const before = deduplicator.calls;
	await order(['a'], hand({ timeout: 30_000, confirmedNotBought: reference }));
	await first;
	expect(sold()).toEqual({ a: 1 });
	expect(deduplicator.calls - before).toBeLessThan(1000);
}, 30_000);

test('database calls of a lone order by hand', async () => {
	await order(['a'], hand());
	const before = deduplicator.calls;
	await order(['b'], hand());
	expect(deduplicator.calls - before).toBeLessThan(45);
});

test('a Dry Run says what would become of a key that comes twice, with If Already Purchased = Fail', async () => {
	const options = { idempotencyKey: '={{ $json.key }}', onDuplicate: 'fail' };
	const items = ['17', '17'].map((key) => ({ channel: 'a', key }));
	const dry = await order(items, { onError: 'continueErrorOutput', options: { ...options, dryRun: true } });
	const real = await order(items, { onError: 'continueErrorOutput', options });
	expect(outcomes(real)).toEqual(['duplicate']);
	expect(purchasesOf(real)).toHaveLength(1);
	expect(wordsOf(dry)).not.toContain('would be left out');
});

test.each([true, false])('Repeat Manual Orders, and no answer: the message is followed word by word (bought: %s)', async (wasBought) => {
	await order(['a', 'b'], hand());
	lose('a', wasBought);
	const lost = await order(['a', 'b'], hand({ repeatManualOrders: true }));
	expect(wordsOf(lost)).toContain('Then take out of the list what this node has bought');
	const [reference] = referencesOf(lost);
	const options = { repeatManualOrders: true, [wasBought ? 'confirmedBought' : 'confirmedNotBought']: reference };
	const settled = await order(['a'], hand(options));
	expect(hintsOf(settled).join()).not.toContain('did nothing');
	expect(sold()).toEqual({ a: 2, b: 2 });
});
