import type { Expectation } from './expectations.mts';

/** One cell of the matrix. */
export interface Cell {
	/** The numbers of the items that the fault hits. */
	faulty: number[];
	times: 'once' | 'always';
	stop: boolean;
	tries: number;
	/** -1 is all items at once. */
	batchSize: number;
}

/** What becomes of an item in one execution. Without one, the run ended before its turn. */
export type Fate = 'bought' | 'rejected' | 'unknown' | 'notSent' | undefined;

/**
 * What must happen in a cell, by counting alone: a node that buys once and loses nothing, without n8n,
 * without a network and without a ledger.
 */
export class Model {
	/** Requests per item, over all tries and executions. */
	readonly sent: number[];

	/** Purchases per item that the API made, answered or not. */
	readonly made: number[];

	/** What an item has come to for good: neither is ever sent again. */
	private readonly final: Array<'bought' | 'unknown' | undefined>;

	constructor(
		private readonly fault: Expectation,
		private readonly cell: Cell,
		items: number,
	) {
		this.sent = Array<number>(items).fill(0);
		this.made = Array<number>(items).fill(0);
		this.final = Array<undefined>(items).fill(undefined);
	}

	/** One execution with all the tries that n8n gives it: with On Error = Continue it tries again if the first item failed. */
	execute(): Fate[] {
		for (let tries = 1; ; tries++) {
			const fates = this.runOnce();
			const failed = this.cell.stop ? fates.some(hasFailed) : fates[0] !== 'bought';
			if (!failed || tries === this.cell.tries) return fates;
		}
	}

	private runOnce(): Fate[] {
		const fates: Fate[] = [...this.final];
		if (this.cell.stop && fates.some(hasFailed)) return fates;
		const waiting = fates.flatMap((fate, item) => (fate ? [] : [item]));
		while (waiting.length > 0) {
			const batch = waiting.splice(0, this.cell.batchSize === -1 ? Infinity : this.cell.batchSize);
			for (const item of batch) fates[item] = this.order(item);
			if (this.cell.stop && fates.some(hasFailed)) break;
			if (this.fault.endsRun && batch.some((item) => fates[item] === 'rejected')) {
				for (const item of waiting.splice(0)) fates[item] = 'notSent';
			}
		}
		return fates;
	}

	/** Sends one item's order as often as one try may. */
	private order(item: number): Fate {
		const { outcome, buys, sendsPerTry, httpCode } = this.fault;
		const mayRepeat = httpCode === 429;
		for (let sends = 1; ; sends++) {
			const disturbed = this.cell.faulty.includes(item) && (this.cell.times === 'always' || this.sent[item] === 0);
			this.sent[item] += Math.min(1, sendsPerTry);
			this.made[item] += disturbed ? buys : 1;
			const fate = disturbed ? outcome : 'bought';
			if (fate === 'rejected' && mayRepeat && sends < sendsPerTry) continue;
			if (fate !== 'rejected') this.final[item] = fate;
			return fate;
		}
	}
}

export const hasFailed = (fate: Fate) => fate !== undefined && fate !== 'bought';
