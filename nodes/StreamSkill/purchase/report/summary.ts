import type { IDataObject } from 'n8n-workflow';

import type { Because } from '../journal/decide';
import type { Failure } from './errors';

/** What a run came to. */
export interface Tally {
	/** What was bought in it. */
	purchases: IDataObject[];
	/** How many purchases of an earlier try were put out again. */
	handedBack: number;
	/** Why each item was left out that was bought before. */
	skipped: Array<Because | undefined>;
	failed: Failure[];
}

const WHY_SKIPPED: Record<Because | 'earlier', string> = {
	key: 'bought before with the same Idempotency Key',
	confirmed: 'confirmed as bought',
	earlier: 'bought before, in an earlier try of this execution',
};

const WHY_FAILED: Record<Failure['outcome'], string> = {
	rejected: 'refused',
	unknown: 'uncertain',
	invalid: 'not valid',
	notSent: 'held back',
	duplicate: 'bought before',
};

/**
 * Tells in one line what a run did: how many purchases, at what price, and what came of the other items.
 *
 * @returns undefined if nothing was bought or left out
 */
export function summarise({ purchases, handedBack, skipped, failed }: Tally): string | undefined {
	if (purchases.length + skipped.length === 0) return undefined;
	const price = priceOf(purchases);
	return [
		purchases.length > 0 ? `${count(purchases.length, 'purchase')}${price && ` for ${price}`}` : '',
		handedBack > 0 ? `From an earlier try: ${count(handedBack, 'purchase')}` : '',
		...parts(skipped.map((because) => because ?? 'earlier'), WHY_SKIPPED, 'Left out'),
		...parts(failed.map(({ outcome }) => outcome), WHY_FAILED, 'Not bought'),
	]
		.filter(Boolean)
		.join('. ');
}

const count = (number: number, what: string) => `${number} ${number === 1 ? what : `${what}s`}`;

function parts<K extends string>(reasons: K[], words: Record<K, string>, title: string): string[] {
	const counts = new Map<K, number>();
	for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
	const text = [...counts].map(([reason, number]) => `${number} ${words[reason]}`).join(', ');
	return text ? [`${title}: ${text}`] : [];
}

/** The sum by currency, as far as the API gave prices. */
function priceOf(purchases: IDataObject[]): string {
	const sums = new Map<string, number>();
	for (const { price, currency } of purchases) {
		if (typeof price !== 'number' || !Number.isFinite(price)) continue;
		const unit = typeof currency === 'string' ? currency : '';
		sums.set(unit, (sums.get(unit) ?? 0) + price);
	}
	// Binary fractions add up to tails such as 0.30000000000000004.
	return [...sums].map(([unit, sum]) => `${Number(sum.toFixed(6))} ${unit}`.trim()).join(' and ');
}
