/** What tests of late calls of n8n's database have in common. */
import { AsyncLocalStorage } from 'node:async_hooks';

import type { DeduplicationItemTypes } from 'n8n-workflow';

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

/** Holds a call up until it is told to go on. */
export function gate() {
	let open = () => {};
	const opened = new Promise<void>((resolve) => (open = resolve));
	const held = { isHeld: false, goOn: () => open(), hold: async () => ((held.isHeld = true), await opened) };
	return held;
}
