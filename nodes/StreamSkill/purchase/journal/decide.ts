import type { IDataObject } from 'n8n-workflow';

import type { NotBought } from '../dispatch/outcome';
import type { Order, Reading } from '../order/order';
import type { FieldProblems } from '../order/problems';
import type { Knowledge } from './recalled';
import type { Because } from './records';

export type Decision =
	/** Place the order, or show it if it is a Dry Run. */
	| { kind: 'send'; order: Order }
	/** It was bought before, and here is the purchase. */
	| { kind: 'handBack'; purchase: IDataObject }
	/** It was bought before: leave it out. */
	| { kind: 'leaveOut'; because: Because }
	/** It was bought before, and that is to be a failure. */
	| { kind: 'duplicate'; because: Because }
	/** It may have been bought before. */
	| { kind: 'holdBack'; outcome?: NotBought; reference: string; isRepeated?: boolean }
	/** Wait whether somebody else gets an answer for it. */
	| { kind: 'wait'; reference: string }
	/** Its Idempotency Key stands for another order. */
	| { kind: 'conflict'; with: 'record' | 'list' | 'unclear' }
	| { kind: 'unrecognised' }
	/** Its fields are no order. */
	| { kind: 'refuse'; problems: FieldProblems }
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
			return { kind: onDuplicate === 'fail' && known.because !== 'confirmed' ? 'duplicate' : 'leaveOut', because: known.because };
		case 'unknown':
		case 'onItsWay':
			if (dryRun)
				return {
					kind: 'showInstead',
					order,
					instead: `It may have been bought before, and would be held back (reference ${known.reference})`,
				};
			return known.kind === 'unknown'
				? { kind: 'holdBack', outcome: known.outcome, reference: known.reference, isRepeated: known.isRepeated }
				: { kind: 'wait', reference: known.reference };
		case 'conflict':
			return { kind: 'conflict', with: known.with };
		case 'unrecognised':
			return reading.kind === 'invalid' ? { kind: 'refuse', problems: reading.problems } : { kind: 'unrecognised' };
		case 'new':
			return reading.kind === 'invalid' ? { kind: 'refuse', problems: reading.problems } : { kind: 'send', order: reading.value };
	}
}
