import type { IExecuteFunctions } from 'n8n-workflow';

import { digest } from '../../n8n/digest';
import { isManual } from '../../n8n/host';
import { tokenRoot } from '../../n8n/root';
import { Rows } from '../../n8n/rows';
import { DIGEST, ROW } from '../../n8n/stored';
import { Keys } from './keys';
import { List } from './list';
import { PastOrders } from './past';

/** Where orders are on record. */
export interface Stores {
	/** Stands for the execution in n8n's log: it is the same in all retries. */
	run: string;
	past: PastOrders;
	/** Undefined for a workflow that was never saved: it has no place in n8n's database. */
	keys?: Keys;
	/** Every order is recorded in each of these. */
	lists: List[];
	/** That of the execution and its retries. */
	own?: List;
	/** Where orders may be on record that the execution's own data does not know. */
	unread: List[];
	/** Whether nothing may be recorded. */
	isPreview: boolean;
}

/** Finds out where the orders of this execution, and of those before it, are on record. */
export function openStores(context: IExecuteFunctions, isPreview: boolean): Stores {
	const container = context.getContext('node');
	const executionId = context.getExecutionId();
	const token = tokenRoot(context);
	const root = token ?? PastOrders.rootIn(container) ?? digest(DIGEST.root(executionId));
	const past = new PastOrders(container, { root: token === undefined ? root : undefined, executionId, isPreview });

	const { id: nodeId } = context.getNode();
	const scope = ROW.orders(nodeId, root);
	const stores: Stores = { run: digest(scope).slice(0, 8), past, lists: [], unread: [], isPreview };
	const { id: workflowId } = context.getWorkflow();
	if (!workflowId) return stores;

	const rows = new Rows(context);
	const list = (id: string, isShared: boolean) => new List(rows, id, past.endOf(id), isShared);
	// Others may have the same root: retries, and, in n8n 1.x, a worker that n8n took for stalled.
	const mayHaveRivals = token === undefined || context.getMode() === 'retry' || past.lost !== undefined;
	const own = list(scope, mayHaveRivals);
	const byHand = isManual(context) || past.isByHand ? [0, 1].map((daysAgo) => list(ROW.editor(nodeId, dayOf(daysAgo)), true)) : [];
	return {
		...stores,
		keys: new Keys(rows, `key ${workflowId}`),
		own,
		lists: [own, ...byHand.slice(0, 1)],
		unread: [...(mayHaveRivals || past.isNew ? [own] : []), ...byHand],
	};
}

/** @returns the day (UTC), as the lists of what was ordered by hand have it in their IDs */
export const dayOf = (daysAgo: number) => new Date(Date.now() - daysAgo * 86_400_000).toISOString().slice(0, 10);
