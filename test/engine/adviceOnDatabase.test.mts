/** What a person is told where n8n's database has no place for an order now, done word by word. */
import { followEach, list, type Cause } from './causes.mts';
import { passTime } from './clock.mts';
import { createExecution, deduplicator, patience } from './engine.mts';
import { gate, isClaim, who } from './late.mts';
import { openShop, outcomes, processOf, until, type Orders } from './shop.mts';

const shop = openShop();

afterEach(() => jest.restoreAllMocks());

/** An execution of an n8n without token, which may have rivals: it takes the lock on its list. */
const withRivals = (): Orders => {
	const created = createExecution(list.map((channel) => ({ channel })));
	delete (created as { resumeToken?: string }).resumeToken;
	return { retryOf: created };
};

const lockOf = ({ node }: { node?: { id: string } }) => node?.id.endsWith(':lock') ?? false;

/** Others always have the lock, and renew it. Each look whether it is free takes a second. */
function keepTheLock() {
	const count = deduplicator.getProcessedDataCount.bind(deduplicator);
	let renewals = 0;
	jest.spyOn(deduplicator, 'getProcessedDataCount').mockImplementation(async (...call) => {
		if (!lockOf(call[1])) return await count(...call);
		passTime(1000);
		return ++renewals;
	});
}

/** n8n's process stands still for half a minute, as soon as it has the lock. */
function standStill() {
	const record = deduplicator.checkProcessedAndRecord.bind(deduplicator);
	jest.spyOn(deduplicator, 'checkProcessedAndRecord').mockImplementation(async (...call) => {
		const isLock = lockOf(call[2]);
		const answer = await record(...call);
		if (isLock) passTime(30_000);
		return answer;
	});
}

/** As an n8n would that looks for the node's ID later than the node expects it. */
function readTheIdLater() {
	const count = deduplicator.getProcessedDataCount.bind(deduplicator);
	jest.spyOn(deduplicator, 'getProcessedDataCount').mockImplementation(async (...call) => {
		await Promise.resolve();
		return await count(...call);
	});
}

const WAIT = 'Wait until n8n can use its database.';

const causedBy = (message: string, disturb: () => void, advice = WAIT): Cause => ({
	advice: [message, advice],
	wrong: withRivals,
	disturb,
	mend: () => {
		jest.restoreAllMocks();
		return {};
	},
});

followEach(
	{
		'others keep the lock': causedBy('other executions have kept its list of orders locked for too long', keepTheLock),
		'n8n stands still with the lock': causedBy('n8n was too busy to keep the lock on its list of orders', standStill),
		// The newer node is one that knows how n8n keeps its data, as this one does with n8n as it is.
		'n8n is newer than the node': causedBy(
			'This version of n8n keeps its deduplication data in a way that this node does not know',
			readTheIdLater,
			'Update the StreamSkill node.',
		),
	},
	shop,
	shop.sold,
);

test('waiting is not advised where n8n is newer than the node', async () => {
	readTheIdLater();
	const { error } = await shop.order(list, withRivals());
	expect(`${error!.message} ${error!.description}`).not.toContain(WAIT);
});

describe('an order that was bought before, or meanwhile, is not bought again by what the message says', () => {
	const setup: Orders = {
		onError: 'continueErrorOutput',
		options: { timeout: 10_000, batching: { batch: { batchSize: 1, batchInterval: 0 } } },
	};

	/** Does what each item's message says, as long as that is known. */
	async function follow({ failed }: Awaited<ReturnType<typeof shop.order>>) {
		for (const { json } of failed) {
			expect(json.message).toBe(
				'This order was not sent now. It may have been sent before. Wait until n8n can use its database. Wait a few minutes, then check whether the order is in your StreamSkill account, with the time when it was sent. If it is there, only what comes after this node is left to do. If it is not, order this item alone in a new execution.',
			);
			const { channel } = (json.details as { order: { channel: string } }).order;
			if (!(channel in shop.sold())) await shop.order([channel], setup);
		}
	}

	test('a retry cannot look it up', async () => {
		const killed = await shop.kill(['a', 'b'], { at: 'answer', channel: 'a' }, setup);
		deduplicator.fail = true;
		const retry = await shop.order([], { ...setup, retryOf: killed });
		deduplicator.fail = false;
		await follow(retry);
		expect(shop.sold()).toEqual({ a: 1, b: 1 });
	});

	test('a retry cannot look it up, and its fields are invalid by now', async () => {
		const killed = await shop.kill(['a', 'b'], { at: 'answer', channel: 'a' }, setup);
		deduplicator.fail = true;
		const retry = await shop.order([], { ...setup, retryOf: killed, parameters: { tarifId: '={{ $json.channel === "a" ? "none" : 1 }}' } });
		deduplicator.fail = false;
		expect(outcomes(retry)).toEqual(['notSent', 'notSent']);
	});

	test('an execution claims it too late, while its retry buys it', async () => {
		patience.isReal = true;
		const created = createExecution([{ channel: 's' }, { channel: 'a' }]);
		const claim = gate();
		deduplicator.pause = async (before, entries) => {
			if (who.getStore() === 'late' && before === 'write' && isClaim(entries) && shop.sold().s === 1 && !claim.isHeld) await claim.hold();
		};
		const late = who.run(
			'late',
			async () => await shop.order([], { ...setup, retryOf: created, mode: 'trigger', streamSkill: processOf('main') }),
		);
		await until(() => claim.isHeld);
		await shop.order([], { ...setup, retryOf: created, streamSkill: processOf('worker') });
		claim.goOn();
		const result = await late;
		patience.isReal = false;
		await follow(result);
		expect(shop.sold()).toEqual({ s: 1, a: 1 });
	});
});
