import type { Identity } from './identity';
import type { Past, PastItems } from './recognise';
import { referenceOf } from './references';
import type { OpenRow } from '../../n8n/rows';
import { ENTRY, isSettled } from './stored';

/** What n8n's database has of a run's orders. */
export interface Memory {
	pasts: Past[];
	items: PastItems;
	/** The highest number that is taken for what is ordered. */
	numbers: Map<string, number>;
	/** Entries of orders that were certainly not bought. */
	refused: Set<string>;
}

export const noMemory = (): Memory => ({
	pasts: [],
	items: { state: () => undefined, isFor: () => false },
	numbers: new Map(),
	refused: new Set(),
});

/**
 * Tells which entries are there. n8n has no way to look without recording, so what was not there is taken away
 * again. A crash in between leaves its own mark, and then nothing in the row counts as settled: an order may read as
 * sent and not answered, never as bought.
 */
export async function probe(row: OpenRow, entries: string[]): Promise<Set<string>> {
	const looked = [ENTRY.reading, ...entries];
	const known = await row.add(looked);
	await row.remove(looked.filter((entry) => !known.has(entry)));
	if (!known.has(ENTRY.reading)) return known;
	return new Set([...known].filter((entry) => !isSettled(entry)));
}

/** Looks up what a run's row has of a list of orders, without those that have an Idempotency Key. */
export async function readMemory(row: OpenRow, identities: Identity[]): Promise<Memory> {
	const known = new Set<string>();
	const orders = identities.filter(({ keyed }) => !keyed);
	const wanted = new Map<string, number>();
	for (const { what } of orders) if (what !== undefined) wanted.set(what, (wanted.get(what) ?? 0) + 1);

	let entries = orders.flatMap(({ at, what }) => [
		at,
		ENTRY.done(at),
		...(what === undefined ? [] : [ENTRY.atFor(at, what)]),
	]);
	let ranges = [...wanted].map(([what, count]) => ({ what, from: 1, to: count + 1 }));
	while (entries.length + ranges.length > 0) {
		for (const { what, from, to } of ranges) {
			for (let n = from; n <= to; n++) {
				const entry = ENTRY.nth(n, what);
				entries.push(entry, ENTRY.done(entry), ENTRY.void(entry));
			}
		}
		for (const entry of await probe(row, entries)) known.add(entry);
		entries = [];
		// Numbers are given in turn: where the last one is taken, there may be more.
		ranges = ranges
			.filter(({ what, to }) => known.has(ENTRY.nth(to, what)))
			.map(({ what, to }) => ({ what, from: to + 1, to: 2 * to }));
	}

	const memory: Memory = {
		pasts: [],
		items: {
			state: (at) => (known.has(at) ? (known.has(ENTRY.done(at)) ? 'bought' : 'unknown') : undefined),
			isFor: ({ at, what }) => what !== undefined && known.has(at) && known.has(ENTRY.atFor(at, what)),
		},
		numbers: new Map(),
		refused: new Set(),
	};
	for (const what of wanted.keys()) {
		let n = 0;
		for (let entry = ENTRY.nth(1, what); known.has(entry); entry = ENTRY.nth(n + 1, what)) {
			n++;
			if (known.has(ENTRY.void(entry))) memory.refused.add(entry);
			else memory.pasts.push({ entry, what, isBought: known.has(ENTRY.done(entry)) });
		}
		memory.numbers.set(what, n);
	}
	return memory;
}

/** Tells how often each of these orders was tried: a reference that was used is of an attempt before. */
export async function readAttempts(row: OpenRow, scope: string, entries: string[]): Promise<Map<string, number>> {
	const attempts = new Map(entries.map((entry) => [entry, 1]));
	const usedBy = (entry: string) => ENTRY.used(referenceOf(scope, entry, attempts.get(entry)!));
	for (let open = entries; open.length > 0; ) {
		const known = await probe(row, open.map(usedBy));
		open = open.filter((entry) => known.has(usedBy(entry)));
		for (const entry of open) attempts.set(entry, attempts.get(entry)! + 1);
	}
	return attempts;
}
