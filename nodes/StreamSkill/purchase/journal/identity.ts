import { createHash } from 'crypto';
import type { IDataObject, IExecuteFunctions } from 'n8n-workflow';

import type { Order } from '../order/order';
import { DIGEST, ENTRY } from './stored';

/** A short stand-in for a text, which tells nothing of it. */
export const digest = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 22);

/**
 * What stays the same from an execution to all its retries: n8n's token for resuming it, which is made with the
 * execution and stored at once (n8n-core: get-additional-keys.js; n8n: execution.service.js, retry). It is a secret,
 * so only its digest leaves this function.
 *
 * @returns undefined where n8n has no such token (n8n 1.x)
 */
export function tokenRoot(context: IExecuteFunctions): string | undefined {
	const { $execution } = context.getWorkflowDataProxy(0) as unknown as { $execution?: { resumeUrl?: string } };
	const token = /[?&]signature=([^&#]+)/.exec($execution?.resumeUrl ?? '')?.[1];
	return token === undefined ? undefined : digest(token);
}

/**
 * Whether another n8n process may run an execution with the same root at the same time. Retries can; and n8n 1.x, which
 * has no token, gives a stalled worker's execution to another one (n8n 2.x never does: scaling.service.js).
 */
export const mayHaveRivals = (context: IExecuteFunctions): boolean =>
	tokenRoot(context) === undefined || context.getMode?.() === 'retry';

/**
 * Whether this is the retry of a killed execution in an n8n that has no token. n8n makes a new execution context for
 * each of these (n8n 1.123.81: execution-context.js), and has filled in items that tell of the recovery
 * (n8n: execution-recovery.service.js).
 */
export function isRetryWithoutRoot(context: IExecuteFunctions): boolean {
	if (tokenRoot(context) !== undefined || context.getMode?.() !== 'retry') return false;
	const { getExecutionContext } = context as { getExecutionContext?: () => { source?: string } | undefined };
	if (getExecutionContext?.call(context)?.source === 'retry') return true;
	const { $items } = context.getWorkflowDataProxy(0) as unknown as { $items: (name: string, output: number, run: number) => Array<{ json: IDataObject }> };
	return context.getParentNodes(context.getNode().name).some(({ name }) => {
		try {
			return $items(name, 0, 0)[0]?.json.isArtificialRecoveredEventItem === true;
		} catch {
			// It has not run.
			return false;
		}
	});
}

/** What an order is recognised by when its item comes again. */
export interface Identity {
	/** The item at its place. */
	at: string;
	/** What is ordered: an Idempotency Key, or a tarif and channel. Undefined if the item is no order. */
	what?: string;
	/** Whether `what` is an Idempotency Key. */
	keyed: boolean;
	/** Whether no other item of the list is the same, so that its content alone tells which one it is. */
	isUnique: boolean;
}

/**
 * @param items the node's input
 * @param orders the order of each, as far as its parameters are one
 */
export function identify(items: IDataObject[], orders: Array<Order | undefined>): Identity[] {
	const contents = items.map((json) => digest(asText(json)));
	const times = new Map<string, number>();
	for (const content of contents) times.set(content, (times.get(content) ?? 0) + 1);
	return contents.map((content, place) => ({
		at: ENTRY.at(place, content),
		...whatOf(orders[place]),
		isUnique: times.get(content) === 1 && Object.keys(items[place]).length > 0,
	}));
}

function whatOf(order?: Order): Pick<Identity, 'what' | 'keyed'> {
	if (!order) return { keyed: false };
	const { body, idempotencyKey } = order;
	return idempotencyKey === undefined
		? { what: DIGEST.what(body.tarif.id, body.channel), keyed: false }
		: { what: ENTRY.key(idempotencyKey), keyed: true };
}

function asText(json: IDataObject): string {
	try {
		return JSON.stringify(json);
	} catch {
		// Circular: it says no more than an empty one.
		return '';
	}
}
