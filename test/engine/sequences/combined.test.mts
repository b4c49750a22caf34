/** Three and more things that people and n8n do with one workflow, one after the other. The sandbox counts. */
import type { IDataObject, INodeType, IRunExecutionData } from 'n8n-workflow';

import { faults } from '../../../tools/sandbox/sandbox.mts';
import { DAY, LOOK_UP_TIME, passTime, setForward } from '../clock.mts';
import { Life } from '../crash.mts';
import { createExecution, logLines, other, type Wiring } from '../engine.mts';
import { mortal, shop } from '../identity/play.mts';
import { onceEach, outcomes, processOf, purchasesOf, referencesOf, until, wordsOf, type Orders } from '../shop.mts';
import { branches, loop, sideBySide } from '../wirings.mts';

const { order, lose, refuse, slow, kill, lookUp, finish, failBefore, sent, sold } = shop;
const rows = (letters: string) => [...letters].map((channel) => ({ channel }));
const held = { onError: 'continueErrorOutput' } as const;

/** As n8n's Wait, of more than 65 seconds: the execution is stored, and goes on later (n8n-nodes-base: Wait). */
const wait = (isTurn: (run: number) => boolean): INodeType => ({
	...other(),
	async execute() {
		const run = Number(this.getWorkflowDataProxy(0).$runIndex);
		if (isTurn(run)) await this.putExecutionToWait(new Date(Date.now() + 3_600_000));
		return [this.getInputData()];
	},
});

const loopWithWait = (after: number, size = 1, errorsToo = true): Wiring => {
	const { entry, nodes, connections } = loop({ size, errorsToo });
	return {
		entry,
		nodes: { ...nodes, Wait: wait((run) => run === after - 1) },
		connections: { ...connections, StreamSkill: [['Wait'], [errorsToo ? 'Wait' : 'Failed']], Wait: [['Loop']] },
	};
};

let executions = 5_000_000;
let doomed = 0;

/** Waits after a round, goes on, and is killed at a moment of an order. Gives what n8n has stored. */
async function killAfterWait(setup: Orders, moment: string, channel: string, nth = 1): Promise<IRunExecutionData> {
	const executionId = String(executions++);
	const waiting = await order([], { ...setup, mode: 'trigger', executionId, retryOf: createExecution([{}]) });
	expect(waiting.run.status).toBe('waiting');
	const stored = JSON.parse(JSON.stringify(waiting.data)) as IRunExecutionData;
	let seen = 0;
	const life = new Life((at, of) => at === moment && of === channel && ++seen === nth);
	const running = life.live(
		async () =>
			await order([], {
				...setup,
				mode: 'trigger',
				executionId,
				retryOf: stored,
				credentials: mortal(life),
				streamSkill: processOf(`doomed combined ${doomed++}`),
			}),
	);
	if (await Promise.race([running, life.end])) throw new Error('The execution ended before it was killed');
	await Promise.all(life.orders);
	return stored;
}

/** A retry that is killed at a moment. */
async function killRetry(setup: Orders, isLast: ConstructorParameters<typeof Life>[0]) {
	const life = new Life(isLast);
	const running = life.live(
		async () => await order([], { ...setup, credentials: mortal(life), streamSkill: processOf(`doomed combined ${doomed++}`) }),
	);
	await Promise.race([running, life.end]);
	await Promise.all(life.orders);
}

describe('1. a loop waits for an hour, goes on, is killed in a later round, and is retried', () => {
	test.each(['send', 'answer'])('different rows, killed at %s', async (moment) => {
		const setup = { wiring: loopWithWait(2), before: () => rows('abcde'), ...held };
		const stored = await killAfterWait(setup, moment, 'd');
		const second = await order([], { ...setup, wiring: loopWithWait(99), retryOf: stored });
		expect(outcomes(second).filter((outcome) => outcome !== 'notSent')).toEqual(['unknown']);
		setForward(LOOK_UP_TIME);
		const third = await order([], { ...setup, wiring: loopWithWait(99), retryOf: stored, options: lookUp(second) });
		expect(outcomes(third)).toEqual([]);
		expect(sold()).toEqual(onceEach([...'abcde']));
	});

	test('the same order each round, and a key is added', async () => {
		const list = [1, 2, 3, 4].map((visit) => ({ channel: 'a', visit }));
		const setup = { wiring: loopWithWait(1), before: () => list, ...held };
		const stored = await killAfterWait(setup, 'answer', 'a', 2);
		expect(sold()).toEqual({ a: 3 });
		const more: Orders = { ...setup, wiring: loopWithWait(99), retryOf: stored };
		const options: IDataObject = { idempotencyKey: '={{ $json.visit }}' };
		let result = await order([], { ...more, options });
		for (let i = 0; i < 4 && outcomes(result).length > 0; i++) {
			expect(outcomes(result)).not.toContain('conflict');
			result = await order([], { ...more, options: { ...options, ...lookUp(result) } });
		}
		expect(outcomes(result)).toEqual([]);
		expect(sold()).toEqual({ a: 4 });
	});

	test('with Max Purchases, an equal row twice, and retried twice', async () => {
		const setup = {
			wiring: loopWithWait(2),
			before: () => rows('abcbd').map((row, i) => ({ ...row, i })),
			options: { maxPurchases: 5 },
			...held,
		};
		const stored = await killAfterWait(setup, 'answer', 'b');
		expect(sold()).toEqual({ a: 1, b: 2, c: 1 });
		const second = await order([], { ...setup, wiring: loopWithWait(99), retryOf: stored });
		expect(second.run.status).toBe('success');
		const third = await order([], {
			...setup,
			wiring: loopWithWait(99),
			retryOf: stored,
			options: { ...setup.options, ...lookUp(second) },
		});
		expect(outcomes(third)).toEqual([]);
		expect(sold()).toEqual({ a: 1, b: 2, c: 1, d: 1 });
	});
});

describe('2. another shape of the workflow at the retry of a killed one, with a row more, and a field mended', () => {
	const shapes: Record<string, () => Orders> = {
		list: () => ({}),
		loop: () => ({ wiring: loop({ errorsToo: true }), ...held }),
		branches: () => ({
			wiring: branches(
				(items) => items.slice(0, 2),
				(items) => items.slice(2),
			),
		}),
	};
	test.each(Object.keys(shapes).flatMap((from) => Object.keys(shapes).flatMap((to) => (from === to ? [] : [[from, to]]))))(
		'%s, then %s',
		async (from, to) => {
			for (const later of ['xabcd', 'dcba']) {
				shop.sandbox.reset();
				const list = (letters: string) => rows(letters).map((row) => ({ ...row, of: 'sheet' }));
				const ended = { list: ['Start'], loop: ['Start', 'Loop', 'StreamSkill'], branches: ['Start', 'Split', 'StreamSkill'] }[from];
				const killed = await kill([{}], { at: 'answer', channel: 'c', ended }, { before: () => list('abcd'), ...shapes[from]() });
				const last = await finish(killed, { ...shapes[to](), before: () => list(later), parameters: { tarifId: 2 } });
				expect(sold()).toEqual(onceEach([...new Set(`abc${later}`)]));
				expect(outcomes(last).filter((outcome) => outcome !== 'duplicate')).toEqual([]);
			}
		},
	);
});

describe('3. Dry Run between', () => {
	test('killed, shown with what a person has said, retried twice at once', async () => {
		const killed = await kill(['a', 'b', 'c'], { at: 'send', channel: 'b' });
		const first = await order([], { retryOf: killed, ...held });
		const options = lookUp(first);
		const dry = await order([], { retryOf: killed, options: { ...options, dryRun: true } });
		expect(wordsOf(dry)).toMatch(/would be sent/);
		const [one, two] = await Promise.all([
			order([], { retryOf: killed, options, ...held, streamSkill: processOf('main') }),
			order([], { retryOf: killed, options, ...held, streamSkill: processOf('worker') }),
		]);
		expect([...outcomes(one), ...outcomes(two)].length).toBeLessThanOrEqual(1);
		await order([], { retryOf: killed, options });
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	});

	test('for some items only, with a key and an uncertain order, then for none', async () => {
		lose('b', false);
		const key = { idempotencyKey: '={{ $json.channel }}' };
		const first = await order(['a', 'b', 'c'], { options: key });
		const looked = lookUp(first);
		const some = await order([], { retryOf: first.data, options: { ...key, ...looked, dryRun: '={{ $json.channel === "b" }}' }, ...held });
		expect(sold()).toEqual({ a: 1, c: 1 });
		expect(outcomes(some)).toEqual([]);
		const all = await order([], { retryOf: first.data, options: { ...key, ...looked } });
		expect(all.run.status).toBe('success');
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	});
});

describe('4. Max Purchases', () => {
	test('an uncertain order that was not bought does not use the limit up, with Retry On Fail, twice', async () => {
		lose('b', false);
		const options = { maxPurchases: 2 };
		const first = await order(['a', 'b'], { options, tries: 3 });
		lose('b', false);
		const second = await order([], { retryOf: first.data, options: { ...options, ...lookUp(first) }, tries: 3 });
		expect(outcomes(second)).toEqual(['unknown']);
		const third = await order([], { retryOf: first.data, options: { ...options, ...lookUp(second) }, tries: 3 });
		expect(outcomes(third)).toEqual([]);
		expect(sold()).toEqual(onceEach(['a', 'b']));
	});

	test('a loop comes to it in a round, the limit is raised, killed in the retry, retried with the list in another sequence', async () => {
		const setup = (maxPurchases: number, letters = 'abcd'): Orders => ({
			wiring: loop(),
			before: () => rows(letters),
			options: { maxPurchases },
		});
		const original = await failBefore();
		const first = await order([], { ...setup(2), retryOf: original });
		expect(first.error?.message).toMatch(/Max Purchases/);
		await killRetry({ ...setup(4), retryOf: original }, (at, of) => at === 'answer' && of === 'd');
		expect(sold()).toEqual(onceEach([...'abcd']));
		const last = await finish(original, setup(4, 'dcba'));
		expect(last.run.status).toBe('success');
		expect(sold()).toEqual(onceEach([...'abcd']));
	});
});

describe('5. Retry On Fail', () => {
	test('three tries with Continue: refused, then lost, and equal rows with random comments', async () => {
		refuse('a');
		shop.sandbox.fault({ match: { channel: 'a' }, skip: 2, times: 1, fault: faults.serverErrorAfter(500) });
		const result = await order(['a', 'a', 'b'], {
			tries: 3,
			...held,
			parameters: { additionalFields: { comment: '={{ Math.random() }}' } },
		});
		expect(sold().b).toBe(1);
		expect(sold().a).toBeLessThanOrEqual(2);
		const bought = purchasesOf(result).length + outcomes(result).filter((outcome) => outcome === 'unknown').length;
		expect(bought).toBe(shop.sandbox.purchases.length);
	});

	test('by hand, with Repeat Manual Orders, refused in the first try, and n8n retries it from the list', async () => {
		const options = { repeatManualOrders: true };
		await order(['a', 'b'], { mode: 'manual' });
		refuse('b', 3);
		const first = await order(['a', 'b'], { mode: 'manual', options, tries: 3 });
		expect(sold()).toEqual({ a: 2, b: 1 });
		const second = await order([], { retryOf: first.data, options, tries: 3 });
		expect(second.run.status).toBe('success');
		expect(sold()).toEqual({ a: 2, b: 2 });
		await order([], { retryOf: first.data, options });
		expect(sold()).toEqual({ a: 2, b: 2 });
		await order(['a', 'b'], { mode: 'manual' });
		expect(sold()).toEqual({ a: 2, b: 2 });
	});

	test('by hand with Repeat Manual Orders: killed, retried from the list, twice, and executed by hand', async () => {
		await order(['a', 'b', 'c'], { mode: 'manual' });
		const killed = await kill(['a', 'b', 'c'], { at: 'answer', channel: 'b' }, { mode: 'manual', options: { repeatManualOrders: true } });
		expect(sold()).toEqual({ a: 2, b: 2, c: 1 });
		const first = await order([], { retryOf: killed, options: { repeatManualOrders: true }, ...held });
		const looked = lookUp({ ...first, success: [] });
		await order([], { retryOf: killed, options: { repeatManualOrders: true, ...looked }, ...held });
		expect(sold().a).toBe(2);
		expect(sold().b).toBe(2);
		expect(sold().c).toBeLessThanOrEqual(2);
	});
});

test('6. two retries at once, one is stopped while the other waits for its orders: the other buys them', async () => {
	const original = await failBefore();
	const setup: Orders = {
		...held,
		before: () => rows('abcdef'),
		options: { timeout: 5000, batching: { batch: { batchSize: 2, batchInterval: 0 } } },
	};
	slow('/./', 150);
	const one = order([], {
		...setup,
		retryOf: original,
		streamSkill: processOf('main'),
		onStart: (stop) => void until(() => shop.sandbox.purchases.length > 0).then(stop),
	});
	await until(() => shop.sandbox.requests.length > 0);
	const two = await order([], { ...setup, retryOf: original, streamSkill: processOf('worker') });
	await one;
	expect(outcomes(two).every((outcome) => outcome === 'unknown')).toBe(true);
	expect((await order([], { ...setup, retryOf: original })).run.status).toBe('success');
	expect(sold()).toEqual(onceEach([...'abcdef']));
	const logged = logLines.filter(({ message }) => /purchase \d+ was made/.test(message));
	expect(logged.length).toBe(6);
});

test('7. On Error, If Already Purchased and Batching change from try to try, with a refusal and a lost answer', async () => {
	lose('b', true);
	refuse('d');
	const first = await order(['a', 'b', 'c', 'd', 'e'], { options: { batching: { batch: { batchSize: 3, batchInterval: 0 } } } });
	const second = await order([], { retryOf: first.data, onError: 'continueRegularOutput', options: { onDuplicate: 'fail' } });
	expect(sold()).toEqual(onceEach([...'abce']));
	expect(outcomes(second)).toEqual(expect.arrayContaining(['unknown', 'rejected']));
	const third = await order([], { retryOf: first.data, options: { onDuplicate: 'fail', ...lookUp(second) }, ...held });
	expect(outcomes(third).filter((outcome) => outcome !== 'duplicate')).toEqual([]);
	const fourth = await order([], { retryOf: first.data, options: lookUp(second) });
	expect(fourth.run.status).toBe('success');
	expect(sold()).toEqual(onceEach([...'abcde']));
});

test('8. four retries at once that all say that it was not bought, in two processes, with a lost answer again', async () => {
	lose('b', false);
	const first = await order(['a', 'b', 'c']);
	const options = lookUp(first);
	lose('b', false);
	const all = await Promise.all(
		(['main', 'worker', 'main', 'worker'] as const).map(
			async (name) => await order([], { retryOf: first.data, options, ...held, streamSkill: processOf(name) }),
		),
	);
	expect(sent().b).toBe(2);
	expect(sold()).toEqual(onceEach(['a', 'c']));
	const open = all.filter((result) => outcomes(result).includes('unknown'));
	expect(open.length).toBeGreaterThan(0);
	expect(new Set(open.flatMap(referencesOf)).size).toBe(1);
	const last = await order([], { retryOf: first.data, options: lookUp(open[0]) });
	expect(last.run.status).toBe('success');
	expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
});

test('9. random quantities, equal channels, Retry On Fail, two retries at once, and a crash in between', async () => {
	const original = await failBefore();
	const setup: Orders = {
		...held,
		before: () => [1, 2, 3].map((id) => ({ channel: 'a', id })),
		parameters: { additionalFields: { quantity: '={{ 1 + Math.floor(Math.random() * 9999) }}' } },
		options: { timeout: 2000, idempotencyKey: '={{ $json.id }} {{ Math.random() }}' },
		tries: 2,
	};
	await killRetry({ ...setup, retryOf: original }, (at, of) => at === 'answer' && of === 'a' && shop.sandbox.purchases.length === 2);
	await Promise.all(
		(['main', 'worker'] as const).map(async (name) => await order([], { ...setup, retryOf: original, streamSkill: processOf(name) })),
	);
	expect(shop.sandbox.purchases.length).toBeLessThanOrEqual(3);
	await order([], { ...setup, retryOf: original });
	expect(shop.sandbox.purchases.length).toBeLessThanOrEqual(3);
});

test('10. loop of two, then of three, equal rows, a mended tarif, and a refusal in the second round', async () => {
	const list = [...'abacab'].map((channel, i) => ({ channel, i }));
	const original = await failBefore();
	refuse('c');
	const setup = (size: number, tarifId: number): Orders => ({ wiring: loop({ size }), before: () => list, parameters: { tarifId } });
	const first = await order([], { ...setup(2, 1), retryOf: original });
	expect(first.error).toBeDefined();
	expect(sold()).toEqual({ a: 2, b: 1 });
	const second = await order([], { ...setup(3, 2), retryOf: first.data });
	expect(second.run.status).toBe('success');
	expect(sold()).toEqual({ a: 3, b: 2, c: 1 });
	const third = await order([], { ...setup(3, 2), retryOf: original });
	expect(third.run.status).toBe('success');
	expect(sold()).toEqual({ a: 3, b: 2, c: 1 });
});

test('11. by hand in a loop, uncertain before midnight, Retry On Fail after it, then Confirmed Not Bought', async () => {
	passTime(DAY - (Date.now() % DAY) - 60_000);
	lose('b', false);
	const setup: Orders = { mode: 'manual', wiring: loop({ errorsToo: true }), before: () => rows('abc'), ...held, tries: 2 };
	const first = await order([{}], setup);
	expect(outcomes(first)).toEqual(['unknown']);
	passTime(120_000);
	const second = await order([{}], setup);
	expect(referencesOf(second)).toEqual(referencesOf(first));
	const third = await order([{}], { ...setup, options: lookUp(second) });
	expect(outcomes(third)).toEqual([]);
	expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	passTime(DAY);
	await order([{}], { ...setup, options: lookUp(second) });
	expect(sold().b).toBe(1);
});

describe('12. two accounts by expression, the same order for both', () => {
	const credentials = () => ({ accessToken: '={{ $json.token }}', baseUrl: shop.sandbox.url });
	test.each([1, -1])('one token is refused, one order is lost, the credential mended (batches of %d)', async (batchSize) => {
		const list = [
			{ channel: 'a', token: 'token-that-nobody-may-see', no: 1 },
			{ channel: 'a', token: 'wrong', no: 2 },
			{ channel: 'b', token: 'token-that-nobody-may-see', no: 3 },
			{ channel: 'b', token: 'wrong', no: 4 },
		];
		lose('b', true);
		const setup: Orders = { ...held, options: { batching: { batch: { batchSize, batchInterval: 0 } } } };
		const after = () => {
			throw new Error('Not now');
		};
		const first = await order(list, { ...setup, credentials: credentials(), onError: undefined, after });
		expect(first.error).toBeDefined();
		const second = await order([], { ...setup, retryOf: first.data });
		expect(outcomes(second)).toContain('unknown');
		const third = await order([], { ...setup, retryOf: first.data, options: { ...setup.options, ...lookUp(second) } });
		expect(outcomes(third)).toEqual([]);
		expect(sold()).toEqual({ a: 2, b: 2 });
	});
});

test('13. keys are exchanged between two rows, one of which was refused, then given back', async () => {
	refuse('b');
	const keyed = (expression: string): Orders => ({ options: { idempotencyKey: expression } });
	const straight = keyed('={{ $json.channel === "a" ? 1 : 2 }}');
	const crossed = keyed('={{ $json.channel === "a" ? 2 : 1 }}');
	const first = await order(['a', 'b'], straight);
	const second = await order([], { ...crossed, ...held, retryOf: first.data });
	expect(outcomes(second)).toEqual(['conflict']);
	const third = await order([], { ...straight, retryOf: first.data });
	expect(third.run.status).toBe('success');
	await order(['a', 'b'], { ...straight, ...held });
	await order(['b', 'a'], { ...crossed, ...held });
	expect(sold()).toEqual(onceEach(['a', 'b']));
});

describe('14. an order with a key is uncertain, becomes invalid, is confirmed, and retried twice at once', () => {
	test.each([true, false])('bought: %s', async (bought) => {
		lose('b', bought);
		const key = { idempotencyKey: '={{ $json.channel }}' };
		const first = await order(['a', 'b', 'c'], { options: key });
		const options = { ...key, ...lookUp(first) };
		const wrong = { tarifId: '={{ $json.channel === "b" ? "abc" : 1 }}' };
		await Promise.all(
			(['main', 'worker'] as const).map(
				async (name) => await order([], { ...held, retryOf: first.data, options, parameters: wrong, streamSkill: processOf(name) }),
			),
		);
		const last = await order([], { retryOf: first.data, options });
		expect(last.run.status).toBe('success');
		expect(sold()).toEqual(onceEach(['a', 'b', 'c']));
	});
});

test('15. two nodes with one key, side by side, uncertain: both are told, both are confirmed, two executions at once', async () => {
	lose('a', false);
	const node = (options: IDataObject) => ({
		...held,
		parameters: { tarifId: 1, channel: 'a', options: { idempotencyKey: 'k', ...options } },
	});
	const setup = (options: IDataObject): Orders => ({
		...held,
		wiring: sideBySide,
		parameters: { channel: 'a' },
		options: { idempotencyKey: 'k', ...options },
		twin: node(options),
	});
	const first = await order([{}], setup({}));
	const looked = lookUp(first);
	await Promise.all([order([{}], setup(looked)), order([{}], { ...setup(looked), streamSkill: processOf('worker') })]);
	await order([{}], setup(looked));
	expect(sent()).toEqual({ a: 2 });
	expect(sold()).toEqual({ a: 1 });
});

test('16. killed with a key, the key taken away and a row put in front, killed again, the key added again', async () => {
	const key = { idempotencyKey: '={{ $json.channel }}' };
	const killed = await kill([{}], { at: 'answer', channel: 'b' }, { before: () => rows('abcd'), options: key });
	const second = await order([], { ...held, before: () => rows('xabcd'), retryOf: killed, tries: 2 });
	expect(outcomes(second)).toContain('unknown');
	const more = { before: () => rows('xabcd'), retryOf: killed, ...held };
	await killRetry({ ...more, options: lookUp(second) }, (at, of) => at === 'answer' && of === 'd');
	await finish(killed, { ...more, options: key });
	expect(sold()).toEqual(onceEach([...'abcdx']));
	// In another execution, what was bought with its key is known.
	await order(['a'], { options: key });
	expect(sold().a).toBe(1);
});
