/**
 * Everything that this node stores in people's n8n, by the names that it has there. Never change one: what was
 * bought under it would be bought again.
 */

/** The property of the node's context in an execution's data. */
export const LEDGER = 'streamSkillOrders';

/** The execution's custom data that has the IDs of its purchases; a number follows from the second one on. */
export const CUSTOM_DATA = 'streamSkillPurchases';

/** In n8n's database, the row of a run's orders is kept under this, in place of the node's own ID. */
export const runRow = (nodeId: string, run: string) => `${nodeId}:run:${run}`;

/** The row that is there while somebody changes the row of that ID. */
export const lockRow = (rowId: string) => `${rowId}:lock`;

/** The entries of a row. n8n keeps a hash of each. */
export const ENTRY = {
	/** A user's Idempotency Key. */
	key: (key: string) => `key ${key}`,
	/** The n-th order of a run for one tarif and channel. */
	nth: (n: number, what: string) => `order ${n} ${what}`,
	/** An item at its place in the list. */
	at: (place: number, item: string) => `item ${place} ${item}`,
	/** The same, with what was ordered for it. */
	atFor: (at: string, what: string) => `${at} for ${what}`,
	/** A key that was sent, and its answer is not known. */
	open: (key: string) => `open ${key}`,
	/** An n-th order that was bought, or an item for which one was. Without that, it was sent, and its answer is not known. */
	done: (entry: string) => `done ${entry}`,
	/** An n-th order that was certainly not bought: the number is not used again. */
	void: (entry: string) => `void ${entry}`,
	/** A reference that somebody has confirmed. */
	used: (reference: string) => `used ${reference}`,
	/** There while somebody looks something up. */
	reading: 'reading',
};

/** Whether an entry says that an order needs no answer any more. */
export const isSettled = (entry: string) => /^(done|void) /.test(entry);

/** What the digests are made of that stand for an execution, an order and a reference. */
export const DIGEST = {
	run: (root: string, run: string) => `run ${root} ${run}`,
	what: (tarifId: number, channel: string) => JSON.stringify([tarifId, channel]),
	reference: (scope: string, entry: string, attempt: number) => `reference ${scope} ${entry} ${attempt}`,
};
