import type { IDataObject } from 'n8n-workflow';

import type { Knowledge } from './journal/recalled';
import type { Because } from './journal/records';
import type { Order, Reading } from './order/order';
import type { Failure } from './report/failure';

export type Decision =
	/** Place the order, or show it if it is a Dry Run. */
	| { kind: 'send'; order: Order }
	/** It was bought before, and here is the purchase. */
	| { kind: 'handBack'; purchase: IDataObject }
	/** It was bought before: leave it out. */
	| { kind: 'leaveOut'; because: Because }
	/** Wait whether somebody else gets an answer for it. */
	| { kind: 'wait' }
	| { kind: 'fail'; failure: Failure }
	/** Dry Run: show what would become of it in place of a purchase. */
	| { kind: 'showInstead'; order?: Order; instead: string };

/**
 * The one rule on what becomes of an item before anything is sent for it.
 *
 * What is on record of an order outranks its fields, which may be invalid by now; a known purchase outranks Dry Run as
 * well.
 */
export function decide(reading: Reading, known: Knowledge): Decision {
	const { dryRun, onDuplicate } = reading.treatment;
	const order = reading.kind === 'valid' ? reading.value : undefined;
	switch (known.kind) {
		case 'bought':
			if (known.purchase) return { kind: 'handBack', purchase: known.purchase };
			if (dryRun) return { kind: 'showInstead', order, instead: 'It was bought before, and would be left out' };
			if (onDuplicate === 'fail' && known.because !== 'confirmed') return fail({ kind: 'duplicate', because: known.because });
			return { kind: 'leaveOut', because: known.because };
		case 'unknown':
		case 'onItsWay':
			if (dryRun)
				return {
					kind: 'showInstead',
					order,
					instead: `It may have been bought before, and would be held back (reference ${known.reference})`,
				};
			return known.kind === 'unknown' ? fail(known) : { kind: 'wait' };
		case 'conflict':
			return fail(known);
		case 'unrecognised':
			return fail(reading.kind === 'valid' ? { kind: 'heldBack', obstacle: known } : { kind: 'invalid', problems: reading.problems });
		case 'new':
			return reading.kind === 'valid' ? { kind: 'send', order: reading.value } : fail({ kind: 'invalid', problems: reading.problems });
	}
}

const fail = (failure: Failure): Decision => ({ kind: 'fail', failure });
