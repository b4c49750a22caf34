import type { IDataObject } from 'n8n-workflow';

import type { FieldProblems, Parsed } from '../order/coerce';
import type { Order } from '../order/order';
import type { NotBought } from '../dispatch/outcome';

/** What is known of an order, from what this node has sent before. */
export type Knowledge =
	/** Never sent, or certainly not bought. */
	| { kind: 'new' }
	/** Without its purchase where that is not at hand. */
	| { kind: 'bought'; purchase?: IDataObject; because?: Because }
	/** Sent, with its outcome where that is at hand, or perhaps not sent: it cannot be told. */
	| { kind: 'unknown'; outcome?: NotBought; reference: string };

/** How it is known that an order was bought whose purchase is not at hand; by this execution's past, unless given. */
export type Because = 'key' | 'confirmed';

export type Decision =
	| { kind: 'send'; order: Order }
	/** Dry Run: put out what would be sent. */
	| { kind: 'preview'; order: Order }
	/** It was bought before, and here is the purchase. */
	| { kind: 'handBack'; purchase: IDataObject }
	/** It was bought before: leave it out. */
	| { kind: 'skip'; order?: Order; because?: Because }
	/** It was bought before, and that is to be a failure. */
	| { kind: 'duplicate'; order: Order; because?: Because }
	/** It may have been bought before. */
	| { kind: 'holdBack'; order?: Order; outcome?: NotBought; reference: string }
	/** It is no order. */
	| { kind: 'refuse'; problems: FieldProblems };

/**
 * The one rule on what becomes of an item before anything is sent for it.
 *
 * What is known of an order outranks its parameters, which may be invalid by now; a known purchase outranks
 * Dry Run as well.
 */
export function decide(reading: Parsed<Order>, known: Knowledge): Decision {
	const order = reading.kind === 'valid' ? reading.value : undefined;
	if (known.kind === 'bought') {
		const { purchase, because } = known;
		if (purchase) return { kind: 'handBack', purchase };
		return order?.onDuplicate === 'fail' && because !== 'confirmed'
			? { kind: 'duplicate', order, because }
			: { kind: 'skip', order, because };
	}
	if (known.kind === 'unknown' && !order?.dryRun) {
		return { kind: 'holdBack', order, outcome: known.outcome, reference: known.reference };
	}
	if (reading.kind === 'invalid') return { kind: 'refuse', problems: reading.problems };
	return { kind: reading.value.dryRun ? 'preview' : 'send', order: reading.value };
}
