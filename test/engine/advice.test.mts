/**
 * What a person is told to do, done word by word: it comes to neither a second purchase nor a dead end. The sandbox
 * counts. What is done about an uncertain order is in sequences/ as well.
 */
import type { IDataObject } from 'n8n-workflow';

import { PastOrders } from '../../nodes/StreamSkill/purchase/journal/past.ts';
import { Report } from '../../nodes/StreamSkill/purchase/report/report.ts';
import { faults, type Fault } from '../../tools/sandbox/sandbox.mts';
import { bought, followEach, list, onContinue, reads, rowsLeft, type Cause } from './causes.mts';
import { DAY, passTime } from './clock.mts';
import { deduplicator, logLines } from './engine.mts';
import { onceEach, openShop, outcomes, referencesOf, TOKEN, told, until, type Orders } from './shop.mts';

const shop = openShop();
const { order, lose, refuse, lookUp, sent, sold } = shop;

const byChannel = { idempotencyKey: '={{ $json.channel }}' };

const ofB = (value: unknown) => `={{ $json.channel === "b" ? ${JSON.stringify(value)} : 1 }}`;
const credential = (changes: IDataObject) => ({ credentials: { accessToken: TOKEN, baseUrl: shop.sandbox.url, ...changes } as never });
const answerB = (fault: Fault, times = 1) => shop.sandbox.fault({ match: { channel: 'b' }, times, fault });

const causes: Record<string, Cause> = {
	'a field is out of range': {
		advice: 'Change the named fields',
		wrong: () => ({ parameters: { tarifId: ofB('abc') } }),
	},
	'an option is blank that protects': {
		advice: 'Change the named fields',
		wrong: () => ({ options: { maxPurchases: '' } }),
	},
	'an option of the run is wrong': {
		advice: 'Change the named fields',
		wrong: () => ({ options: { timeout: -1 } }),
	},
	'StreamSkill refuses a field (422)': {
		advice: 'Change the order as the message says.',
		wrong: () => ({ parameters: { tarifId: ofB(4040) } }),
	},
	'StreamSkill refuses the account (403)': {
		advice: 'Check that your StreamSkill account may place this order, and that no firewall is in between.',
		disturb: () => answerB(faults.rejected(403)),
	},
	'StreamSkill refuses the order (400)': {
		advice: 'Check the order, your StreamSkill account and its balance.',
		disturb: () => answerB(faults.rejected(400)),
	},
	'too many requests': {
		advice: 'Wait a few minutes, or use Batching with a longer Batch Interval.',
		disturb: () => answerB(faults.rateLimited({ 'retry-after': '0' }), 5),
	},
	'too many requests, and Batching': {
		advice: 'Wait a few minutes, or use Batching with a longer Batch Interval.',
		disturb: () => answerB(faults.rateLimited({ 'retry-after': '0' }), 5),
		mend: () => ({ options: { batching: { batch: { batchSize: 1, batchInterval: 20 } } } }),
	},
	'the Access Token is refused': {
		advice: 'Check the Access Token in the StreamSkill API credential.',
		wrong: () => credential({ accessToken: 'old-token' }),
	},
	'the Access Token is blank': {
		advice: 'Choose or correct the StreamSkill API credential.',
		wrong: () => credential({ accessToken: '' }),
	},
	'there is no credential': {
		advice: 'Choose or correct the StreamSkill API credential.',
		wrong: () => ({ node: { withoutCredential: true } }),
	},
	'the Base URL leads elsewhere': {
		advice: 'Check the Base URL in the StreamSkill API credential. It usually ends in /v1.',
		wrong: () => credential({ baseUrl: `${shop.sandbox.url}/elsewhere` }),
	},
	'nobody is at the Base URL': {
		advice: 'Check the Base URL in the StreamSkill API credential and the network.',
		wrong: () => credential({ baseUrl: 'http://127.0.0.1:9/v1' }),
	},
	'there are more orders than Max Purchases': {
		advice: 'If all of them are meant to be bought, raise the limit.',
		wrong: () => ({ options: { maxPurchases: 2 } }),
		mend: () => ({ options: { maxPurchases: 3 } }),
	},
	"n8n's database refuses": {
		advice: 'Wait until n8n can use its database.',
		wrong: () => ({ options: byChannel }),
		disturb: () => (deduplicator.fail = true),
		mend: () => ({ options: byChannel }),
	},
	'all have one key': {
		advice: 'Give each of these orders an Idempotency Key of its own, and leave all other keys as they are.',
		wrong: () => ({ options: { idempotencyKey: 'k' } }),
		mend: () => ({ options: byChannel }),
	},
};

followEach(causes, shop, sold);

describe('in the editor', () => {
	const byHand = async (channels: string[], more: Orders = {}) => await order(channels, { ...more, mode: 'manual' });
	const repeat = { repeatManualOrders: true };
	const REPEAT = 'Turn on the option Repeat Manual Orders if it is meant to be bought once more: that buys the whole list again.';

	test.each<[string, Orders, () => void]>([
		['an order is refused', {}, () => refuse('b')],
		['all that fails is no valid order', { parameters: { tarifId: ofB('abc') } }, () => {}],
	])(
		'with Repeat Manual Orders on, %s: what was bought is taken out of the list, and the workflow executed again',
		async (_name, wrong, disturb) => {
			disturb();
			const first = await byHand(list, { ...wrong, onError: 'continueRegularOutput', options: repeat });
			expect(sold()).toEqual(onceEach(['a', 'c']));
			reads(first, 'Then take out of the list what this node has bought');
			await byHand(['b'], { onError: 'continueRegularOutput', options: repeat });
			expect(sold()).toEqual(onceEach(list));
		},
	);

	test('with Continue, a field is mended for one item, then changed for all: the others are other orders, as the message says', async () => {
		const lang = (ofAll: string) => ({ additionalFields: { lang: `={{ $json.channel === "b" ? "${ofAll}" : "en" }}` } });
		const first = await byHand(list, { onError: 'continueRegularOutput', parameters: lang('klingon') });
		reads(first, 'each StreamSkill node leaves out what it has bought by hand today or yesterday, unless you change it.');
		await byHand(list, { onError: 'continueRegularOutput', parameters: lang('en') });
		expect(sold()).toEqual(onceEach(list));
		await byHand(list, { onError: 'continueRegularOutput', parameters: { additionalFields: { lang: 'ru' } } });
		expect(sold()).toEqual({ a: 2, b: 2, c: 2 });
	});

	test.each([{}, byChannel])('an unsaved workflow with the options %j is saved', async (options) => {
		const first = await byHand(list, { workflowId: '', options });
		reads(first, 'Save the workflow before you buy with it', 'Then execute the workflow again');
		await byHand(list, { options });
		expect(sold()).toEqual(onceEach(list));
	});

	test.each([true, false])('a reference is added, then Execute step is pressed, and once more (bought: %s)', async (wasBought) => {
		lose('b', wasBought);
		const first = await byHand(list);
		reads(first, 'Then execute the workflow again today.');
		const options = lookUp(first);
		for (let times = 0; times < 2; times++) expect((await byHand(list, { options })).error).toBeUndefined();
		expect(sold()).toEqual(onceEach(list));
	});

	test.each([true, false])('a reference is added, and the workflow executed again tomorrow (bought: %s)', async (wasBought) => {
		lose('b', wasBought);
		const first = await byHand(list);
		reads(first, 'Then execute the workflow again today.');
		passTime(DAY);
		await byHand(list, { options: lookUp(first) });
		expect(sold()).toEqual(onceEach(list));
	});

	test('bought by hand before, with If Already Purchased = Fail: Repeat Manual Orders buys it once more', async () => {
		await byHand(['a']);
		const again = await byHand(['a'], { options: { onDuplicate: 'fail' } });
		reads(again, REPEAT);
		expect(sold()).toEqual({ a: 1 });
		await byHand(['a'], { options: { onDuplicate: 'fail', ...repeat } });
		expect(sold()).toEqual({ a: 2 });
	});

	test.each([
		['the list, which is bought again as a whole, as the message warns', list, { a: 2, b: 2, c: 2 }],
		['the item alone', ['a'], { a: 2, b: 1, c: 1 }],
	])('bought by hand before, all of them, and one is meant once more: %s', async (_name, channels, times) => {
		await byHand(list);
		reads(await byHand(list, { options: { onDuplicate: 'fail' } }), REPEAT);
		await byHand(channels, { options: { onDuplicate: 'fail', ...repeat } });
		expect(sold()).toEqual(times);
	});

	test('bought by hand before, with If Already Purchased = Fail: Skip goes on with the others', async () => {
		await byHand(['a']);
		const again = await byHand(list, { options: { onDuplicate: 'fail' } });
		reads(again, 'To go on without buying it again, set If Already Purchased to Skip.');
		await byHand(list, { options: { onDuplicate: 'skip' } });
		expect(sold()).toEqual(onceEach(list));
	});
});

describe('an uncertain order', () => {
	test.each([true, false])(
		'with Continue and no key: it is looked up, and ordered alone if it is not there (bought: %s)',
		async (wasBought) => {
			lose('b', wasBought);
			const first = await order(list, { onError: 'continueErrorOutput' });
			reads(
				first,
				'If it is there, only what comes after this node is left to do. If it is not, order this item alone in a new execution.',
			);
			if (!wasBought) await order(['b'], { onError: 'continueErrorOutput' });
			expect(sold()).toEqual(onceEach(list));
		},
	);

	test.each([true, false])('with Continue and a key: the reference is added, and the item run again (bought: %s)', async (wasBought) => {
		lose('b', wasBought);
		const setup: Orders = { onError: 'continueErrorOutput', options: byChannel };
		const first = await order(list, setup);
		reads(first, 'Then save and publish the workflow, and run the item again with the same Idempotency Key.');
		await order(['b'], { ...setup, options: { ...byChannel, ...lookUp(first) } });
		expect(sold()).toEqual(onceEach(list));
	});

	describe.each<[string, Orders]>([
		['in a sub-workflow that failed', { mode: 'integrated' }],
		['where n8n does not save failed executions', { settings: { saveDataErrorExecution: 'none' } }],
	])('%s', (_where, setup) => {
		test.each([true, false])('without a key: it is looked up, and the rows that are left are ordered (bought: %s)', async (wasBought) => {
			lose('b', wasBought);
			const first = await order(list, setup);
			reads(
				first,
				'If it is there, nothing more is to be bought for it. If it is not, it is one of the rows that are left.',
				'Then order the rows that are left in a new execution, without those that were bought.',
			);
			await order(
				rowsLeft().filter((channel) => channel !== 'b' || !wasBought),
				setup,
			);
			expect(sold()).toEqual(onceEach(list));
		});

		test.each([true, false])(
			'with a key: its reference is added, and the rows that are left are ordered (bought: %s)',
			async (wasBought) => {
				lose('b', wasBought);
				const first = await order(list, { ...setup, options: byChannel });
				reads(
					first,
					'Then save and publish the workflow, and order the rows that are left in a new execution, without those that were bought.',
				);
				await order(rowsLeft(), { ...setup, options: { ...byChannel, ...lookUp(first) } });
				expect(sold()).toEqual(onceEach(list));
			},
		);
	});

	test('with a key each, the whole list can be run again: what was bought is left out, what is uncertain held back', async () => {
		lose('b', true);
		const setup: Orders = { onError: 'continueErrorOutput', options: { ...byChannel, onDuplicate: 'skip' } };
		const first = await order(list, setup);
		const second = await order([...list, 'd'], setup);
		expect(referencesOf(second)).toEqual(referencesOf(first));
		expect(told(second.success)).toEqual([[3, 'd']]);
		expect(sent()).toEqual(onceEach([...list, 'd']));
	});

	test('in a tool, a person types the reference in, and the model orders again', async () => {
		const tool: Orders = { node: { tool: true }, options: byChannel };
		lose('a', false);
		const first = await order(['a'], tool);
		reads(first, 'A person has to wait a few minutes, to check whether it is in the StreamSkill account');
		await order(['a'], { ...tool, options: { ...byChannel, ...lookUp(first) } });
		expect(sold()).toEqual({ a: 1 });
	});
});

describe('a key', () => {
	const k = { idempotencyKey: 'k' };

	test('that was bought before gets another one, if the order is meant to be bought as well', async () => {
		await order(['a'], { options: k });
		const again = await order(['a'], { options: { ...k, onDuplicate: 'fail' } });
		reads(again, 'Give it another Idempotency Key if it is meant to be bought as well.');
		await order([], { options: { idempotencyKey: 'k 2', onDuplicate: 'fail' }, retryOf: again.data });
		expect(sold()).toEqual({ a: 2 });
	});

	test('that has bought another order gets another one', async () => {
		await order(['a'], { options: k });
		const conflict = await order(['b'], { options: k });
		reads(
			conflict,
			'If this is a further order, give it an Idempotency Key of its own, and leave the other keys as they are: under another key, an order that was bought is bought again.',
		);
		await order([], { options: { idempotencyKey: 'k 2' }, retryOf: conflict.data });
		expect(sold()).toEqual(onceEach(['a', 'b']));
	});

	test.each<[string, Orders, string]>([
		['in the editor', { mode: 'manual' }, 'take its item out of the list.'],
		['in production', {}, 'do not retry this execution, but order the rows that are left in a new one, without it.'],
		['in a sub-workflow', { mode: 'integrated' }, 'take its item out of the list.'],
	])('that has bought this order before its fields were changed, %s: it is not bought again', async (_where, setup, leaveOut) => {
		await order(['a'], { ...setup, options: byChannel });
		const changed: Orders = { ...setup, options: byChannel, parameters: { additionalFields: { quantity: 5 } } };
		const conflict = await order(list, changed);
		reads(conflict, `If the key has bought this very order, before its fields were changed, ${leaveOut}`);
		expect(sold()).toEqual({ a: 1 });
		await order(
			list.filter((channel) => channel !== 'a'),
			changed,
		);
		expect(sold()).toEqual(onceEach(list));
	});

	/** As after the death of an execution that was asking which order the key is for. */
	const makeUnclear = () => {
		const [row] = [...deduplicator.lists.keys()].filter((name) => name.includes('streamskill:key:') && !/:(end|silent)$/.test(name));
		deduplicator.lists.get(row)!.push('the name of another order');
	};

	test.each<[string, Orders]>([
		['in the editor', { mode: 'manual' }],
		['in production', {}],
		['in a sub-workflow', { mode: 'integrated' }],
	])('of which it is not clear what it bought, %s: the item that is in the account is taken out of the list', async (_where, setup) => {
		await order(['a'], { options: byChannel });
		makeUnclear();
		const first = await order(list, { ...setup, options: byChannel });
		reads(first, 'Check whether this order is in your StreamSkill account. If it is, ');
		await order(
			list.filter((channel) => !(channel in sold())),
			{ ...setup, options: byChannel },
		);
		expect(sold()).toEqual(onceEach(list));
	});

	test.each<[string, Orders]>([
		['in the editor', { mode: 'manual' }],
		['in a sub-workflow', { mode: 'integrated' }],
	])('of which it is not clear what it bought, %s: what is not in the account gets another one', async (_where, setup) => {
		await order(['z'], { options: k });
		makeUnclear();
		const first = await order(['a'], { ...setup, options: k });
		reads(first, 'If it is not, give it an Idempotency Key of its own, ');
		await order(['a'], { ...setup, options: { idempotencyKey: 'k 2' } });
		expect(sold()).toEqual(onceEach(['z', 'a']));
	});

	test.each([true, false])('of which it is not clear what it bought, with Continue (bought: %s)', async (wasBought) => {
		const setup: Orders = { onError: 'continueErrorOutput' };
		await order([wasBought ? 'a' : 'z'], { options: k });
		makeUnclear();
		const first = await order(['a'], { ...setup, options: k });
		reads(
			first,
			'If it is, do not order it again: only what comes after this node is left to do. If it is not, give it an Idempotency Key of its own, and leave the other keys as they are: under another key, an order that was bought is bought again. If it is still to be ordered, order this item alone in a new execution.',
		);
		if (!('a' in sold())) await order(['a'], { ...setup, options: { idempotencyKey: 'k 2' } });
		expect(sold()).toMatchObject({ a: 1 });
	});

	test.each<[string, IDataObject, number]>([
		['each item gets its own', { idempotencyKey: '={{ $itemIndex }}', onDuplicate: 'fail' }, 2],
		['If Already Purchased is set to Skip', { ...k, onDuplicate: 'skip' }, 1],
	])('that comes twice in a list: %s', async (_name, options, times) => {
		const refused = await order(['a', 'a'], { options: { ...k, onDuplicate: 'fail' } });
		reads(
			refused,
			'Give this item an Idempotency Key of its own and leave the other keys as they are, or set If Already Purchased to Skip.',
		);
		expect(sent()).toEqual({});
		await order([], { options, retryOf: refused.data });
		expect(sold()).toEqual({ a: times });
	});
});

test.each([1, 2])('after Stop, the log says what was bought, and a new execution orders the rest (in flight: %d)', async (batchSize) => {
	shop.slow('/./', 50);
	await order(list, {
		options: { batching: { batch: { batchSize, batchInterval: 0 } } },
		onStart: (stop) => void until(() => shop.sandbox.requests.length === batchSize).then(stop),
	});
	expect(bought()).toHaveLength(batchSize);
	await order(rowsLeft());
	expect(sold()).toEqual(onceEach(list));
});

test('items that are left after Stop, with Continue, are ordered in a new execution', async () => {
	shop.slow('a', 50);
	const stopped = await order(list, {
		onError: 'continueRegularOutput',
		onStart: (stop) => void until(() => shop.sandbox.requests.length === 1).then(stop),
	});
	expect(outcomes(stopped).every((outcome) => outcome === 'notSent')).toBe(true);
	await order(rowsLeft());
	expect(sold()).toEqual(onceEach(list));
});

describe('an evaluation', () => {
	const evaluate = async (options: IDataObject) => await order(list, { mode: 'evaluation', options });

	test('shows the orders with Dry Run', async () => {
		reads(await evaluate({}), 'Turn on the option Dry Run to see what would be ordered');
		const { success } = await evaluate({ dryRun: true });
		expect(success.map(({ json }) => (json.order as { channel: string }).channel)).toEqual(list);
		expect(sent()).toEqual({});
	});

	test('buys with Dry Run added and turned off', async () => {
		reads(await evaluate({}), 'or add it and turn it off to place the orders in evaluations as well.');
		await evaluate({ dryRun: false });
		expect(sold()).toEqual(onceEach(list));
	});
});

describe('a defect of the node', () => {
	afterEach(() => jest.restoreAllMocks());

	test.each(onContinue)('is told as one, and what is not in the account is ordered again (%s)', async (onError) => {
		jest.spyOn(Report.prototype, 'bought').mockImplementationOnce(() => {
			throw new TypeError('x is not a function');
		});
		const first = await order(list, { onError });
		expect(outcomes(first)).toEqual(['unknown', 'notSent', 'notSent']);
		reads(
			first,
			'Wait a few minutes, then check whether the order is in your StreamSkill account, with the time when it was sent. If it is there, only what comes after this node is left to do.',
			'Before you order the item again, check whether it is in your StreamSkill account.',
		);
		await order(
			list.filter((channel) => !(channel in sold())),
			{ onError },
		);
		expect(sold()).toEqual(onceEach(list));
	});

	const broken = () => {
		throw new TypeError('x is not a function');
	};

	test.each(onContinue)('comes out as an item for each order where it is met before there is a run (%s)', async (onError) => {
		jest.spyOn(PastOrders.prototype, 'listState').mockImplementationOnce(broken);
		const first = await order(list, { onError });
		expect(outcomes(first)).toEqual(['notSent', 'notSent', 'notSent']);
		reads(first, 'The StreamSkill node stopped unexpectedly: x is not a function', "with the lines of n8n's log");
		expect(logLines.map(({ message }) => message)).toContain('StreamSkill stopped unexpectedly: x is not a function');
		expect(sent()).toEqual({});
	});

	test.each([1, 2, 3])('forgets nothing of what was bought where it ends the execution (after order %d)', async (orders) => {
		const bought = Reflect.get(Report.prototype, 'bought');
		let count = 0;
		jest.spyOn(Report.prototype, 'bought').mockImplementation(function (this: Report, ...args) {
			if (++count === orders) broken();
			bought.apply(this, args);
		});
		const first = await order(list, { tries: 2 });
		expect(first.error).toBeUndefined();
		expect(sold()).toEqual(onceEach(list));
		count = 0;
		const second = await order(['d', 'e', 'f']);
		expect(second.error?.message).toBe('x is not a function');
		await order([], { retryOf: second.data });
		expect(sold()).toEqual(onceEach([...list, 'd', 'e', 'f']));
	});

	test.each(onContinue)('puts out no item as if it were a purchase where it is met at the end (%s)', async (onError) => {
		jest.spyOn(Report.prototype, 'output').mockImplementationOnce(broken);
		const first = await order(list, { onError });
		expect(outcomes(first)).toEqual(['notSent', 'notSent', 'notSent']);
		reads(first, 'Before you order the item again, check whether it is in your StreamSkill account.');
	});

	test.each(['stopWorkflow', ...onContinue] as const)(
		'buys nothing again where it is met at the end, and the node is tried again (%s)',
		async (onError) => {
			const breakOnce = () => jest.spyOn(Report.prototype, 'output').mockImplementationOnce(broken);
			breakOnce();
			expect((await order(list, { onError, tries: 2 })).error).toBeUndefined();
			expect(sold()).toEqual(onceEach(list));
			if (onError !== 'stopWorkflow') return;
			breakOnce();
			const failed = await order(['d']);
			await order([], { retryOf: failed.data });
			expect(sold()).toEqual(onceEach([...list, 'd']));
		},
	);

	test('is not for a model to try again', async () => {
		jest.spyOn(Report.prototype, 'output').mockImplementationOnce(broken);
		const { success } = await order(['a'], { node: { tool: true }, onError: 'continueRegularOutput' });
		expect(JSON.stringify(success)).toContain('Do not order it again. A person has to check whether it is in the StreamSkill account');
	});

	test('loses no purchase where it is met after the last order', async () => {
		jest.spyOn(Report.prototype, 'summarise').mockImplementationOnce(broken);
		expect(told((await order(list, { onError: 'continueRegularOutput' })).success)).toEqual([
			[0, 'a'],
			[1, 'b'],
			[2, 'c'],
		]);
	});

	test('ends the execution with its own words where On Error is Stop', async () => {
		jest.spyOn(PastOrders.prototype, 'listState').mockImplementationOnce(broken);
		expect((await order(list)).error?.message).toBe('x is not a function');
		expect(sent()).toEqual({});
	});
});

test('a tool that buys nothing for its error output buys with On Error = Continue', async () => {
	const refused = await order(['a'], { node: { tool: true }, onError: 'continueErrorOutput' });
	expect(JSON.stringify(refused.data.resultData.runData.StreamSkill)).toContain('Choose Continue instead.');
	const { success } = await order(['a'], { node: { tool: true }, onError: 'continueRegularOutput' });
	expect(told(success)).toEqual([[0, 'a']]);
	expect(sold()).toEqual({ a: 1 });
});
