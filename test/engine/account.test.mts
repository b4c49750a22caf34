/** Whose money is spent: each order goes out with the credential as its own item resolves it. */
import { bought, sent } from '../../tools/sandbox/counts.mts';
import { startSandbox, type Sandbox } from '../../tools/sandbox/sandbox.mts';
import { followEach, type Cause } from './causes.mts';
import { credentialReads } from './engine.mts';
import { channelOf, openShop, outcomes, told, TOKEN } from './shop.mts';

const shop = openShop();

/** Another account, with an address of its own. */
let other: Sandbox;
beforeAll(async () => {
	other = await startSandbox({ token: 'other-token' });
});
afterAll(async () => await other.close());
beforeEach(() => {
	other.reset();
	credentialReads.count = 0;
});

const mine = () => ({ tok: TOKEN, url: shop.sandbox.url });
const others = () => ({ tok: other.token, url: other.url });
const byItem = { accessToken: '={{ $json.tok }}', baseUrl: '={{ $json.url }}' };

/** What each account has bought. */
const accounts = () => [shop.sold(), bought(other)];

test('the token and the address are those of the item', async () => {
	const { success } = await shop.order(
		[
			{ channel: 'a', ...mine() },
			{ channel: 'b', ...others() },
			{ channel: 'c', ...mine() },
		],
		{ credentials: byItem },
	);
	expect(success.map(channelOf)).toEqual(['a', 'b', 'c']);
	expect(accounts()).toEqual([{ a: 1, c: 1 }, { b: 1 }]);
});

test('whatever goes out at the same time', async () => {
	const items = Array.from({ length: 20 }, (_, i) => ({ channel: String(i), ...(i % 3 === 0 ? mine() : others()) }));
	await shop.order(items, { credentials: byItem, options: { batching: { batch: { batchSize: -1, batchInterval: 0 } } } });
	expect(Object.keys(shop.sold())).toEqual(['0', '3', '6', '9', '12', '15', '18']);
	expect(Object.keys(bought(other))).toHaveLength(13);
});

test.each([
	[
		'a default where the item has none',
		'={{ $json.tok ?? $("Start").first().json.default }}',
		'={{ $json.url ?? $("Start").first().json.defaultUrl }}',
	],
	[
		'by turns',
		'={{ $itemIndex % 2 === 0 ? $("Start").first().json.default : $("Start").last().json.tok }}',
		'={{ $itemIndex % 2 === 0 ? $("Start").first().json.defaultUrl : $("Start").last().json.url }}',
	],
	[
		'for one item of the list only',
		'={{ $itemIndex === 1 ? $("Start").last().json.tok : $("Start").first().json.default }}',
		'={{ $itemIndex === 1 ? $("Start").last().json.url : $("Start").first().json.defaultUrl }}',
	],
])('%s', async (_, accessToken, baseUrl) => {
	const first = { channel: 'a', default: TOKEN, defaultUrl: shop.sandbox.url };
	await shop.order([first, { channel: 'b', ...others() }], { credentials: { accessToken, baseUrl } });
	expect(accounts()).toEqual([{ a: 1 }, { b: 1 }]);
});

test('Dry Run shows the address of the item', async () => {
	const { success } = await shop.order(
		[
			{ channel: 'a', ...mine() },
			{ channel: 'b', ...others() },
		],
		{
			credentials: byItem,
			options: { dryRun: true },
		},
	);
	expect(success.map(({ json }) => (json.request as { url: string }).url)).toEqual([
		`${shop.sandbox.url}/purchases/create`,
		`${other.url}/purchases/create`,
	]);
});

describe('an item whose credential cannot be used', () => {
	const good = () => [
		{ channel: 'a', ...mine() },
		{ channel: 'b', ...others() },
	];
	const bad: Array<[string, object, RegExp]> = [
		['no token', { tok: '' }, /^The Access Token .* is empty/],
		['a token with a line break', { tok: 'a\nb' }, /^The Access Token .* line break/],
		['an address that is none', { url: 'nowhere' }, /^The Base URL .* is not a web address/],
		['an address without TLS', { url: 'http://example.com/v1' }, /^The Base URL .* unencrypted/],
	];

	test.each(bad)('%s: with On Error = Stop, nothing is bought for any item', async (_, wrong, message) => {
		const items = [...good(), { channel: 'c', ...mine(), ...wrong }];
		const { error } = await shop.order(items, { credentials: byItem });
		expect(error!.message).toMatch(message);
		expect(error!.context).toMatchObject({ itemIndex: 2 });
		expect(accounts()).toEqual([{}, {}]);
	});

	test.each(bad)('%s: with Continue, the others are bought', async (_, wrong, message) => {
		const items = [{ channel: 'c', ...mine(), ...wrong }, ...good()];
		const { success, failed } = await shop.order(items, { credentials: byItem, onError: 'continueErrorOutput' });
		expect(success.map(channelOf)).toEqual(['a', 'b']);
		expect(failed).toMatchObject([
			{ json: { error: expect.stringMatching(message) as string, details: { outcome: 'notSent' } }, pairedItem: { item: 0 } },
		]);
		expect(accounts()).toEqual([{ a: 1 }, { b: 1 }]);
	});
});

describe('a token that StreamSkill refuses', () => {
	const refused = () => ({ tok: 'expired', url: other.url });
	const list = () => [
		{ channel: 'a', ...refused() },
		{ channel: 'b', ...mine() },
		{ channel: 'c', ...refused() },
		{ channel: 'd', ...mine() },
	];
	const asked = () => Object.keys(sent(other)).length;

	test.each(['continueRegularOutput', 'continueErrorOutput'] as const)('holds back its own orders only: %s', async (onError) => {
		const { success, failed } = await shop.order(list(), { credentials: byItem, onError });
		const items = [...success, ...failed];
		expect(new Map(told(items) as Array<[number, string]>)).toEqual(
			new Map([
				[0, 'rejected'],
				[1, 'b'],
				[2, 'notSent'],
				[3, 'd'],
			]),
		);
		expect(accounts()).toEqual([{ b: 1, d: 1 }, {}]);
		expect(asked()).toBe(1);
	});

	test('also of orders that are claimed already', async () => {
		const items = Array.from({ length: 20 }, (_, i) => ({ channel: String(i), ...(i % 2 === 0 ? refused() : mine()) }));
		const options = { batching: { batch: { batchSize: 4, batchInterval: 0 } } };
		const { success } = await shop.order(items, { credentials: byItem, options, onError: 'continueErrorOutput' });
		expect(success).toHaveLength(10);
		expect(asked()).toBeLessThanOrEqual(4);
	});

	test('does not say of the others that they were held back', async () => {
		const { failed } = await shop.order(list(), { credentials: byItem, onError: 'continueErrorOutput' });
		expect(failed[0].json.message).toMatch(/No further order was sent with it\./);
	});

	test('with On Error = Stop, ends the run', async () => {
		const { error } = await shop.order(list(), { credentials: byItem });
		expect(error!.message).toMatch(/does not accept the Access Token \(401\)/);
		expect(accounts()).toEqual([{}, {}]);
	});

	test('gives the keys of what it held back to another try', async () => {
		const options = { idempotencyKey: '={{ $json.channel }}' };
		await shop.order(list(), { credentials: byItem, options, onError: 'continueErrorOutput' });
		const mended = list().map((item) => (item.tok === 'expired' ? { ...item, tok: other.token } : item));
		await shop.order(mended, { credentials: byItem, options, onError: 'continueErrorOutput' });
		expect(accounts()).toEqual([
			{ b: 1, d: 1 },
			{ a: 1, c: 1 },
		]);
	});

	test('that all orders have ends the run without waiting for batches that send nothing', async () => {
		const options = { batching: { batch: { batchSize: 1, batchInterval: 3_600_000 } } };
		const credentials = { accessToken: 'expired', baseUrl: other.url };
		const { failed } = await shop.order(['a', 'b', 'c'], { credentials, options, onError: 'continueErrorOutput' });
		expect(outcomes({ success: [], failed })).toEqual(['rejected', 'notSent', 'notSent']);
		expect(asked()).toBe(1);
	});
});

describe('an expression of the credential', () => {
	const MEND = 'Choose or correct the StreamSkill API credential.';
	const EXPRESSION = 'or correct the expression that fills it';
	const CHECK = 'Check the Access Token in the StreamSkill API credential.';

	/** For one of the items it is not what it is for the others. */
	const ofB = (expression: string, others: string) => `={{ $json.channel === "b" ? ${expression} : ${JSON.stringify(others)} }}`;
	const token = (expression: string, ...advice: string[]): Cause => ({
		advice,
		wrong: () => ({ credentials: { accessToken: ofB(expression, TOKEN), baseUrl: shop.sandbox.url } }),
	});
	const baseUrl = (expression: () => string, ...advice: string[]): Cause => ({
		advice,
		wrong: () => ({ credentials: { accessToken: TOKEN, baseUrl: ofB(expression(), shop.sandbox.url) } }),
	});

	followEach(
		{
			'gives no token for one item': token('$json.tok', 'The Access Token of the StreamSkill API credential is empty', EXPRESSION, MEND),
			'gives a token with a space for one item': token('"a b"', 'contains a space', EXPRESSION, MEND),
			'names an object that one item does not have': token('$json.user.tok', EXPRESSION, MEND),
			'throws for one item': token('$("Nowhere").first().json.tok', MEND),
			'gives the token of another account for one item': token('"other-token"', 'does not accept the Access Token (401)', CHECK),
			'gives no address for one item': baseUrl(() => '$json.url', 'The Base URL of the StreamSkill API credential is empty', MEND),
			'gives the address of another account for one item': baseUrl(
				() => JSON.stringify(other.url),
				'does not accept the Access Token (401)',
				CHECK,
			),
		},
		shop,
		shop.sold,
	);
});

test('a fixed credential is read once', async () => {
	await shop.order(Array.from({ length: 50 }, (_, i) => String(i)));
	expect(Object.keys(shop.sold())).toHaveLength(50);
	expect(credentialReads.count).toBe(1);
});
