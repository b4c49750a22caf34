/** Rows that order the same, of which one was not bought: it takes nothing from the others, whichever way it became known. */
import { LOOK_UP_TIME, setForward } from '../clock.mts';
import { hintsOf, openShop, outcomes, referencesOf, wordsOf, type Orders } from '../shop.mts';

const shop = openShop();
const { order, lose, refuse, kill, sold } = shop;

const rowsOf = (channels: string) => [...channels].map((channel, row) => ({ channel, row }));

test('after a crash, a row that was bought comes with a fresh time stamp, and is corrected then: it is not bought again', async () => {
	let readAt = 1;
	const setup: Orders = { before: () => [...'ab'].map((channel) => ({ channel, readAt })) };
	const killed = await kill([{}], { at: 'request', channel: 'b' }, setup);
	readAt = 2;
	const uncertain = await order([], { ...setup, retryOf: killed });
	expect(outcomes(uncertain)).toEqual(['unknown']);
	setForward(LOOK_UP_TIME);
	const options = { confirmedNotBought: referencesOf(uncertain).join() };
	await order([], { ...setup, parameters: { tarifId: 2 }, options, retryOf: uncertain.data });
	expect(sold()).toEqual({ a: 1, b: 1 });
});

describe('after a crash, a row whose order may have been bought comes with a fresh time stamp, and is corrected then', () => {
	let readAt = 1;
	const setup: Orders = { before: () => [...'ab'].map((channel) => ({ channel, readAt })) };
	const corrected: Orders = { ...setup, parameters: { tarifId: 2 } };
	const uncertain = async () => {
		const killed = await kill([{}], { at: 'answer', channel: 'b' }, setup);
		readAt++;
		const told = await order([], { ...setup, retryOf: killed });
		expect(outcomes(told)).toEqual(['unknown']);
		setForward(LOOK_UP_TIME);
		return told;
	};

	test('confirmed as bought, it is left out', async () => {
		const told = await uncertain();
		const retry = await order([], { ...corrected, options: { confirmedBought: referencesOf(told).join() }, retryOf: told.data });
		expect(retry.error).toBeUndefined();
		expect(hintsOf(retry).join()).toContain('1 confirmed as bought');
		expect(sold()).toEqual({ a: 1, b: 1 });
	});

	test('with nothing said, it is still held back, and the message says to look for it as it was', async () => {
		const told = await uncertain();
		const retry = await order([], { ...corrected, retryOf: told.data });
		expect(outcomes(retry)).toEqual(['unknown']);
		expect(referencesOf(retry)).toEqual(referencesOf(told));
		expect(wordsOf(retry)).toContain('look for it as it was');
		expect(sold()).toEqual({ a: 1, b: 1 });
	});
});

test('by hand, bought before, and corrected in the retry of another execution: that is another order', async () => {
	await order(['a'], { mode: 'manual' });
	refuse('b');
	const failed = await order(['a', 'b'], { mode: 'manual' });
	await order([], { parameters: { tarifId: 2 }, retryOf: failed.data });
	expect(sold()).toEqual({ a: 2, b: 1 });
});

describe('refused, corrected, and killed in the retry', () => {
	const tarif = (tarifId: number, more: Orders = {}): Orders => ({ parameters: { tarifId }, ...more });

	test('what is confirmed as bought stays that of its row, where an equal one is refused afterwards', async () => {
		refuse('a');
		const first = await order(rowsOf('aa'), tarif(1));
		const killed = await kill([], { at: 'answer', channel: 'a' }, tarif(2, { retryOf: first.data }));
		expect(sold()).toEqual({ a: 1 });
		const references = referencesOf(await order([], tarif(2, { retryOf: killed }))).join();
		refuse('a');
		setForward(LOOK_UP_TIME);
		const options = { confirmedBought: references };
		const refused = await order([], tarif(2, { options, retryOf: killed }));
		expect(outcomes(refused)).toEqual(['rejected']);
		const last = await order(
			[],
			tarif(2, { options: { ...options, onDuplicate: 'fail' }, onError: 'continueErrorOutput', retryOf: refused.data }),
		);
		expect(wordsOf(last)).not.toContain('may have been bought');
		expect(sold()).toEqual({ a: 2 });
	});
});

test.each([[[{}, {}]], [[{ row: 1 }, { row: 1 }]]])(
	'empty or equal items whose channels go by their places: one that may have been bought is held back once its channel is corrected',
	async (items) => {
		const setup = (channels: string): Orders => ({ parameters: { channel: `={{ "${channels}"[$itemIndex] }}` } });
		lose('b', true);
		const uncertain = await order(items, setup('ab'));
		const retry = await order([], { ...setup('ac'), retryOf: uncertain.data });
		expect(outcomes(retry)).toEqual(['unknown']);
		expect(referencesOf(retry)).toEqual(referencesOf(uncertain));
		expect(sold()).toEqual({ a: 1, b: 1 });
	},
);
