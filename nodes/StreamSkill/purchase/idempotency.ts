import type { IExecuteFunctions } from 'n8n-workflow';

import { openLock, type Lock } from './lock';

/**
 * How many keys n8n keeps per node at least. n8n reads and writes the whole list with each call, so a longer
 * history makes each order slower: see the README for what was measured.
 */
export const KEY_HISTORY = 10_000;

/** A key whose order is on its way, or uncertain, takes two entries. */
const ENTRIES = { mode: 'entries', maxEntries: 2 * KEY_HISTORY } as const;

/**
 * What n8n's database knows of a key.
 *
 * - `new`: never seen, and claimed now.
 * - `bought`: an order with this key was bought.
 * - `unknown`: an order with this key was sent, and its answer never came (crash, Stop, lost answer).
 */
export type KeyState = 'new' | 'bought' | 'unknown';

/** A key of the user's for an order, or of the ledger's for an item of an execution that is retried. */
export type IdempotencyKey = `key ${string}` | `retry ${string}`;

export type IdempotencyKeys = ReturnType<typeof openIdempotencyKeys>;

/**
 * Keeps Idempotency Keys in n8n's own database, where n8n's Remove Duplicates node keeps its values,
 * so they outlive executions and crashes and are shared by all workers. They belong to the node
 * in its workflow.
 *
 * A key is two entries while its order is on its way, itself and its `open`; `open` goes once it is
 * bought, both go once it is certainly not. n8n can't look without recording, so `open` is the one
 * that goes: whatever a crash in between leaves behind reads as `unknown`, never as `bought`.
 *
 * @throws Error when the workflow has no ID yet: n8n keeps the keys under it
 */
export function openIdempotencyKeys(context: IExecuteFunctions) {
	const workflowId = context.getWorkflow().id;
	if (!workflowId) {
		throw new Error('Save the workflow before you use an Idempotency Key: n8n keeps the keys with the saved workflow');
	}
	const { checkProcessedAndRecord, removeProcessed } = context.helpers;
	const lock = openLock(context, ENTRIES);
	const exclusively: Lock = async (work) =>
		await oneAtATime(`${workflowId}:${context.getNode().id}`, async () => await lock(work));

	return {
		/** Claims the keys of a batch, which must differ from each other. */
		async claim(keys: IdempotencyKey[]): Promise<Map<IdempotencyKey, KeyState>> {
			if (keys.length === 0) return new Map();
			return await exclusively(async () => {
				const { processed } = await checkProcessedAndRecord(keys.flatMap((key) => [key, open(key)]), 'node', ENTRIES);
				const seen = new Set(processed);
				const states = new Map(
					keys.map((key): [IdempotencyKey, KeyState] => [
						key,
						seen.has(open(key)) ? 'unknown' : seen.has(key) ? 'bought' : 'new',
					]),
				);
				const bought = keys.filter((key) => states.get(key) === 'bought');
				if (bought.length > 0) await removeProcessed(bought.map(open), 'node', ENTRIES);
				return states;
			});
		},

		/** Marks keys as bought, and gives back those whose order is certainly not. */
		async settle(bought: IdempotencyKey[], notBought: IdempotencyKey[]): Promise<void> {
			if (bought.length + notBought.length === 0) return;
			await exclusively(async () => {
				await removeProcessed([...notBought, ...[...bought, ...notBought].map(open)], 'node', ENTRIES);
			});
		},
	};
}

const open = (key: IdempotencyKey) => `open ${key}`;

const queues = new Map<string, Promise<unknown>>();

/**
 * n8n reads the list of keys, then writes it back, without a lock: two executions at the same time
 * could both claim a key, or wipe out each other's. Within one n8n process this queue prevents both,
 * between the workers of queue mode the lock does.
 */
async function oneAtATime<T>(name: string, work: () => Promise<T>): Promise<T> {
	const turn = (queues.get(name) ?? Promise.resolve()).then(work, work);
	queues.set(name, turn);
	try {
		return await turn;
	} finally {
		if (queues.get(name) === turn) queues.delete(name);
	}
}
