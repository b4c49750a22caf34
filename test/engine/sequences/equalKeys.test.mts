/** Equal orders with different keys: which of them was bought is told by the key, whatever became of the list. */
import type { DeduplicationItemTypes } from 'n8n-workflow';

import { faults } from '../../../tools/sandbox/sandbox.mts';
import { LOOK_UP_TIME, setForward } from '../clock.mts';
import { createExecution, deduplicator } from '../engine.mts';
import { has } from '../late.mts';
import { openShop, outcomes, processOf, referencesOf, until, type Orders } from '../shop.mts';
import { loop } from '../wirings.mts';

const shop = openShop();
const { order, sold } = shop;

const rows = [
	{ channel: 'a', id: 1 },
	{ channel: 'a', id: 2 },
];
const setup: Orders = {
	onError: 'continueErrorOutput',
	options: { timeout: 1000, idempotencyKey: '={{ $json.id }}', batching: { batch: { batchSize: 2, batchInterval: 0 } } },
};

test.each([
	['looked how orders ended', ([row, entries]) => deduplicator.lists.set(row, [...entries, 'reading'])],
	[
		'looked which orders there are, in a generation of its own',
		([row, entries]) => {
			deduplicator.lists.set(`${row}:10000`, ['left']);
			deduplicator.lists.set(
				`${row}:10001`,
				entries.filter((entry) => /^(order|item)/.test(String(entry))),
			);
		},
	],
] satisfies Array<[string, (list: [string, DeduplicationItemTypes[]]) => void]>)(
	'one was bought before n8n died, and the next retry died while it %s',
	async (_, leave) => {
		const created = createExecution(rows);
		shop.sandbox.fault({ match: { channel: 'a' }, times: 1, fault: faults.hang(false) });
		let isTold = false;
		deduplicator.pause = async (_before, entries) => {
			if (has(entries, 'bought order') || has(entries, 'silent order')) await new Promise(() => {});
			isTold ||= has(entries, 'bought for certain');
		};
		void order([], { ...setup, retryOf: created, mode: 'trigger', streamSkill: processOf('doomed') });
		await until(() => isTold);
		deduplicator.pause = undefined;
		leave([...deduplicator.lists].find(([row]) => row.includes(':orders:'))!);

		const retry = await order([], { ...setup, retryOf: created });
		expect(outcomes(retry)).toEqual(['unknown']);
		const confirmedNotBought = referencesOf(retry).join(' ');
		expect(outcomes(await order([], { ...setup, retryOf: created, options: { ...setup.options, confirmedNotBought } }))).toEqual([]);
		expect(sold()).toEqual({ a: 2 });
	},
);

describe.each(['list', 'loop'])('rows that were bought are gone when n8n dies and the %s is read anew', (shape) => {
	const read = (ids: number[], options: Orders['options'] = {}): Orders => ({
		...(shape === 'loop' && { wiring: loop({ errorsToo: true }) }),
		onError: 'continueErrorOutput',
		before: () => ids.map((id) => ({ id, channel: 'a' })),
		options: { idempotencyKey: '=order {{ $json.id }}', batching: { batch: { batchSize: 1, batchInterval: 5 } }, ...options },
	});
	const ended = shape === 'loop' ? ['Start', 'Loop', 'StreamSkill'] : ['Start'];

	test('an order that is confirmed as not bought is sent', async () => {
		const killed = await shop.kill([{}], { at: 'send', channel: 'a', nth: 2, ended }, read([0, 1]));
		const held = await order([], { ...read([1]), retryOf: killed });
		expect(referencesOf(held)).toHaveLength(1);
		setForward(LOOK_UP_TIME);
		await order([], { ...read([1], { confirmedNotBought: referencesOf(held)[0] }), retryOf: killed });
		expect(sold()).toEqual({ a: 2 });
	});
});

test('a loop that is read anew in another sequence: an order that is confirmed as not bought is sent', async () => {
	const read = (ids: number[], options: Orders['options'] = {}): Orders => ({
		wiring: loop({ errorsToo: true }),
		onError: 'continueErrorOutput',
		before: () => ids.map((id) => ({ id, channel: 'a' })),
		options: { idempotencyKey: '=order {{ $json.id }}', ...options },
	});
	const killed = await shop.kill([{}], { at: 'send', channel: 'a', nth: 3, ended: ['Start', 'Loop', 'StreamSkill'] }, read([0, 1, 2]));
	const held = await order([], { ...read([2, 1, 0]), retryOf: killed });
	setForward(LOOK_UP_TIME);
	await order([], { ...read([2, 1, 0], { confirmedNotBought: referencesOf(held).join(' ') }), retryOf: killed });
	expect(sold()).toEqual({ a: 3 });
});
