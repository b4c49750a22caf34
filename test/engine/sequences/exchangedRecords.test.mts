/** A retry takes two records for those of one order, and they are of two. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { IDataObject, INode } from 'n8n-workflow';

import { faults } from '../../../tools/sandbox/sandbox.mts';
import { deduplicator } from '../engine.mts';
import { openShop, outcomes, processOf, until, type Orders } from '../shop.mts';

const shop = openShop();
const { order, failBefore, sent, sold } = shop;
afterEach(() => jest.restoreAllMocks());

const rows = [
	{ channel: 'a', row: 0 },
	{ channel: 'a', row: 1 },
];
const reversed = [...rows].reverse();

test.each([
	['refused', faults.rejected(422), 'rejected', []],
	['lost', faults.serverErrorBefore(500), 'unknown', ['unknown']],
])(
	'two equal orders are on their way, and another retry reads them in another sequence: that one of them is %s is not forgotten',
	async (_name, fault, outcome, later) => {
		const original = await failBefore();
		shop.slow('a', 1500);
		shop.sandbox.fault({ match: { channel: 'a' }, times: 1, fault });
		const setup = (list: IDataObject[]): Orders => ({
			before: () => list,
			retryOf: original,
			options: { timeout: 5000, batching: { batch: { batchSize: 2, batchInterval: 0 } } },
		});
		const first = order([], { ...setup(rows), onError: 'continueErrorOutput' });
		await until(() => sent().a === 2);
		const second = await order([], setup(reversed));
		expect(outcomes(second)).toEqual(['unknown', 'unknown']);
		expect(outcomes(await first)).toEqual([outcome]);
		expect(outcomes(await order([], { ...setup(reversed), retryOf: second.data }))).toEqual(later);
		expect(sold()).toEqual({ a: 2 - later.length });
	},
);

/** Holds runs up before they work on a row, as long as `isHeld` says by how often each has given a lock free. */
function holdUp(isHeld: (run: string, row: string, released: Record<string, number>) => boolean) {
	const runs = new AsyncLocalStorage<string>();
	const released: Record<string, number> = {};
	const database = deduplicator as unknown as { onRow(context: { node: INode }, work: unknown): Promise<unknown> };
	const onRow = database.onRow.bind(deduplicator);
	jest.spyOn(database, 'onRow').mockImplementation(async (context, work) => {
		const { id } = context.node;
		const run = runs.getStore();
		if (run !== undefined) await until(() => !isHeld(run, id, released));
		return await onRow({ ...context, node: { ...context.node, id } }, work);
	});
	const clear = deduplicator.clearAllProcessedItems.bind(deduplicator);
	jest.spyOn(deduplicator, 'clearAllProcessedItems').mockImplementation(async (scope, context) => {
		const run = runs.getStore();
		await clear(scope, context);
		if (run !== undefined) released[run] = (released[run] ?? 0) + 1;
	});
	return async <T,>(run: string, work: () => Promise<T>) => await runs.run(run, work);
}

test('three retries at once, one with a mended tarif: a record that was claimed in vain frees no order', async () => {
	const original = await failBefore();
	shop.sandbox.fault({ match: { channel: 'a', tarifId: 2 }, fault: faults.latency(2000) });
	const setup = (tarifId: number, process: Parameters<typeof processOf>[0]): Orders => ({
		onError: 'continueErrorOutput',
		before: () => rows.slice(0, 1),
		parameters: { tarifId },
		options: { timeout: 10_000 },
		retryOf: original,
		streamSkill: processOf(process),
	});
	// All look before one claims: the mended one does first, then `vain` claims what it orders, and `other` sees both.
	const as = holdUp((run, row, { vain = 0, other = 0 }) => {
		if (!row.endsWith(':lock')) return false;
		return run === 'vain' ? sent().a === undefined || (vain === 2 && other < 4) : run === 'other' && vain === 0;
	});
	const held = [as('vain', async () => await order([], setup(1, 'main'))), as('other', async () => await order([], setup(1, 'worker')))];
	await sleep(300);
	await order([], setup(2, 'doomed mended'));
	await Promise.all(held);
	expect(sold()).toEqual({ a: 1 });
});
