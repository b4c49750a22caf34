import type { IExecuteFunctions } from 'n8n-workflow';

import type { Knowledge } from './decide';
import { openIdempotencyKeys, type IdempotencyKey, type IdempotencyKeys } from './idempotency';
import { openLedger } from './ledger';
import type { Order } from './order';
import type { Outcome } from './outcome';

/** An item whose fields are a valid order. */
export interface OrderedItem {
	item: number;
	order: Order;
}

/**
 * What is known of orders that were sent before: the one door to what the execution's own data and n8n's
 * database keep of them.
 */
export class Known {
	private readonly ledger;

	private keys?: IdempotencyKeys;

	/** Keys whose state n8n's database is still to be told, and what they were before. */
	private readonly answers: Array<{ key: IdempotencyKey; kind: Outcome['kind']; before: Knowledge['kind'] }> = [];

	private readonly claimed = new Map<OrderedItem, Knowledge['kind']>();

	constructor(private readonly context: IExecuteFunctions) {
		this.ledger = openLedger(context);
	}

	/** What the execution's own data knows of an item's order, whose parameters may be none any more. */
	recall(item: number, order?: Order): Knowledge {
		const entry = this.ledger.find(item, order);
		if (!entry) return { kind: 'new' };
		if ('purchase' in entry) return { kind: 'bought', purchase: entry.purchase };
		return { kind: 'unknown', outcome: entry.unknown, sentHere: entry.executionId === this.context.getExecutionId() };
	}

	/** The key that an order has in n8n's database, if it has one there. */
	keyOf({ item, order: { idempotencyKey } }: OrderedItem): IdempotencyKey | undefined {
		if (idempotencyKey !== undefined) return `key ${idempotencyKey}`;
		const retryKey = this.ledger.retryKey(item);
		return retryKey === undefined ? undefined : `retry ${retryKey}`;
	}

	/**
	 * To be called before the first claim.
	 *
	 * @throws Error when n8n's database has no place for the orders
	 */
	open(orders: OrderedItem[]) {
		if (orders.some((ordered) => this.keyOf(ordered))) this.keys = openIdempotencyKeys(this.context);
	}

	/**
	 * Claims orders in n8n's database, which must have keys that differ from each other.
	 *
	 * @returns what n8n's database knows of each; what is `new` there is claimed now
	 * @throws Error when n8n's database refuses
	 */
	async claim(orders: OrderedItem[]): Promise<Knowledge[]> {
		const states = await this.keys?.claim(orders.flatMap((ordered) => this.keyOf(ordered) ?? []));
		return orders.map((ordered): Knowledge => {
			const key = this.keyOf(ordered);
			const kind = (key !== undefined && states?.get(key)) || 'new';
			this.claimed.set(ordered, kind);
			return kind === 'unknown' ? { kind, sentHere: this.ledger.isUncertainHere(ordered.order) } : { kind };
		});
	}

	/** To be called before an order is sent: if nothing else follows, nobody knows what became of it. */
	sending({ item, order }: OrderedItem) {
		this.ledger.sending(item, order);
	}

	answered(ordered: OrderedItem, outcome: Outcome) {
		this.ledger.answered(ordered.item, ordered.order, outcome);
		this.release(ordered, outcome.kind);
	}

	/** To be called for an order that was claimed and then not sent, or with what became of it. */
	release(ordered: OrderedItem, kind: Outcome['kind']) {
		const key = this.keyOf(ordered);
		if (key !== undefined) this.answers.push({ key, kind, before: this.claimed.get(ordered) ?? 'new' });
	}

	/** Tells n8n's database what became of the orders that were claimed. */
	async settle() {
		const answers = this.answers.splice(0);
		try {
			await this.keys?.settle(
				answers.flatMap(({ key, kind }) => (kind === 'bought' ? key : [])),
				// A key that was uncertain before stays so: this try tells nothing of the earlier one.
				answers.flatMap(({ key, kind, before }) => (kind === 'rejected' && before === 'new' ? key : [])),
			);
		} catch (error) {
			// What was bought is safe; its keys will read as uncertain, and nothing is bought twice.
			this.context.logger.warn(`StreamSkill could not record its Idempotency Keys: ${(error as Error).message}`);
		}
	}

	/** To be called when the run has ended and nothing of it can be retried, so that n8n stores each purchase once. */
	forget() {
		this.ledger.forget();
	}
}
