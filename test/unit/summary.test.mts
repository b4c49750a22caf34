import type { Failure } from '../../nodes/StreamSkill/purchase/report/errors.ts';
import { summarise, type Tally } from '../../nodes/StreamSkill/purchase/report/summary.ts';

const failures = (...outcomes: Array<Failure['outcome']>) => outcomes.map((outcome): Failure => ({ outcome, message: '', advice: '' }));
const usd = (...prices: unknown[]) => prices.map((price) => ({ price, currency: 'usd' }) as Tally['purchases'][number]);

test.each<[string, Partial<Tally>, string | undefined]>([
	['nothing', {}, undefined],
	['only failures, which tell of themselves', { failed: failures('rejected', 'unknown') }, undefined],
	['only purchases of an earlier try', { handedBack: 3 }, undefined],
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
	['only left out', { skipped: ['key'] }, 'Left out: 1 bought before with the same Idempotency Key'],
	['left out for each reason', { skipped: ['key', undefined, 'key', 'confirmed'] }, 'Left out: 2 bought before with the same Idempotency Key, 1 bought before, in an earlier try of this execution, 1 confirmed as bought'],
	['failures of each kind', { purchases: usd(1), failed: failures('unknown', 'rejected', 'invalid', 'notSent', 'duplicate', 'rejected') }, '1 purchase for 1 usd. Not bought: 1 uncertain, 2 refused, 1 not valid, 1 held back, 1 bought before'],
	['everything', { purchases: usd(1, 1), handedBack: 1, skipped: ['key'], failed: failures('unknown') }, '2 purchases for 2 usd. From an earlier try: 1 purchase. Left out: 1 bought before with the same Idempotency Key. Not bought: 1 uncertain'],
])('%s', (_, tally, text) => {
	expect(summarise({ purchases: [], handedBack: 0, skipped: [], failed: [], ...tally })).toBe(text);
});
