/** What people with fresh eyes found: an advice, a hint or a retry that bought twice, lost an order, or was not true. */
import { DAY, setForward } from '../clock.mts';
import { createExecution, patience } from '../engine.mts';
import { hintsOf, onceEach, openShop, outcomes, processOf, referencesOf, TOKEN, until, wordsOf, type Orders } from '../shop.mts';
import { loop } from '../wirings.mts';

const shop = openShop();
const { order, sold, sent, kill, lookUp, lose, refuse, slow } = shop;
const HOUR = 3_600_000;
const keyed = (key: string, more: Orders['options'] = {}): Orders => ({
	onError: 'continueErrorOutput',
	options: { idempotencyKey: key, timeout: 500, ...more },
});

describe('by hand, nothing was left to order; n8n is killed; the execution is retried', () => {
	const later = { at: 'later', channel: undefined as never, ended: ['Start', 'StreamSkill'] } as const;
	const hand: Orders = { mode: 'manual', onError: 'continueErrorOutput' };

	test('all was bought by hand before, and a later node runs', async () => {
		await order(['a', 'b'], hand);
		const killed = await kill(['a', 'b'], { ...later, ended: [...later.ended] }, { ...hand, options: { onDuplicate: 'fail' } });
		await order([], { onError: 'continueErrorOutput', retryOf: killed });
		expect(sold()).toEqual(onceEach(['a', 'b']));
	});

	test('it was uncertain, and held back', async () => {
		lose('a', true);
		await order(['a'], hand);
		const killed = await kill(['a'], { ...later, ended: [...later.ended] }, hand);
		await order([], { onError: 'continueErrorOutput', retryOf: killed });
		expect(sold()).toEqual({ a: 1 });
	});

	test('while it looks up what was bought by hand', async () => {
		await order(['a', 'b'], hand);
		const killed = await kill(['a', 'b'], { at: 'written', channel: undefined as never, nth: 3 }, hand);
		await order([], { onError: 'continueErrorOutput', retryOf: killed });
		expect(sold()).toEqual(onceEach(['a', 'b']));
	});
});

test.each([true, false])(
	'one key for two orders, the first of which has no answer: each message word by word (bought: %s)',
	async (wasBought) => {
		lose('a', wasBought);
		const a = await order(['a'], keyed('k'));
		const b = await order(['b'], keyed('k'));
		expect(wordsOf(b)).toContain('Another order with the Idempotency Key');
		expect(wordsOf(b)).toContain(
			'Wait a few minutes, then check whether the other order is in your StreamSkill account, with the time when it was sent.',
		);
		// It is a's: both messages have its reference.
		expect(referencesOf(b)).toEqual(referencesOf(a));
		const again = await order(['b'], keyed('k', lookUp(a)));
		if (wasBought) {
			expect(outcomes(again)).toEqual(['conflict']);
			await order(['b'], keyed('k of its own'));
		}
		expect(sold()).toEqual(wasBought ? { a: 1, b: 1 } : { b: 1 });
	},
);

test('a reference that was used, in a copy of the workflow with the same node IDs', async () => {
	const hand = (workflowId: string, options: Orders['options'] = {}): Orders => ({
		mode: 'manual',
		workflowId,
		onError: 'continueErrorOutput',
		options,
	});
	lose('a', false);
	const lost = await order(['a'], hand('original'));
	const used = lookUp(lost);
	await order(['a'], hand('original', used));
	lose('a', true);
	const copy = await order(['a'], hand('copy', used));
	expect(sold()).toEqual({ a: 2 });
	// Nobody has looked this one up.
	await order(['a'], hand('copy', used));
	expect(sold()).toEqual({ a: 2 });
	expect(referencesOf(copy)).not.toEqual(referencesOf(lost));
});

describe('Confirmed Not Bought does not wait for the answer that may still come', () => {
	const hand = (more: Orders['options'] = {}): Orders => ({
		mode: 'manual',
		onError: 'continueErrorOutput',
		options: { timeout: 30_000, ...more },
	});

	test('the clock is put back while the first one is on its way', async () => {
		slow('a', 4000);
		// What was ordered by hand on a day that has not come yet is not looked for.
		setForward(DAY + DAY / 2 - (Date.now() % DAY));
		const first = order(['a'], { ...hand(), streamSkill: processOf('main') });
		await until(() => sent().a === 1);
		setForward(-10 * 60_000);
		const [reference] = referencesOf(await order(['a'], hand()));
		await order(['a'], hand({ confirmedNotBought: reference }));
		await first;
		expect(sold()).toEqual({ a: 1 });
	});

	test('killed by hand; confirmed, and on its way by hand once more; the killed execution is retried', async () => {
		const killed = await kill(['a'], { at: 'request', channel: 'a' }, hand());
		const held = await order(['a'], hand());
		const options = lookUp(held);
		slow('a', 6000);
		const again = order(['a'], { ...hand(options), streamSkill: processOf('main') });
		await until(() => sent().a === 1);
		const [reference] = referencesOf(await order([], { ...hand(options), mode: 'retry', retryOf: killed }));
		await order([], { ...hand({ confirmedNotBought: reference }), mode: 'retry', retryOf: killed });
		await again;
		expect(sold()).toEqual({ a: 1 });
	});
});

test('examples/schedule.json: an order is lost on two days, and the Alert is followed on both', async () => {
	let day = 1;
	const run = async (more: Orders['options'] = {}, mode: Orders['mode'] = 'trigger') =>
		await order(['a', 'b'], { ...keyed(`=day ${day} {{ $json.channel }}`, { maxPurchases: 20, ...more }), mode });
	const notBought = async () => ({ confirmedNotBought: referencesOf(await run()).join() });
	lose('a', false);
	await run(await notBought(), 'manual');
	expect(sold()).toEqual({ a: 1, b: 1 });
	setForward(20 * HOUR);
	day = 2;
	lose('a', false);
	const confirmed = await notBought();
	const settled = await run(confirmed, 'manual');
	expect(hintsOf(settled).join()).not.toMatch(/The reference \S+ did nothing/);
	// What was sent by hand yesterday counts for today as well, whatever its key is.
	expect(sold()).toEqual({ a: 1, b: 2 });
	expect(hintsOf(settled).join()).toContain('turn on the option Repeat Manual Orders');
	await run({ ...confirmed, repeatManualOrders: true }, 'manual');
	expect(sold()).toEqual({ a: 2, b: 2 });
});

test('an execution whose credential breaks while its retry has the order on its way', async () => {
	patience.isReal = true;
	const setup: Orders = {
		onError: 'continueErrorOutput',
		options: { timeout: 20_000, batching: { batch: { batchSize: 1, batchInterval: 0 } } },
	};
	slow('s', 5000);
	slow('a', 6000);
	const created = createExecution([{ channel: 's' }], [{ channel: 'a' }]);
	const broken = { accessToken: `={{ $json.channel === "s" ? "${TOKEN}" : "" }}`, baseUrl: shop.sandbox.url };
	const first = order([], { ...setup, mode: 'trigger', retryOf: created, streamSkill: processOf('main'), credentials: broken });
	await until(() => 's' in sent());
	const retry = order([], { ...setup, retryOf: created, streamSkill: processOf('worker') });
	const failed = await first;
	await retry;
	patience.isReal = false;
	expect(outcomes(failed)).toEqual(['unknown']);
	expect(sold()).toEqual({ s: 1, a: 1 });
});

test('Repeat Manual Orders by an expression', async () => {
	const items = [
		{ channel: 'a', again: true },
		{ channel: 'b', again: false },
	];
	const setup: Orders = { mode: 'manual', options: { repeatManualOrders: '={{ $json.again }}' } };
	await order(items, setup);
	await order(items, setup);
	expect(sold()).toEqual({ a: 2, b: 1 });
});

test('a loop was killed, and the reference of a later round is confirmed: no round calls it mistyped', async () => {
	const setup: Orders = { wiring: loop({ size: 1, errorsToo: true }), before: () => [...'abc'].map((channel) => ({ channel })) };
	const killed = await kill([{}], { at: 'answer', channel: 'c', ended: ['Start', 'Loop', 'StreamSkill'] }, setup);
	const held = await order([], { ...setup, retryOf: killed });
	expect(outcomes(held)).toEqual(['unknown']);
	const settled = await order([], { ...setup, options: lookUp(held), retryOf: killed });
	expect(settled.run.status).toBe('success');
	expect(hintsOf(settled).join()).not.toMatch(/did nothing/);
});

test('a Dry Run counts a key that comes twice once', async () => {
	const items = ['17', '17'].map((key) => ({ channel: 'a', key }));
	const idempotencyKey = '={{ $json.key }}';
	const [hint] = hintsOf(await order(items, { options: { idempotencyKey, dryRun: true } }));
	await order(items, { options: { idempotencyKey } });
	expect(sold()).toEqual({ a: 1 });
	expect(hint).toContain('1 order would be sent');
});

describe('two items have the same Idempotency Key, On Error = Stop', () => {
	const setup: Orders = { options: { idempotencyKey: '={{ $json.channel }}', batching: { batch: { batchSize: -1, batchInterval: 0 } } } };

	test('an order that was refused is not called one that may have been bought', async () => {
		shop.refuse('a');
		expect(wordsOf(await order(['a', 'a'], setup))).not.toContain('May have been bought');
		expect(sold()).toEqual({});
	});

	test('nor is one whose key has just bought it', async () => {
		shop.refuse('b');
		expect(outcomes(await order(['a', 'a', 'b'], setup))).not.toContain('unknown');
		expect(sold()).toEqual({ a: 1 });
	});

	test('Max Purchases counts it once', async () => {
		const options = { ...setup.options, maxPurchases: 1 };
		expect(outcomes(await order(['a', 'b'], { options }))).toEqual(['notSent', 'notSent']);
		await order(['a', 'a'], { options });
		expect(sold()).toEqual({ a: 1 });
	});
});

test.each([
	['with what was sent', {}, false],
	['with other fields', { tarifId: 2 }, true],
])('an uncertain order is told in a retry %s', async (_, parameters, isMended) => {
	lose('b', true);
	const failed = await order(['a', 'b', 'c']);
	const retry = await order([], { parameters, retryOf: failed.data });
	expect(wordsOf(retry).includes('If its fields have been changed since it was sent, look for it as it was.')).toBe(isMended);
});

test('a loop in a sub-workflow: who orders the rest in a new execution is told that other rounds have bought as well', async () => {
	const setup: Orders = { wiring: loop({ size: 2 }), mode: 'integrated' };
	lose('d', true);
	const failed = await order(['a', 'b', 'c', 'd', 'e'], setup);
	expect(wordsOf(failed)).toMatch(
		/This lists one round only\. What others have bought is in the node's output, or in the lines of n8n's log that have "run":"[\w-]{8}"/,
	);
	lose('a', true);
	expect(wordsOf(await order(['a', 'b'], setup))).not.toContain('This lists one round only');
});

test('a loop in a sub-workflow: what an earlier round has bought is mentioned, however many this one leaves out by their keys', async () => {
	const setup: Orders = { wiring: loop({ size: 2 }), mode: 'integrated', options: { idempotencyKey: '={{ $json.channel }}' } };
	await order(['c', 'd'], setup);
	refuse('h');
	const failed = await order(['f', 'c', 'd', 'h'], setup);
	expect(sold()).toEqual(onceEach(['c', 'd', 'f']));
	expect(wordsOf(failed)).toContain('This lists one round only');
});
