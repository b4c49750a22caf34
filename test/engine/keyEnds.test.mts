/** How a key's claim ends, where two say so at the same moment. */
import { Keys } from '../../nodes/StreamSkill/purchase/journal/keys.ts';
import { deduplicator } from './engine.mts';
import { gate } from './late.mts';
import { rows } from './rows.mts';
import { until } from './shop.mts';

beforeEach(() => deduplicator.lists.clear());
afterEach(() => (deduplicator.pause = undefined));

const claimed = async () => {
	const keys = new Keys(rows(), 'key workflow-1');
	const record = keys.record('k', 1);
	expect(await keys.claim(record, 'order')).toBe(true);
	return { keys, record };
};

test('two retries confirm it as not bought: it is so for both', async () => {
	const { keys, record } = await claimed();
	expect(await Promise.all([keys.settle(record, 'void'), keys.settle(record, 'void')])).toEqual([true, true]);
	expect(await keys.state(record)).toBe('void');
});

test('its answer comes while it is confirmed as not bought: it is bought', async () => {
	const { keys, record } = await claimed();
	const [isVoid] = await Promise.all([keys.settle(record, 'void'), keys.settle(record, 'bought', 'order')]);
	expect(await keys.state(record)).toBe('bought');
	expect(isVoid).toBe(false);
});

test('it is confirmed as not bought a second time, and its answer comes at that moment: it is bought', async () => {
	const { keys, record } = await claimed();
	await keys.settle(record, 'void');
	const write = gate();
	deduplicator.pause = async (before, entries) => {
		if (before === 'write' && entries.includes('void')) await write.hold();
	};
	const again = keys.settle(record, 'void');
	// Nothing is written where it is so already: n8n would write back what it has read.
	await Promise.race([again, until(() => write.isHeld)]);
	await keys.settle(record, 'bought', 'order');
	write.goOn();
	await again;
	expect(await keys.state(record)).toBe('bought');
});

test('a database that refuses to write a claim is no lost claim', async () => {
	const keys = new Keys(rows(), 'key workflow-1');
	deduplicator.pause = (before) =>
		before === 'write' ? Promise.reject(new Error('SQLITE_FULL: database or disk is full')) : Promise.resolve();
	await expect(keys.claim(keys.record('k', 1), 'order')).rejects.toThrow('SQLITE_FULL');
});
