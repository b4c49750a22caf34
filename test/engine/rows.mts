import type { DeduplicationItemTypes, IExecuteFunctions } from 'n8n-workflow';

import { Rows } from '../../nodes/StreamSkill/n8n/rows.ts';
import { deduplicator } from './engine.mts';

/** The rows as the node of an execution has them. */
export function rows(): Rows {
	const node = { id: 'streamskill-1' };
	const data = { workflow: { id: 'workflow-1' }, node } as never;
	return new Rows({
		node,
		helpers: {
			getProcessedDataCount: async (scope: never, options: never) => await deduplicator.getProcessedDataCount(scope, data, options),
			checkProcessedAndRecord: async (items: DeduplicationItemTypes[], scope: never, options: never) =>
				await deduplicator.checkProcessedAndRecord(items, scope, data, options),
			removeProcessed: async (items: DeduplicationItemTypes[], scope: never) => await deduplicator.removeProcessed(items, scope, data),
			clearAllProcessedItems: async (scope: never) => await deduplicator.clearAllProcessedItems(scope, data),
		},
	} as unknown as IExecuteFunctions);
}
