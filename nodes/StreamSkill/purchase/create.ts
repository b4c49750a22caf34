import { NodeOperationError, type IDataObject, type IExecuteFunctions, type INodeExecutionData } from 'n8n-workflow';

import { connect, type Connection } from '../n8n/http';
import { KEY_HISTORY, type OrderedItem } from './journal/claims';
import { decide, type Knowledge } from './journal/decide';
import { Dispatch } from './dispatch/pool';
import { duplicate, heldBack, invalidOrder, repeatedKey, uncertain, type Failure, type WayOn } from './report/errors';
import { readItems, type ReadItem } from './order/items';
import { Known } from './journal/known';
import { orderRequest } from './order/order';
import { Results } from './report/results';
import { readSettings, type RunSettings } from './order/settings';
import { isMute, wayOn } from '../n8n/host';

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
	if (isMute(context)) {
		throw new NodeOperationError(
			context.getNode(),
			'Nothing was bought: with On Error = Continue (using error output), n8n does not tell the AI agent what was bought. Choose Continue instead.',
		);
	}
	const items = readItems(context);
	const known = new Known(context);
	const results = new Results(context);

	const way = wayOn(context);

	const orders = plan(items, await known.recall(items), way, results);
	if (way === 'retry') failRepeatedKeys(orders, results);
	results.stopIfFailed();

	const prepared = await prepare(context, items, orders, known, results);
	if (prepared.kind === 'obstacle') {
		results.holdBack(orders, prepared.failure);
		return results.output();
	}
	const { connection, settings } = prepared;
	for (const { itemIndexes, message } of connection.obstacles) {
		results.holdBack(orders.filter(({ item }) => itemIndexes.includes(item)), heldBack(message, 'Fix this first.', way));
	}
	results.stopIfFailed();
	const blocked = new Set(connection.obstacles.flatMap(({ itemIndexes }) => itemIndexes));
	const placeable = orders.filter(({ item }) => !blocked.has(item));
	for (const { item, order } of placeable.filter(isPreview)) {
		results.note(item, orderRequest(order, connection.baseUrl(item)) as unknown as IDataObject);
	}
	await new Dispatch(context, connection, settings, known, results).sendAll(placeable.filter(isPaid));

	const output = results.output();
	results.summarise(known.run, known.unknownReferences);
	// Retry On Fail repeats a node whose first item has an `error`, also if that is the API's own.
	if (results.failed.length === 0 && output[0]?.json.error === undefined) known.forget();
	return output;
}

/** From how many keys in a run on a user should know that there are not many left. */
const NEAR_HISTORY = 0.9 * KEY_HISTORY;

const isPreview = ({ order }: OrderedItem) => order.dryRun;
const isPaid = ({ order }: OrderedItem) => !order.dryRun;

/** Decides on each item by what is known of it, and gives the orders that are left to be placed or shown. */
function plan(items: ReadItem[], known: Knowledge[], way: WayOn, results: Results): OrderedItem[] {
	return items.flatMap(({ item, reading }) => {
		const decision = decide(reading, known[item]);
		switch (decision.kind) {
			case 'handBack':
				results.handBack(item, decision.purchase);
				return [];
			case 'skip':
				results.skip(item, decision.order, decision.because);
				return [];
			case 'duplicate':
				results.fail(item, duplicate(decision.order, decision.because), decision.order);
				return [];
			case 'holdBack':
				results.fail(item, uncertain(decision.reference, way, decision.order, decision.outcome), decision.order);
				return [];
			case 'refuse':
				results.fail(item, invalidOrder(decision.problems, way));
				return [];
			default:
				return { item, order: decision.order };
		}
	});
}

/** A key that comes again in the same list would end the run in the middle: the list can be known to be wrong. */
function failRepeatedKeys(orders: OrderedItem[], results: Results) {
	const seen = new Set<string>();
	for (const { item, order } of orders.filter(isPaid)) {
		const { idempotencyKey, onDuplicate } = order;
		if (idempotencyKey === undefined) continue;
		if (seen.has(idempotencyKey) && onDuplicate === 'fail') results.fail(item, repeatedKey(idempotencyKey), order);
		seen.add(idempotencyKey);
	}
}

type Prepared =
	| { kind: 'obstacle'; failure: Failure }
	| { kind: 'ready'; settings: RunSettings; connection: Connection };

/** Gets all that a run needs before its first order goes out, or tells what is in the way of that. */
async function prepare(
	context: IExecuteFunctions,
	items: ReadItem[],
	orders: OrderedItem[],
	known: Known,
	results: Results,
): Promise<Prepared> {
	const obstacle = (failure: Failure): Prepared => ({ kind: 'obstacle', failure });
	const way = wayOn(context);

	const reading = readSettings(items.find(({ options }) => options)?.options ?? {});
	if (reading.kind === 'invalid') return obstacle(invalidOrder(reading.problems, way));
	const settings = reading.value;

	const paid = orders.filter(isPaid);
	const count = results.purchases.length + paid.length;
	const limit = paid.reduce((least, { order }) => Math.min(least, order.maxPurchases ?? Infinity), Infinity);
	if (count > limit) {
		return obstacle(
			heldBack(
				`${count} items are more than Max Purchases allows (${limit})`,
				'If all of them are meant to be bought, raise the limit.',
				way,
			),
		);
	}
	const keyCount = new Set(paid.flatMap((ordered) => known.keyOf(ordered) ?? [])).size;
	if (keyCount > KEY_HISTORY) {
		return obstacle(
			heldBack(
				`${keyCount} Idempotency Keys are more than n8n keeps for a node (${KEY_HISTORY})`,
				'Give the items to several StreamSkill nodes: each has a history of keys of its own.',
				way,
			),
		);
	}
	if (keyCount > NEAR_HISTORY) {
		results.warn(
			`${keyCount} of the ${KEY_HISTORY} Idempotency Keys that n8n is sure to keep for a node came in this run: give the items to several StreamSkill nodes before there are more`,
		);
	}
	try {
		known.open(paid);
		return { kind: 'ready', settings, connection: await connect(context, settings.timeout, orders.map(({ item }) => item)) };
	} catch (error) {
		return obstacle(heldBack((error as Error).message, 'Fix this first.', way));
	}
}
