import type { Moment } from '../../n8n/moment';
import { KEYS_SCOPE, NAME } from '../../n8n/stored';

/** One record of an order under one of its names: in a list or, for a key, in rows of its own. */
export interface RecordId {
	/** Which list, or which workflow's keys, it is in. */
	scope: string;
	name: string;
	/** Its place in the chain of records under that name, from 1. */
	number: number;
	/** Which row of a long list it is in, from 1. */
	part: number;
}

/**
 * What a record says. It only ever says more: `claimed` may become `silent`, and both may become `void` or `bought`;
 * `bought` outranks `void`, which a person may have said too early.
 *
 * - `claimed`: an order was sent under it, or is about to be.
 * - `silent`: its sender has stopped waiting for the answer.
 * - `void`: it was certainly not bought.
 */
export type RecordState = 'claimed' | 'silent' | 'bought' | 'void';

/** What a record can end as, or what is said of one that has no end yet. */
export type End = Exclude<RecordState, 'claimed'>;

/** How a record ends. */
export interface Ending {
	record: RecordId;
	end: End;
	/** The name of what was bought, for the record of an item, whose fields may change later. */
	order?: string;
}

export interface FoundRecord extends RecordId {
	state: RecordState;
	/** Of an item's record that was bought: the name of what was ordered then, if that was asked for. */
	order?: string;
}

/** Whether a record is under the name of an input item. */
export const isOfItem = ({ name }: Pick<RecordId, 'name'>) => name.startsWith(NAME.item(''));

/** Whether a record is one of an Idempotency Key. */
export const isOfKey = ({ scope }: Pick<RecordId, 'scope'>) => scope.startsWith(KEYS_SCOPE(''));

/** Whether a record is one of what a node has ordered by hand. */
export const isOfEditor = ({ scope }: Pick<RecordId, 'scope'>) => scope.includes(':editor:');

/** Whether an order was placed by hand in an execution before this one: all that is known of it are the editor's record and its key's. */
export const isByHand = ({ records }: { records: RecordId[] }): boolean =>
	records.some(isOfEditor) && records.every((record) => isOfEditor(record) || isOfKey(record));

/** What is remembered of a list. It outlives the call of the node, so that a loop does not look anew in each round. */
export interface ListState {
	/** Whether a row says that the execution was started by hand. */
	saysByHand?: true;
	/** The part that it ends in. */
	part: number;
	/** Those before it that are not empty. */
	earlier: number[];
	/** Entries in that part. */
	length: number;
	/** Whether another n8n process may write to it at the same time, and whoever writes to it knows that. */
	isShared: boolean;
	/** When it was last seen that nobody shares it. */
	aloneAt?: Moment;
}
