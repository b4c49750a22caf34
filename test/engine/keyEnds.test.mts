/** How a key's claim ends, where two say so at the same moment. */
import { Keys } from '../../nodes/StreamSkill/purchase/journal/keys.ts';
import { deduplicator } from './engine.mts';
import { rows } from './rows.mts';

beforeEach(() => deduplicator.lists.clear());

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
