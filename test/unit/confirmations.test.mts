import { Confirmations } from '../../nodes/StreamSkill/purchase/journal/confirmations.ts';

const [A, B, C] = ['AAAA-3333', 'CCCC-4444', 'DDDD-6666'];

const said = (confirmedBought: string[], confirmedNotBought: string[] = []) => ({ confirmedBought, confirmedNotBought });

test('what is said in one item holds for the orders of all', () => {
	const confirmations = new Confirmations([said([A]), said([], [B]), said([])], []);
	expect([[A], [B], [C], []].map((references) => confirmations.of(references))).toEqual(['bought', 'notBought', undefined, undefined]);
});

test('any reference of an order is as good as another', () => {
	expect(new Confirmations([said([A])], []).of([C, A])).toBe('bought');
	expect(new Confirmations([said([], [A])], []).of([A, C])).toBe('notBought');
});

test.each([
	['the same reference in both options', [said([A], [A])], [A]],
	['in both options, by different items', [said([A]), said([], [A])], [A]],
	['one reference of an order in each option', [said([A], [B])], [A, B]],
])('nothing is confirmed by %s', (_, all, references) => {
	expect(new Confirmations(all, []).of(references)).toBeUndefined();
});

test('a reference in both options is named, once, as that and nothing else', () => {
	const confirmations = new Confirmations([said([A, B], [A]), said([A])], []);
	expect(confirmations.contradictory).toEqual([A]);
	expect(confirmations.unmet).toEqual([B]);
});

test('references of one order in both options are named, each as that and nothing else', () => {
	const confirmations = new Confirmations([said([A], [B]), said([C], [C])], []);
	confirmations.of([A, B, C, 'EEEE-7777']);
	expect(confirmations.opposing).toEqual([A, B]);
	expect(confirmations.contradictory).toEqual([C]);
	expect(confirmations.unmet).toEqual([]);
});

test('what was confirmed as not bought, and is on record as bought, is named as that and nothing else', () => {
	const confirmations = new Confirmations([said([A], [B]), said([C], [C])], []);
	confirmations.refute([A, B, C, 'EEEE-7777']);
	expect(confirmations.wrong).toEqual([B]);
	expect(confirmations.unmet).toEqual([A]);
});

test('a reference that meets no order is named, and one that did is not', () => {
	const confirmations = new Confirmations([said([A], [B]), said([C])], []);
	expect(confirmations.unmet).toEqual([A, C, B]);
	confirmations.of([A]);
	confirmations.of([B]);
	expect(confirmations.unmet).toEqual([C]);
	expect(confirmations.contradictory).toEqual([]);
});

test('what has met its order in an earlier round of a loop is not named in the next', () => {
	const met: string[] = [];
	const inRound = (references: string[]) => {
		const confirmations = new Confirmations([said([A], [B])], met);
		confirmations.of(references);
		return confirmations.unmet;
	};
	expect([inRound([A, C]), inRound([B, A]), inRound([C])]).toEqual([[B], [], []]);
	// It is kept with the execution.
	expect(met).toEqual([A, B]);
});

test.each([
	[[], false],
	[[said([A])], false],
	[[said([A]), said([], [B])], true],
])('whether an order may have to be sent once more: %j', (all, expected) => {
	expect(new Confirmations(all, []).hasNotBought).toBe(expected);
});
