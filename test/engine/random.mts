/** Chance that can be played again: the same seed gives the same numbers (mulberry32). */
export class Random {
	constructor(private state: number) {}

	/** From 0 to below 1. */
	next(): number {
		this.state = (this.state + 0x6d2b79f5) | 0;
		let t = this.state;
		t = Math.imul(t ^ (t >>> 15), t | 1);
		t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
		return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
	}

	/** From 0 to below `end`. */
	below = (end: number) => Math.floor(this.next() * end);

	chance = (share: number) => this.next() < share;

	pick = <T,>(from: readonly T[]): T => from[this.below(from.length)];

	shuffle = <T,>(list: readonly T[]): T[] =>
		list
			.map((value) => ({ value, at: this.next() }))
			.sort((a, b) => a.at - b.at)
			.map(({ value }) => value);
}
