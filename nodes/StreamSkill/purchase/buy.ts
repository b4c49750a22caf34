import { NodeOperationError, sleep, type IDataObject, type IExecuteFunctions, type INodeExecutionData } from 'n8n-workflow';

import { connect, type PurchaseRequest, type Send } from '../transport';
import { duplicateKey, heldBack, invalidOrder, notBought, uncertainKey, type Failure } from './errors';
import {
	KEY_HISTORY,
	openIdempotencyKeys,
	type IdempotencyKey,
	type IdempotencyKeys,
	type KeyState,
} from './idempotency';
import { LABELS } from './labels';
import { openLedger, type Ledger } from './ledger';
import { readOrder, type Order } from './order';
import { readAnswer, readFailure, type Outcome } from './outcome';
import { Results, type OrderedItem } from './results';
import { readSettings, type RunSettings } from './settings';
import { isMute } from './tool';
import { purchaseTrace } from './trace';

/** How often an item is tried that is answered 429, and how many milliseconds are waited for it in all. */
const RATE_LIMIT = { tries: 5, wait: 60_000 };

/**
 * Buys what the items of the node's run order.
 *
 * All items are read before the first one is sent. What this execution bought before is not bought
 * again, and what it sent without getting an answer is not sent again.
 *
 * @returns a purchase for each item, or an error item if On Error is Continue
 * @throws NodeApiError or NodeOperationError if On Error is Stop; its description and `context` say what
 * was bought before
 */
export async function buy(context: IExecuteFunctions): Promise<INodeExecutionData[]> {
	const results = new Results(context);
	if (isMute(context)) {
		throw new NodeOperationError(
			context.getNode(),
			'Nothing was bought: with On Error = Continue (using error output), n8n does not tell the AI agent what was bought. Choose Continue instead.',
		);
	}
	const ledger = openLedger(context);

	// Resending is for a retry that somebody asked for, not for the tries of Retry On Fail.
	const mayResend = (order: Order | undefined, sentBy: string) =>
		order?.resendUnknown && sentBy !== context.getExecutionId();

	const read = context.getInputData().map((_, item) => readItem(context, item));
	const orders: OrderedItem[] = [];
	read.forEach(({ parsed }, item) => {
		const order = 'order' in parsed ? parsed.order : undefined;
		const entry = ledger.find(item, order);
		if (entry && 'purchase' in entry) {
			results.bought(item, entry.purchase);
		} else if (entry && !order?.dryRun && !mayResend(order, entry.executionId)) {
			results.fail(item, notBought(entry.unknown), order);
		} else if ('problems' in parsed) {
			results.fail(item, invalidOrder(parsed.problems));
		} else {
			orders.push({ item, order: parsed.order, key: keyOf(parsed.order, ledger.retryKey(item)) });
		}
	});
	results.stopIfFailed();

	const options = read.find((item) => item.options)?.options ?? {};
	const prepared = await prepare(context, orders, results.purchases.length, options);
	if ('obstacle' in prepared) {
		results.holdBack(orders, prepared.obstacle);
		return results.output();
	}
	const { settings, request, send, keys } = prepared;

	const pending = orders.filter(({ order }) => !order.dryRun);
	for (const { item, order } of orders) {
		if (order.dryRun) results.note(item, request(order) as unknown as IDataObject);
	}

	const trace = purchaseTrace(context);
	const stopSignal = context.getExecutionCancelSignal();
	let obstacle: Failure | undefined;

	const stopped = () =>
		stopSignal?.aborted && heldBack('The execution was stopped', 'Run the item again if it is still wanted.');

	const buyOne = async ({ item, order }: OrderedItem): Promise<Outcome['kind']> => {
		const stop = stopped();
		if (stop) {
			results.fail(item, stop, order);
			return 'rejected';
		}
		// An AI agent's calls run side by side: another may have sent the same order in the meantime.
		const entry = ledger.find(item, order);
		if (entry && 'unknown' in entry && !mayResend(order, entry.executionId)) {
			results.fail(item, notBought(entry.unknown), order);
			return 'unknown';
		}
		const settle = ledger.send(item, order);
		const outcome = await place(send, request(order), stopSignal);
		settle(outcome);
		if (outcome.kind === 'bought') {
			results.bought(item, outcome.purchase);
			try {
				trace(item, outcome.purchase, order);
			} catch (error) {
				// No trace is worth a purchase: the output still has it.
				context.logger.warn(`StreamSkill could not record a purchase: ${(error as Error).message}`);
			}
		} else {
			const failure = notBought(outcome);
			results.fail(item, failure, order);
			if (outcome.httpCode === 401) obstacle = { ...failure, outcome: 'notSent' };
		}
		return outcome.kind;
	};

	let sent = 0;
	for (const batch of batches(pending, settings.batchSize)) {
		if (sent > 0 && settings.batchInterval > 0) await pause(settings.batchInterval, stopSignal);
		obstacle ||= stopped() || undefined;
		if (obstacle) {
			results.holdBack(pending.slice(sent), obstacle);
			break;
		}
		sent += batch.length;
		await buyBatch(context, batch, keys, ledger, results, buyOne);
		results.stopIfFailed();
	}

	const output = results.output();
	// Retry On Fail repeats a node whose first item has an `error`, also if that is the API's own.
	if (results.failed.length === 0 && output[0]?.json.error === undefined) ledger.close();
	return output;
}

/** Reads an item's parameters once each: every expression takes n8n half a millisecond. */
function readItem(context: IExecuteFunctions, item: number) {
	let field = '';
	const parameter = (name: string, label: string) => {
		field = label;
		return context.getNodeParameter(name, item);
	};
	let options: IDataObject | undefined;
	try {
		options = parameter('options', 'options') as IDataObject;
		const parsed = readOrder({
			tarifId: parameter('tarifId', 'tarif.id'),
			channel: parameter('channel', 'channel'),
			additionalFields: parameter('additionalFields', 'additionalFields'),
			options,
		});
		return { parsed, options };
	} catch (error) {
		return { parsed: { problems: { [field]: [`${LABELS[field]}: ${(error as Error).message}`] } }, options };
	}
}

type Prepared = { settings: RunSettings; keys?: IdempotencyKeys } & Awaited<ReturnType<typeof connect>>;

/** Gets all that a run needs before its first order goes out, or tells what is in the way of that. */
async function prepare(
	context: IExecuteFunctions,
	orders: OrderedItem[],
	bought: number,
	options: IDataObject,
): Promise<{ obstacle: Failure } | Prepared> {
	const parsed = readSettings(options);
	if ('problems' in parsed) return { obstacle: invalidOrder(parsed.problems) };
	const { settings } = parsed;

	const paid = orders.filter(({ order }) => !order.dryRun);
	const count = bought + paid.length;
	if (count > settings.maxPurchases) {
		return {
			obstacle: heldBack(
				`${count} items are more than Max Purchases per Run allows (${settings.maxPurchases})`,
				'Raise the limit if all of them are meant to be bought, or pass fewer items.',
			),
		};
	}
	const keyCount = new Set(paid.map(({ key }) => key)).size;
	if (keyCount > KEY_HISTORY) {
		return {
			obstacle: heldBack(
				`${keyCount} Idempotency Keys are more than n8n keeps for a node (${KEY_HISTORY})`,
				'Pass fewer items per run, for example with Loop Over Items.',
			),
		};
	}
	try {
		const keys = paid.some(({ key }) => key) ? openIdempotencyKeys(context) : undefined;
		return { settings, keys, ...(await connect(context, settings.timeout)) };
	} catch (error) {
		return { obstacle: heldBack((error as Error).message, 'Mend this, then run again.') };
	}
}

const keyOf = ({ idempotencyKey }: Order, retryKey?: string): IdempotencyKey | undefined => {
	if (idempotencyKey !== undefined) return `key ${idempotencyKey}`;
	return retryKey === undefined ? undefined : `retry ${retryKey}`;
};

/** A batch ends before an order with the same key as one in it: only its outcome tells what to do. */
function* batches(orders: OrderedItem[], size: number): Generator<OrderedItem[]> {
	let batch: OrderedItem[] = [];
	let keys = new Set<IdempotencyKey>();
	for (const ordered of orders) {
		const { key } = ordered;
		if (batch.length >= size || (key !== undefined && keys.has(key))) {
			yield batch;
			batch = [];
			keys = new Set();
		}
		batch.push(ordered);
		if (key !== undefined) keys.add(key);
	}
	if (batch.length > 0) yield batch;
}

/** Claims the keys of a batch, buys what they allow, and records what became of the keys. */
async function buyBatch(
	context: IExecuteFunctions,
	batch: OrderedItem[],
	keys: IdempotencyKeys | undefined,
	ledger: Ledger,
	results: Results,
	buyOne: (ordered: OrderedItem) => Promise<Outcome['kind']>,
) {
	let states: Map<IdempotencyKey, KeyState>;
	try {
		states = (await keys?.claim(batch.flatMap(({ key }) => key ?? []))) ?? new Map();
	} catch (error) {
		const message = `n8n could not look up the Idempotency Key: ${(error as Error).message}`;
		results.holdBack(batch, heldBack(message, 'Run the item again once n8n can use its database.'));
		return;
	}

	const wanted = batch.filter(({ item, order, key }) => {
		const state = key === undefined ? 'new' : states.get(key);
		if (state === 'new' || (state === 'unknown' && order.resendUnknown && !ledger.isUncertainHere(order))) return true;
		if (state === 'unknown') results.fail(item, uncertainKey(order), order);
		else if (order.onDuplicate === 'skip' && order.idempotencyKey !== undefined) results.skip(item, order);
		else results.fail(item, duplicateKey(order), order);
		return false;
	});

	// With On Error = Stop, an uncertain key ends the run before the rest of its batch is sent.
	const kinds = results.mustStop ? wanted.map(() => 'rejected') : await Promise.all(wanted.map(buyOne));
	const keysOf = (kind: string) =>
		wanted.flatMap(({ key }, i) => (kinds[i] === kind ? (key ?? []) : []));
	try {
		await keys?.settle(
			keysOf('bought'),
			// A key that was uncertain before stays so: this try tells nothing of the earlier one.
			keysOf('rejected').filter((key) => states.get(key) === 'new'),
		);
	} catch (error) {
		// What was bought is safe; its keys will read as uncertain, and nothing is bought twice.
		context.logger.warn(`StreamSkill could not record its Idempotency Keys: ${(error as Error).message}`);
	}
}

/** Sends an order, and again as long as it is answered 429, which is a certain no. */
async function place(send: Send, request: PurchaseRequest, stopSignal?: AbortSignal): Promise<Outcome> {
	for (let tries = 1, waited = 0; ; tries++) {
		const outcome = await send(request).then(readAnswer, readFailure);
		if (outcome.kind === 'bought' || outcome.httpCode !== 429 || tries === RATE_LIMIT.tries) return outcome;

		const wait = outcome.retryAfterMs ?? 1000 * 2 ** (tries - 1) * (1 + Math.random() / 2);
		waited += wait;
		if (waited > RATE_LIMIT.wait) return outcome;
		await pause(wait, stopSignal);
		if (stopSignal?.aborted) return outcome;
	}
}

/** Waits, but not on when the execution is stopped. */
async function pause(ms: number, stopSignal?: AbortSignal) {
	let stop = () => {};
	const stopped = new Promise<void>((resolve) => (stop = resolve));
	stopSignal?.addEventListener('abort', stop);
	await Promise.race([sleep(ms), stopped]);
	stopSignal?.removeEventListener('abort', stop);
}
