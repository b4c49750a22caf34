import { TooBusy } from '../../n8n/lock';
import { UnknownN8n, type DatabaseRefusal } from '../../n8n/rows';
import type { Reason } from '../dispatch/outcome';
import type { Because, ShownReference, Unrecognised } from '../journal/records';
import type { FieldProblems } from '../order/problems';

/** What keeps orders back that are valid themselves. */
export type Obstacle =
	| { kind: 'limit'; placed: number; wanted: number; limit: number }
	/** The credential is missing, or cannot be used. */
	| { kind: 'credential'; message: string }
	/** StreamSkill did not accept the Access Token of an order before. */
	| { kind: 'token' }
	/** `mayBeBought`: nor is it known what the execution has ordered before. */
	| { kind: 'database'; message: string; isNodeOutdated: boolean; mayBeBought: boolean }
	/** n8n's database has no place for what a workflow orders that was never saved. */
	| { kind: 'unsaved' }
	| { kind: 'evaluation' }
	| Unrecognised
	| { kind: 'stopped' }
	/** The node itself went wrong. */
	| { kind: 'defect'; message: string };

/**
 * @param mayBeBought whether other executions may have sent the same orders
 * @returns what a refusal of n8n's database keeps back
 */
export const databaseObstacle = (refusal: DatabaseRefusal, mayBeBought: boolean): Obstacle => ({
	kind: 'database',
	message: refusal.message,
	isNodeOutdated: refusal instanceof UnknownN8n,
	mayBeBought: mayBeBought || refusal instanceof TooBusy,
});

/**
 * It may have been bought, or the equal one before it, or another one with its Idempotency Key, perhaps with other fields
 * than the item has now. Without a reason where the answer is not known any more.
 */
export type Uncertain = {
	kind: 'unknown';
	reason?: Reason;
	isRepeated?: boolean;
	isOther?: boolean;
	mayBeMended?: boolean;
	/** Whether other items, or other rounds, have the same order, and it was bought, or may have been. */
	isOneOfEqual?: boolean;
} & ShownReference;

/** Why an item came to no purchase. */
export type Failure =
	/** Its fields are not a valid order. */
	| { kind: 'invalid'; problems: FieldProblems }
	/** It was sent or tried, and certainly not bought. */
	| { kind: 'rejected'; reason: Reason }
	| Uncertain
	/** It was bought before, and its purchase is not at hand. */
	| { kind: 'duplicate'; because: Because }
	/** Its Idempotency Key is that of another order. */
	| { kind: 'conflict'; with: 'record' | 'list' | 'unclear' }
	/** Another item of the list is the same order with the same Idempotency Key. */
	| { kind: 'repeatedKey' }
	| { kind: 'heldBack'; obstacle: Obstacle };

/** Whether it was not sent now, and may have been bought before: it is not known what was. */
export function mayBeBoughtBefore(failure: Failure): boolean {
	if (failure.kind === 'conflict') return failure.with === 'unclear';
	if (failure.kind !== 'heldBack') return false;
	return failure.obstacle.kind === 'unrecognised' || (failure.obstacle.kind === 'database' && failure.obstacle.mayBeBought);
}

/** What a workflow can branch on (`details.outcome`). */
export type FailedOutcome = 'invalid' | 'rejected' | 'unknown' | 'notSent' | 'duplicate' | 'conflict';

/** @returns the outcome that the item's error output tells */
export function outcomeOf(failure: Failure): FailedOutcome {
	switch (failure.kind) {
		case 'invalid':
		case 'rejected':
		case 'unknown':
		case 'duplicate':
		case 'conflict':
			return failure.kind;
		case 'repeatedKey':
			return 'duplicate';
		case 'heldBack':
			return 'notSent';
	}
}
