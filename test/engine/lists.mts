import type { IDataObject } from 'n8n-workflow';

/** A row of the list that the node gets: one order. */
export interface Row extends IDataObject {
	channel: string;
	tarif: number;
	comment: string;
	/** The user's own key for it. */
	key: string;
}

/** What the list was when it was first read, and what it is whenever it is read again. */
export interface Change {
	name: string;
	/** The list is in the execution's own data, and nobody reads it again. */
	stored?: true;
	/** A letter is an order for a channel of that name. */
	first: string;
	later: string;
	/** What a row holds besides, each time it is read. */
	fresh?: (place: number) => Partial<Row>;
	/** Another tarif for some channels when the list is read again. */
	tarifs?: Record<string, number>;
}

let clock = 0;
const timeStamp = () => new Date(1_800_000_000_000 + 1000 * clock++).toISOString();

/** What may become of a list until a retry comes to the node: the table of the promise. */
export const changes: Change[] = [
	{ name: 'the stored list', stored: true, first: 'abcde', later: 'abcde' },
	{ name: 'the list read anew', first: 'abcde', later: 'abcde' },
	{ name: 'a row more at the front', first: 'abcde', later: 'xabcde' },
	{ name: 'a row more in the middle', first: 'abcde', later: 'abxcde' },
	{ name: 'a row more at the end', first: 'abcde', later: 'abcdex' },
	{ name: 'a row more at the front of a numbered list', first: 'abcde', later: 'xabcde', fresh: (place) => ({ row_number: place + 2 }) },
	{ name: 'a row less', first: 'abcde', later: 'acde' },
	{ name: 'a row less, the one that was cut off', first: 'abcde', later: 'abde' },
	{ name: 'another order of rows', first: 'abcde', later: 'edcba' },
	{ name: 'a fresh time stamp in the row', first: 'abcde', later: 'abcde', fresh: () => ({ read_at: timeStamp() }) },
	{ name: 'a fresh time stamp in the comment', first: 'abcde', later: 'abcde', fresh: () => ({ comment: timeStamp() }) },
	{ name: 'a random number in the row', first: 'abcde', later: 'abcde', fresh: () => ({ random: Math.random() }) },
	{ name: 'a fresh time stamp, and another order of rows', first: 'abcde', later: 'ceabd', fresh: () => ({ read_at: timeStamp() }) },
	{ name: 'another tarif at the same place', first: 'abcde', later: 'abcde', tarifs: { b: 2, c: 2 } },
	{ name: 'another channel at the same place', first: 'abcde', later: 'axyde' },
	{ name: 'an order that is there twice, then three times', first: 'abbc', later: 'abbbc' },
	{ name: 'an order that is there three times, then twice', first: 'abbbc', later: 'abbc' },
	{ name: 'an order that is there twice, with a fresh time stamp', first: 'abbc', later: 'abbc', fresh: () => ({ read_at: timeStamp() }) },
];

/** Reads a list, whose channels begin with a prefix. */
export function readList(letters: string, prefix: string, { fresh, tarifs }: Pick<Change, 'fresh' | 'tarifs'> = {}): Row[] {
	const copies: Record<string, number> = {};
	return [...letters].map((letter, place) => {
		const tarif = tarifs?.[letter] ?? 1;
		copies[letter] = (copies[letter] ?? 0) + 1;
		return {
			channel: `${prefix}${letter}`,
			tarif,
			comment: 'as ever',
			key: `${prefix}${letter} ${tarif} ${copies[letter]}`,
			...fresh?.(place),
		};
	});
}
