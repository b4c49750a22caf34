import { NodeOperationError, type IDataObject, type IExecuteFunctions, type INodeExecutionData } from 'n8n-workflow';

import { connect, type Connection } from '../transport';
import { decide } from './decide';
import { Dispatch } from './dispatch';
import { heldBack, invalidOrder, type Failure } from './errors';
import { KEY_HISTORY } from './idempotency';
import { readItems, type ReadItem } from './items';
import { Known, type OrderedItem } from './known';
import { orderRequest } from './order';
import { Results } from './results';
import { readSettings, type RunSettings } from './settings';
import { isMute } from './tool';

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

	const orders = plan(items, known, results);
	results.stopIfFailed();

	const prepared = await prepare(context, items, orders, known, results);
	if (prepared.kind === 'obstacle') {
		results.holdBack(orders, prepared.failure);
		return results.output();
	}
	const { connection, settings } = prepared;
	for (const { item, order } of orders.filter(isPreview)) {
		results.note(item, orderRequest(order, connection.baseUrl) as unknown as IDataObject);
	}
	await new Dispatch(context, connection, settings, known, results).sendAll(orders.filter(isPaid));

	const output = results.output();
	// Retry On Fail repeats a node whose first item has an `error`, also if that is the API's own.
	if (results.failed.length === 0 && output[0]?.json.error === undefined) known.forget();
	return output;
}

const isPreview = ({ order }: OrderedItem) => order.dryRun;
const isPaid = ({ order }: OrderedItem) => !order.dryRun;

/** Decides on each item by what is known of it, and gives the orders that are left to be placed or shown. */
function plan(items: ReadItem[], known: Known, results: Results): OrderedItem[] {
	return items.flatMap(({ item, reading }) => {
		const order = reading.kind === 'valid' ? reading.value : undefined;
		const decision = decide(reading, known.recall(item, order));
		switch (decision.kind) {
			case 'handBack':
				results.bought(item, decision.purchase);
				return [];
			case 'skip':
				results.skip(item, decision.order);
				return [];
			case 'fail':
				results.fail(item, decision.failure, decision.order);
				return [];
			default:
				return { item, order: decision.order };
		}
	});
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

	const reading = readSettings(items.find(({ options }) => options)?.options ?? {});
	if (reading.kind === 'invalid') return obstacle(invalidOrder(reading.problems));
	const settings = reading.value;

	const paid = orders.filter(isPaid);
	const count = results.purchases.length + paid.length;
	if (count > settings.maxPurchases) {
		return obstacle(
			heldBack(
				`${count} items are more than Max Purchases per Run allows (${settings.maxPurchases})`,
				'Raise the limit if all of them are meant to be bought, or pass fewer items.',
			),
		);
	}
	const keyCount = new Set(paid.map((ordered) => known.keyOf(ordered))).size;
	if (keyCount > KEY_HISTORY) {
		return obstacle(
			heldBack(
				`${keyCount} Idempotency Keys are more than n8n keeps for a node (${KEY_HISTORY})`,
				'Pass fewer items per run, for example with Loop Over Items.',
			),
		);
	}
	try {
		known.open(paid);
		return { kind: 'ready', settings, connection: await connect(context, settings.timeout) };
	} catch (error) {
		return obstacle(heldBack((error as Error).message, 'Mend this, then run again.'));
	}
}
