/** What the node waits for, without waiting: `sleep` takes no time here. */
import { faults } from '../../tools/sandbox/sandbox.mts';
import { openShop, until } from './shop.mts';

const waits: number[] = [];
jest.mock<object>('n8n-workflow', () => ({
	...jest.requireActual<object>('n8n-workflow'),
	sleep: async (ms: number) => void waits.push(ms),
}));

const shop = openShop();
const { order, sent } = shop;
const AN_HOUR = 3_600_000;
const options = { batching: { batch: { batchSize: 1, batchInterval: AN_HOUR } } };

beforeEach(() => void (waits.length = 0));

test('a run waits between its batches', async () => {
	await order(['a', 'b', 'c'], { options });
	expect(waits).toEqual([AN_HOUR, AN_HOUR]);
});

test.each([
	['an order is on its way', () => {}, { options }],
	['an order is answered 429', () => shop.sandbox.fault({ fault: faults.rateLimited({ 'retry-after': '30' }) }), {}],
])('nothing is waited for after Stop while %s', async (_name, disturb, settings) => {
	disturb();
	shop.sandbox.fault({ fault: faults.latency(100) });
	await order(['a', 'b'], { ...settings, onStart: (stop) => void until(() => shop.sandbox.requests.length === 1).then(stop) });
	expect(sent()).toEqual({ a: 1 });
	expect(waits).toEqual([]);
});

test('nothing is waited for once the Access Token is refused', async () => {
	shop.sandbox.fault({ fault: faults.rejected(401) });
	const { success } = await order(['a', 'b', 'c'], { options, onError: 'continueRegularOutput' });
	expect(success.map(({ json }) => (json.details as { outcome: string }).outcome)).toEqual(['rejected', 'notSent', 'notSent']);
	expect(waits).toEqual([]);
});
