import type { IExecuteFunctions } from 'n8n-workflow';

import type { Connection } from '../../n8n/http';
import { decide, type Knowledge } from '../journal/decide';
import { couldNotAsk, duplicate, heldBack, rejected, stopped, uncertain, type Failure, type WayOn } from '../report/errors';
import type { OrderedItem } from '../journal/claims';
import type { Known } from '../journal/known';
import { orderRequest } from '../order/order';
import type { Results } from '../report/results';
import { pause, sendOrder } from './attempt';
import type { RunSettings } from '../order/settings';
import { wayOn } from '../../n8n/host';
import { purchaseTrace } from '../../n8n/trace';

/** What is claimed at a time is what goes out within so many milliseconds: no more is uncertain after a crash. */
const WINDOW = 100;

/** Sends orders, never more than a batch of them at a time, and notes what becomes of each. */
export class Dispatch {
	private readonly stopSignal;

	private readonly trace;

	private readonly way: WayOn;

	/** What keeps all further orders back. */
	private obstacle?: Failure;

	/** Orders that are claimed and may be sent. */
	private claimed: OrderedItem[] = [];

	/** The claim that is being made, while others are sent. */
	private claiming?: Promise<void>;

	private readonly onTheirWay = new Map<OrderedItem, Promise<void>>();

	private answered = 0;

	/** Called with each answer and each claim. */
	private onChange = () => {};

	/** For how many milliseconds orders were on their way, up to when there was none. */
	private busy = 0;

	/** Since when there are some on their way again. */
	private busySince = 0;

	constructor(
		context: IExecuteFunctions,
		private readonly connection: Connection,
		private readonly settings: RunSettings,
		private readonly known: Known,
		private readonly results: Results,
	) {
		this.stopSignal = context.getExecutionCancelSignal();
		this.trace = purchaseTrace(context, known.run);
		this.way = wayOn(context);
	}

	/** @throws NodeApiError or NodeOperationError once all that is on its way is answered, if On Error is Stop */
	async sendAll(orders: OrderedItem[]) {
		const { batchSize, batchInterval } = this.settings;
		const waiting = [...orders];
		while (waiting.length > 0) {
			if (waiting.length < orders.length) await pause(batchInterval, this.stopSignal);
			// Without an interval, an answer makes room for the next order at once.
			const unsent = await this.sendTogether(batchInterval > 0 ? waiting.splice(0, batchSize) : waiting.splice(0));
			if (this.isOver) {
				waiting.unshift(...unsent);
				break;
			}
		}
		await this.known.settle();
		this.results.stopIfFailed();
		const obstacle = this.obstacle ?? (this.stopSignal?.aborted ? stopped() : undefined);
		if (obstacle) this.results.holdBack(waiting, obstacle);
	}

	/** @returns what was not sent because something has ended the run */
	private async sendTogether(waiting: OrderedItem[]): Promise<OrderedItem[]> {
		while (!this.isOver) {
			while (this.claimed.length > 0 && this.onTheirWay.size < this.settings.batchSize && !this.isOver) {
				this.start(this.claimed.shift()!);
			}
			if (!this.claiming) this.claimNext(waiting);
			if (this.claiming || this.onTheirWay.size > 0) await new Promise<void>((resolve) => (this.onChange = resolve));
			else if (this.claimed.length === 0 && waiting.length === 0) return [];
		}
		await this.claiming;
		await Promise.all(this.onTheirWay.values());
		for (const ordered of this.claimed) this.known.release(ordered);
		return [...this.claimed.splice(0), ...waiting];
	}

	/** Whether nothing more is to be sent. */
	private get isOver(): boolean {
		return this.obstacle !== undefined || this.results.mustStop || this.stopSignal?.aborted === true;
	}

	/**
	 * Begins to claim as many orders as may be uncertain after a crash: when there are none left to send, or so few that
	 * the claim covers many. The pace is the API's alone: a slow database would make claims smaller, and so need more.
	 */
	private claimNext(waiting: OrderedItem[]) {
		const { batchSize } = this.settings;
		const busy = this.busy + (this.onTheirWay.size > 0 ? Date.now() - this.busySince : 0);
		const limit = Math.max(batchSize, Math.floor((this.answered / Math.max(1, busy)) * WINDOW));
		const room = limit - this.onTheirWay.size - this.claimed.length;
		if (this.claimed.length > 0 && room < 0.75 * limit) return;
		const orders = this.takeNext(waiting, room);
		if (orders.length === 0) return;
		this.claiming = this.claim(orders, waiting).finally(() => {
			this.claiming = undefined;
			this.onChange();
		});
	}

	/** Claims orders, and notes those that may not be sent. */
	private async claim(orders: OrderedItem[], waiting: OrderedItem[]) {
		try {
			const known = await this.known.claim(orders);
			orders.forEach((ordered, i) => {
				if (this.mayBeSent(ordered, known[i])) this.claimed.push(ordered);
			});
			if (this.results.mustStop) await this.failUncertain(waiting);
		} catch (error) {
			this.obstacle = heldBack(couldNotAsk(error as Error), 'Wait until n8n can use its database.', this.way);
			this.results.holdBack(orders, this.obstacle);
		}
	}

	/** So that a person is told of all uncertain orders at once, not of one with each retry. */
	private async failUncertain(waiting: OrderedItem[]) {
		const isOpen = this.openKeys();
		const others = waiting.filter((ordered) => !isOpen.has(this.known.keyOf(ordered)));
		for (const { ordered, reference } of await this.known.uncertainKeys(others)) {
			this.results.fail(ordered.item, uncertain(reference, this.way, ordered.order), ordered.order);
		}
	}

	/** An order with the Idempotency Key of one that is on its way waits for it: only its outcome tells what to do. */
	private takeNext(waiting: OrderedItem[], room: number): OrderedItem[] {
		const keys = this.openKeys();
		let count = 0;
		while (count < room && count < waiting.length) {
			const key = this.known.keyOf(waiting[count]);
			if (key !== undefined && keys.has(key)) break;
			keys.add(key);
			count++;
		}
		return waiting.splice(0, count);
	}

	/** The Idempotency Keys of the orders that are claimed and not answered. */
	private openKeys(): Set<string | undefined> {
		return new Set([...this.claimed, ...this.onTheirWay.keys()].map((ordered) => this.known.keyOf(ordered)));
	}

	private mayBeSent({ item, order }: OrderedItem, known: Knowledge): boolean {
		const decision = decide({ kind: 'valid', value: order }, known);
		if (decision.kind === 'holdBack') {
			this.results.fail(item, uncertain(decision.reference, this.way, order, decision.outcome), order);
		} else if (decision.kind === 'duplicate') {
			this.results.fail(item, duplicate(order, decision.because), order);
		} else if (decision.kind === 'skip') {
			this.results.skip(item, order, decision.because);
		}
		return decision.kind === 'send';
	}

	private start(ordered: OrderedItem) {
		if (this.onTheirWay.size === 0) this.busySince = Date.now();
		const sending = this.sendOne(ordered).finally(() => {
			this.onTheirWay.delete(ordered);
			if (this.onTheirWay.size === 0) this.busy += Date.now() - this.busySince;
			this.answered++;
			this.onChange();
		});
		this.onTheirWay.set(ordered, sending);
	}

	private async sendOne(ordered: OrderedItem) {
		const { item, order } = ordered;
		const other = this.known.uncertainCall(ordered);
		if (other && !this.mayBeSent(ordered, other)) {
			this.known.release(ordered);
			return;
		}
		this.known.sending(ordered);
		const request = orderRequest(order, this.connection.baseUrl(item));
		const outcome = await sendOrder(async () => await this.connection.send(item, request), this.stopSignal);
		const reference = await this.known.answered(ordered, outcome);
		if (outcome.kind === 'bought') {
			this.results.bought(item, outcome.purchase);
			this.trace(item, outcome.purchase, order);
		} else if (outcome.kind === 'unknown') {
			this.results.fail(item, uncertain(reference, this.way, order, outcome), order);
		} else {
			const failure = rejected(outcome, this.way);
			this.results.fail(item, failure, order);
			if (failure.httpCode === 401) this.obstacle = { ...failure, outcome: 'notSent' };
		}
	}
}
