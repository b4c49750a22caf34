import type {
	DeduplicationItemTypes,
	DeduplicationScope,
	ICheckProcessedContextData,
	ICheckProcessedOptions,
	IDataDeduplicator,
	IDeduplicationOutput,
} from 'n8n-workflow';

/**
 * Stands in for n8n's `DeduplicationHelper`, which is not part of n8n-core: one row per node, inserted
 * with the first entry, then read whole and written back whole with nothing in between to stop others
 * (n8n 2.41.1).
 */
export class MemoryDeduplicator implements IDataDeduplicator {
	lists = new Map<string, DeduplicationItemTypes[]>();

	/** Calls so far. */
	calls = 0;

	/** Times that somebody looked how long a list is. */
	counts = 0;

	/** Lets a test break n8n's database. */
	fail = false;

	private async change<T>(
		{ workflow, node }: ICheckProcessedContextData,
		change: (list: DeduplicationItemTypes[]) => T,
	): Promise<T> {
		this.calls++;
		if (!workflow.id) throw new Error('The expression evaluated to a falsy value');
		if (this.fail) throw new Error('SQLITE_BUSY: database is locked');
		const key = `${workflow.id} ${node?.id}`;
		await new Promise((resolve) => setImmediate(resolve));
		const stored = this.lists.get(key);
		const list = [...(stored ?? [])];
		const result = change(list);
		await new Promise((resolve) => setImmediate(resolve));
		if (!stored && this.lists.has(key)) throw new Error('SQLITE_CONSTRAINT: UNIQUE constraint failed');
		if (!stored || this.lists.has(key)) this.lists.set(key, list);
		return result;
	}

	async checkProcessedAndRecord(
		items: DeduplicationItemTypes[],
		_scope: DeduplicationScope,
		contextData: ICheckProcessedContextData,
		{ maxEntries }: ICheckProcessedOptions,
	): Promise<IDeduplicationOutput> {
		return await this.change(contextData, (list) => {
			const known = new Set(list);
			const output = {
				new: items.filter((item) => !known.has(item)),
				processed: items.filter((item) => known.has(item)),
			};
			list.push(...output.new);
			if (maxEntries) list.splice(0, list.length - maxEntries);
			return output;
		});
	}

	async removeProcessed(
		items: DeduplicationItemTypes[],
		_scope: DeduplicationScope,
		contextData: ICheckProcessedContextData,
	): Promise<void> {
		await this.change(contextData, (list) => {
			for (const item of items) {
				const index = list.indexOf(item);
				if (index !== -1) list.splice(index, 1);
			}
		});
	}

	async clearAllProcessedItems(_scope: DeduplicationScope, { workflow, node }: ICheckProcessedContextData): Promise<void> {
		const key = `${workflow.id} ${node?.id}`;
		await new Promise((resolve) => setImmediate(resolve));
		this.lists.delete(key);
	}

	async getProcessedDataCount(_scope: DeduplicationScope, { workflow, node }: ICheckProcessedContextData): Promise<number> {
		if (this.fail) throw new Error('SQLITE_BUSY: database is locked');
		this.counts++;
		return this.lists.get(`${workflow.id} ${node?.id}`)?.length ?? 0;
	}
}
