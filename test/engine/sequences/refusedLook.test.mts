/** n8n's database refuses once while an execution looks up what was ordered before. */
import { ENTRY } from '../../../nodes/StreamSkill/n8n/stored.ts';
import { DAY, passTime } from '../clock.mts';
import { deduplicator } from '../engine.mts';
import { openShop, outcomes, processOf, until, wordsOf, type Orders } from '../shop.mts';
import { gate, who } from '../late.mts';
import { loop } from '../wirings.mts';

const shop = openShop();
const { finish, kill, order, sold } = shop;

const oneByOne: Orders = { onError: 'continueErrorOutput', options: { batching: { batch: { batchSize: 1, batchInterval: 0 } } } };

afterEach(() => jest.restoreAllMocks());

/** Refuses the first call that has an entry which begins so. */
function refuseOnce(method: 'checkProcessedAndRecord' | 'removeProcessed', start: string) {
	const call = deduplicator[method].bind(deduplicator) as (...args: unknown[]) => Promise<never>;
	const spy = jest.spyOn(deduplicator, method);
	spy.mockImplementation(async (...args) => {
		const [entries, , { node }] = args;
		if (!entries.some((entry) => String(entry).startsWith(start))) return await call(...args);
		spy.mockRestore();
		// n8n reads it first.
		void node?.id;
		throw new Error('SQLITE_BUSY: database is locked');
	});
}

test('what was bought by hand before is left out all the same', async () => {
	const byHand: Orders = { ...oneByOne, mode: 'manual' };
	await order(['a'], byHand);
	const killed = await kill(['a', 'b'], { at: 'send', channel: 'b' }, byHand);
	refuseOnce('removeProcessed', 'reading');
	expect(outcomes(await order([], { ...oneByOne, retryOf: killed }))).toEqual(['notSent', 'notSent']);
	await finish(killed, oneByOne);
	expect(sold()).toEqual({ a: 1, b: 1 });
});

test('what was bought by hand yesterday is not bought again', async () => {
	const byHand: Orders = { ...oneByOne, mode: 'manual' };
	await order(['a'], byHand);
	passTime(DAY);
	refuseOnce('checkProcessedAndRecord', 'reading');
	expect(outcomes(await order(['a'], byHand))).toEqual(['notSent']);
	expect(outcomes(await order(['a'], byHand))).toEqual([]);
	expect(sold()).toEqual({ a: 1 });
});

test('the message is what the database says', async () => {
	const killed = await kill(['a', 'b', 'c'], { at: 'send', channel: 'a' }, oneByOne);
	refuseOnce('checkProcessedAndRecord', 'reading');
	const retry = await order([], { ...oneByOne, retryOf: killed });
	expect(outcomes(retry)).toEqual(['notSent', 'notSent', 'notSent']);
	expect(wordsOf(retry)).toContain('SQLITE_BUSY');
	await finish(killed, oneByOne);
	expect(sold()).toEqual({ a: 1, b: 1, c: 1 });
});

test.each(['reading', 'order'])('in a loop, orders that were never sent do not become uncertain (%s)', async (start) => {
	const setup: Orders = { onError: 'continueErrorOutput', wiring: loop({ size: 2, errorsToo: true }) };
	const killed = await kill(['a', 'b', 'c', 'd'], { at: 'send', channel: 'a', ended: ['Start', 'Loop'] }, setup);
	refuseOnce('checkProcessedAndRecord', start);
	const retry = await order([], { ...setup, retryOf: killed });
	expect(outcomes(retry)).not.toContain('unknown');
	await finish(killed, setup);
	expect(sold()).toEqual({ a: 1, b: 1, c: 1, d: 1 });
});

test('where somebody else was faster to claim an order: nothing more is bought', async () => {
	const keyed: Orders = { ...oneByOne, options: { ...oneByOne.options, idempotencyKey: '={{ $json.channel }}' } };
	const claim = gate();
	let calls = 0;
	deduplicator.pause = async (before, entries) => {
		if (who.getStore() !== 'late') return;
		if (before === 'write' && entries.includes('claimed') && !claim.isHeld) await claim.hold();
		// The first look after the claim was lost.
		else if (claim.isHeld && before === 'read' && ++calls === 2) throw new Error('SQLITE_BUSY: database is locked');
	};
	const late = who.run('late', async () => await order(['a', 'b'], keyed));
	await until(() => claim.isHeld);
	await order(['a'], { ...keyed, streamSkill: processOf('worker') });
	claim.goOn();
	expect(outcomes(await late)).toEqual(['notSent', 'notSent']);
	expect(sold()).toEqual({ a: 1 });
	await order(['a', 'b'], keyed);
	expect(sold()).toEqual({ a: 1, b: 1 });
});

test('n8n was killed amid a look: what is bought afterwards reads as bought, though none of it was looked up', async () => {
	const byHand: Orders = { mode: 'manual' };
	await order(['a'], byHand);
	for (const [row, entries] of deduplicator.lists) if (row.includes(':editor:')) entries.push(ENTRY.reading(0));
	await order(['b'], byHand);
	expect(outcomes(await order(['b'], byHand))).toEqual([]);
	expect(sold()).toEqual({ a: 1, b: 1 });
});
