import { faults } from '../../tools/sandbox/sandbox.mts';
import { openShop, told } from './shop.mts';

const shop = openShop();
const { order, sent } = shop;

// n8n makes no options at all of an expression in their place (n8n-workflow: getNodeParameters in node-helpers.js).
test.each(['={{ "none" }}', '={{ "" }}', '={{ [1] }}'])('what was bought before is handed over with %s for Options', async (options) => {
	shop.sandbox.fault({ match: { channel: 'b' }, fault: faults.rejected(422) });
	const first = await order(['a', 'b']);
	expect(first.run.status).toBe('error');

	const { error, success } = await order([], { parameters: { options }, retryOf: first.data, onError: 'continueRegularOutput' });
	expect(error).toBeUndefined();
	expect(told(success)).toEqual([[0, 'a'], [1, 'rejected']]);
	expect(sent()).toEqual({ a: 1, b: 2 });
});
