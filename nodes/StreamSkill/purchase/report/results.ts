import type { IDataObject, IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';

import { duplicate, errorJson, escapeHtml, runError, type FailedItem, type Failure, type MadePurchase } from './errors';
import type { Order } from '../order/order';
import type { Because } from '../journal/decide';
import { summarise } from './summary';
import { isTool, stopsOnFailure } from '../../n8n/host';

/** What became of an item. */
type Result =
	/** In this run, or handed back from an earlier try. */
	| { kind: 'bought'; purchase: IDataObject; isNew: boolean }
	| { kind: 'failed'; failure: Failure; order?: Order }
	/** Put out for an item that is neither bought nor failed. */
	| { kind: 'note'; note: IDataObject }
	/** Bought before, and left out. */
	| { kind: 'skipped'; order?: Order; because?: Because };

/** Gathers what became of each item, and turns it into the node's output in the order of the items. */
export class Results {
	/** One slot for each item. */
	private readonly slots: Array<Result | undefined> = [];

	private anyFailed = false;

	private readonly warnings: string[] = [];

	constructor(private readonly context: IExecuteFunctions) {}

	bought(item: number, purchase: IDataObject) {
		this.slots[item] = { kind: 'bought', purchase, isNew: true };
	}

	handBack(item: number, purchase: IDataObject) {
		this.slots[item] = { kind: 'bought', purchase, isNew: false };
	}

	fail(item: number, failure: Failure, order?: Order) {
		this.slots[item] = { kind: 'failed', failure, order };
		this.anyFailed = true;
	}

	/** Fails all of these items for one reason. */
	holdBack(items: Array<{ item: number; order: Order }>, failure: Failure) {
		for (const { item, order } of items) this.fail(item, failure, order);
	}

	note(item: number, note: IDataObject) {
		this.slots[item] = { kind: 'note', note };
	}

	skip(item: number, order?: Order, because?: Because) {
		this.slots[item] = { kind: 'skipped', order, because };
	}

	/** Has the user told of something that does not concern one item. */
	warn(message: string) {
		this.warnings.push(message);
	}

	get purchases(): MadePurchase[] {
		return this.slots.flatMap((result, item) => (result?.kind === 'bought' ? { item, purchase: result.purchase } : []));
	}

	get failed(): FailedItem[] {
		return this.slots.flatMap((result, item) =>
			result?.kind === 'failed' ? { item, failure: result.failure, order: result.order } : [],
		);
	}

	/**
	 * Whether On Error is Stop and an item has failed. A stopped execution ends by itself: an error
	 * would make a failed one of it.
	 */
	get mustStop() {
		return (
			this.anyFailed &&
			stopsOnFailure(this.context) &&
			!this.context.getExecutionCancelSignal()?.aborted
		);
	}

	/** @throws NodeApiError or NodeOperationError if `mustStop` */
	stopIfFailed() {
		if (this.mustStop) throw runError(this.context.getNode(), this.failed, this.purchases);
	}

	/**
	 * @returns the items of the node's output: n8n tells those of the error output by their keys
	 * @throws like `stopIfFailed`
	 */
	output(): INodeExecutionData[] {
		this.stopIfFailed();
		return this.slots.flatMap((result, item) => this.outputOf(result, item) ?? []);
	}

	private outputOf(result: Result | undefined, item: number): INodeExecutionData | undefined {
		const pairedItem = { item };
		switch (result?.kind) {
			case 'bought':
				return { json: result.purchase, pairedItem };
			case 'note':
				return { json: result.note, pairedItem };
			case 'failed':
				return this.forErrorOutput({ json: errorJson({ item, ...result }), pairedItem });
			case 'skipped':
				// Nothing at all would leave a model to guess.
				return isTool(this.context)
					? { json: { skipped: duplicate(result.order, result.because).message, message: 'Nothing was bought now.' }, pairedItem }
					: undefined;
			default:
				return undefined;
		}
	}

	/** Tells the user, and n8n's log, what the run did. */
	summarise(run: string, unknownReferences: string[]) {
		const skipped = this.slots.flatMap((result) => (result?.kind === 'skipped' ? [result.because] : []));
		const summary = summarise({
			purchases: this.slots.flatMap((result) => (result?.kind === 'bought' && result.isNew ? [result.purchase] : [])),
			handedBack: this.slots.filter((result) => result?.kind === 'bought' && !result.isNew).length,
			skipped,
			failed: this.failed.map(({ failure }) => failure),
		});
		if (summary) this.context.logger.info(`StreamSkill run ${run}: ${summary}`);
		const hints = [
			summary,
			skipped.includes(undefined) &&
				`The purchases of an earlier try are in its output, or in the lines of n8n's log that have "run":"${run}"`,
			...this.warnings,
			unknownReferences.length > 0 &&
				`Not known here, or used before: the reference ${unknownReferences.join(', ')}. Nothing was done for it`,
		].filter((hint): hint is string => Boolean(hint));
		// Not there where n8n runs the node as a tool.
		for (const message of hints) this.context.addExecutionHints?.({ message: escapeHtml(message), location: 'outputPane' });
	}

	/**
	 * n8n before 2.36 does not know the key `details` of an error item, but goes by a property `error` of the
	 * item as well. If that were enumerable, n8n would put it in place of the JSON.
	 */
	private forErrorOutput(output: INodeExecutionData): INodeExecutionData {
		if (this.context.getNode().onError === 'continueErrorOutput') {
			Object.defineProperty(output, 'error', { value: { message: output.json.error }, writable: true });
		}
		return output;
	}
}
