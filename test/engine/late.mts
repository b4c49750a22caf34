/** What tests of late calls of n8n's database have in common. */
import { AsyncLocalStorage } from 'node:async_hooks';

import type { DeduplicationItemTypes } from 'n8n-workflow';

import { deduplicator } from './engine.mts';
import type { Orders } from './shop.mts';

/** Which of the executions makes a call of the database. */
export const who = new AsyncLocalStorage<string>();

export const oneByOne: Orders = {
	onError: 'continueErrorOutput',
	options: { timeout: 10_000, batching: { batch: { batchSize: 1, batchInterval: 0 } } },
};

export const has = (entries: readonly DeduplicationItemTypes[], start: string) => entries.some((entry) => String(entry).startsWith(start));

/** Whether a call claims orders in a list. */
export const isClaim = (entries: readonly DeduplicationItemTypes[]) => has(entries, 'order') && has(entries, 'written');

/** Holds up the call in which the late execution gives its lock free, once it has claimed something. */
export function holdLock(hasClaimed: () => boolean) {
	const free = gate();
	const clear = deduplicator.clearAllProcessedItems.bind(deduplicator);
	jest.spyOn(deduplicator, 'clearAllProcessedItems').mockImplementation(async (scope, data) => {
		// n8n reads it before it waits.
		const { id } = data.node!;
		if (who.getStore() === 'late' && hasClaimed() && !free.isHeld) await free.hold();
		await clear(scope, { ...data, node: { ...data.node!, id } });
	});
	return free;
}

/** Holds a call up until it is told to go on. */
export function gate() {
	let open = () => {};
	const opened = new Promise<void>((resolve) => (open = resolve));
	const held = { isHeld: false, goOn: () => open(), hold: async () => ((held.isHeld = true), await opened) };
	return held;
}
