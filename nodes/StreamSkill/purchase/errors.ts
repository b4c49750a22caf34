import {
	NodeApiError,
	NodeOperationError,
	type IDataObject,
	type INode,
} from 'n8n-workflow';

import type { FieldProblems } from './coerce';
import { LABELS } from './labels';
import type { Order } from './order';
import type { NotBought } from './outcome';

/**
 * Why an item came to no purchase. A workflow can branch on it (`details.outcome`).
 *
 * - `invalid`: its fields are not a valid order; nothing was sent.
 * - `rejected`: it was sent or tried, and certainly not bought.
 * - `unknown`: it may have been bought.
 * - `notSent`: it was held back because of something else.
 * - `duplicate`: its Idempotency Key was bought before.
 */
export interface Failure {
	outcome: 'invalid' | 'rejected' | 'unknown' | 'notSent' | 'duplicate';
	/** What happened. */
	message: string;
	/** What to do next. */
	advice: string;
	httpCode?: number;
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

const UNCERTAIN =
	'Do not order it again before you have looked in your StreamSkill account whether it was bought. It is not sent again by itself: if it was not bought, turn on Resend Unknown Outcomes and retry the execution; if it was, leave the item out.';

/** What to do about a rejection, by HTTP status. */
const REJECTION_ADVICE: Record<number, string> = {
	401: 'Check the Access Token in the StreamSkill API credential. No further item was sent.',
	403: 'Check that your StreamSkill account may place this order, and that no firewall is in between.',
	404: 'Check the Base URL in the StreamSkill API credential: it usually ends in /v1.',
	422: 'Change the order as the message says, then run the item again.',
	429: 'Run the item again later, or use Batching with a longer Batch Interval.',
};

const NOT_REACHED =
	'Check the Base URL in the StreamSkill API credential and the network, then run the item again.';

const REFUSED = 'Check the order, your StreamSkill account and its balance, then run the item again.';

/** @returns the failure of an item whose fields are not a valid order */
export function invalidOrder(fieldErrors: FieldProblems): Failure {
	return {
		outcome: 'invalid',
		message: Object.values(fieldErrors).flat().join('; '),
		advice: `${NOTHING_BOUGHT} Change the named fields, or the expressions that fill them, then run again.`,
		fieldErrors,
	};
}

/** @returns the failure of an item whose order was sent and did not lead to a purchase for sure */
export function notBought(outcome: NotBought): Failure {
	const { kind, httpCode, fieldErrors } = outcome;
	if (kind === 'unknown') {
		return { outcome: kind, message: describeUnknown(outcome), advice: UNCERTAIN, httpCode };
	}
	const advice = httpCode === undefined ? NOT_REACHED : (REJECTION_ADVICE[httpCode] ?? (httpCode < 400 ? NOT_REACHED : REFUSED));
	return {
		outcome: kind,
		message: describeRejection(outcome),
		advice: `${NOTHING_BOUGHT} ${advice}`,
		httpCode,
		fieldErrors,
	};
}

function describeRejection({ httpCode, networkCode, apiMessage, fieldErrors }: NotBought): string {
	if (httpCode === undefined) return `StreamSkill could not be reached (${networkCode})`;
	if (fieldErrors) {
		const text = Object.entries(fieldErrors)
			.map(([field, messages]) => `${Object.hasOwn(LABELS, field) ? LABELS[field] : field}: ${messages.join(', ')}`)
			.join('; ');
		return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text;
	}
	if (httpCode < 400) {
		return `The Base URL redirects to another address (${httpCode}), where no order is sent`;
	}
	if (httpCode === 401) return 'StreamSkill does not accept the Access Token (401)';
	if (httpCode === 429) return 'StreamSkill receives too many requests (429)';
	return `StreamSkill refused the order (${httpCode})${apiMessage ? `: ${apiMessage}` : ''}`;
}

function describeUnknown({ httpCode, networkCode, apiMessage }: NotBought): string {
	if (networkCode === 'timeout') return 'StreamSkill gave no answer in time: the order may have been bought';
	if (httpCode === undefined) {
		return `The connection broke before the answer came (${networkCode}): the order may have been bought`;
	}
	if (httpCode < 400) {
		return `StreamSkill answered with ${apiMessage} instead of a purchase: the order may have been bought`;
	}
	return `StreamSkill broke off with status ${httpCode}: the order may have been bought`;
}

/** @returns the failure of an item whose key stands for an order without an answer */
export const uncertainKey = (order?: Order): Failure => ({
	outcome: 'unknown',
	message:
		order?.idempotencyKey === undefined
			? 'Another retry of this execution sent this order and has no answer to it: it may have been bought'
			: `An order with the Idempotency Key "${order.idempotencyKey}" was sent before and has no answer: it may have been bought`,
	advice: UNCERTAIN,
});

/** @returns the failure of an item whose key was bought before */
export const duplicateKey = ({ idempotencyKey }: Order): Failure =>
	idempotencyKey === undefined
		? {
				outcome: 'duplicate',
				message: 'Another retry of this execution has bought this order',
				advice: 'The item was not sent. Its purchase is in that other retry: go on from there.',
			}
		: {
				outcome: 'duplicate',
				message: `An order with the Idempotency Key "${idempotencyKey}" was bought before`,
				advice: 'The item was not sent. Give it another Idempotency Key if it is meant to be bought as well.',
			};

/** @returns the failure of an item that was held back, for the reason given */
export const heldBack = (message: string, advice: string): Failure => ({
	outcome: 'notSent',
	message,
	advice: `${NOTHING_BOUGHT} ${advice}`,
});

/**
 * What leaves by the error output for an item. n8n since 2.36 sends it there only if it has no other keys
 * than `error`, `message` and `details` (seen in n8n 2.41.1).
 */
export function errorJson({ failure, order }: FailedItem): IDataObject {
	const { outcome, message, advice, httpCode, fieldErrors } = failure;
	return {
		error: message,
		message: advice,
		details: {
			outcome,
			...(httpCode !== undefined && { httpCode }),
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
	const description = [
		failure.advice,
		differ ? listItems(failed) : '',
		purchases.length > 0 ? listPurchases(purchases) : '',
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

function listItems(failed: FailedItem[]): string {
	const lines = failed
		.slice(0, MAX_LISTED)
		.map(({ item, failure }) => `Item ${item}: ${escapeHtml(failure.message)}`);
	if (failed.length > MAX_LISTED) lines.push(`… and ${failed.length - MAX_LISTED} more`);
	return lines.join('<br>');
}

/** A message can quote the item or the API, and n8n shows descriptions as HTML (editor-ui: NodeErrorView.vue). */
const escapeHtml = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

function listPurchases(purchases: MadePurchase[]): string {
	const ids = purchases.slice(0, MAX_LISTED).map(({ purchase }) => String(purchase.id));
	if (purchases.length > MAX_LISTED) ids.push(`… and ${purchases.length - MAX_LISTED} more`);
	const [count, them] = purchases.length === 1 ? ['1 purchase', 'it'] : [`${purchases.length} purchases`, 'them'];
	return `This run made ${count} (ID ${ids.join(', ')}). Retry the execution to continue without buying ${them} again.`;
}
