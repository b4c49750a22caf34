import { pause } from '../../n8n/pause';

/** How orders go out. */
export interface Pace {
	/** How many may be on their way at a time, from 1. */
	batchSize: number;
	/** Milliseconds between batches. With 0, the next order goes out as soon as one is answered. */
	batchInterval: number;
}

/** What is done with orders; how many at a time is up to `dispatch`. */
export interface Work<Order, Claim> {
	/** Claims orders, and gives the claims of those that may be sent. */
	claim(orders: Order[]): Promise<Claim[]>;
	send(claim: Claim): Promise<void>;
	/** To be called for a claim that is not sent, and gives its order. */
	release(claim: Claim): Order;
	/** Whether nothing more is to be sent. */
	isOver(): boolean;
}

/** What is claimed at a time is what goes out within so many milliseconds: it is what a crash leaves uncertain. */
const WINDOW = 100;

/** At most so many: a claim counts only if it is made soon, and with a key an order takes some calls of n8n's database. */
const MOST_CLAIMED = 250;

/**
 * Sends orders, never more than a batch of them at a time. It knows nothing of what an order is.
 *
 * @returns the orders that were not sent because something has ended the run
 * @throws what `claim` or `send` throws, once all that is on its way is answered
 */
export async function dispatch<Order, Claim>(
	orders: Order[],
	pace: Pace,
	work: Work<Order, Claim>,
	stopSignal?: AbortSignal,
): Promise<Order[]> {
	const { batchSize, batchInterval } = pace;
	const waiting = [...orders];
	const queue = new Queue(batchSize, work);
	while (waiting.length > 0) {
		if (waiting.length < orders.length) await pause(batchInterval, stopSignal);
		// Without an interval, an answer makes room for the next order at once.
		const unsent = await queue.sendAll(batchInterval > 0 ? waiting.splice(0, batchSize) : waiting.splice(0));
		if (work.isOver()) return [...unsent, ...waiting];
	}
	return [];
}

class Queue<Order, Claim> {
	/** Claims that may be sent. */
	private claimed: Claim[] = [];

	/** The claim that is being made, while others are sent. */
	private claiming?: Promise<void>;

	private readonly onTheirWay = new Set<Promise<void>>();

	private fault?: { error: unknown };

	private answered = 0;

	/** Called with each answer and each claim. */
	private onChange = () => {};

	/** For how many milliseconds orders were on their way, up to when there was none. */
	private busy = 0;

	/** Since when there are some on their way again. */
	private busySince = 0;

	constructor(
		private readonly size: number,
		private readonly work: Work<Order, Claim>,
	) {}

	/** @returns what was not sent because something has ended the run */
	async sendAll(waiting: Order[]): Promise<Order[]> {
		while (!this.isOver()) {
			while (this.claimed.length > 0 && this.onTheirWay.size < this.size && !this.isOver()) this.start();
			if (!this.claiming) this.claimNext(waiting);
			if (this.claiming || this.onTheirWay.size > 0) await new Promise<void>((resolve) => (this.onChange = resolve));
			else if (this.claimed.length === 0 && waiting.length === 0) return [];
		}
		await this.claiming;
		await Promise.all(this.onTheirWay);
		const unsent = this.claimed.splice(0).map((claim) => this.work.release(claim));
		if (this.fault) throw this.fault.error;
		return [...unsent, ...waiting];
	}

	private isOver(): boolean {
		return this.fault !== undefined || this.work.isOver();
	}

	/**
	 * Begins to claim as many orders as may be uncertain after a crash: when there are none left to send, or so few that
	 * the claim covers many. The pace is the API's alone: a slow database would make claims smaller, and so need more.
	 */
	private claimNext(waiting: Order[]) {
		const busy = this.busy + (this.onTheirWay.size > 0 ? performance.now() - this.busySince : 0);
		const limit = Math.max(this.size, Math.floor((this.answered / Math.max(1, busy)) * WINDOW));
		const room = limit - this.onTheirWay.size - this.claimed.length;
		if (room <= 0 || (this.claimed.length > 0 && room < 0.75 * limit)) return;
		const orders = waiting.splice(0, Math.min(room, MOST_CLAIMED));
		if (orders.length === 0) return;
		this.claiming = this.settled(this.work.claim(orders).then((claims) => void this.claimed.push(...claims))).then(() => {
			this.claiming = undefined;
			this.onChange();
		});
	}

	private start() {
		const claim = this.claimed.shift();
		if (claim === undefined) return;
		if (this.onTheirWay.size === 0) this.busySince = performance.now();
		const sending = this.settled(this.work.send(claim)).then(() => {
			this.onTheirWay.delete(sending);
			if (this.onTheirWay.size === 0) this.busy += performance.now() - this.busySince;
			this.answered++;
			this.onChange();
		});
		this.onTheirWay.add(sending);
	}

	/** Keeps what was thrown, until all that is on its way is answered. */
	private async settled(work: Promise<void>): Promise<void> {
		try {
			await work;
		} catch (error) {
			this.fault ??= { error };
		}
	}
}
