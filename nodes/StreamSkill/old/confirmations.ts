import type { Order } from '../order/order';

/** What a person has said of uncertain orders, by their references. */
export class Confirmations {
	private readonly bought: Set<string>;

	private readonly notBought: Set<string>;

	private readonly met = new Set<string>();

	/** @param orders those of the list: what is confirmed in one of them holds for all */
	constructor(orders: Order[]) {
		this.bought = new Set(orders.flatMap(({ confirmedBought }) => confirmedBought));
		this.notBought = new Set(orders.flatMap(({ confirmedNotBought }) => confirmedNotBought));
	}

	/** @returns what was said of an order; undefined if nothing was, or both */
	of(reference: string): 'bought' | 'notBought' | undefined {
		this.met.add(reference);
		const isBought = this.bought.has(reference);
		if (isBought === this.notBought.has(reference)) return undefined;
		return isBought ? 'bought' : 'notBought';
	}

	/** References that stand for no uncertain order of this run: mistyped, of another node, or used before. */
	get unmet(): string[] {
		return [...this.bought, ...this.notBought].filter((reference) => !this.met.has(reference));
	}
}
