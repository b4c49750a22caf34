/** The lock between n8n processes, of which the other ones are played by what they leave in n8n's database. */
import { deduplicator } from './engine.mts';
import { openShop, told, until } from './shop.mts';

const shop = openShop();
const { order, sent, sold } = shop;

const LOCK = 'workflow-1 streamskill-1:lock';

const buy = async () => await order(['a'], { onError: 'continueErrorOutput', options: { idempotencyKey: '={{ $json.channel }}' } });

beforeEach(() => void deduplicator.lists.set(LOCK, ['locked 0']));
afterEach(() => jest.restoreAllMocks());

/** Each look at the clock is a second later. */
function letTimeFly() {
	const now = Date.now();
	let seconds = 0;
	jest.spyOn(Date, 'now').mockImplementation(() => now + 1000 * seconds++);
}

test('an order waits while another process has the lock, and goes out once that gives it free', async () => {
	const buying = buy();
	const { counts } = deduplicator;
	await until(() => deduplicator.counts > counts + 3);
	expect(sent()).toEqual({});
	deduplicator.lists.delete(LOCK);
	expect(told((await buying).success)).toEqual([[0, 'a']]);
	expect(sold()).toEqual({ a: 1 });
	expect(deduplicator.lists.has(LOCK)).toBe(false);
});

test('another process that died with the lock does not hold up orders for ever', async () => {
	letTimeFly();
	expect(told((await buy()).success)).toEqual([[0, 'a']]);
	expect(told((await buy()).success)).toEqual([]);
	expect(sold()).toEqual({ a: 1 });
});

test('without the lock nothing is bought, and no key is touched', async () => {
	letTimeFly();
	jest.spyOn(deduplicator, 'clearAllProcessedItems').mockImplementation(async (_scope, { node }) => void node?.id);
	const { failed } = await buy();
	expect(told(failed)).toEqual([[0, 'notSent']]);
	expect(failed[0].json.error).toMatch(/other executions have kept its list of orders locked for too long/);
	expect(sent()).toEqual({});
	expect([...deduplicator.lists]).toEqual([[LOCK, ['locked 0']]]);
});

test('another process that is faster to insert the lock is waited for', async () => {
	deduplicator.lists.delete(LOCK);
	jest.spyOn(deduplicator, 'checkProcessedAndRecord').mockImplementationOnce(async (_items, _scope, { node }) => {
		expect(node?.id).toBe('streamskill-1:lock');
		throw new Error('SQLITE_CONSTRAINT: UNIQUE constraint failed');
	});
	expect(told((await buy()).success)).toEqual([[0, 'a']]);
});

test('who stalls with the lock for so long that others may have it buys nothing, and leaves it to them', async () => {
	const record = deduplicator.checkProcessedAndRecord.bind(deduplicator);
	deduplicator.lists.delete(LOCK);
	jest.spyOn(deduplicator, 'checkProcessedAndRecord').mockImplementationOnce(async (...locking) => {
		const answer = await record(...locking);
		const later = Date.now() + 30_000;
		jest.spyOn(Date, 'now').mockReturnValue(later);
		deduplicator.lists.set(LOCK, ['another']);
		return answer;
	});
	const { failed } = await buy();
	expect(told(failed)).toEqual([[0, 'notSent']]);
	expect(failed[0].json.error).toMatch(/n8n was too busy to keep the lock on its list of orders/);
	expect(sent()).toEqual({});
	expect([...deduplicator.lists]).toEqual([[LOCK, ['another']]]);
});
