/** What a person has said of uncertain orders, by their references: what is said in one item holds for all. */
export class Confirmations {
	private readonly bought: Set<string>;

	private readonly notBought: Set<string>;

	/** References of orders that have some in each option. */
	private readonly opposed = new Set<string>();

	private readonly refuted = new Set<string>();

	/** @param met references that have met their order, in earlier rounds of a loop as well */
	constructor(
		said: Array<{ confirmedBought: string[]; confirmedNotBought: string[] }>,
		private readonly met: string[],
	) {
		this.bought = new Set(said.flatMap(({ confirmedBought }) => confirmedBought));
		this.notBought = new Set(said.flatMap(({ confirmedNotBought }) => confirmedNotBought));
	}

	/** @returns what was said of an order by any of its references; undefined if nothing was, or both */
	of(references: string[]): 'bought' | 'notBought' | undefined {
		const isSaid = (reference: string) => this.bought.has(reference) || this.notBought.has(reference);
		this.met.push(...references.filter((reference) => isSaid(reference) && !this.met.includes(reference)));
		const isBought = references.some((reference) => this.bought.has(reference));
		const isNotBought = references.some((reference) => this.notBought.has(reference));
		if (isBought && isNotBought) for (const reference of references) if (isSaid(reference)) this.opposed.add(reference);
		if (isBought === isNotBought) return undefined;
		return isBought ? 'bought' : 'notBought';
	}

	/** To be called with the references of an order that is on record as bought. */
	refute(references: string[]) {
		for (const reference of references) {
			if (!this.notBought.has(reference) || this.bought.has(reference)) continue;
			this.refuted.add(reference);
			if (!this.met.includes(reference)) this.met.push(reference);
		}
	}

	/** References that were confirmed as not bought, of orders that are on record as bought: perhaps an equal one was meant. */
	get wrong(): string[] {
		return [...this.refuted];
	}

	/** Whether anything was confirmed as not bought. */
	get hasNotBought(): boolean {
		return this.notBought.size > 0;
	}

	/** References in both options. */
	get contradictory(): string[] {
		return [...this.bought].filter((reference) => this.notBought.has(reference));
	}

	/** References that are in one option each, and another one of the same order in the other option. */
	get opposing(): string[] {
		return [...this.opposed].filter((reference) => !this.contradictory.includes(reference));
	}

	/** References that stand for no uncertain order here: mistyped, of another node, or used before. */
	get unmet(): string[] {
		return [...this.bought, ...this.notBought].filter(
			(reference) => !this.met.includes(reference) && !this.contradictory.includes(reference),
		);
	}
}
