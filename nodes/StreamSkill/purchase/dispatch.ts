import type { IExecuteFunctions } from 'n8n-workflow';

import type { Connection } from '../transport';
import { decide } from './decide';
import { heldBack, notBought, type Failure } from './errors';
import type { Known, OrderedItem } from './known';
import { orderRequest } from './order';
import type { Results } from './results';
import { pause, sendOrder } from './send';
import type { RunSettings } from './settings';
import { purchaseTrace } from './trace';

/** Sends orders batch by batch, and notes what becomes of each. */
export class Dispatch {
	private readonly stopSignal;

	private readonly trace;

	/** What keeps all further orders back. */
	private obstacle?: Failure;

	constructor(
		context: IExecuteFunctions,
		private readonly connection: Connection,
		private readonly settings: RunSettings,
		private readonly known: Known,
		private readonly results: Results,
	) {
		this.stopSignal = context.getExecutionCancelSignal();
		this.trace = purchaseTrace(context);
	}

	/** @throws NodeApiError or NodeOperationError after a batch in which an item failed, if On Error is Stop */
	async sendAll(orders: OrderedItem[]) {
		const { batchSize, batchInterval } = this.settings;
		let begun = 0;
		for (const batch of this.batches(orders, batchSize)) {
			if (begun > 0 && batchInterval > 0 && !this.obstacle) await pause(batchInterval, this.stopSignal);
			const obstacle = this.obstacle ?? this.stopped();
			if (obstacle) {
				this.results.holdBack(orders.slice(begun), obstacle);
				return;
			}
			begun += batch.length;
			await this.sendBatch(batch);
			this.results.stopIfFailed();
		}
	}

	/** A batch ends before an order with the same key as one in it: only its outcome tells what to do. */
	private *batches(orders: OrderedItem[], size: number): Generator<OrderedItem[]> {
		let batch: OrderedItem[] = [];
		let keys = new Set<string>();
		for (const ordered of orders) {
			const key = this.known.keyOf(ordered);
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

	private async sendBatch(batch: OrderedItem[]) {
		const wanted = await this.claim(batch);
		if (this.results.mustStop) {
			// An uncertain key ends the run before the rest of its batch is sent.
			for (const ordered of wanted) this.known.release(ordered, 'rejected');
		} else {
			await Promise.all(wanted.map(async (ordered) => await this.sendOne(ordered)));
		}
		await this.known.settle();
	}

	/** Claims a batch's orders, and gives those that may be sent. */
	private async claim(batch: OrderedItem[]): Promise<OrderedItem[]> {
		try {
			const known = await this.known.claim(batch);
			return batch.filter(({ item, order }, i) => {
				const decision = decide({ kind: 'valid', value: order }, known[i]);
				if (decision.kind === 'fail') this.results.fail(item, decision.failure, order);
				if (decision.kind === 'skip') this.results.skip(item, order);
				return decision.kind === 'send';
			});
		} catch (error) {
			const message = `n8n could not look up the Idempotency Key: ${(error as Error).message}`;
			this.results.holdBack(batch, heldBack(message, 'Run the item again once n8n can use its database.'));
			return [];
		}
	}

	private async sendOne(ordered: OrderedItem) {
		const { item, order } = ordered;
		const stop = this.stopped();
		if (stop) {
			this.results.fail(item, stop, order);
			this.known.release(ordered, 'rejected');
			return;
		}
		// An AI agent's calls run side by side: another may have sent the same order in the meantime. One that
		// was bought is no reason against it: a model's repeated order is a new one.
		const known = this.known.recall(item, order);
		const decision = decide({ kind: 'valid', value: order }, known.kind === 'unknown' ? known : { kind: 'new' });
		if (decision.kind === 'fail') {
			this.results.fail(item, decision.failure, order);
			this.known.release(ordered, 'unknown');
			return;
		}
		this.known.sending(ordered);
		const outcome = await sendOrder(this.connection, orderRequest(order, this.connection.baseUrl), this.stopSignal);
		this.known.answered(ordered, outcome);
		if (outcome.kind === 'bought') {
			this.results.bought(item, outcome.purchase);
			this.trace(item, outcome.purchase, order);
			return;
		}
		const failure = notBought(outcome);
		this.results.fail(item, failure, order);
		if (outcome.httpCode === 401) this.obstacle = { ...failure, outcome: 'notSent' };
	}

	private stopped(): Failure | undefined {
		if (!this.stopSignal?.aborted) return undefined;
		return heldBack('The execution was stopped', 'Run the item again if it is still wanted.');
	}
}
