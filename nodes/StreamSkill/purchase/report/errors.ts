import {
	NodeApiError,
	NodeOperationError,
	type IDataObject,
	type INode,
} from 'n8n-workflow';

import type { FieldProblems } from '../order/coerce';
import type { Because } from '../journal/decide';
import { LABELS } from '../order/labels';
import type { Order } from '../order/order';
import type { NotBought, Reason } from '../dispatch/outcome';

/**
 * Why an item came to no purchase. A workflow can branch on it (`details.outcome`).
 *
 * - `invalid`: its fields are not a valid order; nothing was sent.
 * - `rejected`: it was sent or tried, and certainly not bought.
 * - `unknown`: it may have been bought.
 * - `notSent`: it was held back because of something else.
 * - `duplicate`: it was bought before, and its purchase is not at hand.
 */
export interface Failure {
	outcome: 'invalid' | 'rejected' | 'unknown' | 'notSent' | 'duplicate';
	/** What happened. */
	message: string;
	/** What to do next. */
	advice: string;
	httpCode?: number;
	/** Of an uncertain order: what a person names it by. */
	reference?: string;
	/** By the API's name of the field. */
	fieldErrors?: FieldProblems;
}

/** An item's failure with the order it is about, if its fields were one. */
export interface FailedItem {
	item: number;
	failure: Failure;
	order?: Order;
}

/** A purchase with the item that it was made for. */
export interface MadePurchase {
	item: number;
	purchase: IDataObject;
}

/** Characters of what the API says that still make a readable message; the rest is in the details. */
const MAX_MESSAGE = 1000;

const NOTHING_BOUGHT = 'Nothing was bought.';

/**
 * How a person goes on after an item failed, without buying again what was bought.
 *
 * - `retry`: the execution fails, and can be retried.
 * - `anew`: it ends well, and only a new execution can order the item again.
 * - `tool`: a model is told, which can order again by itself.
 */
export type WayOn = 'retry' | 'anew' | 'tool';

/** What to do about a rejection, by HTTP status. */
const REJECTION_ADVICE: Record<number, string> = {
	401: 'Check the Access Token in the StreamSkill API credential. No further item was sent.',
	403: 'Check that your StreamSkill account may place this order, and that no firewall is in between.',
	404: 'Check the Base URL in the StreamSkill API credential: it usually ends in /v1.',
	422: 'Change the order as the message says.',
	429: 'Wait some minutes, or use Batching with a longer Batch Interval.',
};

const NOT_REACHED = 'Check the Base URL in the StreamSkill API credential and the network.';

const NO_PROXY = 'Ask whoever runs n8n: its proxy is set with the environment variable HTTPS_PROXY.';

const REFUSED = 'Check the order, your StreamSkill account and its balance.';

const GO_ON: Record<WayOn, string> = {
	retry: 'Then save the workflow, and retry the execution with the currently saved workflow.',
	anew: 'Then order the item in a new execution, without the items that were bought.',
	tool: 'Then order it again if it is still wanted.',
};

/** What to do about an uncertain order. */
const LOOK_UP: Record<WayOn | 'anewWithKey' | 'toolWithKey', (reference: string) => string> = {
	retry: (reference) =>
		`Look in your StreamSkill account whether it is there. If it is, add ${reference} to the option Confirmed Bought; if it is not, to Confirmed Not Bought. Then save the workflow, and retry the execution with the currently saved workflow.`,
	anewWithKey: (reference) =>
		`Look in your StreamSkill account whether it is there. If it is, add ${reference} to the option Confirmed Bought; if it is not, to Confirmed Not Bought. Then save the workflow, and run the item again with the same Idempotency Key.`,
	anew: () =>
		'Look in your StreamSkill account whether it is there. If it is, nothing is left to do; if it is not, order this item alone in a new execution.',
	tool: () =>
		'Do not order it again. A person has to look in the StreamSkill account whether it is there: only if it is not, it may be ordered in a new execution.',
	toolWithKey: (reference) =>
		`Do not order it again. A person has to look in the StreamSkill account whether it is there, and to type ${reference} into the option Confirmed Bought of this tool if it is, or into Confirmed Not Bought if it is not.`,
};

/** @returns the failure of an item whose fields are not a valid order */
export function invalidOrder(fieldErrors: FieldProblems, way: WayOn): Failure {
	return {
		outcome: 'invalid',
		message: Object.values(fieldErrors).flat().join('; '),
		advice: `${NOTHING_BOUGHT} Change the named fields, or the expressions that fill them. ${GO_ON[way]}`,
		fieldErrors,
	};
}

/** @returns the failure of an item whose order was certainly not bought */
export function rejected({ reason }: NotBought, way: WayOn): Failure {
	return {
		outcome: 'rejected',
		message: describeRejection(reason),
		advice: `${NOTHING_BOUGHT} ${adviseRejection(reason)} ${GO_ON[way]}`,
		...answered(reason),
	};
}

const answered = (reason?: Reason): Pick<Failure, 'httpCode' | 'fieldErrors'> => ({
	httpCode: reason && 'httpCode' in reason ? reason.httpCode : undefined,
	fieldErrors: reason?.kind === 'status' ? reason.fieldErrors : undefined,
});

function adviseRejection(reason: Reason): string {
	if (reason.kind === 'proxy') return NO_PROXY;
	if (reason.kind !== 'status') return NOT_REACHED;
	return REJECTION_ADVICE[reason.httpCode] ?? (reason.httpCode < 400 ? NOT_REACHED : REFUSED);
}

/**
 * @param outcome what was answered, if that is at hand
 * @returns the failure of an item whose order may have been bought
 */
export function uncertain(reference: string, way: WayOn, order?: Order, outcome?: NotBought): Failure {
	const isKeyed = order?.idempotencyKey !== undefined;
	const what = outcome && outcome.reason.kind !== 'abandoned' ? describeUnknown(outcome.reason) : describeOpen(order);
	return {
		outcome: 'unknown',
		message: `${what}: the order may have been bought (reference ${reference})`,
		advice: LOOK_UP[isKeyed && way !== 'retry' ? (`${way}WithKey` as const) : way](reference),
		httpCode: answered(outcome?.reason).httpCode,
		reference,
	};
}

const describeOpen = (order?: Order) =>
	order?.idempotencyKey === undefined
		? 'This order was sent before, and its answer is not known'
		: `An order with the Idempotency Key "${order.idempotencyKey}" was sent before, and its answer is not known`;

/** @returns the failure of an item that was bought before, and whose purchase is not at hand */
export function duplicate(order?: Order, because?: Because): Failure {
	return {
		outcome: 'duplicate',
		message: because === 'key' ? `An order with the Idempotency Key "${order?.idempotencyKey}" was bought before` : 'This order was bought before, in an earlier try of this execution',
		advice:
			because === 'key'
				? 'The item was not sent. Give it another Idempotency Key if it is meant to be bought as well.'
				: 'The item was not sent. Its purchase is in the output of that other try, or in n8n\'s log.',
	};
}

function describeRejection(reason: Reason): string {
	if (reason.kind === 'proxy') {
		const why = reason.httpCode === 407 ? 'asks for a user name and password' : 'did not connect to StreamSkill';
		return `The proxy ${why} (${reason.httpCode})`;
	}
	if (reason.kind !== 'status') return `StreamSkill could not be reached (${describeNetwork(reason)})`;
	const { httpCode, apiMessage, fieldErrors } = reason;
	if (fieldErrors) {
		const text = Object.entries(fieldErrors)
			.map(([field, messages]) => `${Object.hasOwn(LABELS, field) ? LABELS[field] : field}: ${messages.join(', ')}`)
			.join('; ');
		return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text;
	}
	if (httpCode < 400) {
		return `The Base URL redirects to another address (${httpCode}), and no order is sent there`;
	}
	if (httpCode === 401) return 'StreamSkill does not accept the Access Token (401)';
	if (httpCode === 429) return 'StreamSkill receives too many requests (429)';
	return `StreamSkill refused the order (${httpCode})${apiMessage ? `: ${apiMessage}` : ''}`;
}

function describeUnknown(reason: Reason): string {
	if (reason.kind === 'timeout') return 'StreamSkill gave no answer in time';
	if (reason.kind === 'unrecognised') return 'The request failed for a reason that n8n does not tell';
	if (reason.kind !== 'status') return `The connection broke before the answer came (${describeNetwork(reason)})`;
	if (reason.httpCode < 400) return `StreamSkill answered with ${reason.apiMessage} instead of a purchase`;
	return `StreamSkill broke off with status ${reason.httpCode}`;
}

const describeNetwork = (reason: Reason) => {
	if (reason.kind === 'network') return reason.code;
	return reason.kind === 'blocked' ? 'blocked by n8n' : reason.kind;
};

/** @returns the failure of an item whose Idempotency Key another item of the same list has as well */
export const repeatedKey = (idempotencyKey: string): Failure => ({
	outcome: 'duplicate',
	message: `The Idempotency Key "${idempotencyKey}" is that of another item as well`,
	advice: `${NOTHING_BOUGHT} Give each item a key of its own, or set If Already Purchased to Skip. ${GO_ON.retry}`,
});

/**
 * @param advice what to do about the reason; how to go on then is added
 * @returns the failure of an item that was held back, for the reason given
 */
export const heldBack = (message: string, advice: string, way: WayOn): Failure => ({
	outcome: 'notSent',
	message,
	advice: `${NOTHING_BOUGHT} ${advice} ${GO_ON[way]}`,
});

/** @returns what to say when n8n's database refuses: no order goes out unrecorded */
export const couldNotAsk = (error: Error): string =>
	`n8n could not look up whether the order was sent before: ${error.message}`;

/** @returns the failure of items that are left when the execution is stopped */
export const stopped = (): Failure => ({
	outcome: 'notSent',
	message: 'The execution was stopped',
	advice: `${NOTHING_BOUGHT} If the item is still wanted, order it in a new execution, without the items that were bought.`,
});

/**
 * What leaves by the error output for an item. n8n since 2.36 sends it there only if it has no other keys
 * than `error`, `message` and `details` (seen in n8n 2.41.1).
 */
export function errorJson({ failure, order }: FailedItem): IDataObject {
	const { outcome, message, advice, httpCode, fieldErrors, reference } = failure;
	return {
		error: message,
		message: advice,
		details: {
			outcome,
			...(httpCode !== undefined && { httpCode }),
			...(reference !== undefined && { reference }),
			...(fieldErrors && { errors: fieldErrors }),
			...(order && { order: { ...order.body } }),
			...(order?.idempotencyKey !== undefined && { idempotencyKey: order.idempotencyKey }),
		},
	};
}

/**
 * The error that ends a run. Its description says what the run bought so far, and its `context` has the
 * purchases and the failed items as data, so that nothing is lost with the run.
 */
export function runError(node: INode, failed: FailedItem[], purchases: MadePurchase[]) {
	const [{ item, failure }] = failed;
	// Items that are held back for one reason share it.
	const differ = failed.some((other) => other.failure !== failure);
	const message =
		differ && failed.every((other) => other.failure.outcome === 'invalid')
			? `${failed.length} items are not valid orders`
			: failure.message;
	const open = failed.filter((other) => other.failure.outcome === 'unknown');
	const closed = failed.filter((other) => other.failure.outcome !== 'unknown');
	const description = [
		purchases.length > 0 ? listPurchases(purchases) : '',
		open.length > 0 ? `${listItems(open, describeUncertain)}<br><br>${LOOK_UP_ALL}` : '',
		closed.length > 0 && differ ? listItems(closed, ({ failure }) => failure.message) : '',
		closed.length > 0 ? closed[0].failure.advice : '',
	]
		.filter(Boolean)
		.join('<br><br>');

	const options = { message, description, itemIndex: item };
	const error =
		failure.httpCode === undefined
			? new NodeOperationError(node, message, options)
			: new NodeApiError(node, { message }, { ...options, httpCode: String(failure.httpCode) });
	// n8n puts texts of its own in place of messages that name a network code such as ECONNREFUSED, one
	// of them the advice to turn on Retry On Fail.
	error.message = message;
	error.description = description;
	error.context.purchases = purchases;
	error.context.failedItems = failed.map((other) => ({ item: other.item, ...errorJson(other) }));
	return error;
}

const MAX_LISTED = 50;

function listItems(failed: FailedItem[], describe: (failed: FailedItem) => string): string {
	const lines = failed.slice(0, MAX_LISTED).map((one) => `Item ${one.item}: ${escapeHtml(describe(one))}`);
	if (failed.length > MAX_LISTED) lines.push(`… and ${failed.length - MAX_LISTED} more`);
	return lines.join('<br>');
}

function describeUncertain({ failure, order }: FailedItem): string {
	const key = order?.idempotencyKey === undefined ? '' : `, Idempotency Key "${order.idempotencyKey}"`;
	const what = order ? `channel ${order.body.channel}, tarif ${order.body.tarif.id}${key}` : 'an order';
	return `${what} may have been bought. Its reference is ${failure.reference}`;
}

const LOOK_UP_ALL =
	'Look up each of these in your StreamSkill account. Add the references of those that are there to the option Confirmed Bought, and the references of the others to Confirmed Not Bought. Then save the workflow, and retry the execution with the currently saved workflow.';

/** For what quotes the item or the API: n8n shows descriptions and hints as HTML (editor-ui: NodeErrorView.vue). */
export const escapeHtml = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

function listPurchases(purchases: MadePurchase[]): string {
	const ids = purchases.slice(0, MAX_LISTED).map(({ purchase }) => String(purchase.id));
	if (purchases.length > MAX_LISTED) ids.push(`… and ${purchases.length - MAX_LISTED} more`);
	const [count, them] = purchases.length === 1 ? ['1 purchase', 'it'] : [`${purchases.length} purchases`, 'them'];
	return `This execution bought ${count} (ID ${ids.join(', ')}). A retry of the execution does not buy ${them} again.`;
}
