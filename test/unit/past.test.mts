import { PastOrders } from '../../nodes/StreamSkill/purchase/journal/past.ts';
import { NAME } from '../../nodes/StreamSkill/n8n/stored.ts';

const open = () =>
	new PastOrders(
		{},
		{ id: 'n', name: 'StreamSkill', isMoved: () => false },
		{ isRetry: false, executionId: '1', isPreview: false, isEvaluation: false },
	);
const record = (number: number, state: 'void' | 'claimed') => ({ scope: 's', name: NAME.item('i'), number, part: 1, state });

describe('an item that was refused', () => {
	test('is known as that', () => {
		const past = open();
		past.learn([{ record: record(1, 'void'), names: { item: 'i' } }]);
		expect(past.wasRefused('i')).toBe(true);
		expect(past.wasRefused('j')).toBe(false);
	});

	test('no longer counts as that once another retry has sent it again', () => {
		const past = open();
		past.learn([{ record: record(1, 'void'), names: { item: 'i' } }]);
		past.adopt(record(2, 'claimed'), { item: 'i' });
		expect(past.wasRefused('i')).toBe(false);
	});

	test('no longer counts as that once it was sent again, and n8n was killed', () => {
		const past = open();
		past.learn([{ record: record(1, 'void'), names: { item: 'i' } }]);
		past.learn([{ record: record(2, 'claimed'), names: { item: 'i' } }]);
		expect(past.wasRefused('i')).toBe(false);
	});
});
