import { faults } from '../../tools/sandbox/sandbox.mts';
import { openShop, told } from './shop.mts';

const shop = openShop();
const { order, sent, sold } = shop;

// n8n makes no options at all of an expression in their place (n8n-workflow: getNodeParameters in node-helpers.js).
test.each(['={{ "none" }}', '={{ "" }}', '={{ [1] }}'])('what was bought before is handed over with %s for Options', async (options) => {
	shop.sandbox.fault({ match: { channel: 'b' }, fault: faults.rejected(422) });
	const first = await order(['a', 'b']);
	expect(first.run.status).toBe('error');

	const { error, success } = await order([], { parameters: { options }, retryOf: first.data, onError: 'continueRegularOutput' });
	expect(error).toBeUndefined();
	expect(told(success)).toEqual([
		[0, 'a'],
		[1, 'rejected'],
	]);
	expect(sent()).toEqual({ a: 1, b: 2 });
});

describe('optional numbers that a model fills with $fromAI', () => {
	const ask = async (written: string, given?: unknown) =>
		await order([{ query: { Quantity: given } } as never], {
			parameters: {
				channel: 'a',
				additionalFields: { quantity: `={{ ${written} }}`, duration: `={{ ${written} }}`, interval: `={{ ${written} }}` },
			},
			node: { tool: true },
			onError: 'continueRegularOutput',
		}).then(() => shop.sandbox.purchases.map((purchase) => purchase.order));

	test.each([[null], [''], [' '], [undefined], ['\u200b']])('%j is left out', async (given) => {
		expect(await ask('$fromAI("Quantity", "", "number")', given)).toEqual([{ tarif: { id: 1 }, channel: 'a' }]);
	});

	test.each([[0], [''], [null], [undefined]])('%j is left out with a blank in its place, as the documents advise', async (given) => {
		expect(await ask('$fromAI("Quantity", "", "number") || ""', given)).toEqual([{ tarif: { id: 1 }, channel: 'a' }]);
	});

	test('0 is no number of anything: nothing is bought', async () => {
		expect(await ask('$fromAI("Quantity", "", "number")', 0)).toEqual([]);
	});

	test('a number is ordered', async () => {
		expect(await ask('$fromAI("Quantity", "", "number") || ""', '5')).toEqual([
			{ tarif: { id: 1, quantity: 5, duration: 5 }, channel: 'a', interval: 5 },
		]);
	});
});

describe('a workflow that was never saved', () => {
	const unsaved = { workflowId: '' };

	test.each([[{}], [{ idempotencyKey: '={{ $json.channel }}' }]])('says so and buys nothing, with the options %j', async (options) => {
		const { error } = await order(['a', 'b'], { ...unsaved, options });
		expect(error!.message).toMatch(/^Save the workflow before you buy with it/);
		const { failed } = await order(['a', 'b'], { ...unsaved, options, onError: 'continueErrorOutput' });
		expect(told(failed)).toEqual([
			[0, 'notSent'],
			[1, 'notSent'],
		]);
		expect(sent()).toEqual({});
	});

	test('shows its orders with Dry Run', async () => {
		const { success } = await order(['a'], { ...unsaved, options: { dryRun: true } });
		expect(success[0].json.order).toEqual({ tarif: { id: 1 }, channel: 'a' });
	});
});

test('each item has its own limit, and the smallest counts', async () => {
	const limited = [
		{ channel: 'a', limit: 5 },
		{ channel: 'b', limit: 1 },
		{ channel: 'c', limit: 5 },
	];
	const { error } = await order(limited, { options: { maxPurchases: '={{ $json.limit }}' } });
	expect(error!.message).toBe('3 orders are more than Max Purchases allows (1)');
	expect(sent()).toEqual({});
});

test.each(['[object Object]', 'undefined', 'null', '#N/A', '#REF!', 'Invalid DateTime'])(
	'%s for a channel buys nothing',
	async (channel) => {
		const { error } = await order(['a', channel]);
		expect(error!.message).toMatch(/^Channel must not be /);
		expect(sent()).toEqual({});
	},
);

test('a number that n8n has rounded, with a line break after the expression, buys nothing', async () => {
	const { error } = await order([{ id: Number('12345678901234567890') }], { parameters: { channel: '={{ $json.id }}\n' } });
	expect(error!.message).toMatch(/^Channel must not be "12345678901234567000\\n", which n8n makes of a number with too many digits/);
	expect(sent()).toEqual({});
});

test('an expression that fails is named by its label, and what else the options say holds', async () => {
	const nowhere = '={{ $("Nowhere").first().json.id }}';
	const { error } = await order(['a'], {
		parameters: { additionalFields: { quantity: nowhere }, options: { idempotencyKey: nowhere, maxPurchases: 'many' } },
	});
	for (const label of ['Quantity: ', 'Idempotency Key: ', 'Max Purchases must be a whole number']) expect(error!.message).toContain(label);
	expect(sent()).toEqual({});
});

describe('one of the expressions in a text has no value', () => {
	const rows = [
		{ orderNumber: '7', name: 'a' },
		{ orderNumber: undefined, name: 'a' },
	];

	test.each(['={{ $json.orderNumber }} chatbot', '={{ $json.orderNumber }}-{{ $json.name }}', "={{ $json.orderNumber + ' chatbot' }}"])(
		'so the Idempotency Key %s would be that of each such row: it buys nothing',
		async (idempotencyKey) => {
			const parameters = { channel: 'a' };
			const { error } = await order(rows, { options: { idempotencyKey }, parameters });
			expect(error!.message).toMatch(/^Idempotency Key must not be /);
			expect(error!.description).toContain('Item 1: Idempotency Key must not be ');
			expect(sent()).toEqual({});
			// The others buy.
			await order(rows, { options: { idempotencyKey }, parameters, onError: 'continueErrorOutput' });
			expect(sent()).toEqual({ a: 1 });
		},
	);

	test.each([
		['={{ $json.channel }}-{{ $json.dya }}', 'my-channel'],
		['={{ $json.channel }}/{{ $json.dya }}', 'https://www.twitch.tv/mine'],
		['={{ $json.channel }} {{ $json.dya }}', 'my channel'],
		['={{ "order_" + $json.dya }}', 'a'],
		['={{ `${$json.channel}_${$json.dya}` }}', 'a'],
	])('so the Idempotency Key %s would be the same each day', async (idempotencyKey, channel) => {
		const { error } = await order([{ channel }], { options: { idempotencyKey } });
		expect(error!.message).toMatch(/^Idempotency Key must not be /);
		expect(sent()).toEqual({});
	});

	test.each([
		['={{ $json.channel }}-{{ $json.day }}', 'my-channel'],
		['={{ $json.channel }} {{ $json.day }}', 'my channel'],
		['={{ $json.channel }}/{{ $json.day }}', 'https://www.twitch.tv/mine/'],
	])('and with all of them, %s is one for each day', async (idempotencyKey, channel) => {
		await order(
			['27', '28', '28'].map((day) => ({ channel, day })),
			{ options: { idempotencyKey } },
		);
		expect(sold()).toEqual({ [channel]: 2 });
	});

	test('so the channel would be another one', async () => {
		const { error } = await order(rows, { parameters: { channel: '=twitch.tv/{{ $json.orderNumber }}' } });
		expect(error!.message).toBe(
			'Channel must not be "twitch.tv/": one of its expressions has no value. If that is meant, write all of it as one expression',
		);
		const { failed } = await order([{ site: 'https://twitch.tv' }], {
			parameters: { channel: '={{ $json.site }}/{{ $json.name }}' },
			onError: 'continueErrorOutput',
		});
		expect(told(failed)).toEqual([[0, 'invalid']]);
		expect(sent()).toEqual({});
	});
});

test('an option of the run that is wrong for a later item is told before anything is bought', async () => {
	const { error } = await order(['a', 'b'], { options: { timeout: '={{ $itemIndex === 0 ? 60000 : "soon" }}' } });
	expect(error!.message).toBe('Timeout must be a whole number from 1 to 3600000, not "soon"');
	expect(sent()).toEqual({});
});
