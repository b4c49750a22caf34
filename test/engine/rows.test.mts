import { deduplicator } from './engine.mts';
import { rows } from './rows.mts';

test('an entry that is given twice is kept once, as n8n would not', async () => {
	await rows().add('row', ['a', 'a', 'b']);
	expect(await rows().count('row')).toBe(2);
	expect([...(await rows().add('row', ['a', 'c']))]).toEqual(['a']);
	expect(deduplicator.lists.size).toBe(1);
});
