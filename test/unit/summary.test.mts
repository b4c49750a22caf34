import type { Failure } from '../../nodes/StreamSkill/purchase/report/failure.ts';
import { summarise, type Tally } from '../../nodes/StreamSkill/purchase/report/summary.ts';

const usd = (...prices: unknown[]) => prices.map((price) => ({ price, currency: 'usd' }) as Tally['purchases'][number]);

const unknown: Failure = { kind: 'unknown', reference: 'K7QM-3XPA', isKeyed: false };
const rejected: Failure = { kind: 'rejected', reason: { kind: 'timeout' } };
const invalid: Failure = { kind: 'invalid', problems: {} };
const stopped: Failure = { kind: 'heldBack', obstacle: { kind: 'stopped' } };
const duplicate: Failure = { kind: 'duplicate', because: 'key' };
const repeated: Failure = { kind: 'repeatedKey' };
const conflict: Failure = { kind: 'conflict', with: 'list' };
const unclear: Failure = { kind: 'conflict', with: 'unclear' };
const moved: Failure = { kind: 'heldBack', obstacle: { kind: 'unrecognised', why: 'moved' } };

test.each<[string, Partial<Tally>, string]>([
	['nothing', {}, ''],
	['only failures', { failed: [rejected, invalid, stopped] }, 'Not bought: 1 refused; 1 not valid; 1 held back'],
	['what may have been bought before', { failed: [unclear, moved, moved] }, 'Not sent now, perhaps bought before: 3 orders'],
	['only purchases of an earlier try', { handedBack: 3 }, 'From an earlier try: 3 purchases'],
	['a purchase', { purchases: usd(10) }, '1 purchase for 10 usd'],
	['several', { purchases: usd(10, 2.5) }, '2 purchases for 12.5 usd'],
	['prices that binary fractions do not add up to', { purchases: usd(0.1, 0.2) }, '2 purchases for 0.3 usd'],
	['a small price', { purchases: usd(0.0004) }, '1 purchase for 0.0004 usd'],
	['a price of nothing', { purchases: usd(0) }, '1 purchase for 0 usd'],
	['several currencies', { purchases: [...usd(1), { price: 2, currency: 'eur' }, ...usd(3)] }, '3 purchases for 4 usd and 2 eur'],
	['no currency', { purchases: [{ price: 5 }, { price: 6, currency: null }] }, '2 purchases for 11'],
	['no price', { purchases: [{ id: 1 }] }, '1 purchase'],
	['prices that are none', { purchases: usd('10', null, NaN, Infinity, 2) }, '5 purchases for 2 usd'],
	['an earlier try as well', { purchases: usd(1), handedBack: 1 }, '1 purchase for 1 usd. From an earlier try: 1 purchase'],
	['several from an earlier try', { purchases: usd(1), handedBack: 2 }, '1 purchase for 1 usd. From an earlier try: 2 purchases'],
	['only left out', { leftOut: ['key'] }, 'Left out: 1 bought before with the same Idempotency Key'],
	[
		'left out for each reason',
		{ leftOut: ['key', 'earlier', 'key', 'confirmed', 'editor', 'nodeBefore'] },
		'Left out: 2 bought before with the same Idempotency Key; 1 bought before, in an earlier try of this execution; 1 confirmed as bought; 1 bought by hand before, today or yesterday; 1 by a StreamSkill node before this one',
	],
	['an uncertain order', { failed: [unknown] }, 'May have been bought: 1 order'],
	['uncertain orders and others', { failed: [unknown, rejected, unknown] }, 'May have been bought: 2 orders. Not bought: 1 refused'],
	[
		'failures of each kind',
		{ purchases: usd(1), failed: [rejected, invalid, stopped, duplicate, rejected, repeated, conflict] },
		'1 purchase for 1 usd. Not bought again: 1 order. Not bought: 2 refused; 1 not valid; 1 held back; 1 with the Idempotency Key of another item; 1 with the Idempotency Key of another order',
	],
	['a Dry Run', { previewed: 1 }, 'Dry Run: nothing was sent. 1 order would be sent'],
	['a Dry Run of some', { previewed: 2, failed: [invalid] }, 'Dry Run: nothing was sent. 2 orders would be sent. Not bought: 1 not valid'],
	['a Dry Run beside a purchase', { previewed: 1, purchases: usd(1) }, 'Dry Run: 1 order would be sent. 1 purchase for 1 usd'],
	[
		'a Dry Run beside an order without an answer',
		{ previewed: 1, failed: [invalid, unknown] },
		'Dry Run: 1 order would be sent. May have been bought: 1 order. Not bought: 1 not valid',
	],
	[
		'a Dry Run beside a refused order',
		{ previewed: 1, failed: [rejected, invalid] },
		'Dry Run: 1 order would be sent. Not bought: 1 refused; 1 not valid',
	],
	[
		'everything',
		{ purchases: usd(1, 1), handedBack: 1, leftOut: ['key'], failed: [unknown, rejected] },
		'2 purchases for 2 usd. From an earlier try: 1 purchase. Left out: 1 bought before with the same Idempotency Key. May have been bought: 1 order. Not bought: 1 refused',
	],
])('%s', (_, tally, text) => {
	expect(summarise({ purchases: [], handedBack: 0, leftOut: [], previewed: 0, failed: [], ...tally })).toBe(text);
});
