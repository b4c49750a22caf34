import type { IDataObject, IExecuteFunctions } from 'n8n-workflow';

import type { Order } from './order';
import type { NotBought, Outcome } from './outcome';
import { isTool } from './tool';

/** What is known of an order that was sent: what was bought, or why that is unknown and since when. */
export type LedgerEntry =
	| { purchase: IDataObject }
	| { unknown: NotBought; executionId: string; idempotencyKey?: string };

/**
 * Opens the ledger of the node's current run: what its orders have come to so far.
 *
 * It lives in the execution's own data (`getContext('node')`), so it is there for each try of Retry
 * On Fail, and when a stored execution is retried from the Executions list (seen in n8n 2.41.1 and
 * 1.123.81). It is keyed by run and item: another round of a loop is an order of its own.
 *
 * An AI agent's call gets a new run each time, a repeated one included, so there an order is
 * recognised by what it orders.
 */
export function openLedger(context: IExecuteFunctions) {
	const executionId = context.getExecutionId();
	const tool = isTool(context);
	const run = String(context.getWorkflowDataProxy(0).$runIndex);

	const stored = context.getContext('node') as {
		streamSkillLedger?: { firstExecutionId: string; entries: Record<string, LedgerEntry> };
	};
	const ledger = () => (stored.streamSkillLedger ??= { firstExecutionId: executionId, entries: {} });
	const entries = () => ledger().entries;

	const keys = new Set<string>();
	const keyOf = (item: number, order?: Order) => {
		const key = tool ? `tool:${JSON.stringify(order)}` : `${run}:${item}`;
		keys.add(key);
		return key;
	};

	/** What was known of the orders that were sent in this run before. */
	const earlier = new Map<string, LedgerEntry | undefined>();
	const unknown = (order: Order, outcome: NotBought): LedgerEntry => ({
		unknown: outcome,
		executionId,
		idempotencyKey: order.idempotencyKey,
	});

	return {
		/** Whether this very execution, not an earlier one that it retries, sent the key in vain. */
		isUncertainHere: ({ idempotencyKey }: Order) =>
			idempotencyKey !== undefined &&
			Object.values(entries()).some(
				(entry) =>
					'unknown' in entry && entry.idempotencyKey === idempotencyKey && entry.executionId === executionId,
			),

		/**
		 * What became of an item that was sent before, or undefined if it was not. Its parameters may be
		 * no order any more.
		 */
		find: (item: number, order?: Order): LedgerEntry | undefined => entries()[keyOf(item, order)],

		/** To be called before an order is sent: if nothing else follows, nobody knows what became of it. */
		sending(item: number, order: Order) {
			const key = keyOf(item, order);
			earlier.set(key, entries()[key]);
			entries()[key] = unknown(order, { kind: 'unknown', networkCode: 'no answer' });
		},

		/** To be called with what became of an order that was sent. */
		answered(item: number, order: Order, outcome: Outcome) {
			const key = keyOf(item, order);
			const before = earlier.get(key);
			if (outcome.kind === 'bought') entries()[key] = { purchase: outcome.purchase };
			else if (outcome.kind === 'unknown') entries()[key] = unknown(order, outcome);
			// A refusal tells nothing of an earlier try without an answer.
			else if (before) entries()[key] = before;
			else delete entries()[key];
		},

		/**
		 * A retry starts from what the execution knew that it retries, so two retries of the same one know
		 * nothing of each other: this key, the same for both, keeps an item from being bought by each.
		 *
		 * @returns undefined in an execution that is no retry
		 */
		retryKey: (item: number) =>
			context.getMode?.() === 'retry' && !tool
				? `${ledger().firstExecutionId}:${run}:${item}`
				: undefined,

		/** To be called when the run ends without failed items, so that n8n stores each purchase once. */
		forget() {
			for (const key of keys) delete entries()[key];
			const { firstExecutionId } = ledger();
			if (firstExecutionId === executionId && Object.keys(entries()).length === 0) delete stored.streamSkillLedger;
		},
	};
}
