/** Plays a cell, and holds what came of it against the promise: nothing in here asks the code under test. */
import type { IDataObject, INodeExecutionData, IRunExecutionData, ITaskData } from 'n8n-workflow';

import { nameOn } from '../../../tools/sandbox/purchase.mts';
import { faults } from '../../../tools/sandbox/sandbox.mts';
import { inOwnTime, LOOK_UP_TIME, setForward } from '../clock.mts';
import { atNode, Life, recovered, startWire } from '../crash.mts';
import { createExecution, logLines, type RunResult } from '../engine.mts';
import { readList, type Row } from '../lists.mts';
import { openShop, processOf, TOKEN, type Orders } from '../shop.mts';
import { loop } from '../wirings.mts';
import { keys, type Cell } from './cells.mts';

export const shop = openShop();
let wire: Awaited<ReturnType<typeof startWire>>;
beforeAll(async () => void (wire = await startWire(() => shop.sandbox.url)));
afterAll(() => wire.close());

/** The Base URL of a run that can be killed. */
export const mortal = (life: Life) => ({ accessToken: TOKEN, baseUrl: wire.url(life) });

/** What an execution tells of its orders. */
export interface Told {
	ended: 'success' | 'error';
	bought: Array<{ item: number; purchase: Record<string, unknown> }>;
	failed: Array<{ outcome: string; order?: string; reference?: string; isLeft: boolean }>;
	skipped: number;
}

export const orderOf = (tarif: unknown, channel: unknown) => `${String(tarif)} ${nameOn(channel)}`;

/** A run that n8n's recovery has made up, and one that it has marked as crashed. */
export const isMadeUp = ({ data, error }: ITaskData) =>
	error?.name === 'NodeCrashedError' || data?.main[0]?.[0]?.json.isArtificialRecoveredEventItem === true;

/** @param size how many items of the list each call of the node gets */
export function told({ run, error, data }: RunResult, size = Infinity): Told {
	const calls = (data.resultData.runData.StreamSkill ?? []).filter((task) => !isMadeUp(task));
	const firstOf = (call: number) => (size === Infinity ? 0 : size * call);
	const items = calls.flatMap((task, call) =>
		(task.data?.main ?? [])
			.flatMap((output: INodeExecutionData[] | null) => output ?? [])
			.map(({ json, pairedItem }) => ({ json, item: firstOf(call) + (pairedItem as { item: number })?.item })),
	);
	const context = (error?.context ?? {}) as {
		purchases?: Told['bought'];
		failedItems?: Array<{ error: string; details: IDataObject }>;
	};
	const failure = (error: string, details: IDataObject) => {
		const { tarif, channel } = (details.order ?? {}) as { tarif?: { id: number }; channel?: string };
		return {
			outcome: details.outcome as string,
			order: channel === undefined ? undefined : orderOf(tarif?.id, channel),
			reference: details.reference as string | undefined,
			isLeft: error.startsWith('An earlier try of this order was not bought'),
		};
	};
	return {
		ended: run.status === 'success' ? 'success' : 'error',
		bought: [
			...items.filter(({ json }) => !('error' in json) && 'id' in json).map(({ json, item }) => ({ item, purchase: json })),
			...(context.purchases ?? []).map(({ item, purchase }) => ({ item: firstOf(calls.length - 1) + item, purchase })),
		],
		failed: [
			...items.filter(({ json }) => 'error' in json).map(({ json }) => failure(json.error as string, json.details as IDataObject)),
			...(context.failedItems ?? []).map(({ error, details }) => failure(error, details)),
		],
		skipped: calls
			.flatMap((task) => task.hints ?? [])
			.flatMap(({ message }) => /Left out: ([^.]*)/.exec(message)?.[1].match(/\d+/g) ?? [])
			.reduce((sum, number) => sum + Number(number), 0),
	};
}

/** How often each order stands in a list, or was sold. */
export const count = (orders: string[]) =>
	orders.reduce((counts, order) => counts.set(order, (counts.get(order) ?? 0) + 1), new Map<string, number>());
export const ordersOf = (rows: Row[]) => rows.map(({ tarif, channel }) => orderOf(tarif, channel));
export const sold = (prefix: string) =>
	count(
		shop.sandbox.purchases
			.filter(({ order }) => order.channel.startsWith(prefix))
			.map(({ order }) => orderOf(order.tarif.id, order.channel)),
	);

/**
 * Looks up in the account what each uncertain order has come to, and gives the options that say so.
 *
 * @param wanted the orders of the list: those that are not told of as failed were bought, and the purchases are known
 */
export function confirm({ failed }: Told, prefix: string, wanted: string[]): IDataObject {
	const known = count(wanted);
	for (const { outcome, order } of failed) {
		if (outcome !== 'duplicate' && order) known.set(order, (known.get(order) ?? 0) - 1);
	}
	const account = sold(prefix);
	const references: Record<'confirmedBought' | 'confirmedNotBought', string[]> = { confirmedBought: [], confirmedNotBought: [] };
	for (const { outcome, order, reference } of failed) {
		if (outcome !== 'unknown' || !order || !reference) continue;
		// Orders for the same are held back with the reference of the one that is open.
		if ([...references.confirmedBought, ...references.confirmedNotBought].includes(reference)) continue;
		const isBought = (account.get(order) ?? 0) > (known.get(order) ?? 0);
		references[isBought ? 'confirmedBought' : 'confirmedNotBought'].push(reference);
		if (isBought) known.set(order, (known.get(order) ?? 0) + 1);
	}
	return { confirmedBought: references.confirmedBought.join(' '), confirmedNotBought: references.confirmedNotBought.join(', ') };
}

let executions = 0;

/** A cell while it is played. */
export class Play {
	/** What is not as it was promised. */
	readonly complaints: string[] = [];

	/** How many orders were uncertain at most. */
	uncertain = 0;

	/** What was sold of the first list, before there was another. */
	private before = new Map<string, number>();

	/** Orders that a person was told of as uncertain: that leads to them as well. */
	private readonly toldUncertain = new Set<string>();

	/** The options that name references. */
	private confirmed: IDataObject = {};

	/** What the node gets when it goes on. */
	private read = () => this.readLater();

	/** A number of its own. */
	private readonly executionId = String(1_000_000 + ++executions);

	/** How many orders each call of the node gets. */
	private readonly size: number;

	constructor(private readonly cell: Cell) {
		this.size = { list: Infinity, 'loop of 1': 1, 'loop of 2': 2 }[cell.shape];
	}

	private readFirst() {
		const { change, prefix } = this.cell;
		return readList(change.first, prefix, { fresh: change.fresh });
	}

	private readLater() {
		const { change, prefix } = this.cell;
		return readList(change.later, prefix, change);
	}

	private setup(read: () => Row[], mended: boolean, key = keys[this.cell.key][1]): Orders {
		const { change, onError, batchSize, onDuplicate, way, point, prefix, shape } = this.cell;
		const refused = prefix + change.first.at(-1)!;
		return {
			workflowId: `workflow ${prefix}`,
			before: change.stored && point !== 'never' ? undefined : read,
			wiring: shape === 'list' ? undefined : loop({ size: this.size, errorsToo: true }),
			onError,
			parameters: {
				tarifId:
					way === 'retry with the saved workflow' && !mended
						? `={{ $json.channel === "${refused}" ? 1000 : $json.tarif }}`
						: '={{ $json.tarif }}',
				additionalFields: { comment: mended ? 'mended' : '={{ $json.comment }}' },
			},
			options: {
				// What somebody else may have on its way is waited for so long.
				timeout: 10_000,
				batching: { batch: { batchSize, batchInterval: 0 } },
				onDuplicate,
				...(key && { idempotencyKey: key }),
				...this.confirmed,
			},
		};
	}

	private setupOfFirst = (read: () => Row[]) => this.setup(read, false, keys[this.cell.key][0]);

	/** The channel of the order that the run is killed at, and which of those for it. */
	private get victim() {
		const { victim, prefix } = this.cell;
		return { letter: victim[0], channel: prefix + victim[0], nth: victim.endsWith('second') ? 2 : 1 };
	}

	/** Whether the node has ended before in the run that is killed, as it does with each round of a loop. */
	private get hasEndedBefore(): boolean {
		const { letter, nth } = this.victim;
		const { first } = this.cell.change;
		const place = nth === 1 ? first.indexOf(letter) : first.indexOf(letter, first.indexOf(letter) + 1);
		return place >= this.size;
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
		const { point, stored, change, shape, call } = this.cell;
		const { channel: victim, nth } = this.victim;
		let seen = 0;
		const life: Life = new Life((moment, channel) => {
			if (point === 'later') return moment === 'later';
			if (point === 'call') return (moment === 'database' || moment === 'written') && ++seen === call;
			if (point === 'database') return life.answered.has(victim) && (moment === 'database' || moment === 'later');
			return moment === point && channel === victim && ++seen === nth;
		});
		const running = async () =>
			await life.live(
				async () =>
					await shop.order([], {
						...this.setupOfFirst(() => this.readFirst()),
						retryOf: created,
						mode: 'trigger',
						executionId: this.executionId,
						streamSkill: processOf('doomed'),
						credentials: mortal(life),
					}),
			);
		const ended = await inTurn(async () => await Promise.race([running(), life.end]));
		if (ended) {
			// A refused order has ended the run before, and it goes on at the node, with the list of then.
			this.read = () => this.readFirst();
			return ended.run.status === 'error' ? ended.data : undefined;
		}
		await Promise.all(life.orders);
		if (this.cell.way === 'the same execution run again' || stored === 'as created') return created;
		if (stored === 'at the node') return atNode(created);
		const before = ['Start', ...(change.stored ? [] : ['Before']), ...(shape === 'list' ? [] : ['Loop'])];
		if (point === 'later') return recovered(created, [...before, 'StreamSkill'], 'Success');
		if (this.hasEndedBefore) return recovered(created, [...before, 'StreamSkill']);
		return recovered(created, before, 'StreamSkill', stored === 'recovered, last of another' ? 'Start' : undefined);
	}

	/** Runs the execution, which fails before the node, and a retry, which fails after it; gives what n8n has stored of the former. */
	private async fail(created: IRunExecutionData): Promise<IRunExecutionData> {
		const fail = () => {
			throw new Error('Not now');
		};
		const { data } = await inTurn(async () => await shop.order([], { ...this.setupOfFirst(fail), retryOf: created, mode: 'trigger' }));
		await inTurn(async () => await shop.order([], { ...this.setupOfFirst(() => this.readFirst()), retryOf: data, after: fail }));
		return data;
	}

	private async execute(retryOf: IRunExecutionData, more: Orders = {}): Promise<RunResult> {
		const execution = async () =>
			await shop.order([], {
				...this.setup(this.read, this.cell.way === 'retry with the saved workflow'),
				retryOf,
				streamSkill: processOf('main'),
				...more,
			});
		const mayWait =
			this.cell.way === 'the same execution run again' || this.confirmed.confirmedNotBought || this.cell.call || this.cell.retryKilledAt;
		const result = mayWait ? await execution() : await inTurn(execution);
		this.check(result);
		return result;
	}

	/** What can be said of any execution. */
	private check(result: RunResult) {
		const { ended, bought, failed, skipped } = told(result, this.size);
		this.uncertain = Math.max(this.uncertain, failed.filter(({ outcome }) => outcome === 'unknown').length);
		for (const { outcome, order } of failed) if (outcome === 'unknown' && order) this.toldUncertain.add(order);
		const rows = this.read();
		for (const { item, purchase } of bought) {
			if (orderOf(purchase.tarif, purchase.channel) !== ordersOf(rows)[item])
				this.complaints.push('a purchase is put out for another order');
		}
		const accounted = bought.length + failed.length + skipped;
		if (ended === 'success' && accounted !== rows.length)
			this.complaints.push(`${accounted < rows.length ? 'an item is lost' : 'an item comes out twice'}`);
		if (failed.some(({ outcome, reference }) => outcome === 'unknown' && !reference))
			this.complaints.push('an uncertain order has no reference');
		const isSettled = (order?: string) => order !== undefined && this.before.has(order);
		if (
			['later', 'never'].includes(this.cell.point) &&
			this.cell.way !== 'two retries at once' &&
			failed.some(({ outcome, order }) => outcome === 'unknown' && isSettled(order))
		) {
			this.complaints.push('an order is uncertain that was settled');
		}
	}

	/** Runs a retry that is killed at a call of n8n's database. */
	private async killRetry(original: IRunExecutionData, nth: number) {
		let seen = 0;
		const life = new Life((moment) => (moment === 'database' || moment === 'written') && ++seen === nth);
		await Promise.race([
			life.live(async () => await this.execute(original, { streamSkill: processOf('worker'), credentials: mortal(life) })),
			life.end,
		]);
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
				await Promise.all([
					this.execute(original),
					this.execute(original, { streamSkill: processOf(change.name.length % 2 ? 'main' : 'worker') }),
				]);
				return await this.execute(original);
			case 'retry of a retry that failed': {
				shop.sandbox.fault({ match: { channel: prefix + change.later.at(-1)! }, times: 1, fault: faults.rejected(422) });
				const failed = await this.execute(original);
				return failed.run.status === 'error' ? await this.execute(failed.data) : failed;
			}
			case 'the same execution run again':
				return await this.execute(original, { mode: 'trigger', executionId: this.executionId });
			default:
				return await this.execute(original);
		}
	}

	/** Does what the messages ask for and retries, the killed execution or its retry, until nothing is open. */
	private async finish(original: IRunExecutionData, first: RunResult) {
		let result = first;
		for (let executions = 0; ; executions++) {
			const { ended, failed } = told(result, this.size);
			const open = failed.filter(({ outcome }) => outcome !== 'duplicate');
			if (ended === 'success' && open.length === 0) break;
			// The message sends people to a new execution.
			if (open.length > 0 && open.every(({ isLeft }) => isLeft)) return this.count(open.flatMap(({ order }) => order ?? []));
			const { way, prefix } = this.cell;
			const killed = way === 'the same execution run again' ? undefined : original;
			const retryOf = ended === 'error' && (executions % 2 === 0 || !killed) ? result.data : killed;
			// n8n retries no execution that has succeeded.
			if (!retryOf) return this.count(failed.flatMap(({ outcome, order }) => (outcome !== 'duplicate' && order ? order : [])));
			if (executions === 6 || this.complaints.includes('an uncertain order has no reference')) {
				this.complaints.push('it comes to no end');
				return this.count(open.flatMap(({ order }) => order ?? []));
			}
			this.confirmed = confirm(told(result, this.size), prefix, ordersOf(this.read()));
			setForward(LOOK_UP_TIME);
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
		const { point } = this.cell;
		const seen = new Map<string, number>();
		for (const { purchase, order } of shop.sandbox.purchases) {
			if (!order.channel.startsWith(prefix)) continue;
			const key = orderOf(order.tarif.id, order.channel);
			seen.set(key, (seen.get(key) ?? 0) + 1);
			const late = seen.get(key)! > (this.before.get(key) ?? 0);
			const answered = late || point === 'later' || point === 'never';
			if (answered && !logged.has(purchase.id) && !this.toldUncertain.has(key)) this.complaints.push('a purchase has no line in the log');
		}
	}
}

/** Plays cells side by side, and tells all that fail by their names. */
export async function playAll<T extends { name: string }>(cells: T[], play: (cell: T) => Promise<string[]>, sideBySide = cells.length) {
	const failures: string[] = [];
	const queue = cells.values();
	const player = async () => {
		for (const cell of queue) {
			const complaints = await inOwnTime(async () => await play(cell)).catch((error: Error) => [error.stack ?? error.message]);
			if (complaints.length > 0) failures.push(`${cell.name}: ${[...new Set(complaints)].join('; ')}`);
		}
	};
	await Promise.all(Array.from({ length: sideBySide }, player));
	if (failures.length > 0) throw new Error(`${failures.length} of ${cells.length} cells fail:\n${failures.join('\n')}`);
}

/** So few executions at a time that none takes longer than Timeout: those that wait by themselves need no turn. */
const IN_TURN = 10;
const waiting: Array<() => void> = [];
let running = 0;

export async function inTurn<T>(work: () => Promise<T>): Promise<T> {
	if (running === IN_TURN) await new Promise<void>((resolve) => waiting.push(resolve));
	else running++;
	try {
		return await work();
	} finally {
		const next = waiting.shift();
		if (next) next();
		else running--;
	}
}

export const play = async (cell: Cell) => await new Play(cell).play();
