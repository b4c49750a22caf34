import { NodeApiError, NodeOperationError, type IDataObject, type INode } from 'n8n-workflow';

import type { ErrorJson } from '../../n8n/errorItem';
import type { Recourse } from '../../n8n/host';
import type { FieldProblems } from '../order/problems';
import { nameOfChannel, type Order, type Treatment } from '../order/order';
import { groupOf, isUncertain, outcomeOf, reasonOf, type Failure, type FailureGroup } from './failure';
import { advise, describe, goOn, isLeftOut, isUnrecognised, lookUp, mend } from './messages';

/** What a person knows an item by: its place, and its order if its fields are one. */
export interface NamedItem {
	itemIndex: number;
	order?: Order;
}

/** An item that came to no purchase. */
export interface FailedItem extends NamedItem {
	failure: Failure;
	/** How an order of it is to be treated, as far as that can be read. */
	treatment?: Treatment;
	/** What is wrong with its fields, also of one that is uncertain. */
	problems?: FieldProblems;
}

/** What a run has come to when it ends with an error. */
export interface EndedRun {
	/** At least one. */
	failed: FailedItem[];
	purchases: Array<NamedItem & { purchase: IDataObject }>;
	/** Items that were bought before, which is no failure. */
	leftOut: FailedItem[];
	/** What a person is told besides, in sentences without a full stop. */
	remarks: string[];
	/** Those of them that hold for each failed item by itself. */
	itemRemarks: string[];
	/** Items whose turn had not come. */
	notTried: NamedItem[];
}

/** What leaves through the error output for an item. */
export function errorJson(
	{ failure, order, treatment, problems: ownProblems }: FailedItem,
	recourse: Recourse,
	remarks: string[] = [],
): ErrorJson {
	const reason = reasonOf(failure);
	const isTokenRefused = failure.kind === 'heldBack' && failure.obstacle.kind === 'token';
	const problems = ownProblems ?? (reason?.kind === 'status' ? reason.fieldErrors : undefined);
	return {
		error: describe(failure, treatment),
		message: [advise(failure, recourse), ...remarks.map((remark) => `${remark}.`)].join(' '),
		details: {
			outcome: outcomeOf(failure),
			...(reason && 'httpCode' in reason && { httpCode: reason.httpCode }),
			...(isTokenRefused && { httpCode: 401 }),
			...(failure.kind === 'unknown' && { reference: failure.reference }),
			...(problems && { errors: problems }),
			...(order && { order: { ...order.body } }),
			...(treatment?.idempotencyKey !== undefined && { idempotencyKey: treatment.idempotencyKey }),
		},
	};
}

/**
 * The error that ends a run: its title names the order that needs a person first, its description what became of each
 * order and the one next step. Its `context` has the purchases and the failed items as data, so that nothing is lost
 * with the run.
 */
export function runError(node: INode, { failed, purchases, leftOut, remarks, itemRemarks, notTried }: EndedRun, recourse: Recourse) {
	const all = (group: FailureGroup) => failed.filter(({ failure }) => groupOf(failure) === group);
	const uncertain = all('uncertain');
	const [first] = [...uncertain, ...failed];
	if (!first) throw new Error('a run without a failed item does not end with an error');

	// n8n takes an error with "canceled" in its message for a Stop, and offers no retry then (n8n-core: workflow-execute.js,
	// processSuccessExecution). With a soft hyphen, a channel of that name still reads as it is.
	const message = titleOf(first, failed).replaceAll('canceled', 'can\u00ADceled');
	const description = [
		...group('Bought', purchases, describePurchase),
		...group('May have been bought', uncertain, describeUncertain, Infinity),
		...group('Not bought again', [...all('boughtBefore'), ...leftOut], whatHappened),
		...group('Not sent now', all('unclear'), whatHappened),
		...group('Not bought', all('notBought'), whatHappened),
		...group('Not tried', notTried, () => ''),
		...remarks.map((remark) => `${escapeHtml(remark)}.`),
		...stepsOf(
			failed.map(({ failure }) => failure),
			recourse,
		),
	].join('<br><br>');

	const reason = reasonOf(first.failure);
	const options = { message, description, itemIndex: first.itemIndex };
	const error =
		reason && 'httpCode' in reason
			? new NodeApiError(node, { message }, { ...options, httpCode: String(reason.httpCode) })
			: new NodeOperationError(node, message, options);
	// n8n puts texts of its own in place of messages that name a network code such as ECONNREFUSED, one
	// of them the advice to turn on Retry On Fail.
	error.message = message;
	error.description = description;
	error.context.purchases = purchases.map(({ itemIndex, purchase }) => ({ item: itemIndex, purchase }));
	error.context.failedItems = failed.map((item) => ({ item: item.itemIndex, ...errorJson(item, recourse, itemRemarks) }));
	error.context.notTried = notTried.map(({ itemIndex, order }) => ({ item: itemIndex, ...(order && { order: { ...order.body } }) }));
	return error;
}

function titleOf(first: FailedItem, failed: FailedItem[]): string {
	const { failure, order, treatment } = first;
	const texts = new Set(failed.map((other) => describe(other.failure, other.treatment)));
	if (texts.size > 1 && failed.every((other) => other.failure.kind === 'invalid')) return `${failed.length} items are not valid orders`;
	// What keeps all orders back is not about one of them.
	if (failure.kind === 'heldBack' || !order) return describe(failure, treatment);
	return `Channel ${order.body.channel}, tarif ${order.body.tarif.id}: ${describe(failure, treatment)}`;
}

/** Two addresses are of two sites, perhaps. */
const isSameChannel = (one: string, other: string) => {
	const [bare, otherBare] = [one, other].map((channel) => channel.replace(/^@/, ''));
	return one === other || nameOfChannel(one) === otherBare || nameOfChannel(other) === bare;
};

/** Fields that were mended since are not those that it was bought with. */
function describePurchase({ purchase: { id, channel, tarif }, order }: EndedRun['purchases'][number]): string {
	const isOrdered = (answered: string) => order !== undefined && isSameChannel(answered.toLowerCase(), order.body.channel.toLowerCase());
	const others = [
		...(typeof channel === 'string' && !isOrdered(channel) ? [`channel ${channel}`] : []),
		...(typeof tarif === 'number' && tarif !== order?.body.tarif.id ? [`tarif ${tarif}`] : []),
	];
	return `ID ${String(id as number)}${others.length > 0 ? ` (for ${others.join(', ')})` : ''}`;
}

const whatHappened = ({ failure, treatment }: FailedItem) => describe(failure, treatment);

/** An order that is invalid by now is settled all the same. */
const describeUncertain = ({ failure, treatment, problems = {} }: FailedItem) =>
	[describe(failure, treatment), ...Object.values(problems).flat()].join('; ');

function stepsOf(failures: Failure[], recourse: Recourse): string[] {
	const uncertain = failures.filter(isUncertain);
	const certain = failures.filter((failure) => !isUncertain(failure));
	const references = [...new Set(uncertain.map(({ reference }) => reference))];
	const reference = references.length === 1 ? references[0] : undefined;
	// There, no reference of this execution counts, and no key of it. A retry that also sent them would be one way too many.
	const isNewList = certain.some((failure) => isLeftOut(failure) || isUnrecognised(failure));
	const sentences = [
		...(references.length === 0
			? []
			: lookUp(reference, isNewList ? 'rest' : recourse, {
					isKeyed: uncertain.every(({ isKeyed }) => isKeyed) && !isNewList,
					isOther: uncertain.every(({ isOther }) => isOther),
					mayBeMended: uncertain.some(({ mayBeMended }) => mayBeMended),
					isOneOfEqual: uncertain.some(({ isOneOfEqual }) => isOneOfEqual),
				})),
		...certain.flatMap((failure) => mend(failure, recourse)),
		goOn([...uncertain, ...certain], recourse),
	];
	return [
		...(references.length > 1 ? [`References: ${references.join(' ')}`] : []),
		escapeHtml([...new Set(sentences)].filter(Boolean).join(' ')),
	];
}

const MAX_LISTED = 50;

function group<T extends NamedItem>(title: string, items: T[], say: (item: T) => string, most = MAX_LISTED): string[] {
	if (items.length === 0) return [];
	const lines = items.slice(0, most).map((item) => escapeHtml([nameOf(item), say(item)].filter(Boolean).join(': ')));
	if (items.length > most) lines.push(`… and ${items.length - most} more`);
	return [`<strong>${title}</strong><br>${lines.join('<br>')}`];
}

const nameOf = ({ itemIndex, order }: NamedItem) =>
	order ? `Item ${itemIndex}, channel ${order.body.channel}, tarif ${order.body.tarif.id}` : `Item ${itemIndex}`;

/** For what quotes the item or the API: n8n shows descriptions and hints as HTML (editor-ui: NodeErrorView.vue). */
export const escapeHtml = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
