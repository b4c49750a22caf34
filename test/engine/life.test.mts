/** How an execution ends, and what is left of it for a person to go on with. */
import { faults } from '../../tools/sandbox/sandbox.mts';
import { reads } from './causes.mts';
import { openShop, type Orders } from './shop.mts';

const shop = openShop();
const { order, lose, refuse } = shop;

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
		reads(failed, 'channel canceled, tarif 1', 'click the Retry arrow');
	});
});
