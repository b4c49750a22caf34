/** What the documents say of each way in which an answer can get lost, and of a worker that died, done word by word. */
import http from 'node:http';

import { faults, type Fault } from '../../tools/sandbox/sandbox.mts';
import { bought, list, reads } from './causes.mts';
import { passTime, LOOK_UP_TIME } from './clock.mts';
import { onceEach, openShop, outcomes, referencesOf, type Orders } from './shop.mts';

const shop = openShop();
const { order, lose, kill, lookUp, sold } = shop;

const byChannel = { idempotencyKey: '={{ $json.channel }}' };

/** Node ends a request that has no answer, and gives no code for it. */
function failWithoutReason() {
	const { request } = http;
	jest.spyOn(http, 'request').mockImplementation((...call: unknown[]) => {
		const sent = request(...(call as Parameters<typeof request>));
		const timer = setTimeout(() => sent.destroy(new Error('')), 500);
		return sent.on('response', () => clearTimeout(timer));
	});
}

const NO_REASON = 'The request failed for a reason that n8n does not tell';

const lost: Array<[message: string, fault: Fault]> = [true, false].flatMap(
	(wasBought): Array<[string, Fault]> => [
		['StreamSkill did not answer in time', faults.hang(wasBought)],
		['The connection broke before the answer came (', faults.reset(wasBought)],
		[NO_REASON, faults.hang(wasBought)],
		[
			'StreamSkill answered 500, which does not say whether the order was bought',
			wasBought ? faults.serverErrorAfter(500) : faults.serverErrorBefore(500),
		],
		['StreamSkill answered 408, which does not say whether the order was bought', { kind: 'status', status: 408, bought: wasBought }],
		['StreamSkill sent an empty answer instead of a purchase', faults.empty(wasBought)],
		['StreamSkill sent a web page instead of a purchase', faults.html(wasBought)],
		['StreamSkill sent an answer without a purchase ID instead of a purchase', faults.noId(wasBought)],
		['StreamSkill sent an answer that is not complete JSON instead of a purchase', faults.body('{"id": 7', 'application/json', wasBought)],
	],
);

describe.each(lost)('%s (%j)', (message, fault) => {
	beforeEach(() => {
		shop.sandbox.fault({ match: { channel: 'b' }, times: 1, fault });
		if (message === NO_REASON) failWithoutReason();
	});
	afterEach(() => jest.restoreAllMocks());
	// The others have to be answered in time.
	const options = fault.kind === 'hang' ? { timeout: 3000 } : {};

	test('in production: the reference is added, and the execution retried', async () => {
		const first = await order(list, { options });
		reads(
			first,
			message,
			'Wait a few minutes, then check whether the order is in your StreamSkill account, with the time when it was sent.',
			'Retry with currently saved workflow',
		);
		expect((await order([], { options: lookUp(first), retryOf: first.data })).error).toBeUndefined();
		expect(sold()).toEqual(onceEach(list));
	});

	test('in the editor: the reference is added, and the workflow executed again', async () => {
		const first = await order(list, { mode: 'manual', options });
		reads(first, message, 'Then execute the workflow again today.');
		expect((await order(list, { mode: 'manual', options: lookUp(first) })).error).toBeUndefined();
		expect(sold()).toEqual(onceEach(list));
	});
});

test.each([', ', ' ', '\n'])('several references, separated by %j', async (separator) => {
	lose('a', true);
	lose('b', true);
	lose('c', false);
	const first = await order(list, { options: { batching: { batch: { batchSize: 3, batchInterval: 0 } } } });
	reads(
		first,
		`References: ${referencesOf(first).join(' ')}`,
		'Wait a few minutes, then check whether each order that may have been bought is in your StreamSkill account, with the time when it was sent. If it is there, add its reference to the option Confirmed Bought. If it is not, add it to Confirmed Not Bought.',
	);
	const { confirmedBought, confirmedNotBought } = lookUp(first);
	const options = { confirmedBought: String(confirmedBought as string).replaceAll(' ', separator), confirmedNotBought };
	expect((await order([], { options, retryOf: first.data })).error).toBeUndefined();
	expect(sold()).toEqual(onceEach(list));
});

test.each([true, false])(
	'of a tool, without a key: it is ordered in a new execution if it is not there (bought: %s)',
	async (wasBought) => {
		const tool: Orders = { node: { tool: true } };
		lose('a', wasBought);
		reads(await order(['a'], tool), 'It may be ordered in a new execution only if it is not there.');
		if (!('a' in sold())) await order(['a'], tool);
		expect(sold()).toEqual({ a: 1 });
	},
);

test.each([true, false])('of a tool that is tried out by hand, without a key: by its reference (bought: %s)', async (wasBought) => {
	const tool: Orders = { mode: 'manual', node: { tool: true } };
	lose('a', wasBought);
	const first = await order(['a'], tool);
	reads(
		first,
		`add ${referencesOf(first).join()} to the option Confirmed Bought of this tool if it is, or to Confirmed Not Bought if it is not.`,
	);
	await order(['a'], { ...tool, options: lookUp(first) });
	expect(sold()).toEqual({ a: 1 });
});

test.each([true, false])('of a tool, filled by an expression: a person types the reference in instead (bought: %s)', async (wasBought) => {
	const tool: Orders = { node: { tool: true }, options: byChannel };
	lose('a', wasBought);
	const first = await order(['a'], tool);
	const filled = { ...byChannel, confirmedBought: `=${referencesOf(first).join()}` };
	reads(await order(['a'], { ...tool, options: filled }), 'must be typed in here, not filled by an expression or a model');
	await order(['a'], { ...tool, options: { ...byChannel, ...lookUp(first) } });
	expect(sold()).toEqual({ a: 1 });
});

describe.each(['send', 'request', 'answer', 'settle'] as const)('a worker that died, whose execution cannot be retried (%s)', (at) => {
	test('with a key each, the list is run again, and what was on its way is settled by its reference', async () => {
		await kill(list, { at, channel: 'b' }, { options: byChannel });
		// Nobody is left who gets an answer.
		const options = { ...byChannel, timeout: 2000 };
		const again = await order(list, { options });
		expect(new Set(outcomes(again))).toEqual(new Set(['unknown']));
		expect((await order([], { options: { ...options, ...lookUp(again) }, retryOf: again.data })).error).toBeUndefined();
		expect(sold()).toEqual(onceEach(list));
	});

	test('without keys, the rest is ordered in a new execution: what is neither in the log nor in the account', async () => {
		await kill(list, { at, channel: 'b' });
		passTime(LOOK_UP_TIME);
		const left = list.filter((channel) => !bought().includes(channel) && !(channel in sold()));
		await order(left);
		expect(sold()).toEqual(onceEach(list));
	});
});
