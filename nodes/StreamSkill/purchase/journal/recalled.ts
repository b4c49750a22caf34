import type { IDataObject } from 'n8n-workflow';

import type { DatabaseRefusal } from '../../n8n/rows';
import type { Reason } from '../dispatch/outcome';
import type { Item, Order } from '../order/order';
import type { KeyOwner } from './keys';
import type { Because, Conflict, Uncertain, Unrecognised } from './knowledge';
import type { Names, PastOrder } from './past';
import type { FoundRecord } from './records';

/** What is on record of an item's order. */
export type Knowledge =
	/** Never sent, or certainly not bought. */
	| { kind: 'new' }
	/** Without its purchase where that is not at hand. */
	| { kind: 'bought'; purchase?: IDataObject; because: Because }
	/** Sent, with what came of it where that is at hand, or perhaps not sent: it cannot be told. */
	| ({ kind: 'unknown'; reason?: Reason } & Uncertain)
	/** Somebody else has sent it, and may still get the answer. With the references of all its records. */
	| ({ kind: 'onItsWay'; references: string[] } & Uncertain)
	| Conflict
	/** Nothing tells whether this order was sent. */
	| Unrecognised
	/** Another execution may have sent it, and n8n's database refuses to tell. */
	| { kind: 'unread'; refusal: DatabaseRefusal };

/** An item with what is on record of its order. */
export interface Recalled {
	item: Item;
	names: Names;
	known: Knowledge;
	/** The past order that it stands for, or its own once it is claimed. */
	taken?: PastOrder;
	/** The last record of its Idempotency Key, and for which order that was claimed. */
	key?: FoundRecord & { owner?: KeyOwner };
	/** Whether it is among more equal orders, or rows that have exchanged their orders, than can be told apart. */
	isOneOfMany?: boolean;
	/** Whether its own record says that it was refused, and an equal order is left over, which is perhaps that of another item. */
	isAnothers?: boolean;
	/** Whether somebody else may have it on its way: one was faster to claim it, or may have confirmed the same just now. */
	mayHaveRival: boolean;
	/** Records that were waited for: whoever claimed them is taken to be silent. */
	waitedFor: Set<string>;
}

/** One order that is to be placed. */
export interface Planned extends Recalled {
	order: Order;
}
