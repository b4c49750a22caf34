/** How an execution ends, and what is left of it for a person to go on with. */
import { faults } from '../../tools/sandbox/sandbox.mts';
import { bought, list, reads } from './causes.mts';
import { logLines } from './engine.mts';
import { onceEach, openShop, until, type Orders } from './shop.mts';

const shop = openShop();
const { order, lose, slow, refuse, sold, sent } = shop;

/** The channels of orders that may have been bought, by the lines in n8n's log, with their references. */
const mayBeBought = () =>
	logLines.flatMap(({ message }) => {
		const [, reference, of] = /^StreamSkill order may have been bought \(reference (\S+)\): (.*)$/.exec(message) ?? [];
		return of === undefined ? [] : { reference, ...(JSON.parse(of) as { channel: string }) };
	});

describe('an order that was refused fails its execution, also where n8n would read "canceled" as a Stop', () => {
	test.each<[string, Orders, () => void]>([
		['the channel', {}, () => refuse('canceled')],
		[
			'the answer',
			{},
			() =>
				shop.sandbox.fault({
					match: { channel: 'canceled' },
					times: 1,
					fault: faults.rejected(403, { message: 'Your plan was canceled' }),
				}),
		],
		['the key of one that was lost', { options: { idempotencyKey: '={{ $json.channel }}' } }, () => lose('canceled', false)],
	])('%s', async (_where, setup, disturb) => {
		disturb();
		const failed = await order(['a', 'canceled'], setup);
		// n8n offers Retry for these only.
		expect(failed.run.status).toBe('error');
		expect(failed.error?.message.replaceAll('\u00AD', '')).toContain('Channel canceled, tarif 1');
		reads(failed, 'channel canceled, tarif 1', 'click the Retry arrow');
	});
});

describe("n8n's log names an order that may have been bought, where nothing else is left of it", () => {
	test('the execution is stopped before its answer is lost', async () => {
		lose('b', true);
		slow('b', 200);
		await order(list, { onStart: (stop) => void until(() => 'b' in sent()).then(stop) });
		await until(() => logLines.some(({ message }) => message.startsWith('StreamSkill run')));
		expect(bought()).toEqual(['a']);
		expect(mayBeBought()).toMatchObject([{ channel: 'b', item: 1 }]);
		expect(sold()).toEqual(onceEach(['a', 'b']));
	});

	test.each([true, false])(
		'n8n does not save the execution that fails by it: only what is left is ordered (bought: %s)',
		async (wasBought) => {
			lose('b', wasBought);
			await order(list, { settings: { saveDataErrorExecution: 'none' } });
			const uncertain = mayBeBought().map(({ channel }) => channel);
			const isThere = (channel: string) => uncertain.includes(channel) && channel in sold();
			await order(list.filter((channel) => !bought().includes(channel) && !isThere(channel)));
			expect(uncertain).toEqual(['b']);
			expect(sold()).toEqual(onceEach(list));
		},
	);
});
