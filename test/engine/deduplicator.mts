import type {
	DeduplicationItemTypes,
	DeduplicationScope,
	ICheckProcessedContextData,
	ICheckProcessedOptions,
	IDataDeduplicator,
	IDeduplicationOutput,
} from 'n8n-workflow';

import { step } from './crash.mts';

/**
 * Stands in for n8n's `DeduplicationHelper`, which is not part of n8n-core: one row per node, inserted
 * with the first entry, then read whole and written back whole with nothing in between to stop others
 * (n8n 2.41.1: `deduplication/deduplication-helper.js`).
 */
export class MemoryDeduplicator implements IDataDeduplicator {
	lists = new Map<string, DeduplicationItemTypes[]>();

	/** Calls so far. */
	calls = 0;

	/** Times that somebody looked how long a list is. */
	counts = 0;

	/** Lets a test break n8n's database. */
	fail = false;

	/** Lets a test hold up a call: before n8n reads the row, and before it writes it, with what it is to record. */
	pause?: (before: 'read' | 'write', entries: DeduplicationItemTypes[]) => Promise<unknown>;

	/**
	 * Calls what `work` is on the row's list, which it may change.
	 *
	 * n8n reads the ID of the node before it first waits, so this does as well.
	 */
	private async onRow<T>(
		{ workflow, node }: ICheckProcessedContextData,
		work: (key: string, list?: DeduplicationItemTypes[]) => T,
		entries: DeduplicationItemTypes[] = [],
	): Promise<T> {
		const key = `${workflow.id} ${node?.id}`;
		this.calls++;
		if (this.fail) throw new Error('SQLITE_BUSY: database is locked');
		await step('database');
		await new Promise((resolve) => setImmediate(resolve));
		await this.pause?.('read', entries);
		const stored = this.lists.get(key);
		const list = stored && [...stored];
		await new Promise((resolve) => setImmediate(resolve));
		await this.pause?.('write', entries);
		const result = work(key, list);
		await step('written');
		return result;
	}

	/** An UPDATE, which does nothing if the row is gone. */
	private update(key: string, list: DeduplicationItemTypes[]) {
		if (this.lists.has(key)) this.lists.set(key, list);
	}

	async checkProcessedAndRecord(
		items: DeduplicationItemTypes[],
		_scope: DeduplicationScope,
		contextData: ICheckProcessedContextData,
		{ maxEntries }: ICheckProcessedOptions,
	): Promise<IDeduplicationOutput> {
		assertSaved(contextData);
		return await this.onRow(
			contextData,
			(key, stored) => {
				const known = new Set(stored);
				const output = {
					new: items.filter((item) => !known.has(item)),
					processed: items.filter((item) => known.has(item)),
				};
				const list = [...(stored ?? []), ...output.new];
				if (maxEntries) list.splice(0, list.length - maxEntries);
				if (stored) this.update(key, list);
				else if (this.lists.has(key)) throw new Error('SQLITE_CONSTRAINT: UNIQUE constraint failed');
				else this.lists.set(key, list);
				return output;
			},
			items,
		);
	}

	async removeProcessed(
		items: DeduplicationItemTypes[],
		_scope: DeduplicationScope,
		contextData: ICheckProcessedContextData,
	): Promise<void> {
		assertSaved(contextData);
		await this.onRow(contextData, (key, list) => {
			if (!list) return;
			for (const item of items) {
				const index = list.indexOf(item);
				if (index !== -1) list.splice(index, 1);
			}
			this.update(key, list);
		});
	}

	async clearAllProcessedItems(_scope: DeduplicationScope, contextData: ICheckProcessedContextData): Promise<void> {
		await this.onRow(contextData, (key) => this.lists.delete(key));
	}

	async getProcessedDataCount(
		_scope: DeduplicationScope,
		contextData: ICheckProcessedContextData,
		{ mode }: ICheckProcessedOptions,
	): Promise<number> {
		this.counts++;
		return await this.onRow(contextData, (_key, list) => (mode === 'entries' ? (list?.length ?? 0) : 0));
	}
}

function assertSaved({ workflow }: ICheckProcessedContextData) {
	if (!workflow.id) throw new Error('The expression evaluated to a falsy value');
}
