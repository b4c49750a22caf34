import { randomUUID } from 'crypto';
import type { IExecuteFunctions } from 'n8n-workflow';

import { digest } from '../../n8n/digest';
import { isEvaluation, isManual, isRearranged } from '../../n8n/host';
import { tokenRoot } from '../../n8n/root';
import { Rows } from '../../n8n/rows';
import { DIGEST, KEYS_SCOPE, ROW } from '../../n8n/stored';
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
	readonly unread: List[];
	/** Whether this is the retry of another execution, which may still run. */
	isRetry: boolean;
	/** Whether a retry of this execution has begun, while it still runs. */
	readonly isRetried: boolean;
	/** Whether nothing may be recorded. */
	isPreview: boolean;
	/** Whether the execution is to say that it was started by hand. */
	saysByHand: boolean;
	/** To be called if it turns out that the execution was started by hand: what the node has ordered by hand counts as well. */
	joinEditor(): void;
}

/** Finds out where the orders of this execution, and of those before it, are on record. */
export function openStores(context: IExecuteFunctions, isPreview: boolean): Stores {
	// An MCP call has none: n8n runs it before there is an execution (n8n: webhook-helpers.js).
	const executionId = (context.getExecutionId() as string | undefined) ?? randomUUID();
	const token = tokenRoot(context);
	const newRoot = digest(DIGEST.root(executionId));
	const isRetry = context.getMode() === 'retry';
	const { id: nodeId, name } = context.getNode();
	const past = new PastOrders(
		context.getContext('flow'),
		{ id: nodeId, name, isMoved: (names) => isRearranged(context, names) },
		{ root: token === undefined ? newRoot : undefined, isRetry, executionId, isPreview, isEvaluation: isEvaluation(context) },
	);

	const scope = ROW.orders(past.nodeId, token ?? past.root ?? newRoot);
	const stores: Stores = {
		run: digest(scope).slice(0, 8),
		past,
		lists: [],
		unread: [],
		isRetry,
		isRetried: false,
		isPreview,
		saysByHand: isManual(context) && !isPreview,
		joinEditor: () => {},
	};
	const { id: workflowId } = context.getWorkflow();
	if (!workflowId) return stores;

	const rows = new Rows(context);
	// In an n8n without token, others may always have the same root: retries, and a worker that n8n took for stalled.
	const state = past.listState(scope, token === undefined);
	const own = new List(rows, scope, state);
	const unread = isRetry || past.isNew ? [own] : [];
	const editors = new Map<string, List>();
	const editor = (daysAgo: number) => {
		const id = ROW.editor(nodeId, workflowId, dayOf(daysAgo));
		const list = editors.get(id) ?? new List(rows, id, past.listState(id, true));
		editors.set(id, list);
		return list;
	};
	const joinEditor = () => {
		// The clock of who has bought just after midnight may be ahead.
		if (editors.size === 0) unread.push(editor(-1), editor(0), editor(1));
	};
	if (isManual(context) || past.countsByHand) joinEditor();
	return {
		...stores,
		keys: new Keys(rows, KEYS_SCOPE(workflowId)),
		own,
		// A day may end while the execution runs.
		get lists() {
			return editors.size > 0 ? [own, editor(0)] : [own];
		},
		get unread() {
			if (state.isShared && !unread.includes(own)) unread.unshift(own);
			return unread;
		},
		get isRetried() {
			return state.isShared && token !== undefined && !isRetry;
		},
		joinEditor,
	};
}

/** @returns the day (UTC), as the lists of what was ordered by hand have it in their IDs */
const dayOf = (daysAgo: number) => new Date(Date.now() - daysAgo * 86_400_000).toISOString().slice(0, 10);
