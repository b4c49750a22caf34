import type { IExecuteFunctions, INodeExecutionData } from 'n8n-workflow';

import { isTool, stopsOnFailure } from '../n8n/host';
import { connect, type Connection } from '../n8n/http';
import { misfitOf, refuseAll } from '../n8n/misfit';
import { pause } from '../n8n/pause';
import { refusalIn, type DatabaseRefusal } from '../n8n/rows';
import { orderTrace } from '../n8n/trace';
import { decide } from './decide';
import { readAnswer, readFailure } from './dispatch/answer';
import { dispatch } from './dispatch/dispatch';
import { RateLimit } from './dispatch/rateLimit';
import type { Claim } from './journal/claim';
import { Journal } from './journal/journal';
import type { Planned, Recalled } from './journal/recalled';
import { readItems } from './order/items';
import { orderRequest, type Item, type Order } from './order/order';
import { readSettings } from './order/settings';
import { databaseObstacle, type Failure, type Obstacle } from './report/failure';
import { failAll, Report } from './report/report';

/**
 * Buys what the input items order: plan, dispatch, report.
 *
 * All items are read, and all that is on record of their orders, before the first one is sent. What was bought before is
 * not bought again, and what was sent without an answer is not sent again.
 *
 * @returns for each item its purchase, what a Dry Run shows of it, or an error item; nothing for one that is left out, unless
 * the next node, a loop or a model has to know of it
 * @throws NodeApiError or NodeOperationError if On Error is Stop; its description and `context` say what was bought.
 * NodeOperationError as well if the node cannot order at all, and n8n would drop its error items (see `refuseAll`)
 */
export async function create(context: IExecuteFunctions): Promise<INodeExecutionData[]> {
	const misfit = misfitOf(context);
	if (misfit) return refuseAll(context, misfit);
	try {
		const run = new Run(context, readItems(context));
		try {
			await run.execute();
		} catch (error) {
			run.survive(error);
		} finally {
			run.close();
		}
		return run.output();
	} catch (error) {
		return failAll(context, { kind: 'defect', message: survive(context, error) });
	}
}

/**
 * To be called with what is thrown where nothing should. Where n8n goes on after it, it would put out the input items as
 * if they were purchases (n8n-core: workflow-execute.js, handleNodeExecutionError).
 *
 * @returns what the items are told
 * @throws the error, where that ends the execution
 */
function survive(context: IExecuteFunctions, error: unknown): string {
	if (stopsOnFailure(context)) throw error;
	const { message, stack } = error as Error;
	context.logger.error(`StreamSkill stopped unexpectedly: ${message}`, { stack });
	return message;
}

/** One run of the operation. */
class Run {
	private readonly report: Report;

	private readonly journal: Journal;

	private readonly settings;

	private readonly trace;

	private readonly stopSignal;

	/** Orders that somebody else has sent, and may still get the answer for. */
	private sentByOthers: Recalled[] = [];

	/** What keeps all further orders back. */
	private obstacle?: Obstacle;

	constructor(
		private readonly context: IExecuteFunctions,
		private readonly items: Item[],
	) {
		const decisive = items.find(({ reading }) => reading.kind === 'valid') ?? items[0];
		this.settings = decisive?.settings ?? readSettings({}, {});
		this.journal = new Journal(context, items, this.settings.timeout);
		this.report = new Report(context, items, this.journal);
		this.trace = orderTrace(context, this.journal.run);
		this.stopSignal = context.getExecutionCancelSignal();
	}

	async execute(): Promise<void> {
		const { report } = this;
		const planned = this.plan(await this.journal.recall());
		if (stopsOnFailure(this.context)) this.refuseRepeatedKeys(planned);
		this.stopIfFailed();

		const orders = this.unobstructed(planned.filter(({ order }) => !order.dryRun));
		const previews = planned.filter(({ order }) => order.dryRun);
		const shown = this.unlessHeldBack(previews, this.limitOn(previews));
		const connection = await this.connect([...orders, ...shown]);
		this.stopIfFailed();

		this.preview(shown.filter(report.isOpen), orders.filter(report.isOpen), connection);
		await this.sendAll(orders.filter(report.isOpen), connection);
	}

	/** Reads the credential of these orders, and of those that others have sent, which may have to be sent after all. */
	private async connect(orders: Planned[]): Promise<Connection> {
		const { report } = this;
		const open = [...orders, ...this.sentByOthers];
		const itemIndexes = open.map(({ item }) => item.itemIndex);
		const connection = await connect(this.context, this.settings.timeout, itemIndexes);
		for (const { item } of open) {
			const message = connection.obstacleTo(item.itemIndex);
			if (message !== undefined) report.fail(item, { kind: 'heldBack', obstacle: { kind: 'credential', message } });
		}
		// Somebody else may have bought these meanwhile.
		this.leaveToOthers(this.sentByOthers.filter((one) => !report.isOpen(one)));
		this.sentByOthers = this.sentByOthers.filter(report.isOpen);
		return connection;
	}

	/**
	 * Shows what a Dry Run would send.
	 *
	 * @param orders those that are sent: a key of theirs is taken
	 */
	private preview(previews: Planned[], orders: Planned[], connection: Connection) {
		const repeated = new Set(repeatedKeys([...orders, ...previews]));
		for (const planned of previews) {
			const { item, order } = planned;
			const wouldBeSent = !repeated.has(planned);
			const what = wouldBeSent
				? { request: orderRequest(order, connection.baseUrl(item.itemIndex)) }
				: { instead: `Another item has its Idempotency Key, and this one would ${order.onDuplicate === 'fail' ? 'fail' : 'be left out'}` };
			this.report.note(item, { kind: 'previewed', preview: { order: { ...order.body }, ...what }, wouldBeSent });
		}
	}

	/**
	 * To be called with what the run has thrown.
	 *
	 * @throws the error, where that ends the execution
	 */
	survive(error: unknown) {
		const message = survive(this.context, error);
		this.report.holdBack(this.items.map((item) => ({ item })).filter(this.report.isOpen), { kind: 'defect', message });
	}

	/** To be called in any case, also when the run has failed. */
	close() {
		const { journal, report } = this;
		try {
			report.summarise();
			journal.close();
		} catch (error) {
			this.survive(error);
		}
	}

	/**
	 * @returns the node's output: what was bought is forgotten once it is there
	 * @throws NodeApiError or NodeOperationError if On Error is Stop and an item has failed
	 */
	output(): INodeExecutionData[] {
		const output = this.report.output();
		// An agent may be tried again after its tool was called.
		if (this.report.isComplete && !isTool(this.context)) this.journal.forgetBought();
		return output;
	}

	/** Decides on each item by what is on record of it, and gives the orders that are left to be placed or shown. */
	private plan(recalled: Recalled[]): Planned[] {
		return recalled.flatMap((one) => this.conclude(one) ?? []);
	}

	/** @returns the order, if it is to be placed or shown; otherwise what becomes of the item is settled, or waits */
	private conclude(recalled: Recalled): Planned | undefined {
		const { item, known } = recalled;
		const decision = decide(item.reading, known);
		switch (decision.kind) {
			case 'send':
				// The same object: by it, the journal sees what is claimed.
				return Object.assign(recalled, { order: decision.order });
			case 'wait':
				this.sentByOthers.push(recalled);
				return undefined;
			case 'bought':
			case 'leftOut':
			case 'failed':
			case 'previewed':
				this.report.note(item, decision);
				return undefined;
		}
	}

	/** A key that comes again would end the run in the middle: the list can be known to be wrong. */
	private refuseRepeatedKeys(planned: Planned[]) {
		for (const { item, order } of repeatedKeys(planned)) if (order.onDuplicate === 'fail') this.report.fail(item, { kind: 'repeatedKey' });
	}

	/** @returns the orders, unless something keeps all of them back */
	private unobstructed(orders: Planned[]): Planned[] {
		return this.unlessHeldBack(orders, this.obstacleTo(orders));
	}

	private unlessHeldBack(orders: Planned[], obstacle?: Obstacle): Planned[] {
		if (!obstacle) return orders;
		this.report.holdBack(orders, obstacle);
		return [];
	}

	/** What keeps all of these orders back. */
	private obstacleTo(orders: Planned[]): Obstacle | undefined {
		const { journal } = this;
		if (orders.length === 0) return undefined;
		if (journal.refusal) return this.refusedBy(journal.refusal);
		if (!journal.keepsRecords) return { kind: 'unsaved' };
		// To add Dry Run and to turn it off is to say so.
		if (journal.isOfEvaluation && !orders.every(({ item }) => item.hasDryRun)) return { kind: 'evaluation' };
		return this.limitOn(orders);
	}

	private refusedBy(refusal: DatabaseRefusal): Obstacle {
		return databaseObstacle(refusal, this.journal.mayBeOfOthers);
	}

	/** What Max Purchases keeps back: all of these orders, or none of them. */
	private limitOn(orders: Planned[]): Obstacle | undefined {
		const limit = Math.min(...orders.map(({ order }) => order.maxPurchases ?? Infinity));
		// To count takes as long as there are orders.
		if (limit === Infinity) return undefined;
		const { placed } = this.journal;
		const wanted = orders.length - repeatedKeys(orders).length;
		return placed + wanted > limit ? { kind: 'limit', placed, wanted, limit } : undefined;
	}

	/** Sends orders, and those that others have on their way once it shows that they were not bought. */
	private async sendAll(orders: Planned[], connection: Connection) {
		const { journal, stopSignal } = this;
		const work = {
			claim: async (planned: Planned[]) => await this.claim(planned),
			send: async (claim: Claim) => await this.send(claim, connection),
			release: (claim: Claim) => {
				claim.release();
				return claim.planned;
			},
			isOver: () => this.isOver(),
		};
		try {
			for (let open = orders; ; ) {
				const unsent = await dispatch(open, this.settings, work, stopSignal);
				if (this.isOver()) {
					this.leave(unsent);
					break;
				}
				// Where n8n's database refuses, nothing shows any more what becomes of them.
				if (this.sentByOthers.length === 0 || journal.refusal) break;
				const waiting = this.sentByOthers.splice(0);
				await journal.wait(waiting, stopSignal);
				if (stopSignal?.aborted) {
					this.sentByOthers.push(...waiting);
					break;
				}
				// Of these only: what this run has sent has its result, which no obstacle may replace.
				open = this.unobstructed(this.plan(waiting));
			}
		} finally {
			await journal.settle();
			// It may be an order of this run, whose Idempotency Key two items share: it has ended by now.
			if (this.sentByOthers.length > 0 && !journal.refusal) {
				const waiting = this.sentByOthers.splice(0);
				await journal.judge(waiting);
				this.leave(this.plan(waiting));
			}
			this.leaveToOthers(this.sentByOthers);
		}
	}

	/** @throws NodeApiError or NodeOperationError if On Error is Stop and an item has failed */
	private stopIfFailed() {
		if (this.report.mustStop) this.leaveToOthers(this.sentByOthers);
		this.report.stopIfFailed();
	}

	/** What others have sent, and nobody waits for here any more. */
	private leaveToOthers(recalled: Recalled[]) {
		for (const { item, known } of recalled) if (known.kind === 'onItsWay') this.report.fail(item, { ...known, kind: 'unknown' });
	}

	/** Whether nothing more is to be sent. */
	private isOver(): boolean {
		return this.obstacle !== undefined || this.report.mustStop || this.stopSignal?.aborted === true;
	}

	/**
	 * What becomes of orders that are left when the run is over. With On Error = Stop, the failure of another one has ended
	 * it, and they are told as not tried. If n8n's database refuses, each is told so.
	 */
	private leave(unsent: Planned[]) {
		const obstacle = this.obstacle ?? (this.stopSignal?.aborted ? { kind: 'stopped' as const } : undefined);
		if (!obstacle || (this.report.mustStop && obstacle.kind !== 'database')) return;
		this.report.holdBack(unsent, obstacle);
	}

	/** Claims orders. What somebody else was faster to claim is judged anew. */
	private async claim(planned: Planned[]): Promise<Claim[]> {
		try {
			const { claims, lost } = await this.journal.claim(planned);
			if (lost.length > 0) {
				await this.journal.judge(lost);
				if (this.journal.refusal) this.obstacle = this.refusedBy(this.journal.refusal);
				claims.push(...(await this.claim(this.unobstructed(this.plan(lost)))));
			}
			return claims;
		} catch (error) {
			this.obstacle = this.refusedBy(refusalIn(error));
			this.report.holdBack(planned.filter(this.report.isOpen), this.obstacle);
			return [];
		}
	}

	private async send(claim: Claim, connection: Connection, rateLimit = new RateLimit()) {
		const { report, trace } = this;
		const { item, order } = claim.planned;
		const { itemIndex } = item;
		if (claim.isStale) {
			claim.release();
			if (!(await this.sendAnew(claim.planned, connection, rateLimit))) this.leave([claim.planned]);
			return;
		}
		const obstacle = this.obstacleToSending(claim.planned, connection);
		if (obstacle) {
			claim.release();
			report.fail(item, obstacle);
			return;
		}
		const request = orderRequest(order, connection.baseUrl(itemIndex));
		claim.start();
		report.sending(item, claim.shown);
		const outcome = await connection.send(itemIndex, request).then(readAnswer, readFailure);
		if (outcome.kind === 'bought') trace.bought(outcome.purchase, traced(itemIndex, order));
		claim.settle(outcome);
		switch (outcome.kind) {
			case 'bought':
				report.bought(item, outcome.purchase);
				break;
			case 'unknown':
				trace.uncertain(claim.shown.reference, traced(itemIndex, order));
				report.fail(item, { kind: 'unknown', ...claim.shown, reason: outcome.reason });
				break;
			case 'rejected':
				if ((await this.mayResendAfter(rateLimit.waitAfter(outcome))) && (await this.sendAnew(claim.planned, connection, rateLimit))) break;
				report.fail(item, { kind: 'rejected', reason: outcome.reason });
				if (connection.isAllRefused()) this.obstacle = { kind: 'token' };
				break;
		}
	}

	/**
	 * Claims an order anew that has waited and was not on its way meanwhile: somebody else may have bought it.
	 *
	 * @returns whether it is known what became of it; otherwise nothing more is to be sent by now
	 */
	private async sendAnew(planned: Planned, connection: Connection, rateLimit: RateLimit): Promise<boolean> {
		this.report.forget(planned.item);
		await this.journal.settle();
		for (const claim of await this.claim([planned])) {
			if (this.isOver()) {
				claim.release();
				return false;
			}
			await this.send(claim, connection, rateLimit);
		}
		return true;
	}

	/** Waits, so that an order can be sent again, and gives whether it may be. While it waits, it reads as not bought. */
	private async mayResendAfter(ms: number | undefined): Promise<boolean> {
		if (ms === undefined) return false;
		await this.journal.settle();
		await pause(ms, this.stopSignal);
		return !this.isOver();
	}

	/** What other orders, and other calls of the same execution, have come to since the order was claimed. */
	private obstacleToSending(planned: Planned, connection: Connection): Failure | undefined {
		const { journal } = this;
		if (connection.isRefused(planned.item.itemIndex)) return { kind: 'heldBack', obstacle: { kind: 'token' } };
		const open = isTool(this.context) ? journal.openBesides(planned) : undefined;
		if (open) return { kind: 'unknown', ...open };
		const limit = this.limitOn([planned]);
		return limit && { kind: 'heldBack', obstacle: limit };
	}
}

/** @returns the orders whose Idempotency Key another one before them has */
function repeatedKeys(orders: Planned[]): Planned[] {
	const seen = new Set<string>();
	return orders.filter(({ order: { idempotencyKey } }) => {
		if (idempotencyKey === undefined) return false;
		const isRepeated = seen.has(idempotencyKey);
		seen.add(idempotencyKey);
		return isRepeated;
	});
}

/** What the line in n8n's log says of an order. */
const traced = (item: number, { body, idempotencyKey }: Order) => ({
	item,
	tarif: body.tarif.id,
	channel: body.channel,
	idempotencyKey,
});
