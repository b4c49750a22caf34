/**
 * One identity for each order: whatever n8n does with an execution, no order is bought twice, none is lost,
 * and none is called bought that was not. Runs are killed at each moment and go on in each way that n8n has,
 * with each list that a retry may bring; the sandbox counts.
 *
 * What must come of it is written down from the promise alone, and nothing in here asks the code under test.
 */
import type { IDataObject, INode, INodeType, IRunExecutionData } from 'n8n-workflow';

import { faults } from '../../tools/sandbox/sandbox.mts';
import { atNode, inAnotherProcess, Life, recovered, startWire, type Moment } from './crash.mts';
import { createExecution, deduplicator, logLines, type RunResult } from './engine.mts';
import { changes, readList, type Change, type Row } from './lists.mts';
import { onErrors, openShop, TOKEN, until, type Orders } from './shop.mts';

const shop = openShop();
let wire: Awaited<ReturnType<typeof startWire>>;
beforeAll(async () => void (wire = await startWire(() => shop.sandbox.url)));
afterAll(() => wire.close());

/** n8n processes: the one that is killed, and two that live on. */
const [doomed, main, worker] = [inAnotherProcess(), inAnotherProcess(), inAnotherProcess()];

/** Where a run is killed, as what happens to one of its orders. */
const points = {
	'after the claim, before it is sent': 'send',
	'sent, and not bought': 'request',
	'bought, and the answer not read': 'answer',
	'answered, and not settled': 'database',
	'the node ended, a later one running': 'later',
} as const satisfies Record<string, Moment>;

/** Besides: at a call of n8n's database, or not at all, where an execution fails before the node and its retry after it. */
type Point = (typeof points)[keyof typeof points] | 'call' | 'never';

/** How n8n goes on with a killed execution. */
const ways = ['retry', 'retry twice', 'two retries at once', 'retry of a retry that failed', 'retry with the saved workflow', 'the same execution run again'] as const;
type Way = (typeof ways)[number];

const batchSizes = [1, 3, -1];

interface Cell {
	name: string;
	/** Its channels begin with it. */
	prefix: string;
	change: Change;
	way: Way;
	point: Point;
	/** The channel of the order that the run is killed at, and which of several such moments it is. */
	victim: { channel: string; nth: number };
	/** What n8n has stored of the killed execution: the third where the node comes before others in the workflow's list, which is not their order in a run. */
	stored: 'as created' | 'recovered' | 'recovered, last of another' | 'at the node';
	withKey: boolean;
	onError: INode['onError'];
	batchSize: number;
	onDuplicate: 'skip' | 'fail';
	/** The call of n8n's database at which a first retry is killed as well. */
	retryKilledAt?: number;
}

let cellCount = 0;

/** Ways, lists and keys in all combinations, everything else with some of each. */
function cellsOf(point: Point, way: Way): Cell[] {
	return changes.flatMap((change, row) =>
		[false, true].map((withKey): Cell => {
			const turn = row + ways.indexOf(way) + [...Object.values<Point>(points), 'never'].indexOf(point);
			const copies = new Set(change.first).size < change.first.length;
			// Who counts several equal orders needs to be told of each.
			const onError = onErrors[copies ? 1 + (turn % 2) : turn % 3];
			const batchSize = batchSizes[(Math.floor(row / 3) + Number(withKey) + turn) % 3];
			const onDuplicate = onError !== 'stopWorkflow' && (copies || turn % 4 < 2) ? 'fail' : 'skip';
			const forms = (['recovered', 'as created', 'recovered, last of another', 'at the node'] as const).slice(0, point === 'later' ? 2 : change.stored ? 4 : 3);
			const stored = forms[(turn + Number(withKey)) % forms.length];
			const prefix = `${++cellCount}/`;
			const letter = copies ? 'b' : 'cea'[Math.floor(turn / 2) % 3];
			const name = [change.name, withKey ? 'key' : 'no key', onError, `batch ${batchSize}`, `killed at ${letter}`, stored].join(', ');
			const victim = { channel: prefix + letter, nth: copies ? 1 + (turn % 2) : 1 };
			return { name, prefix, change, way, point, victim, stored, withKey, onError, batchSize, onDuplicate };
		}),
	);
}

/** What an execution tells of its orders. */
interface Told {
	ended: 'success' | 'error';
	bought: Array<{ item: number; purchase: Record<string, unknown> }>;
	failed: Array<{ outcome: string; order?: string; reference?: string }>;
	skipped: number;
}

const orderOf = (tarif: unknown, channel: unknown) => `${String(tarif)} ${String(channel)}`;

function told({ run, success, failed, error, data }: RunResult): Told {
	const items = [...success, ...failed].filter(({ json }) => !json.isArtificialRecoveredEventItem);
	const context = (error?.context ?? {}) as {
		purchases?: Told['bought'];
		failedItems?: Array<{ details: IDataObject }>;
	};
	const failure = (details: IDataObject) => {
		const { tarif, channel } = (details.order ?? {}) as { tarif?: { id: number }; channel?: string };
		return {
			outcome: details.outcome as string,
			order: channel === undefined ? undefined : orderOf(tarif?.id, channel),
			reference: details.reference as string | undefined,
		};
	};
	const hints = (data.resultData.runData.StreamSkill ?? []).flatMap((task) => task.hints ?? []);
	return {
		ended: run.status === 'success' ? 'success' : 'error',
		bought: [
			...items.filter(({ json }) => !('error' in json)).map(({ json, pairedItem }) => ({ item: (pairedItem as { item: number }).item, purchase: json })),
			...(context.purchases ?? []),
		],
		failed: [
			...items.filter(({ json }) => 'error' in json).map(({ json }) => failure(json.details as IDataObject)),
			...(context.failedItems ?? []).map(({ details }) => failure(details)),
		],
		skipped: hints
			.flatMap(({ message }) => /Left out: ([^.]*)/.exec(message)?.[1].match(/\d+/g) ?? [])
			.reduce((sum, number) => sum + Number(number), 0),
	};
}

/** How often each order stands in a list, or was sold. */
const count = (orders: string[]) => orders.reduce((counts, order) => counts.set(order, (counts.get(order) ?? 0) + 1), new Map<string, number>());
const ordersOf = (rows: Row[]) => rows.map(({ tarif, channel }) => orderOf(tarif, channel));
const sold = (prefix: string) =>
	count(shop.sandbox.purchases.filter(({ order }) => order.channel.startsWith(prefix)).map(({ order }) => orderOf(order.tarif.id, order.channel)));

/** Looks up in the account what each uncertain order has come to, and gives the options that say so. */
function confirm({ failed, bought }: Told, prefix: string): IDataObject {
	const known = count([
		...failed.flatMap(({ outcome, order }) => (outcome === 'duplicate' && order ? order : [])),
		...bought.map(({ purchase }) => orderOf(purchase.tarif, purchase.channel)),
	]);
	const account = sold(prefix);
	const references: Record<'confirmedBought' | 'confirmedNotBought', string[]> = { confirmedBought: [], confirmedNotBought: [] };
	for (const { outcome, order, reference } of failed) {
		if (outcome !== 'unknown' || !order || !reference) continue;
		const isBought = (account.get(order) ?? 0) > (known.get(order) ?? 0);
		references[isBought ? 'confirmedBought' : 'confirmedNotBought'].push(reference);
		if (isBought) known.set(order, (known.get(order) ?? 0) + 1);
	}
	return { confirmedBought: references.confirmedBought.join(' '), confirmedNotBought: references.confirmedNotBought.join(', ') };
}

/** A cell while it is played. */
class Play {
	/** What is not as it was promised. */
	readonly complaints: string[] = [];

	/** How many orders were uncertain at most. */
	uncertain = 0;

	/** What was sold of the first list, before there was another. */
	private before = new Map<string, number>();

	/** The options that name references. */
	private confirmed: IDataObject = {};

	/** What the node gets when it goes on. */
	private read = () => this.readLater();

	constructor(private readonly cell: Cell) {}

	private readFirst() {
		const { change, prefix } = this.cell;
		return readList(change.first, prefix, { fresh: change.fresh });
	}

	private readLater() {
		const { change, prefix } = this.cell;
		return readList(change.later, prefix, change);
	}

	private setup(read: () => Row[], mended: boolean): Orders {
		const { change, withKey, onError, batchSize, onDuplicate, way, point, prefix } = this.cell;
		const refused = prefix + change.first.at(-1)!;
		return {
			workflowId: `workflow ${prefix}`,
			before: change.stored && point !== 'never' ? undefined : read,
			onError,
			parameters: {
				tarifId: way === 'retry with the saved workflow' && !mended ? `={{ $json.channel === "${refused}" ? 1000 : $json.tarif }}` : '={{ $json.tarif }}',
				additionalFields: { comment: mended ? 'mended' : '={{ $json.comment }}' },
			},
			options: {
				batching: { batch: { batchSize, batchInterval: 0 } },
				onDuplicate,
				...(withKey && { idempotencyKey: '={{ $json.key }}' }),
				...this.confirmed,
			},
		};
	}

	async play(): Promise<string[]> {
		const created = createExecution(this.cell.change.stored ? this.readFirst() : [{}]);
		const original = this.cell.point === 'never' ? await this.fail(created) : await this.kill(created);
		this.before = sold(this.cell.prefix);
		if (original) await this.finish(original, await this.goOn(original));
		return this.complaints;
	}

	/** Runs the execution until it is killed, and gives what n8n has stored then. */
	private async kill(created: IRunExecutionData): Promise<IRunExecutionData | undefined> {
		const { point, victim, stored, change, prefix } = this.cell;
		let seen = 0;
		const life: Life = new Life((moment, channel) => {
			if (point === 'later') return moment === 'later';
			if (point === 'call') return (moment === 'database' || moment === 'written') && ++seen === victim.nth;
			if (point === 'database') return life.answered.has(victim.channel) && (moment === 'database' || moment === 'later');
			return moment === point && channel === victim.channel && ++seen === victim.nth;
		});
		const credentials = { accessToken: TOKEN, baseUrl: wire.url(life) };
		const running = life.live(async () => await shop.order([], {
			...this.setup(() => this.readFirst(), false), retryOf: created, mode: 'trigger', executionId: String(100_000 + parseInt(prefix)), streamSkill: doomed, credentials,
		}));
		const ended = await Promise.race([running, life.end]);
		if (ended) {
			// A refused order has ended the run before, and it goes on at the node, with the list of then.
			this.read = () => this.readFirst();
			return ended.run.status === 'error' ? ended.data : undefined;
		}
		await Promise.all(life.orders);
		if (this.cell.way === 'the same execution run again' || stored === 'as created') return created;
		if (stored === 'at the node') return atNode(created);
		const before = change.stored ? ['Start'] : ['Start', 'Before'];
		if (stored === 'recovered, last of another') return recovered(created, before, 'StreamSkill', 'Start');
		return point === 'later' ? recovered(created, [...before, 'StreamSkill'], 'Success') : recovered(created, before, 'StreamSkill');
	}

	/** Runs the execution, which fails before the node, and a retry, which fails after it; gives what n8n has stored of the former. */
	private async fail(created: IRunExecutionData): Promise<IRunExecutionData> {
		const fail = () => {
			throw new Error('Not now');
		};
		const { data } = await shop.order([], { ...this.setup(fail, false), retryOf: created, mode: 'trigger' });
		await shop.order([], { ...this.setup(() => this.readFirst(), false), retryOf: data, after: fail });
		return data;
	}

	private async execute(retryOf: IRunExecutionData, more: Orders = {}): Promise<RunResult> {
		const result = await shop.order([], { ...this.setup(this.read, this.cell.way === 'retry with the saved workflow'), retryOf, streamSkill: main, ...more });
		this.check(result);
		return result;
	}

	/** What can be said of any execution. */
	private check(result: RunResult) {
		const { ended, bought, failed, skipped } = told(result);
		this.uncertain = Math.max(this.uncertain, failed.filter(({ outcome }) => outcome === 'unknown').length);
		const rows = this.read();
		for (const { item, purchase } of bought) {
			if (orderOf(purchase.tarif, purchase.channel) !== ordersOf(rows)[item]) this.complaints.push('a purchase is put out for another order');
		}
		const accounted = bought.length + failed.length + skipped;
		if (ended === 'success' && accounted !== rows.length) this.complaints.push(`${accounted < rows.length ? 'an item is lost' : 'an item comes out twice'}`);
		if (failed.some(({ outcome, reference }) => outcome === 'unknown' && !reference)) this.complaints.push('an uncertain order has no reference');
		if (['later', 'never'].includes(this.cell.point) && this.cell.way !== 'two retries at once' && failed.some(({ outcome }) => outcome === 'unknown')) {
			this.complaints.push('an order is uncertain that was settled');
		}
	}

	/** Runs a retry that is killed at a call of n8n's database. */
	private async killRetry(original: IRunExecutionData, nth: number) {
		let seen = 0;
		const life = new Life((moment) => (moment === 'database' || moment === 'written') && ++seen === nth);
		const credentials = { accessToken: TOKEN, baseUrl: wire.url(life) };
		await Promise.race([life.live(async () => await this.execute(original, { streamSkill: worker, credentials })), life.end]);
		await Promise.all(life.orders);
		this.before = sold(this.cell.prefix);
	}

	/** What n8n does with the killed execution first. */
	private async goOn(original: IRunExecutionData): Promise<RunResult> {
		const { way, prefix, change, retryKilledAt } = this.cell;
		if (retryKilledAt !== undefined) await this.killRetry(original, retryKilledAt);
		switch (way) {
			case 'retry twice':
				await this.execute(original);
				return await this.execute(original);
			case 'two retries at once':
				await Promise.all([this.execute(original), this.execute(original, { streamSkill: change.name.length % 2 ? main : worker })]);
				return await this.execute(original);
			case 'retry of a retry that failed': {
				shop.sandbox.fault({ match: { channel: prefix + change.later.at(-1)! }, times: 1, fault: faults.rejected(422) });
				const failed = await this.execute(original);
				return failed.run.status === 'error' ? await this.execute(failed.data) : failed;
			}
			case 'the same execution run again':
				return await this.execute(original, { mode: 'trigger', executionId: String(100_000 + parseInt(prefix)) });
			default:
				return await this.execute(original);
		}
	}

	/** Does what the messages ask for and retries, the killed execution or its retry, until nothing is open. */
	private async finish(original: IRunExecutionData, first: RunResult) {
		let result = first;
		for (let executions = 0; ; executions++) {
			const { ended, failed } = told(result);
			const open = failed.filter(({ outcome }) => outcome !== 'duplicate');
			if (ended === 'success' && open.length === 0) break;
			const { way, prefix } = this.cell;
			const killed = way === 'the same execution run again' ? undefined : original;
			const retryOf = ended === 'error' && (executions % 2 === 0 || !killed) ? result.data : killed;
			// n8n retries no execution that has succeeded.
			if (!retryOf) return this.count(failed.flatMap(({ outcome, order }) => (outcome !== 'duplicate' && order ? order : [])));
			if (executions === 6 || this.complaints.includes('an uncertain order has no reference')) {
				this.complaints.push('it comes to no end');
				return this.count(open.flatMap(({ order }) => order ?? []));
			}
			this.confirmed = confirm(told(result), prefix);
			result = await this.execute(retryOf);
		}
		this.count([]);
	}

	/** Holds what the sandbox sold against the lists. */
	private count(open: string[]) {
		const { prefix } = this.cell;
		const wanted = count(ordersOf(this.read()));
		const account = sold(prefix);
		for (const order of new Set([...account.keys(), ...wanted.keys()])) {
			const bought = account.get(order) ?? 0;
			const right = Math.max(wanted.get(order) ?? 0, this.before.get(order) ?? 0);
			if (bought > right) this.complaints.push('an order is bought twice');
			if (bought < right && !open.includes(order)) this.complaints.push('an order is never bought');
		}
		const logged = new Set(logLines.flatMap(({ metadata }) => (metadata as { purchaseId?: number })?.purchaseId ?? []));
		const { point, victim, batchSize } = this.cell;
		// Its answer may still be on the wire when the next ones are claimed; where all went out at once, there are none.
		const isRead = batchSize === -1;
		const seen = new Map<string, number>();
		for (const { purchase, order } of shop.sandbox.purchases) {
			if (!order.channel.startsWith(prefix)) continue;
			const key = orderOf(order.tarif.id, order.channel);
			seen.set(key, (seen.get(key) ?? 0) + 1);
			const late = seen.get(key)! > (this.before.get(key) ?? 0);
			const answered = late || point === 'later' || point === 'never' || (point === 'database' && isRead && order.channel === victim.channel && seen.get(key)! === 1);
			if (answered && !logged.has(purchase.id)) this.complaints.push('a purchase has no line in the log');
		}
	}
}

/** Plays cells side by side, and tells all that fail by their names. */
async function playAll<T extends { name: string }>(cells: T[], play: (cell: T) => Promise<string[]>, sideBySide = 12) {
	const failures: string[] = [];
	const queue = cells.values();
	const player = async () => {
		for (const cell of queue) {
			const complaints = await play(cell).catch((error: Error) => [error.stack ?? error.message]);
			if (complaints.length > 0) failures.push(`${cell.name}: ${[...new Set(complaints)].join('; ')}`);
		}
	};
	await Promise.all(Array.from({ length: sideBySide }, player));
	if (failures.length > 0) throw new Error(`${failures.length} of ${cells.length} cells fail:\n${failures.join('\n')}`);
}

const play = async (cell: Cell) => await new Play(cell).play();

describe.each(Object.entries(points))('killed: %s', (_name, point) => {
	test.each(ways)('%s', async (way) => await playAll(cellsOf(point, way), play), 120_000);
});

const ofFewLists = (cells: Cell[]) =>
	cells.filter(({ change, withKey }) => change.name === (withKey ? 'a fresh time stamp in the row' : 'the list read anew'));

// Where the lock was held, those who live have to wait for it, so all of them wait together.
test("killed at each call of n8n's database", async () => {
	const cells = ofFewLists((['retry', 'two retries at once'] as const).flatMap((way) => cellsOf('call', way)))
		.flatMap((cell) => Array.from({ length: 40 }, (_, call): Cell => {
			const prefix = `${++cellCount}/`;
			return { ...cell, name: `${cell.name}, ${cell.way}, call ${call / 2}`, prefix, victim: { channel: '', nth: call + 1 } };
		}));
	await playAll(cells, play, cells.length);
}, 120_000);

test("killed with an order on its way, and its retry at each call of n8n's database", async () => {
	const cells = ofFewLists((['request', 'answer'] as const).flatMap((point) => cellsOf(point, 'retry')))
		.flatMap((cell) => Array.from({ length: 32 }, (_, call): Cell => {
			const prefix = `${++cellCount}/`;
			const victim = { ...cell.victim, channel: prefix + cell.victim.channel.at(-1)! };
			return { ...cell, name: `${cell.name}, ${cell.point}, call ${call / 2} of the retry`, prefix, victim, retryKilledAt: call + 1 };
		}));
	await playAll(cells, play, cells.length);
}, 120_000);

describe('failed before the node, and a retry after it, and then', () => {
	test.each(ways.filter((way) => way !== 'the same execution run again'))('%s', async (way) => {
		await playAll(cellsOf('never', way).filter(({ change }) => !change.stored), play);
	}, 120_000);
});

/** A loop of three rounds. */
interface Loop {
	name: string;
	prefix: string;
	rounds: string[];
	withKey: boolean;
	batchSize: number;
}

const loops = (kind: string) =>
	[['ab', 'ab', 'ab'], ['ab', 'cd', 'ef'], ['ab', 'bc', 'ca']].flatMap((rounds) =>
		[false, true].map((withKey): Loop => {
			const prefix = `${++cellCount}/`;
			const batchSize = cellCount % 2 ? 1 : -1;
			return { name: `${kind}, rounds ${rounds.join(' ')}, ${withKey ? 'key' : 'no key'}, batch ${batchSize}`, prefix, rounds, withKey, batchSize };
		}));

const loopSetup = ({ prefix, withKey, batchSize }: Loop): Orders => ({
	workflowId: `workflow ${prefix}`,
	onError: 'continueErrorOutput',
	options: {
		batching: { batch: { batchSize, batchInterval: 0 } },
		onDuplicate: 'fail',
		...(withKey && { idempotencyKey: '={{ $json.key }}' }),
	},
});

/** Each round's rows, with a key for each of them. */
const loopRows = ({ rounds, prefix }: Loop) =>
	rounds.map((letters, round) => readList(letters, prefix).map((row) => ({ ...row, key: `${row.key} in round ${round}` })));

/** Does what the messages ask for, and holds what was sold against the rounds. */
async function finishLoop(loop: Loop, first: RunResult, original: IRunExecutionData): Promise<string[]> {
	let result = first;
	for (let executions = 0; told(result).failed.some(({ outcome }) => outcome !== 'duplicate'); executions++) {
		if (executions === 6) return ['it comes to no end'];
		const setup = loopSetup(loop);
		result = await shop.order([], { ...setup, options: { ...setup.options, ...confirm(told(result), loop.prefix) }, retryOf: original, streamSkill: main });
	}
	const wanted = count(ordersOf(loopRows(loop).flat()));
	const account = sold(loop.prefix);
	return [...wanted].flatMap(([order, times]) => {
		const bought = account.get(order) ?? 0;
		return bought > times ? 'an order is bought twice' : bought < times ? 'an order is never bought' : [];
	});
}

describe('a loop', () => {
	test.each(['send', 'answer', 'later'] as const)('killed at each round: %s', async (point) => {
		const cells = (['as created', 'recovered'] as const).flatMap((stored) =>
			[1, 2].flatMap((retries) => [0, 1, 2].flatMap((round) =>
				loops(`in round ${round}, ${stored}, ${retries} retries`).map((loop) => ({ ...loop, stored, retries, round })))));
		await playAll(cells, async ({ stored, retries, round, ...loop }) => {
			const created = createExecution(...loopRows(loop));
			let ended = 0;
			const life = new Life((moment, channel) => {
				if (moment === 'later') ended++;
				if (point === 'later') return ended > round;
				return moment === point && ended === round && channel!.endsWith(loop.rounds[round][1]);
			});
			const running = life.live(async () => await shop.order([], {
				...loopSetup(loop), retryOf: created, mode: 'trigger', streamSkill: doomed, credentials: { accessToken: TOKEN, baseUrl: wire.url(life) },
			}));
			if (await Promise.race([running, life.end])) return ['a round buys nothing'];
			await Promise.all(life.orders);
			const inRound0 = point === 'later' ? recovered(created, ['Start', 'StreamSkill'], 'Success') : recovered(created, ['Start'], 'StreamSkill');
			const fromLog = round === 0 ? inRound0 : recovered(created, ['Start', 'StreamSkill', 'Success']);
			const original = stored === 'as created' ? created : fromLog;
			const retry = async () => await shop.order([], { ...loopSetup(loop), retryOf: original, streamSkill: main });
			let result = await retry();
			if (retries === 2) result = await retry();
			return await finishLoop(loop, result, original);
		});
	}, 120_000);

	test('failed before its later rounds, and a retry in them', async () => {
		await playAll(loops('failed'), async (loop) => {
			const created = createExecution(...loopRows(loop));
			let rounds = 0;
			const failIn = (round: number) => () => {
				if (++rounds === round) throw new Error('Not now');
			};
			const { data } = await shop.order([], { ...loopSetup(loop), retryOf: created, mode: 'trigger', after: failIn(1) });
			await shop.order([], { ...loopSetup(loop), retryOf: data, after: failIn(3) });
			return await finishLoop(loop, await shop.order([], { ...loopSetup(loop), retryOf: data }), data);
		});
	}, 120_000);
});

describe('the stored items, with another tarif since', () => {
	test.each([[1, false], [1, true], [3, false], [3, true]])('batch %d, key %s: what was bought is handed back, and the rest bought', async (batchSize, withKey) => {
		const setup = (tarifId: number): Orders => ({
			parameters: { tarifId },
			options: { batching: { batch: { batchSize, batchInterval: 0 } }, ...(withKey && { idempotencyKey: '={{ $json.channel }}' }) },
		});
		shop.sandbox.fault({ match: { channel: 'd' }, times: 1, fault: faults.rejected(422) });
		const first = await shop.order([...'abcde'], setup(1));
		const made = sold('');
		const second = await shop.order([], { ...setup(2), retryOf: first.data });
		expect(told(second).bought.map(({ purchase }) => orderOf(purchase.tarif, purchase.channel))).toEqual(
			[...'abcde'].map((channel) => (made.has(orderOf(1, channel)) ? orderOf(1, channel) : orderOf(2, channel))),
		);
		expect(shop.sold()).toEqual({ a: 1, b: 1, c: 1, d: 1, e: 1 });
	});
});

test('at most one batch is uncertain where an order takes longer than a tenth of a second', async () => {
	const cells = cellsOf('call', 'retry')
		.filter(({ change, batchSize }) => change.name === 'the list read anew' && batchSize !== -1)
		.flatMap((cell) => Object.values(points).flatMap((point) => [1, 3].map((batchSize): Cell => {
			const prefix = `${++cellCount}/`;
			const change: Change = { ...cell.change, first: 'abcdefghij', later: 'abcdefghij' };
			return { ...cell, name: `${point}, batch ${batchSize}`, prefix, change, point, batchSize, onError: 'continueErrorOutput', victim: { channel: `${prefix}g`, nth: 1 } };
		})));
	for (const { prefix } of cells) shop.sandbox.fault({ match: { channel: `/^${prefix}/` }, fault: faults.latency(150) });
	await playAll(cells, async (cell) => {
		const playing = new Play(cell);
		const complaints = await playing.play();
		return playing.uncertain > cell.batchSize ? [...complaints, `${playing.uncertain} orders are uncertain`] : complaints;
	}, cells.length);
}, 120_000);

describe('what another n8n process sends, after this one has looked and before it claims the same', () => {
	afterEach(() => jest.restoreAllMocks());
	beforeEach(() => shop.sandbox.fault({ match: { channel: 'a' }, fault: faults.rejected(422) }));

	/** An execution that both have, with the outcome of what is not bought in it. */
	const run = async (channels: string[], streamSkill: INodeType) => {
		const created = createExecution(channels.map((channel) => ({ channel })));
		created.resumeToken = 'token';
		const { failed } = await shop.order([], { retryOf: created, mode: 'trigger', executionId: '90003', onError: 'continueErrorOutput', streamSkill });
		return failed.map(({ json }) => (json.details as IDataObject).outcome);
	};

	/** Does something before this process gets the lock for its second order. */
	function beforeTheLock(work: () => Promise<void>) {
		const record = deduplicator.checkProcessedAndRecord.bind(deduplicator);
		jest.spyOn(deduplicator, 'checkProcessedAndRecord')
			.mockImplementationOnce(record)
			.mockImplementationOnce(async (items, scope, { workflow, node }, options) => {
				// The ID is read now, as n8n does.
				const asRead = { workflow, node: { ...node } as INode };
				await work();
				return await record(items, scope, asRead, options);
			});
	}

	test('is uncertain while it is on its way', async () => {
		shop.sandbox.fault({ match: { channel: 'a' }, fault: faults.latency(100) });
		let other: Promise<unknown> | undefined;
		beforeTheLock(async () => {
			other = run(['a'], worker);
			await until(() => shop.sent().a === 1);
		});
		expect(await run(['x', 'a'], main)).toEqual(['unknown']);
		expect(await other).toEqual(['rejected']);
		expect(shop.sent()).toEqual({ x: 1, a: 1 });
	});

	test('is uncertain once it was refused', async () => {
		beforeTheLock(async () => expect(await run(['a'], worker)).toEqual(['rejected']));
		expect(await run(['x', 'a'], main)).toEqual(['unknown']);
		expect(shop.sent()).toEqual({ x: 1, a: 1 });
	});
});

test('a reference that two retries confirm at once sends the order once', async () => {
	shop.sandbox.fault({ match: { channel: 'b' }, times: 1, fault: faults.serverErrorBefore(500) });
	const { data, error } = await shop.order(['a', 'b']);
	const { failedItems } = error!.context as unknown as { failedItems: Array<{ details: IDataObject }> };
	const confirmedNotBought = failedItems[0].details.reference as string;
	const retry = async (streamSkill: INodeType) => await shop.order([], { retryOf: data, streamSkill, options: { confirmedNotBought } });

	// The other one comes in between, when this one has looked, and has not got the lock again to claim.
	const record = deduplicator.checkProcessedAndRecord.bind(deduplicator);
	let locks = 0;
	jest.spyOn(deduplicator, 'checkProcessedAndRecord').mockImplementation(async (items, scope, { workflow, node }, options) => {
		const asRead = { workflow, node: { ...node } as INode };
		if (asRead.node.id.endsWith(':lock') && ++locks === 2) await retry(worker);
		return await record(items, scope, asRead, options);
	});
	await retry(main);
	jest.restoreAllMocks();
	expect(locks).toBeGreaterThan(2);
	expect(Object.fromEntries(sold(''))).toEqual({ '1 a': 1, '1 b': 1 });
});
