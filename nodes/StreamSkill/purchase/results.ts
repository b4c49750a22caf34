import type { IDataObject, IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';

import { duplicateKey, errorJson, runError, type FailedItem, type Failure, type MadePurchase } from './errors';
import type { IdempotencyKey } from './idempotency';
import type { Order } from './order';
import { isTool, stopsOnFailure } from './tool';

/** An item whose fields are a valid order. */
export interface OrderedItem {
	item: number;
	order: Order;
	/** What keeps it from being bought by more than one execution: the user's Idempotency Key, or our own. */
	key?: IdempotencyKey;
}

/** Gathers what became of each item, and turns it into the node's output in the order of the items. */
export class Results {
	readonly purchases: MadePurchase[] = [];

	readonly failed: FailedItem[] = [];

	/** What is put out for an item that is neither bought nor failed. */
	private readonly notes: Array<{ item: number; note: IDataObject }> = [];

	private skipped = 0;

	constructor(private readonly context: IExecuteFunctions) {}

	bought(item: number, purchase: IDataObject) {
		this.purchases.push({ item, purchase });
	}

	fail(item: number, failure: Failure, order?: Order) {
		this.failed.push({ item, failure, order });
	}

	/** Fails all of these items for one reason. */
	holdBack(items: OrderedItem[], failure: Failure) {
		for (const { item, order } of items) this.fail(item, failure, order);
	}

	note(item: number, note: IDataObject) {
		this.notes.push({ item, note });
	}

	skip(item: number, order: Order) {
		this.skipped++;
		// Nothing at all would leave a model to guess.
		if (isTool(this.context)) this.note(item, { skipped: duplicateKey(order).message, message: 'Nothing was bought now.' });
	}

	/**
	 * n8n before 2.36 does not know the key `details` of an error item, but goes by a property `error` of the
	 * item as well. Where n8n can enumerate it, n8n puts it in place of the JSON.
	 */
	private forErrorOutput<T extends { output: INodeExecutionData }>(result: T): T {
		if (this.context.getNode().onError === 'continueErrorOutput') {
			Object.defineProperty(result.output, 'error', { value: { message: result.output.json.error }, writable: true });
		}
		return result;
	}

	/**
	 * Whether On Error is Stop and an item has failed. A stopped execution ends by itself: an error
	 * would make a failed one of it.
	 */
	get mustStop() {
		return (
			this.failed.length > 0 &&
			stopsOnFailure(this.context) &&
			!this.context.getExecutionCancelSignal()?.aborted
		);
	}

	/** @throws NodeApiError or NodeOperationError if `mustStop` */
	stopIfFailed() {
		if (!this.mustStop) return;
		this.failed.sort(byItem);
		this.purchases.sort(byItem);
		throw runError(this.context.getNode(), this.failed, this.purchases);
	}

	/**
	 * @returns the items of the node's output: n8n tells those of the error output by their keys
	 * @throws like `stopIfFailed`
	 */
	output(): INodeExecutionData[] {
		this.stopIfFailed();
		if (this.skipped > 0) {
			// Not there where n8n runs the node as a tool.
			this.context.addExecutionHints?.({
				message: `Skipped ${this.skipped} ${this.skipped === 1 ? 'item' : 'items'}: bought before with the same Idempotency Key`,
				location: 'outputPane',
			});
		}
		const json = (item: number, content: IDataObject) => ({
			item,
			output: { json: content, pairedItem: { item } },
		});
		return [
			...this.purchases.map(({ item, purchase }) => json(item, purchase)),
			...this.notes.map(({ item, note }) => json(item, note)),
			...this.failed.map((failed) => this.forErrorOutput(json(failed.item, errorJson(failed)))),
		]
			.sort(byItem)
			.map(({ output }) => output);
	}
}

const byItem = (a: { item: number }, b: { item: number }) => a.item - b.item;
