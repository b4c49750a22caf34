/**
 * One identity for each order: whatever n8n does with an execution, no order is bought twice, none is lost,
 * and none is called bought that was not. Runs are killed at each moment and go on in each way that n8n has,
 * with each list that a retry may bring; the sandbox counts.
 *
 * What must come of it is written down from the promise alone, and nothing in here asks the code under test.
 */
import type { IDataObject, INode, IRunExecutionData } from 'n8n-workflow';

import { faults } from '../../tools/sandbox/sandbox.mts';
import { atNode, inAnotherProcess, Life, recovered, startWire, type Moment } from './crash.mts';
import { createExecution, logLines, type RunResult } from './engine.mts';
import { changes, readList, type Change, type Row } from './lists.mts';
import { onErrors, openShop, TOKEN, type Orders } from './shop.mts';

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
type Point = (typeof points)[keyof typeof points];

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
	/** The channel of the order that the run is killed at, and which of several such orders it is. */
	victim: { channel: string; copy: number };
	stored: 'as created' | 'recovered' | 'at the node';
	withKey: boolean;
	onError: INode['onError'];
	batchSize: number;
	onDuplicate: 'skip' | 'fail';
}

let cellCount = 0;

/** Ways, lists and keys in all combinations, everything else with some of each. */
function cellsOf(point: Point, way: Way): Cell[] {
	return changes.flatMap((change, row) =>
		[false, true].map((withKey): Cell => {
			const turn = row + ways.indexOf(way) + Object.values(points).indexOf(point);
			const copies = new Set(change.first).size < change.first.length;
			// Who counts several equal orders needs to be told of each.
			const onError = onErrors[copies ? 1 + (turn % 2) : turn % 3];
			const batchSize = batchSizes[(Math.floor(row / 3) + Number(withKey) + turn) % 3];
			const onDuplicate = onError !== 'stopWorkflow' && (copies || turn % 4 < 2) ? 'fail' : 'skip';
			const forms = (['recovered', 'as created', 'at the node'] as const).slice(0, change.stored && point !== 'later' ? 3 : 2);
			const stored = forms[(turn + Number(withKey)) % forms.length];
			const prefix = `${++cellCount}/`;
			const letter = copies ? 'b' : 'cea'[Math.floor(turn / 2) % 3];
			const name = [change.name, withKey ? 'key' : 'no key', onError, `batch ${batchSize}`, `killed at ${letter}`, stored].join(', ');
			const victim = { channel: prefix + letter, copy: copies ? 1 + (turn % 2) : 1 };
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
		skipped: hints.reduce((sum, { message }) => sum + Number(/(?:skipped|left out)\D*(\d+)|(\d+)\D*(?:skipped|left out)/i.exec(message)?.slice(1).find(Boolean) ?? 0), 0),
	};
}

/** How often each order stands in a list, or was sold. */
const count = (orders: string[]) => orders.reduce((counts, order) => counts.set(order, (counts.get(order) ?? 0) + 1), new Map<string, number>());
const ordersOf = (rows: Row[]) => rows.map(({ tarif, channel }) => orderOf(tarif, channel));
const sold = (prefix: string) =>
	count(shop.sandbox.purchases.filter(({ order }) => order.channel.startsWith(prefix)).map(({ order }) => orderOf(order.tarif.id, order.channel)));

/** A cell while it is played. */
class Play {
	/** What is not as it was promised. */
	readonly complaints: string[] = [];

	/** What was sold of the first list, before there was another. */
	private before = new Map<string, number>();

	private refs: IDataObject = {}; private log: any[] = [];

	private results: RunResult[] = [];

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
		const { change, withKey, onError, batchSize, onDuplicate, way, prefix } = this.cell;
		const refused = prefix + change.first.at(-1)!;
		return {
			workflowId: `workflow ${prefix}`,
			before: change.stored ? undefined : read,
			onError,
			parameters: {
				tarifId: way === 'retry with the saved workflow' && !mended ? `={{ $json.channel === "${refused}" ? 1000 : $json.tarif }}` : '={{ $json.tarif }}',
				additionalFields: { comment: mended ? 'mended' : '={{ $json.comment }}' },
			},
			options: {
				batching: { batch: { batchSize, batchInterval: 0 } },
				onDuplicate,
				...(withKey && { idempotencyKey: '={{ $json.key }}' }),
				...this.refs,
			},
		};
	}

	async play(): Promise<string[]> {
		const created = createExecution(this.cell.change.stored ? this.readFirst() : [{}]);
		const original = await this.kill(created);
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
			if (point === 'database') return life.answered.has(victim.channel) && (moment === 'database' || moment === 'later');
			return moment === point && channel === victim.channel && ++seen === victim.copy;
		});
		const credentials = { accessToken: TOKEN, baseUrl: wire.url(life) };
		const running = life.live(async () => await shop.order([], {
			...this.setup(() => this.readFirst(), false), retryOf: created, mode: 'trigger', executionId: `execution ${prefix}`, streamSkill: doomed, credentials,
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
		return recovered(created, ['Start', ...(change.stored ? [] : ['Before']), 'StreamSkill', ...(point === 'later' ? ['Success'] : [])]);
	}

	private async execute(retryOf: IRunExecutionData, more: Orders = {}): Promise<RunResult> {
		const result = await shop.order([], { ...this.setup(this.read, this.cell.way === 'retry with the saved workflow'), retryOf, streamSkill: main, ...more });
		this.results.push(result);
		this.check(result);
		return result;
	}

	/** What can be said of any execution. */
	private check(result: RunResult) {
		const { ended, bought, failed, skipped } = told(result);
		const rows = this.read();
		for (const { item, purchase } of bought) {
			if (orderOf(purchase.tarif, purchase.channel) !== ordersOf(rows)[item]) this.complaints.push('a purchase is put out for another order');
		}
		const accounted = bought.length + failed.length + skipped;
		if (ended === 'success' && accounted !== rows.length) this.complaints.push(`${accounted < rows.length ? 'an item is lost' : 'an item comes out twice'}`);
		if (failed.some(({ outcome, reference }) => outcome === 'unknown' && !reference)) this.complaints.push('an uncertain order has no reference');
		if (this.cell.point === 'later' && this.cell.way !== 'two retries at once' && failed.some(({ outcome }) => outcome === 'unknown')) {
			this.complaints.push('an order is uncertain that was settled');
		}
	}

	/** What n8n does with the killed execution first. */
	private async goOn(original: IRunExecutionData): Promise<RunResult> {
		const { way, prefix, change } = this.cell;
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
				return await this.execute(original, { mode: 'trigger', executionId: `execution ${prefix}` });
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
			const killed = this.cell.way === 'the same execution run again' ? undefined : original;
			const retryOf = ended === 'error' && (executions % 2 === 0 || !killed) ? result.data : killed;
			// n8n retries no execution that has succeeded.
			if (!retryOf) return this.count(failed.flatMap(({ outcome, order }) => (outcome !== 'duplicate' && order ? order : [])));
			if (executions === 6 || this.complaints.includes('an uncertain order has no reference')) {
				this.complaints.push('it comes to no end');
				return this.count(open.flatMap(({ order }) => order ?? []));
			}
			this.confirm(told(result));
			result = await this.execute(retryOf);
		}
		this.count([]);
	}

	/** Looks up in the account what each uncertain order has come to, and types its reference where it belongs. */
	private confirm({ failed, bought }: Told) {
		const account = sold(this.cell.prefix);
		const known = count([
			...failed.flatMap(({ outcome, order }) => (outcome === 'duplicate' && order ? order : [])),
			...bought.map(({ purchase }) => orderOf(purchase.tarif, purchase.channel)),
		]);
		const refs: Record<'confirmedBought' | 'confirmedNotBought', string[]> = { confirmedBought: [], confirmedNotBought: [] };
		for (const { outcome, order, reference } of failed) {
			if (outcome !== 'unknown' || !order || !reference) continue;
			const left = (account.get(order) ?? 0) - (known.get(order) ?? 0);
			refs[left > 0 ? 'confirmedBought' : 'confirmedNotBought'].push(reference);
			if (left > 0) known.set(order, (known.get(order) ?? 0) + 1);
		}
		this.log.push(refs, [...account]); this.refs = Object.fromEntries(Object.entries(refs).map(([option, references]) => [option, references.join(' ')]));
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
			if (bought < right && !open.includes(order)) { this.complaints.push('an order is never bought'); if (process.env.DBG) console.log(order, account, this.before, this.cell, this.log, this.results.map(told).map((t) => JSON.stringify(t))); }
		}
		const logged = new Set(logLines.flatMap(({ metadata }) => (metadata as { purchaseId?: number })?.purchaseId ?? []));
		const { point, victim } = this.cell;
		const seen = new Map<string, number>();
		for (const { purchase, order } of shop.sandbox.purchases) {
			if (!order.channel.startsWith(prefix)) continue;
			const key = orderOf(order.tarif.id, order.channel);
			seen.set(key, (seen.get(key) ?? 0) + 1);
			const late = seen.get(key)! > (this.before.get(key) ?? 0);
			const answered = late || point === 'later' || (point === 'database' && order.channel === victim.channel && seen.get(key)! === 1);
			if (answered && !logged.has(purchase.id)) this.complaints.push('a purchase has no line in the log');
		}
	}
}

/** Plays cells side by side, a few at a time, and tells all that fail by their names. */
async function playAll(cells: Cell[]) {
	const failures: string[] = [];
	const queue = cells.values();
	const player = async () => {
		for (const cell of queue) {
			const complaints = await new Play(cell).play().catch((error: Error) => [error.stack ?? error.message]);
			if (complaints.length > 0) failures.push(`${cell.name}: ${[...new Set(complaints)].join('; ')}`);
		}
	};
	await Promise.all(Array.from({ length: 12 }, player));
	if (failures.length > 0) throw new Error(`${failures.length} of ${cells.length} cells fail:\n${failures.join('\n')}`);
}

describe.each(Object.entries(points))('killed: %s', (_name, point) => {
	test.each(ways)('%s', async (way) => await playAll(cellsOf(point, way)), 120_000);
});
