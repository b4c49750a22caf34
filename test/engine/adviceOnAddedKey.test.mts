/** What a person is told of an order that was sent before its Idempotency Key was added, done word by word. */
import type { IRunExecutionData } from 'n8n-workflow';

import { list, onContinue, reads } from './causes.mts';
import { failuresOf, onceEach, openShop, type Orders, wordsOf } from './shop.mts';
import { errorsLoopedBack } from './wirings.mts';

const shop = openShop();
const { order, kill, lookUp, sold } = shop;

const keyed = { idempotencyKey: '={{ $json.channel }}' };
const SENT_BEFORE = 'This order was sent before, and its answer is not known';

/** Orders in a new execution, with the key, what the account does not show. */
async function orderWhatIsNotThere(held: Parameters<typeof wordsOf>[0], setup: Orders) {
	reads(
		held,
		'Wait a few minutes, then check whether the order is in your StreamSkill account, with the time when it was sent. If it is there, only what comes after this node is left to do. If it is not, order this item alone in a new execution.',
	);
	const open = failuresOf(held).flatMap(({ order }) => order?.channel ?? []);
	for (const channel of open.filter((one) => !(one in sold()))) await order([channel], setup);
	expect(sold()).toEqual(onceEach(list));
}

describe.each(['send', 'answer'] as const)('a worker that died before the key was added (%s)', (at) => {
	const dead = { at, channel: 'b' };

	test('nobody is told that the order had the key', async () => {
		const held = await order([], { options: keyed, retryOf: await kill(list, dead) });
		reads(held, SENT_BEFORE, 'Retry with currently saved workflow');
		expect(wordsOf(held)).not.toContain('An order with the Idempotency Key');
		expect((await order([], { options: { ...keyed, ...lookUp(held) }, retryOf: held.data })).error).toBeUndefined();
		expect(sold()).toEqual(onceEach(list));
	});

	test.each(onContinue)('with On Error = %s, only what is not in the account is ordered again', async (onError) => {
		const held = await order([], { onError, options: keyed, retryOf: await kill(list, dead, { onError }) });
		reads(held, SENT_BEFORE);
		await orderWhatIsNotThere(held, { onError, options: keyed });
	});

	test.each(onContinue)('with On Error = %s in n8n before 2.14, which tells nothing of the one that died', async (onError) => {
		const untold = (data: IRunExecutionData) => {
			delete (data as { resumeToken?: string }).resumeToken;
			return data;
		};
		const killed = untold(await kill(list, dead, { onError }));
		const held = await order([], { onError, options: keyed, retryOf: killed });
		await orderWhatIsNotThere(held, { onError, options: keyed });
	});
});

test.each([true, false])('an order that is looped back under another key (bought: %s)', async (wasBought) => {
	const setup: Orders = {
		onError: 'continueErrorOutput',
		wiring: errorsLoopedBack(),
		options: { idempotencyKey: '={{ $runIndex }} {{ $json.channel }}' },
	};
	shop.lose('a', wasBought);
	const { data } = await order(['a'], setup);
	const [first, second] = data.resultData.runData.StreamSkill.map((task) => task.data!.main[1]![0].json);
	expect(first.message).toContain('run the item again with the same Idempotency Key');
	expect(second.message).toBe(
		'If this item repeats the order before it, do what the message on that one says, and nothing for this one. If it is meant as another order, order this item alone in a new execution.',
	);
	expect(shop.sent()).toEqual({ a: 1 });
});
