import { sleep, type IExecuteFunctions, type INode } from 'n8n-workflow';

import { lockRow } from '../purchase/journal/stored';

/** What may be done with a row while nobody else changes it. */
export interface OpenRow {
	/** Adds entries, and gives those that were there already. */
	add(entries: string[]): Promise<Set<string>>;
	remove(entries: string[]): Promise<void>;
}

/**
 * How many milliseconds the lock is waited for at least while the same owner has it, before that is taken for dead:
 * it is held for about ten milliseconds. Each of those who wait has a patience of its own, so that they do not all
 * break it at once.
 */
const PATIENCE = 10_000;

/** How long an owner may hold the lock: well before the first of the others breaks it. */
const LEASE = PATIENCE / 2;

/** How many times in a row n8n's database may refuse before it is taken for broken. */
const MAX_FAILURES = 10;

/**
 * A list of entries in n8n's own database, where its Remove Duplicates node keeps its values: it outlives executions
 * and crashes and is shared by all workers. n8n keeps one for each node of a workflow, by the node's ID, so a list
 * with an ID of its own is one for a node that does not exist (n8n: deduplication-helper.js).
 *
 * n8n reads a list, then writes it back, without a lock: two executions at the same time could wipe out each other's
 * entries. Within one n8n process a queue prevents that; between the workers of queue mode a lock does, which is
 * a list as well: n8n makes it with an INSERT and clears it with a DELETE, and of two INSERTs one fails.
 */
export class Row {
	private readonly node: INode;

	private readonly helpers;

	private readonly options;

	private readonly lockId: string;

	/**
	 * @param isShared whether another n8n process may change it at the same time
	 * @param maxEntries how many entries are kept: more push out the oldest ones
	 */
	constructor(
		private readonly context: IExecuteFunctions,
		private readonly rowId: string,
		private readonly isShared: boolean,
		maxEntries?: number,
	) {
		this.node = nodeOf(context);
		this.helpers = context.helpers;
		this.options = { mode: 'entries', maxEntries } as const;
		this.lockId = lockRow(rowId);
	}

	/** @returns whether nothing was ever added */
	async isEmpty(): Promise<boolean> {
		return (await this.countOf(this.rowId)) === 0;
	}

	/**
	 * Changes the row while nobody else does.
	 *
	 * @throws Error when n8n's database refuses, or the lock is lost to another worker
	 */
	async change<T>(work: (row: OpenRow) => Promise<T>): Promise<T> {
		return await oneAtATime(`${this.context.getWorkflow().id} ${this.rowId}`, async () => {
			const until = this.isShared ? await this.lock() : Infinity;
			// Who stalled for so long that others have taken over the lock must not write.
			const checked = () => {
				if (Date.now() > until) throw new Error('n8n was too busy to keep the lock on its list of orders');
			};
			try {
				return await work({
					add: async (entries) => {
						checked();
						return await this.add(this.rowId, entries);
					},
					remove: async (entries) => {
						if (entries.length === 0) return;
						checked();
						await this.on(this.rowId, () => this.helpers.removeProcessed(entries, 'node', this.options));
					},
				});
			} finally {
				if (this.isShared && Date.now() <= until) await this.clear(this.lockId);
			}
		});
	}

	private async add(rowId: string, entries: string[]): Promise<Set<string>> {
		if (entries.length === 0) return new Set();
		// Given twice, n8n keeps an entry twice, and removes it once (n8n: deduplication-helper.js).
		const each = [...new Set(entries)];
		const { processed } = await this.on(rowId, () => this.helpers.checkProcessedAndRecord(each, 'node', this.options));
		return new Set(processed as string[]);
	}

	private async clear(rowId: string) {
		await this.on(rowId, () => this.helpers.clearAllProcessedItems('node', this.options));
	}

	private async countOf(rowId: string): Promise<number> {
		return await this.on(rowId, () => this.helpers.getProcessedDataCount('node', this.options));
	}

	/**
	 * Lets n8n's helpers work on another node's row: they read the ID before they first wait, and nothing else runs
	 * until then (n8n: deduplication-helper.js, createContext).
	 */
	private async on<T>(rowId: string, call: () => Promise<T>): Promise<T> {
		const { node } = this;
		const { id } = node;
		const property = { configurable: true, enumerable: true };
		let isRead = false;
		const get = () => {
			isRead = true;
			return rowId;
		};
		Object.defineProperty(node, 'id', { ...property, get });
		let answer: Promise<T>;
		try {
			answer = call();
		} finally {
			Object.defineProperty(node, 'id', { ...property, writable: true, value: id });
		}
		const result = await answer;
		// Otherwise it has worked on the node's own row, and nothing good comes of that.
		if (!isRead) throw new UnknownN8n();
		return result;
	}

	/** @returns until when the row may be written, as a time of `Date.now()` */
	private async lock(): Promise<number> {
		const start = Date.now();
		let patience = PATIENCE * (1 + Math.random());
		let owner = 0;
		let ownedSince = start;
		let failures = 0;
		for (;;) {
			try {
				const until = Date.now() + LEASE;
				const current = await this.countOf(this.lockId);
				if (current === 0 && (await this.add(this.lockId, ownerEntries())).size === 0) return until;
				failures = 0;
				if (current !== owner) {
					owner = current;
					ownedSince = Date.now();
				} else if (current > 0 && Date.now() - ownedSince > patience) {
					await this.clear(this.lockId);
					patience = PATIENCE * (1 + Math.random());
				}
			} catch (error) {
				// Another process may have been faster to insert the row, but not so many in a row.
				if (error instanceof UnknownN8n || ++failures > MAX_FAILURES) return await Promise.reject(error);
			}
			if (Date.now() - start > 4 * PATIENCE) throw new Error('other executions have kept its list of orders locked for too long');
			await sleep(5 + Math.random() * 10);
		}
	}
}

/** As many entries as by chance: their number tells one owner of the lock from the next. */
const ownerEntries = () => Array.from({ length: 1 + Math.floor(Math.random() * 64) }, (_, i) => `locked ${i}`);

class UnknownN8n extends Error {
	constructor() {
		super('this version of n8n keeps such lists in a way that this node does not know: look for a newer version of the node');
	}
}

/**
 * The node as n8n's helpers see it. In an AI agent's older tools, what `getExecuteData` has is the agent
 * (n8n-core: supply-data-context.js).
 */
function nodeOf(context: IExecuteFunctions): INode {
	const { node } = context as unknown as { node?: INode };
	return node ?? context.getExecuteData().node;
}

const queues = new Map<string, Promise<unknown>>();

async function oneAtATime<T>(name: string, work: () => Promise<T>): Promise<T> {
	const turn = (queues.get(name) ?? Promise.resolve()).then(work, work);
	queues.set(name, turn);
	try {
		return await turn;
	} finally {
		if (queues.get(name) === turn) queues.delete(name);
	}
}
