/**
 * All that a run leaves in people's n8n, written out: in the execution's data, and in n8n's database. A test that
 * fails here tells that what is stored by now would not be understood. Change the code back, not this file.
 */
import { faults } from '../../tools/sandbox/sandbox.mts';
import { withAgent3 } from './agents.mts';
import { createExecution, deduplicator } from './engine.mts';
import { openShop, type Orders } from './shop.mts';

const shop = openShop();

/** n8n 1.x has no token for resuming an execution: what is stored goes by the ID of the execution there. */
const hasToken = createExecution().resumeToken !== undefined;

const NOW = Date.UTC(2026, 10, 25, 12);

/** Orders three times, always in the same execution: one is bought, one has no answer, and one is refused. */
async function leave({ token, ...more }: Orders & { token?: string } = {}) {
	shop.sandbox.fault({ match: { channel: 'b' }, fault: faults.serverErrorBefore(500) });
	shop.sandbox.fault({ match: { channel: 'c' }, fault: faults.rejected(422) });
	const created = createExecution(['a', 'b', 'c'].map((channel) => ({ channel, toolCallId: `call ${channel}` })));
	if (token === undefined) delete (created as { resumeToken?: string }).resumeToken;
	else created.resumeToken = token;
	jest.spyOn(Date, 'now').mockReturnValue(NOW);
	const { data } = await shop.order([], { retryOf: created, mode: 'trigger', executionId: '7', onError: 'continueErrorOutput', ...more });
	jest.restoreAllMocks();
	return {
		execution: JSON.parse(JSON.stringify(data.executionData!.contextData.flow)) as object,
		customData: data.resultData.metadata,
		// What goes out together is written together, so the sequence is that of the answers.
		database: Object.fromEntries([...deduplicator.lists].map(([row, entries]) => [row, [...entries].sort()])),
	};
}

/** What stands for the three orders, their items and their keys, and for the execution: with a token, and without. */
const ORDERS = ['MXhwZcq8CCxiRn4m4gjLHq', '3bbqWKi8iOPmIQY3kugjEU', 'nWX7HQE08iDxnrk32UKW8X'];
const ITEMS = ['lAoLCRi4TvALoWbxSE6tPj', 'Xl83r81V57Z8kuE8pGPQ4B', 'iG1zC2U6UNh2ae6WO0fX6l'];
const KEYS = ['TELVbePCRBpRA4N4_0rOSG', '21AEZWOXAE_iR8UPgYB14j', 'oNkHpVc6AgAGmwI-qySINd'];
const [BY_TOKEN, BY_ID] = ['PEaenWxYddN6Q_NT1PiOYf', 'Qdhlabzts28LrqeaQtylYV'];
const LIST = `streamskill-1:orders:${hasToken ? BY_TOKEN : BY_ID}`;
const BY_HAND = 'streamskill-1:editor:workflow-1:2026-11-25';

const record = (scope: string, name: string) => ({ scope, name, number: 1, part: 1 });

/** The orders that are kept: the first has its purchase, the second has no answer, and the third is over. */
const kept = (calls: string[], recordsOf: (place: number) => object[], keys?: string[]) => {
	const states = [
		{ kind: 'bought', purchase: shop.sandbox.purchases[0].purchase },
		{ kind: 'unknown', reason: { kind: 'status', httpCode: 500 }, isSilent: true },
	];
	return states.map((state, place) => ({
		order: ORDERS[place],
		item: ITEMS[place],
		...(keys && { key: keys[place] }),
		call: calls[place],
		records: recordsOf(place),
		state,
	}));
};

const inList = (list: string) => (place: number) => [record(list, `order ${ORDERS[place]}`), record(list, `item ${ITEMS[place]}`)];

const numbered = (...names: string[]) => Object.fromEntries(names.map((name) => [name, 1]));
const orders = ORDERS.map((order) => `order ${order}`);
const names = ORDERS.flatMap((order, place) => [`order ${order}`, `item ${ITEMS[place]}`]);

/** What a list has of names that were claimed, and have ended. */
const entries = (all: string[], perOrder: number) =>
	[
		...all.map((name) => `${name} 1`),
		...all.map((name, i) => `${['bought', 'silent', 'void'][Math.floor(i / perOrder)]} ${name} 1`),
		...(all === names ? [`bought ${orders[0]} for item ${ITEMS[0]} 1`] : []),
		'written 29926800',
	].sort();

/** What an execution remembers of a list that it shares with others from the start, or has for itself. */
const shared = (length: number) => ({ part: 1, earlier: [], length, isShared: true });
const alone = (length: number) => ({
	part: 1,
	earlier: [],
	length,
	isShared: false,
	aloneAt: { wall: NOW, monotonic: expect.any(Number) as number },
});

const execution = (list: string, stored: object, length = 14) => ({
	streamSkillOrders: {
		'streamskill-1': {
			names: ['StreamSkill'],
			copies: [],
			used: { [list]: numbered(...names) },
			lists: { [list]: list.endsWith(BY_ID) ? shared(length) : alone(length) },
			complete: {},
			quiet: { executionId: '7', scopes: {} },
			usedReferences: [],
			...(list.endsWith(BY_ID) && { root: BY_ID }),
			...stored,
		},
	},
});

test.each([
	['with a token', 'token', LIST],
	['without', undefined, `streamskill-1:orders:${BY_ID}`],
])('of three orders of an execution %s', async (_, token, list) => {
	expect(await leave({ token })).toEqual({
		execution: execution(list, { orders: kept(['0 StreamSkill', '0 StreamSkill'], inList(list)) }),
		customData: { streamSkillPurchases: '1' },
		database: { [`workflow-1 ${list}`]: entries(names, 2) },
	});
});

test('of three orders with Idempotency Keys', async () => {
	const recordsOf = (place: number) => [record('key workflow-1', KEYS[place]), ...inList(LIST)(place)];
	expect(await leave({ token: 'token', options: { idempotencyKey: '={{ $json.channel }}' } })).toEqual({
		execution: execution(LIST, { orders: kept(['0 StreamSkill', '0 StreamSkill'], recordsOf, KEYS) }, 17),
		customData: { streamSkillPurchases: '1' },
		database: {
			[`workflow-1 ${LIST}`]: [...entries(names, 2), ...KEYS.map((key, place) => `key ${key} 1 for ${orders[place]} 1`)].sort(),
			[`workflow-1 streamskill:key:${KEYS[0]}:1`]: [ORDERS[0], 'claimed'],
			[`workflow-1 streamskill:key:${KEYS[0]}:1:end`]: ['bought', 'bought for certain', 'end'],
			[`workflow-1 streamskill:key:${KEYS[1]}:1`]: [ORDERS[1], 'claimed'],
			[`workflow-1 streamskill:key:${KEYS[1]}:1:silent`]: ['silent'],
			[`workflow-1 streamskill:key:${KEYS[2]}:1`]: ['claimed', ORDERS[2]],
			[`workflow-1 streamskill:key:${KEYS[2]}:1:end`]: ['end', 'void'],
		},
	});
});

test('of three orders by hand', async () => {
	expect(await leave({ token: 'token', mode: 'manual' })).toEqual({
		execution: execution(LIST, {
			used: { [LIST]: numbered(...names), [BY_HAND]: numbered(...orders) },
			lists: {
				[LIST]: { ...(hasToken ? alone(14) : shared(14)), saysByHand: true },
				[BY_HAND]: shared(7),
				'streamskill-1:editor:workflow-1:2026-11-24': shared(0),
				'streamskill-1:editor:workflow-1:2026-11-26': shared(0),
			},
			orders: kept(['0 StreamSkill', '0 StreamSkill'], (place) => [...inList(LIST)(place), record(BY_HAND, orders[place])]),
		}),
		customData: { streamSkillPurchases: '1' },
		database: {
			[`workflow-1 ${LIST}`]: entries(names, 2),
			[`workflow-1 ${LIST}:by hand`]: ['by hand'],
			[`workflow-1 ${BY_HAND}`]: entries(orders, 1),
		},
	});
});

test('of orders that a model made', async () => {
	// The agent and its round, its item, and the call.
	const calls = ['EbOck3d-jx85g726fHKyL- 0/0:0p6GVLkGdCJK_wGBDIe6gI', 'EbOck3d-jx85g726fHKyL- 0/0:633TYtnaPoN_vVasBIHfEV'];
	const order = (channel: string) => [{ input: { channel }, id: `call ${channel}` }];
	const wiring = withAgent3((item, steps) => (item === 0 && steps.length < 3 ? order('abc'[steps.length]) : 'done'));
	expect(await leave({ token: 'token', onError: undefined, node: { tool: true }, wiring })).toEqual({
		execution: execution(LIST, { orders: kept(calls, inList(LIST)) }),
		customData: { streamSkillPurchases: '1' },
		database: { [`workflow-1 ${LIST}`]: entries(names, 2) },
	});
});
