import type { Call } from '../../n8n/host';
import type { Item } from '../order/items';
import type { Order } from '../order/order';
import type { Knowledge } from './decide';
import type { KeyOwner } from './keys';
import type { Names, PastOrder } from './past';
import type { FoundRecord } from './records';

/** An item with what is on record of its order. */
export interface Recalled {
	item: Item;
	names: Names;
	call: Call;
	known: Knowledge;
	/** The past order that it stands for. */
	taken?: PastOrder;
	/** The last record of its Idempotency Key, and for which order that was claimed. */
	key?: FoundRecord & { owner?: KeyOwner };
	/** Whether somebody else was faster to claim it. */
	isLost: boolean;
	/** Records that were waited for: whoever claimed them is taken to be silent. */
	waitedFor: Set<string>;
	/** What it waits for now. */
	waitsFor?: string[];
}

/** One order that is to be placed. */
export interface Planned extends Recalled {
	order: Order;
}
