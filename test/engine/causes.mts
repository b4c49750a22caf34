/** What is wrong with an order, mended as its message says and gone on with in each kind of execution: it is bought once. */
import { deduplicator, logLines } from './engine.mts';
import { onceEach, wordsOf, type openShop, type Orders } from './shop.mts';

/** What a person reads of something wrong, and what is right afterwards. */
export interface Cause {
	advice: string | string[];
	wrong?: () => Orders;
	/** What goes wrong besides. */
	disturb?: () => void;
	/** As the advice says. */
	mend?: () => Orders;
	/** How a person goes on in the editor, if not as usual. */
	byHand?: string;
}

export const list = ['a', 'b', 'c'];
export const onContinue = ['continueRegularOutput', 'continueErrorOutput'] as const;
const EXECUTE_AGAIN = 'Then execute the workflow again: each StreamSkill node leaves out what it has bought by hand';
const onFailure = ['stopWorkflow', ...onContinue] as const;

export const reads = (result: Parameters<typeof wordsOf>[0], ...advice: string[]) => {
	for (const sentence of advice) expect(wordsOf(result)).toContain(sentence);
};

/** The channels that were bought for, by the lines in n8n's log. */
export const bought = () =>
	logLines.flatMap(({ message }) => {
		const [, of] = /^StreamSkill purchase \d+ was made: (.*)$/.exec(message) ?? [];
		return of === undefined ? [] : (JSON.parse(of) as { channel: string }).channel;
	});
export const rowsLeft = () => list.filter((channel) => !bought().includes(channel));

/**
 * Tests each cause by its name.
 *
 * @param sold how often each channel was bought for
 */
export function followEach(causes: Record<string, Cause>, { order }: ReturnType<typeof openShop>, sold: () => object) {
	describe.each(Object.entries(causes))('%s', (_name, { advice, wrong, disturb, mend, byHand = EXECUTE_AGAIN }) => {
		/** Orders the list, and mends what the message says. */
		const fail = async (setup: Orders) => {
			disturb?.();
			const mistake = wrong?.();
			const result = await order(list, { mode: 'trigger', ...setup, ...mistake, node: { ...setup.node, ...mistake?.node } });
			reads(result, ...[advice].flat());
			deduplicator.fail = false;
			return result;
		};
		const again = async (channels: string[], setup: Orders) => await order(channels, { ...setup, ...mend?.() });

		test.each(onFailure)('in the editor: executed again (%s)', async (onError) => {
			reads(await fail({ mode: 'manual', onError }), byHand);
			expect((await again(list, { mode: 'manual', onError })).error).toBeUndefined();
			expect(sold()).toEqual(onceEach(list));
		});

		test('in production, failed: retried with the currently saved workflow', async () => {
			const failed = await fail({});
			reads(failed, 'click the Retry arrow', 'Retry with currently saved workflow');
			expect((await again([], { retryOf: failed.data })).error).toBeUndefined();
			expect(sold()).toEqual(onceEach(list));
		});

		test('in production, failed, and the list itself is wrong: the rows that are left, in a new execution', async () => {
			expect(wordsOf(await fail({}))).toMatch(
				/If the list itself is wrong, (order the rows that are left|check which rows are in your StreamSkill account, and order the others) in a new execution\./,
			);
			await again(rowsLeft(), {});
			expect(sold()).toEqual(onceEach(list));
		});

		test.each<[string, Orders]>([
			['in a sub-workflow', { mode: 'integrated' }],
			['in production, where n8n does not save failed executions', { settings: { saveDataErrorExecution: 'none' } }],
		])('%s, failed: the rows that are left, in a new execution', async (_where, setup) => {
			reads(await fail(setup), 'Then order the rows that are left in a new execution, without those that were bought.');
			await again(rowsLeft(), setup);
			expect(sold()).toEqual(onceEach(list));
		});

		test.each(onContinue)('with %s: the item alone, in a new execution', async (onError) => {
			const { success, failed } = await fail({ onError });
			const items = [...success, ...failed].filter(({ json }) => 'error' in json);
			expect(items.length).toBeGreaterThan(0);
			for (const { json, pairedItem } of items) {
				expect(json.message).toMatch(/order this item alone in a new execution\.$/);
				await again([list[(pairedItem as { item: number }).item]], { onError });
			}
			expect(sold()).toEqual(onceEach(list));
		});

		test('in a tool: the model orders again what is still wanted', async () => {
			const tool: Orders = { onError: 'continueRegularOutput', node: { tool: true } };
			const { success } = await fail(tool);
			const failed = success.filter(({ json }) => 'error' in json);
			expect(failed.length).toBeGreaterThan(0);
			for (const { json, pairedItem } of failed) {
				expect(json.message).toMatch(
					/Then order it again if it is still wanted\.$|It may be ordered in a new execution only if it is not there\.$/,
				);
				await again([list[(pairedItem as { item: number }).item]], tool);
			}
			expect(sold()).toEqual(onceEach(list));
		});
	});
}
