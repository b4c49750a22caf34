/** Lists so long that n8n's database is slow with them. */
import { passTime } from '../clock.mts';
import { deduplicator } from '../engine.mts';
import { onceEach, openShop, wordsOf } from '../shop.mts';

const { order, kill, finish, sold } = openShop();
afterEach(() => jest.restoreAllMocks());

test("13. a crashed execution is retried however long its list is, although n8n's database is slow with long lists", async () => {
	// 500 orders here, and as long as n8n takes for 2,500: it compares each entry with the list (measured: 18 s for 10,000).
	const remove = deduplicator.removeProcessed.bind(deduplicator);
	jest.spyOn(deduplicator, 'removeProcessed').mockImplementation(async (items, scope, context) => {
		const list = deduplicator.lists.get(`${context.workflow.id} ${context.node?.id}`) ?? [];
		await remove(items, scope, context);
		passTime(5 ** 2 * items.length * list.length * (18_000 / 10_000 ** 2));
	});
	const channels = Array.from({ length: 500 }, (_, i) => `c${i}`);
	const options = { batching: { batch: { batchSize: 10, batchInterval: 0 } }, timeout: 20_000 };
	const killed = await kill(channels, { at: 'answer', channel: 'c490' }, { options });
	expect(wordsOf(await order([], { options, retryOf: killed }))).not.toMatch(/too busy/);
	await finish(killed, { options });
	expect(sold()).toEqual(onceEach(channels));
});
