import type { IDataObject, IExecuteFunctions, INode, INodeExecutionData } from 'n8n-workflow';

import { errorItem } from '../../n8n/errorItem';
import { errorsLeadBack, isCalled, followersLike, isInLoop, isTool, recourseOf, stopsOnFailure, type Recourse } from '../../n8n/host';
import type { Confirmations } from '../journal/confirmations';
import type { Because, ShownReference } from '../journal/records';
import { leftOutJson } from '../order/leftOut';
import type { Item, Order } from '../order/order';
import type { Failure, Obstacle } from './failure';
import { describeBought } from './messages';
import { errorJson, escapeHtml, runError, type FailedItem, type NamedItem } from './panel';
import type { Result } from './result';
import { summarise } from './summary';

/** What a person is told besides the items. */
export interface Remarks {
	/** Stands for the execution in n8n's log. */
	run: string;
	confirmations: Pick<Confirmations, 'unmet' | 'contradictory' | 'opposing' | 'wrong'>;
	/** Whether some of the orders were placed by hand yesterday. */
	isLastDay: boolean;
	/** How many orders the execution has placed, in all calls of the node. */
	placed: number;
}

/** Gathers what became of each item, and turns it into the node's output in the order of the items. */
export class Report {
	private readonly results = new Map<Item, Result>();

	private anyFailed = false;

	constructor(
		private readonly context: IExecuteFunctions,
		private readonly items: Item[],
		private readonly remarks: Remarks,
	) {}

	private get recourse(): Recourse {
		return recourseOf(this.context, this.remarks.isLastDay);
	}

	/** To be called with what became of an item. */
	note(item: Item, result: Result) {
		this.results.set(item, result);
		if (result.kind === 'failed') this.anyFailed = true;
	}

	bought(item: Item, purchase: IDataObject) {
		this.note(item, { kind: 'bought', purchase, isNew: true });
	}

	/** Until it is told what came of it, the order may have been bought. That alone ends no run. */
	sending(item: Item, shown: ShownReference) {
		this.results.set(item, { kind: 'failed', failure: { kind: 'unknown', ...shown } });
	}

	/** To be called before it is told anew what becomes of the item. */
	forget(item: Item) {
		this.results.delete(item);
	}

	fail(item: Item, failure: Failure) {
		this.note(item, { kind: 'failed', failure });
	}

	/** Fails all of these items for one reason. */
	holdBack(planned: Array<{ item: Item }>, obstacle: Obstacle) {
		for (const { item } of planned) this.fail(item, { kind: 'heldBack', obstacle });
	}

	/** Whether it is not known yet what becomes of the item. */
	readonly isOpen = ({ item }: { item: Item }): boolean => !this.results.has(item);

	/** The results of this kind, in the order of the items. */
	private all<K extends Result['kind']>(kind: K) {
		return this.items.flatMap((item) => {
			const result = this.results.get(item);
			return result?.kind === kind ? [{ item, ...(result as Extract<Result, { kind: K }>) }] : [];
		});
	}

	/** Whether nothing can be tried again: Retry On Fail repeats a node whose first output has an `error`, also the API's own. */
	get isComplete(): boolean {
		return !this.anyFailed && !this.all('bought').some(({ purchase }) => purchase.error !== undefined);
	}

	/**
	 * Whether On Error is Stop and an item has failed. A stopped execution ends by itself: an error
	 * would make a failed one of it.
	 */
	get mustStop(): boolean {
		return this.anyFailed && stopsOnFailure(this.context) && !this.context.getExecutionCancelSignal()?.aborted;
	}

	/** @throws NodeApiError or NodeOperationError if `mustStop` */
	stopIfFailed() {
		if (!this.mustStop) return;
		throw runError(
			this.context.getNode(),
			{
				failed: this.all('failed').map(({ item, failure }) => failedItem(item, failure)),
				purchases: this.all('bought').map(({ item, purchase }) => ({ ...namedItem(item), purchase })),
				leftOut: this.all('leftOut').map(({ item, because }) => failedItem(item, { kind: 'duplicate', because })),
				remarks: [...this.otherCallsRemark, ...this.referenceRemarks],
				notTried: this.items.filter((item) => !this.results.has(item)).map(namedItem),
			},
			this.recourse,
		);
	}

	/**
	 * @returns the items of the node's output: n8n tells those of the error output by their keys
	 * @throws like `stopIfFailed`
	 */
	output(): INodeExecutionData[] {
		this.stopIfFailed();
		const { recourse, isSilent } = this;
		// n8n would end the loop here, which may be one around the call, and with it orders that nobody has tried (seen in n8n 2.41.1).
		const keepsLoopGoing = isSilent && (isInLoop(this.context) || isCalled(this.context));
		const followers = followersLike(this.context);
		// The next node may have orders of its own for what this one has left out. What it has ordered for what a key has bought, only a key can tell.
		const isWanted = (because: Because) => keepsLoopGoing || (because === 'key' ? followers.some(hasKeys) : followers.length > 0);
		const items = new Map(this.items.map((item) => [item.itemIndex, item]));
		return this.context.getInputData().flatMap(({ json }, itemIndex) => {
			const item = items.get(itemIndex);
			if (item) return this.outputOf(item, recourse, isWanted) ?? [];
			return isWanted('key') ? { json, pairedItem: { item: itemIndex } } : [];
		});
	}

	/** Whether nothing is to be put out but what was left out. */
	private get isSilent(): boolean {
		return this.items.every((item) => ['leftOut', undefined].includes(this.results.get(item)?.kind));
	}

	/** Whether nothing leaves by the success output, where that is what keeps a loop going (seen in n8n 2.41.1). */
	private get endsLoop(): boolean {
		const results = this.items.map((item) => this.results.get(item)?.kind);
		const isWithoutSuccess = results.includes('failed') && results.every((kind) => kind === 'failed' || kind === 'leftOut');
		return (
			isWithoutSuccess &&
			this.context.getNode().onError === 'continueErrorOutput' &&
			isInLoop(this.context) &&
			!errorsLeadBack(this.context)
		);
	}

	/** @param isWanted whether what was left out is put out */
	private outputOf(item: Item, recourse: Recourse, isWanted: (because: Because) => boolean): INodeExecutionData | undefined {
		const { itemIndex } = item;
		const pairedItem = { item: itemIndex };
		const result = this.results.get(item);
		switch (result?.kind) {
			case 'bought':
				return { json: result.purchase, pairedItem };
			case 'previewed':
				return { json: result.preview, pairedItem };
			case 'failed':
				return errorItem(this.context, itemIndex, errorJson(failedItem(item, result.failure), recourse));
			case 'leftOut': {
				const { because } = result;
				// Nothing at all would leave a model to guess.
				if (isTool(this.context))
					return { json: { skipped: describeBought(because, item.reading.treatment), message: 'Nothing was bought now.' }, pairedItem };
				return isWanted(because) ? { json: leftOutJson({ ...orderOf(item)?.body }, because), pairedItem } : undefined;
			}
			case undefined:
				return undefined;
		}
	}

	/** Whether a reference that has met no order may be that of one in a later round of the loop, since nothing here is uncertain. */
	private get mayComeLater(): boolean {
		return isInLoop(this.context) && !this.all('failed').some(({ failure }) => failure.kind === 'unknown');
	}

	/** What is told where only a new execution can go on, which would buy again what earlier rounds of a loop have bought. */
	private get otherCallsRemark(): string[] {
		const { placed, run } = this.remarks;
		const uncertain = this.all('failed').filter(({ failure }) => failure.kind === 'unknown');
		const leftOut = this.all('leftOut').filter(({ because }) => because !== 'key');
		const listed = this.all('bought').length + leftOut.length + uncertain.length;
		if (this.recourse !== 'rest' || placed <= listed) return [];
		return [
			`This lists one round only. What others have bought is in the node's output, or in the lines of n8n's log that have "run":"${run}"`,
		];
	}

	/** What is told of references that did nothing. */
	private get referenceRemarks(): string[] {
		const { unmet, contradictory, opposing, wrong } = this.remarks.confirmations;
		const told = (references: string[], why: string) =>
			references.length > 0 ? [`The reference${references.length > 1 ? 's' : ''} ${references.join(', ')} did nothing: ${why}`] : [];
		return [
			...told(this.mayComeLater ? [] : unmet, 'used before, and no longer needed; or mistyped; or of another round, branch or node'),
			...told(contradictory, 'in both Confirmed Bought and Confirmed Not Bought'),
			...told(opposing, 'of an order that has another one in the other option, so remove the wrong one'),
			...told(wrong, 'of an order that is on record as bought. If an equal order was confirmed as bought in its place, that one was not'),
		];
	}

	/** Tells the user, and n8n's log, what the run did: also if it failed or was stopped. */
	summarise() {
		const { run } = this.remarks;
		const bought = this.all('bought');
		const leftOut = this.all('leftOut').map(({ because }) => because);
		const summary = summarise({
			purchases: bought.filter(({ isNew }) => isNew).map(({ purchase }) => purchase),
			handedBack: bought.filter(({ isNew }) => !isNew).length,
			leftOut: [...leftOut, ...Array<'nodeBefore'>(this.context.getInputData().length - this.items.length).fill('nodeBefore')],
			previewed: this.all('previewed').filter(({ wouldBeSent }) => wouldBeSent).length,
			failed: this.all('failed').map(({ failure }) => failure),
		});
		if (summary) this.context.logger.info(`StreamSkill run ${run}: ${summary}`);
		const hints = [
			summary,
			leftOut.includes('earlier') &&
				`The purchases of an earlier try are in its output, or in the lines of n8n's log that have "run":"${run}"`,
			this.endsLoop && 'n8n ends the loop here: connect the error output to the loop as well',
			leftOut.includes('editor') && 'To buy again what this node has bought by hand, turn on the option Repeat Manual Orders',
			...this.referenceRemarks,
		].filter((hint): hint is string => Boolean(hint));
		// Not there where n8n runs the node as a tool.
		const { addExecutionHints } = this.context as Partial<Pick<IExecuteFunctions, 'addExecutionHints'>>;
		for (const message of hints) addExecutionHints?.call(this.context, { message: escapeHtml(message), location: 'outputPane' });
	}
}

/** @returns an item for each input item that was held back before it could be read */
export const failAll = (context: IExecuteFunctions, obstacle: Obstacle): INodeExecutionData[] =>
	context
		.getInputData()
		.map((_, itemIndex) =>
			errorItem(context, itemIndex, errorJson({ itemIndex, failure: { kind: 'heldBack', obstacle } }, recourseOf(context, false))),
		);

const orderOf = ({ reading }: Item): Order | undefined => (reading.kind === 'valid' ? reading.value : undefined);

const namedItem = (item: Item): NamedItem => ({ itemIndex: item.itemIndex, order: orderOf(item) });

const failedItem = (item: Item, failure: Failure): FailedItem => ({
	...namedItem(item),
	failure,
	treatment: item.reading.treatment,
	...(item.reading.kind === 'invalid' && { problems: item.reading.problems }),
});

const hasKeys = ({ parameters }: INode) => (parameters.options as IDataObject | undefined)?.idempotencyKey !== undefined;
