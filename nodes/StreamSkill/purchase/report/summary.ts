import type { IDataObject } from 'n8n-workflow';

import type { Because } from '../journal/knowledge';
import { groupOf, type Failure, type FailureGroup } from './failure';

type WhyLeftOut = Because | 'nodeBefore';

/** What a run came to. */
export interface Tally {
	/** What was bought in it. */
	purchases: IDataObject[];
	/** How many purchases of an earlier try were put out again. */
	handedBack: number;
	/** Why each order was left out. */
	leftOut: WhyLeftOut[];
	/** How many orders a Dry Run would send. */
	previewed: number;
	failed: Failure[];
}

const WHY_LEFT_OUT: Record<WhyLeftOut, string> = {
	key: 'bought before with the same Idempotency Key',
	editorKey: 'bought before with the same Idempotency Key',
	confirmed: 'confirmed as bought',
	earlier: 'bought before, in an earlier try of this execution',
	editor: 'bought by hand before, today or yesterday',
	nodeBefore: 'by a StreamSkill node before this one',
};

const WHY_NOT_BOUGHT: Record<Exclude<Failure['kind'], 'unknown' | 'duplicate'>, string> = {
	rejected: 'refused',
	invalid: 'not valid',
	heldBack: 'held back',
	conflict: 'with the Idempotency Key of another order',
	repeatedKey: 'with the Idempotency Key of another item',
};

/** Tells in one line what a run did: how many purchases, at what price, and what came of the other items. Blank if there is nothing to tell. */
export function summarise({ purchases, handedBack, leftOut, previewed, failed }: Tally): string {
	const price = priceOf(purchases);
	const all = (group: FailureGroup) => failed.filter((failure) => groupOf(failure) === group);
	const [uncertain, boughtBefore, unclear] = [all('uncertain').length, all('boughtBefore').length, all('unclear').length];
	// It may be on for some items only.
	const isDry = purchases.length === 0 && failed.every(({ kind }) => kind !== 'unknown' && kind !== 'rejected');
	return [
		previewed > 0 && `Dry Run: ${isDry ? 'nothing was sent. ' : ''}${counted(previewed, 'order')} would be sent`,
		purchases.length > 0 && `${counted(purchases.length, 'purchase')}${price && ` for ${price}`}`,
		handedBack > 0 && `From an earlier try: ${counted(handedBack, 'purchase')}`,
		...parts(leftOut, WHY_LEFT_OUT, 'Left out'),
		uncertain > 0 && `May have been bought: ${counted(uncertain, 'order')}`,
		boughtBefore > 0 && `Not bought again: ${counted(boughtBefore, 'order')}`,
		unclear > 0 && `Not sent now, perhaps bought before: ${counted(unclear, 'order')}`,
		...parts(
			all('notBought').flatMap(({ kind }) => (kind === 'unknown' || kind === 'duplicate' ? [] : kind)),
			WHY_NOT_BOUGHT,
			'Not bought',
		),
	]
		.filter(Boolean)
		.join('. ');
}

const counted = (number: number, what: string) => `${number} ${number === 1 ? what : `${what}s`}`;

function parts<K extends string>(reasons: K[], words: Record<K, string>, title: string): string[] {
	const counts = new Map<K, number>();
	for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
	const text = [...counts].map(([reason, number]) => `${number} ${words[reason]}`).join('; ');
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
