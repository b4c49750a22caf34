import { faults, type Fault } from '../tools/sandbox/sandbox.mts';

/** What one execution orders. Each order has a channel of its own, so what was bought can be counted by channel. */
export interface Plan {
	workflow: string;
	/** Whether its orders have Idempotency Keys. */
	isKeyed: boolean;
	channels: string[];
}

const MOST_ORDERS = 5;

/** The workflow without keys. */
export const PLAIN = 'soak-plain';

/** The workflow with keys, which are never forgotten, however many there are. */
const KEYED = 'soak-keyed';

/** 1 to 5 orders; every other execution with keys. */
export function planOf(index: number): Plan {
	const isKeyed = index % 2 === 1;
	return {
		workflow: isKeyed ? KEYED : PLAIN,
		isKeyed,
		channels: Array.from({ length: 1 + (Math.floor(index / 2) % MOST_ORDERS) }, (_, i) => `soak-${index}-${i}`),
	};
}

/** The execution that a channel was ordered by. */
export const indexOf = (channel: string) => Number(channel.split('-')[1]);

/** After these, nobody knows whether the order was bought. */
const WITHOUT_ANSWER: Fault[] = [
	faults.serverErrorBefore(503),
	faults.serverErrorAfter(500),
	faults.hang(true),
	faults.hang(false),
	faults.reset(true),
	faults.reset(false),
	faults.html(true),
	faults.html(false),
	faults.cutOff('truncated-text'),
	faults.cutOff('closed-early'),
	faults.noId(true),
	faults.noId(false),
	faults.empty(true),
	faults.empty(false),
	faults.endless(false),
	faults.redirect('http://127.0.0.1:9/', 303),
	faults.rejected(408),
];

/** After these it is certain that it was not. */
const REFUSALS: Fault[] = [
	faults.rejected(403),
	faults.rejected(422, { errors: { channel: ['No such channel'] } }),
	faults.rateLimited({ 'retry-after': '1' }),
	faults.redirect('http://127.0.0.1:9/'),
];

const ALL = [...WITHOUT_ANSWER, ...REFUSALS, faults.latency(500)];

/** One in so many orders has a fault. */
const RARITY = 13;

/** What goes wrong when a channel is ordered for the first time, if something does. */
export function faultOf(channel: string): Fault | undefined {
	const [, index, order] = channel.split('-').map(Number);
	const number = index * MOST_ORDERS + order;
	return number % RARITY === 0 ? ALL[(number / RARITY) % ALL.length] : undefined;
}

export const isWithoutAnswer = (fault?: Fault) => fault !== undefined && WITHOUT_ANSWER.includes(fault);

export const isRefusal = (fault?: Fault) => fault !== undefined && REFUSALS.includes(fault);
