import type { IExecuteFunctions, INode } from 'n8n-workflow';

/** n8n's database refused. Nothing is sent without a record, so nobody may take this for "not on record". */
export class DatabaseRefusal extends Error {
	constructor(cause: unknown) {
		super(cause instanceof Error ? cause.message : String(cause), { cause });
	}
}

/** n8n keeps its rows in another way than this node knows: what it would read says nothing. */
export class UnknownN8n extends DatabaseRefusal {
	constructor() {
		super('This version of n8n keeps its deduplication data in a way that this node does not know');
	}
}

/**
 * @returns the refusal that was caught
 * @throws anything else that was caught: it is a fault of this node, and passes with its stack
 */
export function refusalIn(error: unknown): DatabaseRefusal {
	if (error instanceof DatabaseRefusal) return error;
	throw error;
}

/** A lock that is held on rows: see `lock.ts`. */
export interface Lease {
	/**
	 * To be called before each write.
	 *
	 * @throws DatabaseRefusal if the lock may have been lost meanwhile
	 */
	renew(): Promise<void>;
}

/** Names of no meaning to n8n, which keeps a hash of each (n8n: deduplication-helper.js). */
type Entries = readonly string[];

const OPTIONS = { mode: 'entries' } as const;

/**
 * Rows of entries in n8n's database, in the table `processed_data`, where its Remove Duplicates node keeps what it has
 * seen. They outlive executions and crashes, and all workers share them. n8n keeps one row for each node of a
 * workflow, by the node's ID, so a row with an ID of its own belongs to a node that does not exist
 * (n8n: deduplication-helper.js).
 *
 * n8n SELECTs a row, then INSERTs or UPDATEs it, without a transaction: of two INSERTs at once one fails, but an
 * UPDATE writes back what was read, and wipes out what somebody else has added in between.
 *
 * Every method throws a DatabaseRefusal when n8n's database refuses.
 */
export class Rows {
	private readonly node: INode;

	private readonly helpers;

	constructor(context: IExecuteFunctions) {
		this.node = nodeOf(context);
		this.helpers = context.helpers;
	}

	/** @returns how many entries the row has; 0 if it is not there. Only reads. */
	async count(row: string): Promise<number> {
		return await this.on(row, async () => await this.helpers.getProcessedDataCount('node', OPTIONS));
	}

	/** @returns which of the entries were there before. Makes the row if it is not there. */
	async add(row: string, entries: Entries): Promise<Set<string>> {
		if (entries.length === 0) return new Set();
		// Given twice, n8n keeps an entry twice, and removes it once (n8n: deduplication-helper.js).
		const each = [...new Set(entries)];
		const { processed } = await this.on(row, async () => await this.helpers.checkProcessedAndRecord(each, 'node', OPTIONS));
		return new Set(processed.map(String));
	}

	/**
	 * The same for a row that others may make at the same time.
	 *
	 * @returns undefined if somebody else was faster by a moment
	 */
	async insert(row: string, entries: Entries): Promise<Set<string> | undefined> {
		let refusal: DatabaseRefusal;
		try {
			return await this.add(row, entries);
		} catch (error) {
			refusal = refusalIn(error);
		}
		if (refusal instanceof UnknownN8n || (await this.count(row)) === 0) throw refusal;
		return undefined;
	}

	/** n8n searches the row for each entry, so a call takes some hundred at most. */
	async remove(row: string, entries: Entries): Promise<void> {
		if (entries.length === 0) return;
		await this.on(row, async () => {
			await this.helpers.removeProcessed([...entries], 'node', OPTIONS);
		});
	}

	/** Removes the row. */
	async clear(row: string): Promise<void> {
		await this.on(row, async () => {
			await this.helpers.clearAllProcessedItems('node', OPTIONS);
		});
	}

	/**
	 * Lets n8n's helpers work on the row of another node: they read the node's ID before they first wait, and nothing
	 * else runs until then (n8n: deduplication-helper.js, createContext).
	 */
	private async on<T>(row: string, call: () => Promise<T>): Promise<T> {
		const { node } = this;
		const { id } = node;
		const property = { configurable: true, enumerable: true };
		let isRead = false as boolean;
		const get = () => {
			isRead = true;
			return row;
		};
		Object.defineProperty(node, 'id', { ...property, get });
		let answer: Promise<T>;
		try {
			answer = call();
		} finally {
			Object.defineProperty(node, 'id', { ...property, writable: true, value: id });
		}
		const result = await answer.catch((error: unknown) => {
			throw new DatabaseRefusal(error);
		});
		// It has worked on the node's own row, and nothing good comes of that.
		if (!isRead) throw new UnknownN8n();
		return result;
	}
}

/**
 * The node as n8n's helpers see it. In the tools of AI Agent 1 and 2, what `getExecuteData` has is the agent
 * (n8n-core: supply-data-context.js).
 */
function nodeOf(context: IExecuteFunctions): INode {
	const { node } = context as unknown as { node?: INode };
	return node ?? context.getExecuteData().node;
}
