import type { Knowledge } from './journal/recalled';
import type { Order, Reading } from './order/order';
import { databaseObstacle, type Failure } from './report/failure';
import type { Result } from './report/result';

export type Decision =
	/** Place the order, or show it if it is a Dry Run. */
	| { kind: 'send'; order: Order }
	/** Wait to see whether somebody else gets an answer for it. */
	| { kind: 'wait' }
	/** Send nothing: that is what became of it. */
	| Result;

/**
 * The one rule on what becomes of an item before anything is sent for it.
 *
 * What is on record of an order outranks its fields, which may be invalid by now; a known purchase outranks Dry Run as
 * well.
 */
export function decide(reading: Reading, known: Knowledge): Decision {
	const { dryRun, onDuplicate } = reading.treatment;
	const fail = (failure: Failure): Result => ({ kind: 'failed', failure });
	const showInstead = (instead: string): Result => {
		const order = reading.kind === 'valid' ? { ...reading.order.body } : {};
		return { kind: 'previewed', preview: { order, instead }, wouldBeSent: false };
	};
	switch (known.kind) {
		case 'bought':
			if (known.purchase) return { kind: 'bought', purchase: known.purchase, isNew: false };
			if (dryRun) return showInstead('It was bought before, and would be left out');
			if (onDuplicate === 'fail' && known.because !== 'confirmed') return fail({ kind: 'duplicate', because: known.because });
			return { kind: 'leftOut', because: known.because };
		case 'unknown':
		case 'onItsWay':
			if (dryRun) {
				const what = known.isOther ? 'Another order with its Idempotency Key' : 'It';
				return showInstead(`${what} may have been bought before, and would be held back (reference ${known.reference})`);
			}
			return known.kind === 'unknown' ? fail(known) : { kind: 'wait' };
		case 'conflict':
			return fail(known);
		case 'unread':
			return fail({ kind: 'heldBack', obstacle: databaseObstacle(known.refusal, true) });
		case 'unrecognised':
		case 'new':
			if (reading.kind === 'invalid') return fail({ kind: 'invalid', problems: reading.problems });
			return known.kind === 'new' ? { kind: 'send', order: reading.order } : fail({ kind: 'heldBack', obstacle: known });
	}
}
