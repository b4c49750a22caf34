import type { IDataObject, IExecuteFunctions, INode, INodeExecutionData } from 'n8n-workflow';

import { errorItem } from '../../n8n/errorItem';
import {
	errorsLeadBack,
	isCalled,
	followersLike,
	mayCallAgain,
	isInLoop,
	isTool,
	othersLike,
	recourseOf,
	stopsOnFailure,
	type Recourse,
} from '../../n8n/host';
import type { Confirmations } from '../journal/confirmations';
import { groupBy } from '../journal/groups';
import type { Because, ShownReference } from '../journal/knowledge';
import { leftOutJson } from '../order/leftOut';
import { whatIsOrdered, type Item, type Order } from '../order/order';
import { isUncertain, type Failure, type Obstacle, type UncertainItem } from './failure';
import { adviseDuplicate, describeBought, isLeftOut } from './messages';
import { errorJson, escapeHtml, runError, type FailedItem, type NamedItem } from './panel';
import type { Result } from './result';
import { summarise } from './summary';

const LOOP_ENDS =
	'n8n ends the loop here: connect the error output to the loop as well, through a Merge node if a round may have several orders';

/** What a person is told besides the items. */
export interface Remarks {
	/** Stands for the execution in n8n's log. */
	run: string;
	confirmations: Pick<Confirmations, 'unmet' | 'contradictory' | 'opposing' | 'wrong'>;
	/** How many orders the execution has placed, in all calls of the node. */
	placed: number;
	/** The items whose order was bought, or may have been, more than once, as far as this execution knows, in whatever round. */
	repeated(): ReadonlySet<Item>;
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
		return recourseFor(this.context);
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

	/** The items whose order may have been bought. */
	private get uncertain(): Array<{ item: Item; failure: UncertainItem }> {
		return this.all('failed').flatMap(({ item, failure }) => (isUncertain(failure) ? [{ item, failure }] : []));
	}

	/** Whether nothing can be tried again: Retry On Fail repeats a node whose first output has an `error`, also the API's own. */
	get isComplete(): boolean {
		return this.items.every((item) => {
			const result = this.results.get(item);
			return result !== undefined && result.kind !== 'failed' && !(result.kind === 'bought' && result.purchase.error !== undefined);
		});
	}

	/**
	 * Whether On Error is Stop and an item has failed. A stopped execution ends by itself: an error
	 * would make a failed one of it.
	 */
	get mustStop(): boolean {
		return this.anyFailed && stopsOnFailure(this.context) && !this.isStopped;
	}

	/** Whether Stop was pressed, or a timeout was reached. */
	private get isStopped(): boolean {
		return this.context.getExecutionCancelSignal()?.aborted === true;
	}

	/** @throws NodeApiError or NodeOperationError if `mustStop` */
	stopIfFailed() {
		if (!this.mustStop) return;
		this.tellEqualOrders();
		throw runError(
			this.context.getNode(),
			{
				failed: this.all('failed').map(({ item, failure }) => failedItem(item, failure)),
				purchases: this.all('bought').map(({ item, purchase }) => ({ ...namedItem(item), purchase })),
				leftOut: this.all('leftOut').map(({ item, because }) => failedItem(item, { kind: 'duplicate', because })),
				remarks: [...this.otherCallsRemark, ...this.otherNodesRemark, ...this.lostOutputRemark, ...this.referenceRemarks],
				itemRemarks: this.otherNodesRemark,
				notTried: this.items.filter((item) => !this.results.has(item) && !item.reading.treatment.dryRun).map(namedItem),
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
		this.tellEqualOrders();
		// n8n would end the loop here, and with it orders that nobody has tried (seen in n8n 2.41.1).
		const keepsLoopGoing = this.onlyLeavesOut && isInLoop(this.context);
		const followers = followersLike(this.context);
		// The next node may have orders of its own for what this one has left out. Of what a key has bought, only its own keys tell which.
		// Of a caller, nothing is known: it may have such a node, or be a loop.
		const isWanted = (because: Because) =>
			keepsLoopGoing || isCalled(this.context) || (because === 'key' ? followers.some(hasKeys) : followers.length > 0);
		const items = new Map(this.items.map((item) => [item.itemIndex, item]));
		return this.context.getInputData().flatMap(({ json }, itemIndex) => {
			const item = items.get(itemIndex);
			if (item) return this.outputOf(item, isWanted) ?? [];
			return isWanted('key') ? { json, pairedItem: { item: itemIndex } } : [];
		});
	}

	/** Whether nothing is to be put out but what was left out. */
	private get onlyLeavesOut(): boolean {
		return this.items.every((item) => ['leftOut', undefined].includes(this.results.get(item)?.kind));
	}

	/** Whether nothing leaves through the success output, where that is what keeps a loop going (seen in n8n 2.41.1). */
	private get endsLoop(): boolean {
		const results = this.items.map((item) => this.results.get(item)?.kind);
		const isWithoutSuccess = results.includes('failed') && results.every((kind) => kind === 'failed' || kind === 'leftOut');
		return (
			isWithoutSuccess &&
			this.context.getNode().onError === 'continueErrorOutput' &&
			!this.context.getNode().alwaysOutputData &&
			isInLoop(this.context) &&
			!errorsLeadBack(this.context)
		);
	}

	/** @param isWanted whether what was left out is put out */
	private outputOf(item: Item, isWanted: (because: Because) => boolean): INodeExecutionData | undefined {
		const { itemIndex } = item;
		const pairedItem = { item: itemIndex };
		const result = this.results.get(item);
		switch (result?.kind) {
			case 'bought':
				return { json: result.purchase, pairedItem };
			case 'previewed':
				return { json: result.preview, pairedItem };
			case 'failed':
				return errorItem(this.context, itemIndex, errorJson(failedItem(item, result.failure), this.recourse, this.otherNodesRemark));
			case 'leftOut': {
				const { because } = result;
				// Nothing at all would leave a model to guess.
				if (isTool(this.context)) {
					const skipped = describeBought(because, item.reading.treatment);
					return {
						json: { skipped, message: ['Nothing was bought now.', ...adviseDuplicate(because, this.recourse)].join(' ') },
						pairedItem,
					};
				}
				return isWanted(because)
					? { json: leftOutJson({ ...orderOf(item)?.body }, because === 'editorKey' ? 'editor' : because), pairedItem }
					: undefined;
			}
			case undefined:
				return undefined;
		}
	}

	/** An uncertain order is looked up in the account, where several that are the same look alike. */
	private tellEqualOrders() {
		const { uncertain } = this;
		if (uncertain.length === 0) return;
		const inAccount = [...uncertain, ...this.all('bought'), ...this.all('leftOut')];
		const orderedBy = ({ item }: { item: Item }) => (item.reading.kind === 'valid' ? whatIsOrdered(item.reading.order.body) : item);
		const equals = groupBy(inAccount, orderedBy);
		const repeated = this.remarks.repeated();
		for (const { item, failure } of uncertain) {
			const isAlone = equals.get(orderedBy({ item }))?.length === 1 && !repeated.has(item);
			if (!isAlone) this.fail(item, { ...failure, isOneOfEqual: true });
		}
	}

	/** Whether a reference that has met no order may be that of one in a later round of the loop, since nothing here is uncertain. */
	private get mayComeLater(): boolean {
		return isInLoop(this.context) && this.uncertain.length === 0;
	}

	/** What is told where the next execution would buy again what earlier rounds of a loop have bought. */
	private get otherCallsRemark(): string[] {
		const { placed, run } = this.remarks;
		const leftOut = this.all('leftOut').filter(({ because }) => because !== 'key');
		const listed = this.all('bought').length + leftOut.length + this.uncertain.length;
		if (!['retry', 'rest', 'editorRepeat'].includes(this.recourse) || placed <= listed) return [];
		return [
			`This lists one round only. What others have bought is in the node's output, or in the lines of n8n's log that have "run":"${run}"`,
		];
	}

	/** What is told where other nodes would order for the same items again, or have theirs still to come. */
	private get otherNodesRemark(): string[] {
		const { context, recourse } = this;
		const others = othersLike(context);
		const isInEditor = recourse === 'editor' || recourse === 'editorRepeat';
		return [
			others.length > 0 &&
				this.mayDivideNodes([context.getNode(), ...others]) &&
				'This workflow has several StreamSkill nodes: in a new execution, let an item go only to those that have not bought for it yet, and deactivate the others',
			isCalled(context) &&
				!isTool(context) &&
				'The workflow that has called this one may have StreamSkill nodes as well: in a new execution, let an item go only to those that have not bought for it yet',
			// An execution of a sub-workflow fails with the one that has called it, which n8n offers to retry.
			isCalled(context) &&
				recourse === 'rest' &&
				'Do not retry the execution of the workflow that has called this one: without Idempotency Keys, it would buy again what was bought',
			recourse === 'editor' &&
				others.some(repeats) &&
				'In another StreamSkill node, Repeat Manual Orders is on: turn it off before you execute the workflow again, or that node buys again',
			isInEditor &&
				mayCallAgain(context) &&
				'If a sub-workflow buys, it buys again whenever it is called, by hand as well: before you execute the workflow again, pin the output of the node that calls it (in a loop, or after this node, deactivate it, and order what is left to it in an execution of its own)',
		].filter((remark): remark is string => Boolean(remark));
	}

	/** What is told where no next execution hands on what was bought in this one. */
	private get lostOutputRemark(): string[] {
		const { context, recourse } = this;
		const isNewList = this.all('failed').some(({ failure }) => isLeftOut(failure));
		const isHandedOn = !['editor', 'editorRepeat', 'rest'].includes(recourse) && !(recourse === 'retry' && isNewList);
		if (isHandedOn || this.all('bought').length === 0) return [];
		const others = followersLike(context).length > 0 ? ', except what other StreamSkill nodes order: leave that to them' : '';
		return [
			`The nodes after this one do not get what is listed as bought, in a later execution either: do for it by hand what they do${others}`,
		];
	}

	/** Whether what is left in the next execution may not be the same for all of these nodes. */
	private mayDivideNodes(nodes: INode[]): boolean {
		switch (this.recourse) {
			case 'editorRepeat':
			case 'retry':
			case 'rest':
				return true;
			case 'anew':
				return !nodes.every(hasKeys);
			case 'editor':
			case 'evaluation':
			case 'tool':
			case 'editorTool':
				return false;
		}
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
		const purchases = bought.filter(({ isNew }) => isNew).map(({ purchase }) => purchase);
		const leftOut = this.all('leftOut').map(({ because }) => because);
		const summary = summarise({
			purchases,
			handedBack: bought.length - purchases.length,
			leftOut: [...leftOut, ...Array<'nodeBefore'>(this.context.getInputData().length - this.items.length).fill('nodeBefore')],
			previewed: this.all('previewed').filter(({ wouldBeSent }) => wouldBeSent).length,
			failed: this.all('failed').map(({ failure }) => failure),
		});
		if (summary) this.context.logger.info(`StreamSkill run ${run}: ${summary}`);
		// n8n has stored the execution by now, without them, and its log may begin at the level `warn`.
		if (this.isStopped && purchases.length > 0) {
			const ids = purchases.map(({ id }) => String(id as number)).join(', ');
			this.context.logger.warn(`StreamSkill run ${run} was stopped, and has bought: ${ids}`);
		}
		if (this.endsLoop) this.context.logger.warn(`StreamSkill run ${run}: ${LOOP_ENDS}`);
		const hints = [
			summary,
			leftOut.includes('earlier') &&
				`The purchases of an earlier try are in its output, or in the lines of n8n's log that have "run":"${run}"`,
			this.endsLoop && LOOP_ENDS,
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
			errorItem(context, itemIndex, errorJson({ itemIndex, failure: { kind: 'heldBack', obstacle } }, recourseFor(context))),
		);

const orderOf = ({ reading }: Item): Order | undefined => (reading.kind === 'valid' ? reading.order : undefined);

const namedItem = (item: Item): NamedItem => ({ itemIndex: item.itemIndex, order: orderOf(item) });

const failedItem = (item: Item, failure: Failure): FailedItem => ({
	...namedItem(item),
	failure,
	treatment: item.reading.treatment,
	...(item.reading.kind === 'invalid' && { problems: item.reading.problems }),
});

/** An option of a node as it stands in the workflow: an expression may give any value. */
const optionOf = ({ parameters }: INode, name: string) => (parameters.options as IDataObject | undefined)?.[name];

const hasKeys = (node: INode) => optionOf(node, 'idempotencyKey') !== undefined;

const repeats = (node: INode) => Boolean(optionOf(node, 'repeatManualOrders'));

const recourseFor = (context: IExecuteFunctions): Recourse => recourseOf(context, repeats(context.getNode()));
