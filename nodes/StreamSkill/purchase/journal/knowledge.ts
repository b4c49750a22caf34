/** By what a person settles an uncertain order. */
export interface ShownReference {
	reference: string;
	/** Whether the item's Idempotency Key is uncertain with it: then the reference counts in any execution that has the key. */
	isKeyed: boolean;
}

/** What is told of an order that may have been bought. */
export interface Uncertain extends ShownReference {
	/** Whether what was sent is an equal order of another call, and this one may be that once more, or another. */
	isRepeated?: boolean;
	/** Whether what was sent is another order, with this one's Idempotency Key. */
	isOther?: boolean;
	/** Whether the item's fields may have been changed since. */
	mayBeMended?: boolean;
}

/** The item's Idempotency Key has bought another order (`record`), perhaps (`unclear`), or is that of another order in the list. */
export interface Conflict {
	kind: 'conflict';
	with: 'record' | 'list' | 'unclear';
}

/** How it is known that an order was bought whose purchase is not at hand. */
export type Because =
	/** In an earlier try of this execution. */
	| 'earlier'
	/** With the same Idempotency Key. */
	| 'key'
	/** A person has said so. */
	| 'confirmed'
	/** By hand, today or yesterday. */
	| 'editor'
	/** The same, with the same Idempotency Key: Repeat Manual Orders does not change that. */
	| 'editorKey';

/** Why an order is not recognised. */
export interface Unrecognised {
	kind: 'unrecognised';
	/**
	 * - `noneInList`: the execution has lost its own data, and none of the orders on record is in the list.
	 * - `moved`: it has sent an equal order, which may be this one, when the node stood elsewhere in the workflow.
	 * - `refused`: an earlier try of it was not bought, and the execution has sent an equal order, perhaps for another item.
	 * - `tooMany`: it has sent more orders than can be told apart.
	 */
	why: 'noneInList' | 'moved' | 'refused' | 'tooMany';
}
