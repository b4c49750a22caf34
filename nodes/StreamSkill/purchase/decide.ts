import type { IDataObject } from 'n8n-workflow';

import type { Parsed } from './coerce';
import { duplicateKey, invalidOrder, notBought, uncertainKey, type Failure } from './errors';
import type { Order } from './order';
import type { NotBought } from './outcome';

/** What is known of an order, from what this node has sent before. */
export type Knowledge =
	/** Never sent, or certainly not bought. */
	| { kind: 'new' }
	/** Without its purchase where that is not at hand. */
	| { kind: 'bought'; purchase?: IDataObject }
	/** Sent, perhaps by this very execution; its outcome where that is at hand. */
	| { kind: 'unknown'; outcome?: NotBought; sentHere: boolean };

export type Decision =
	| { kind: 'send'; order: Order }
	/** Dry Run: put out what would be sent. */
	| { kind: 'preview'; order: Order }
	/** It was bought before, and here is the purchase. */
	| { kind: 'handBack'; purchase: IDataObject }
	/** It was bought before: leave it out. */
	| { kind: 'skip'; order: Order }
	| { kind: 'fail'; failure: Failure; order?: Order };

/**
 * The one rule on what becomes of an item before anything is sent for it.
 *
 * What is known of an order outranks its parameters, which may be invalid by now; a known purchase outranks
 * Dry Run as well.
 */
export function decide(reading: Parsed<Order>, known: Knowledge): Decision {
	const order = reading.kind === 'valid' ? reading.value : undefined;
	if (known.kind === 'bought' && known.purchase) return { kind: 'handBack', purchase: known.purchase };
	if (known.kind === 'unknown' && !order?.dryRun && !(order?.resendUnknown && !known.sentHere)) {
		return { kind: 'fail', failure: known.outcome ? notBought(known.outcome) : uncertainKey(order), order };
	}
	if (reading.kind === 'invalid') return { kind: 'fail', failure: invalidOrder(reading.problems) };
	if (known.kind === 'bought') return settleDuplicate(reading.value);
	return { kind: reading.value.dryRun ? 'preview' : 'send', order: reading.value };
}

const settleDuplicate = (order: Order): Decision =>
	order.onDuplicate === 'skip' && order.idempotencyKey !== undefined
		? { kind: 'skip', order }
		: { kind: 'fail', failure: duplicateKey(order), order };
