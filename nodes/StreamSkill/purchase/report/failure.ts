import { TooBusy } from '../../n8n/lock';
import { UnknownN8n, type DatabaseRefusal } from '../../n8n/rows';
import type { Reason } from '../dispatch/outcome';
import type { Because, Conflict, Uncertain, Unrecognised } from '../journal/knowledge';
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

/** It may have been bought. Without a reason where the answer is not known any more. */
export interface UncertainItem extends Uncertain {
	kind: 'unknown';
	reason?: Reason;
	/** Whether other items, or other rounds, have the same order, and it was bought, or may have been. */
	isOneOfEqual?: boolean;
}

/** Why an item came to no purchase. */
export type Failure =
	/** Its fields are not a valid order. */
	| { kind: 'invalid'; problems: FieldProblems }
	/** It was sent or tried, and certainly not bought. */
	| { kind: 'rejected'; reason: Reason }
	| UncertainItem
	/** It was bought before, and its purchase is not at hand. */
	| { kind: 'duplicate'; because: Because }
	| Conflict
	/** Another item of the list is the same order with the same Idempotency Key. */
	| { kind: 'repeatedKey' }
	| { kind: 'heldBack'; obstacle: Obstacle };

export const isUncertain = (failure: Failure): failure is UncertainItem => failure.kind === 'unknown';

/** @returns why the order came to no purchase, or to nothing that is known, once it was sent or tried */
export const reasonOf = (failure: Failure): Reason | undefined =>
	failure.kind === 'rejected' || failure.kind === 'unknown' ? failure.reason : undefined;

/** Whether it is not known what was ordered before, since n8n's database refuses to tell. */
export const isUnread = (failure?: Failure): boolean =>
	failure?.kind === 'heldBack' && failure.obstacle.kind === 'database' && failure.obstacle.mayBeBought;

/** Whether it was not sent now, and may have been bought before: it is not known what was. */
export function mayBeBoughtBefore(failure: Failure): boolean {
	if (failure.kind === 'conflict') return failure.with === 'unclear';
	return isUnread(failure) || (failure.kind === 'heldBack' && ['unrecognised', 'defect'].includes(failure.obstacle.kind));
}

/** In which group a person reads of it. `unclear`: not sent now, and perhaps bought before. */
export type FailureGroup = 'uncertain' | 'boughtBefore' | 'unclear' | 'notBought';

export function groupOf(failure: Failure): FailureGroup {
	if (isUncertain(failure)) return 'uncertain';
	if (failure.kind === 'duplicate') return 'boughtBefore';
	return mayBeBoughtBefore(failure) ? 'unclear' : 'notBought';
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
