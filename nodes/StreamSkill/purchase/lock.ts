import { sleep, type ICheckProcessedOptions, type IExecuteFunctions } from 'n8n-workflow';

/** Runs work that nobody else with the same lock runs at the same time. */
export type Lock = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * How many milliseconds the lock is waited for at least before its owner is taken for dead: it is held
 * for some ten. Each who waits has a patience of their own, so that only one of them breaks it.
 */
const PATIENCE = 10_000;

/** How many times in a row n8n's database may refuse before it is taken for broken. */
const MAX_FAILURES = 10;

/**
 * A lock between n8n processes on what n8n keeps for the node (workers in queue mode).
 *
 * n8n's database has one row per node, made by an INSERT with the first entry and gone with a DELETE
 * (n8n 1.123.81 and 2.41.1). So the lock is the row of a node with another ID, which n8n's helpers are
 * made to see: they read the ID before they first wait, and nothing else runs until then.
 *
 * @param options as for the node's own row: where the ID is not read, that is the one that gets the entry
 * @returns a lock that locks nothing where the helpers do not go by that ID
 */
export function openLock(context: IExecuteFunctions, options: ICheckProcessedOptions): Lock {
	const { checkProcessedAndRecord, clearAllProcessedItems } = context.helpers;
	const { node } = context.getExecuteData();
	const { id } = node;
	const lockId = `${id}:lock`;
	let isRead = false;

	const onLockRow = <T>(call: () => T): T => {
		const property = { configurable: true, enumerable: true };
		isRead = false;
		const get = () => {
			isRead = true;
			return lockId;
		};
		Object.defineProperty(node, 'id', { ...property, get });
		try {
			return call();
		} finally {
			Object.defineProperty(node, 'id', { ...property, writable: true, value: id });
		}
	};
	// In an AI agent's older tools, `node` is the agent.
	if (Object.isFrozen(node) || onLockRow(() => context.getNode().id) !== lockId) return async (work) => await work();

	const tryToAcquire = async () => {
		const { processed } = await onLockRow(() => checkProcessedAndRecord(['locked'], 'node', options));
		// What was not acquired there must not be released: that would clear the node's own row.
		if (!isRead) throw new Error('this version of n8n keeps them in a way that this node does not know: look for a newer version of the node');
		return processed.length === 0;
	};
	const release = async () => await onLockRow(() => clearAllProcessedItems('node', options));

	async function acquire() {
		const patience = PATIENCE * (1 + Math.random());
		const start = Date.now();
		let failures = 0;
		let isBroken = false;
		// An error may come from another process that was faster to insert the row, but not so many.
		const mayFail = async (error: Error) =>
			isRead && ++failures <= MAX_FAILURES ? false : await Promise.reject<boolean>(error);

		while (!(await tryToAcquire().catch(mayFail))) {
			const waited = Date.now() - start;
			if (waited > 2 * patience) throw new Error('other executions do not give them free');
			if (waited > patience && !isBroken) {
				await release();
				isBroken = true;
			} else {
				await sleep(5 + Math.random() * 10);
			}
		}
	}

	return async (work) => {
		await acquire();
		try {
			return await work();
		} finally {
			await release();
		}
	};
}
