/**
 * Everything that this node stores in people's n8n, by the names that it has there. The past orders in an execution's
 * data are a `Stored` (past.ts).
 *
 * NEVER CHANGE ONE: what was bought under it would be bought again.
 */

/** The property of the workflow's context in an execution's data that has the past orders, by the ID of the node. */
export const PAST_ORDERS = 'streamSkillOrders';

/** The execution's custom data that has the IDs of its purchases; a number follows from the second one on. */
export const CUSTOM_DATA = 'streamSkillPurchases';

/** What the digests are made of that stand for names and for a reference. */
export const DIGEST = {
	root: (root: string) => `root ${root}`,
	key: (key: string) => `key ${key}`,
	reference: (scope: string, name: string, number: number) => `reference ${scope} ${name} ${number}`,
};

/** The rows of n8n's database, each named like the ID of a node, and the entries in them. */
export const ROW = {
	/** The orders of an execution and of all its retries, and the further rows of a list that has grown long. */
	orders: (nodeId: string, root: string) => `${nodeId}:orders:${root}`,
	/** The orders that a node has placed by hand on a day. A copy of the workflow may have the same node IDs, and needs other references. */
	editor: (nodeId: string, workflowId: string, day: string) => `${nodeId}:editor:${workflowId}:${day}`,
	/** Is there while somebody works on a row. */
	lock: (row: string) => `${row}:lock`,
	/** Is there if the execution that began the list was started by hand: if n8n is killed, nothing else tells that to its retry. */
	byHand: (list: string) => `${list}:by hand`,
	/** From 1. Each 10,000th is only the mark that ends a generation. */
	part: (list: string, part: number) => (part === 1 ? list : `${list}:${part}`),
	/** An Idempotency Key holds for a whole workflow. */
	claim: (key: string, number: number) => `streamskill:key:${key}:${number}`,
	end: (key: string, number: number) => `streamskill:key:${key}:${number}:end`,
	silent: (key: string, number: number) => `streamskill:key:${key}:${number}:silent`,
};

/** How many numbers of rows each generation of a list has. */
export const GENERATION = 10_000;

/** What the Idempotency Keys of a workflow are told apart by, in references. */
export const KEYS_SCOPE = (workflowId: string) => `key ${workflowId}`;

/** From 0: what was said in an epoch that is over does not count. */
const inEpoch = (epoch: number) => (epoch === 0 ? '' : ` in ${epoch}`);

/** The entries of a list. A record that is there under its own name is claimed. */
export const ENTRY = {
	claimed: (name: string, number: number) => `${name} ${number}`,
	bought: (name: string, number: number, epoch: number) => `bought ${name} ${number}${inEpoch(epoch)}`,
	/** Of an item's record that was bought: what was ordered then. */
	boughtFor: (order: string, name: string, number: number, epoch: number) => `bought ${order} for ${name} ${number}${inEpoch(epoch)}`,
	void: (name: string, number: number, epoch: number) => `void ${name} ${number}${inEpoch(epoch)}`,
	silent: (name: string, number: number, epoch: number) => `silent ${name} ${number}${inEpoch(epoch)}`,
	/** The Idempotency Key that was claimed together with an order's record. */
	keyed: (key: string, number: number, name: string, of: number, epoch: number) =>
		`key ${key} ${number} for ${name} ${of}${inEpoch(epoch)}`,
	/** Of the mark that ends a generation of a list: others work on it than those who have begun that. */
	left: 'left',
	/** Of the row that tells that an execution was started by hand. */
	byHand: 'by hand',
	/** Somebody has written to the list in that minute. */
	written: (minute: number) => `written ${minute}`,
	/** There while somebody looks up how records have ended. Who dies meanwhile ends the epoch. */
	reading: (epoch: number) => `reading${inEpoch(epoch)}`,
	/** The same for whoever looks up which key was claimed with which order. */
	linking: (epoch: number) => `linking${inEpoch(epoch)}`,
	/** Of this one look, beside it. */
	looking: (random: number) => `looking ${random}`,
};

/**
 * The entries of a key's rows. A claim row has the order's name besides. How many entries an end row has says which
 * end it is: 2 void, 3 bought, 4 bought after it was taken for void.
 */
export const KEY_ENTRIES = {
	claim: 'claimed',
	void: ['end', 'void'],
	bought: ['end', 'bought', 'bought for certain'],
	silent: ['silent'],
};

/** How names begin in a list. */
export const NAME = {
	order: (digest: string) => `order ${digest}`,
	item: (digest: string) => `item ${digest}`,
};
