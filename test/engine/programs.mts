/**
 * Random programs: what people and n8n may do with one workflow, one after the other, and what must hold then.
 * What an item orders is told by the comment of its order, which is no part of what identifies it.
 */
import type { IDataObject, INodeExecutionData, IRunExecutionData } from 'n8n-workflow';

import { faults } from '../../tools/sandbox/sandbox.mts';
import { LOOK_UP_TIME, setForward } from './clock.mts';
import { Life, recovered } from './crash.mts';
import { createExecution, logLines, type RunResult } from './engine.mts';
import { inTurn, isMadeUp, mortal, shop } from './identity/play.mts';
import { Random } from './random.mts';
import { processOf, wordsOf, type FailureDetails, type Orders } from './shop.mts';
import { branches, loop } from './wirings.mts';

/** A line of the sheet. */
interface Line extends IDataObject {
	id: number;
	channel: string;
}

/** What the workflow is at a time. */
interface Saved {
	tarif: number;
	/** Which Idempotency Key the node has; 0 is none. */
	key: number;
	batchSize: number;
	confirmedBought: string[];
	confirmedNotBought: string[];
}

/** An execution and all its retries. */
interface Root {
	name: string;
	original: Saved;
	/** What n8n can retry: each comes with the lists of its calls, where it goes on at the node. */
	stored: Array<{ data: IRunExecutionData; calls?: Line[][] }>;
	runs: Run[];
}

/** One execution. */
interface Run {
	root: Root;
	saved: Saved;
	/** What each call of the node gets. */
	calls: Line[][];
	/** How many of them had ended before, where it goes on at the node. */
	carried: number;
	isOver: boolean;
}

/** An order that the API has made a purchase of, as the run and the line that it was for. */
interface Paid {
	id: number;
	run: Run;
	/** The call of the node. */
	call: number;
	line: Line;
	order: string;
	key?: string;
}

const textOf = (line: Line) => JSON.stringify(line);
const times = <T,>(list: T[], wanted: T) => list.filter((one) => one === wanted).length;

export class Program {
	/** What was done, for whoever reads of a failure. */
	readonly steps: string[] = [];

	private readonly random: Random;
	private readonly prefix: string;
	private readonly shape: 'list' | 'loop of 1' | 'loop of 2' | 'branches';
	private readonly onError: 'stopWorkflow' | 'continueErrorOutput';
	private readonly onDuplicate: 'skip' | 'fail';
	private lines: Line[] = [];
	private isStamped = false;
	private ids = 0;
	private deaths = 0;
	private saved: Saved = { tarif: 1, key: 0, batchSize: 1, confirmedBought: [], confirmedNotBought: [] };
	private readonly roots: Root[] = [];
	private readonly runs: Run[] = [];
	/** The purchases that somebody could read of. */
	private readonly told = new Set<number>();
	/** The orders that somebody was told were bought before, by run and channel. */
	private readonly leftOut: Array<{ root: Root; channel: string }> = [];
	/** Executions of which a person is to look in the account what they have bought. */
	private readonly sentToAccount = new Set<Root>();
	/** The purchases that somebody has found for an uncertain order. */
	private readonly confirmed: Array<{ root: Root; id: number; channel: string; key?: string }> = [];
	/** The purchases that were recognised as those of a line: whoever retries that has the same line. */
	private readonly recognised: Array<{ root: Root; id: number; line: string }> = [];
	/** The orders that somebody was told may be bought: by run and channel. */
	private readonly uncertain: Array<{ root: Root; channel: string }> = [];

	constructor(readonly seed: number) {
		this.random = new Random(seed);
		this.prefix = `p${seed}/`;
		this.shape = this.random.pick(['list', 'list', 'loop of 1', 'loop of 2', 'branches']);
		this.onError = this.random.pick(['stopWorkflow', 'continueErrorOutput']);
		this.onDuplicate = this.onError === 'stopWorkflow' ? 'skip' : 'fail';
		for (let i = 1 + this.random.below(4); i > 0; i--) this.add();
		this.steps.push(`${this.shape}, ${this.onError}, lines ${this.lines.map(textOf).join(' ')}`);
	}

	async play() {
		await this.execute();
		for (let left = 2 + this.random.below(7); left > 0; left--) await this.random.pick(this.choices)();
		this.steps.push('look everything up, and retry until nothing is open');
		for (const root of this.roots) await this.settle(root);
		this.checkAccount();
	}

	/** What may come next, the more often the more it is about. */
	private readonly choices: Array<() => void | Promise<void>> = [
		async () => await this.execute(),
		...Array.from({ length: 4 }, () => async () => await this.retry()),
		() => this.mend(),
		() => this.changeList(),
		() => this.changeList(),
		() => this.changeKey(),
		() => this.disturb(),
		() => this.disturb(),
	];

	private add(at = this.lines.length, channel = `${this.prefix}${String.fromCharCode(97 + this.ids)}`) {
		this.lines.splice(at, 0, { id: this.ids++, channel });
	}

	private mend() {
		this.saved = { ...this.saved, tarif: (this.saved.tarif % 3) + 1 };
		this.steps.push(`mend: tarif ${this.saved.tarif}`);
	}

	private changeKey() {
		this.saved = { ...this.saved, key: this.random.below(3) };
		this.steps.push(`key ${this.saved.key || 'none'}`);
	}

	private changeList() {
		const { random, lines } = this;
		const change = random.pick([
			'a line more',
			'a line less',
			'another sequence',
			'time stamps',
			'another channel',
			'a line twice',
		] as const);
		const at = random.below(lines.length);
		if (change === 'a line more') this.add(random.below(lines.length + 1));
		if (change === 'a line less' && lines.length > 1) lines.splice(at, 1);
		if (change === 'another sequence') this.lines = random.shuffle(lines);
		if (change === 'time stamps') this.isStamped = !this.isStamped;
		if (change === 'another channel') lines[at] = { ...lines[at], channel: `${this.prefix}${String.fromCharCode(97 + this.ids++)}` };
		// Who counts several equal orders needs to be told of each.
		if (change === 'a line twice' && this.onDuplicate === 'fail') this.add(at, lines[at].channel);
		this.steps.push(`${change}: ${this.lines.map(textOf).join(' ')}`);
	}

	/** Has the API lose or refuse the next order for a channel. */
	private disturb() {
		const { channel } = this.random.pick(this.lines);
		const [name, fault] = this.random.pick([
			['lost, bought', faults.serverErrorAfter(500)],
			['lost, not bought', faults.serverErrorBefore(500)],
			['refused', faults.rejected(422)],
		] as const);
		shop.sandbox.fault({ match: { channel }, times: 1, fault });
		this.steps.push(`the next order for ${channel} is ${name}`);
	}

	private readList = () => this.lines.map((line) => (this.isStamped ? { ...line, readAt: `${this.seed} ${this.ids++}` } : line));

	private callsOf(lines: Line[]): Line[][] {
		const sizes = { list: Infinity, 'loop of 1': 1, 'loop of 2': 2, branches: 0 };
		const size = sizes[this.shape];
		const slices =
			size === 0
				? [lines.filter(this.isOfBranch(0)), lines.filter(this.isOfBranch(1))]
				: Array.from({ length: size === Infinity ? 1 : Math.ceil(lines.length / size) }, (_, i) =>
						lines.slice(size === Infinity ? 0 : i * size, (i + 1) * size),
					);
		return slices.filter(({ length }) => length > 0);
	}

	/** Where each is told, one branch gets some of the lines of the other as well. */
	private isOfBranch =
		(branch: number) =>
		({ id }: IDataObject) =>
			(branch === 1 && this.onDuplicate === 'fail') || Number(id) % 2 === branch;

	private async execute() {
		const root: Root = { name: `${this.roots.length}`, original: this.saved, stored: [], runs: [] };
		this.roots.push(root);
		await this.run(root, this.saved, createExecution([{}]), undefined, this.random.chance(0.6), 'execute');
	}

	private async retry() {
		const open = this.roots.filter(({ stored }) => stored.length > 0);
		if (open.length === 0) return;
		const root = this.random.pick(open);
		const { data, calls } = this.random.pick(root.stored);
		if (this.random.chance(0.5)) this.lookUp(root);
		const saved = this.random.chance(0.3)
			? { ...root.original, confirmedBought: this.saved.confirmedBought, confirmedNotBought: this.saved.confirmedNotBought }
			: this.saved;
		const isKilled = this.random.chance(0.25);
		const first = this.run(root, saved, data, calls, isKilled, 'retry');
		if (!isKilled && this.random.chance(0.2)) await this.run(root, this.saved, data, calls, false, 'retry at the same time');
		await first;
	}

	/** Runs an execution, to its end or until it is killed. */
	private async run(
		root: Root,
		saved: Saved,
		data: IRunExecutionData,
		stored: Line[][] | undefined,
		isKilled: boolean,
		what: string,
	): Promise<RunResult | undefined> {
		const lines = stored?.flat() ?? this.readList();
		const ended = (data.resultData.runData.StreamSkill ?? []).filter((task) => !task.error && !isMadeUp(task));
		const run: Run = { root, saved, calls: stored ?? this.callsOf(lines), carried: stored ? ended.length : 0, isOver: false };
		const number = this.runs.push(run) - 1;
		root.runs.push(run);
		const killedAt = isKilled ? 1 + this.random.below(8 + 10 * lines.length) : undefined;
		this.steps.push(
			`${number}: ${what} ${root.name}, tarif ${saved.tarif}, key ${saved.key || 'none'}, ${stored ? 'at the node' : `lines ${lines.map(textOf).join(' ')}`}${killedAt ? `, killed at moment ${killedAt}` : ''}, confirmed ${saved.confirmedBought.join(' ') || 'none'} / ${saved.confirmedNotBought.join(' ') || 'none'}`,
		);
		let moments = 0;
		const life = new Life(() => ++moments === killedAt);
		const setup = this.setup(saved, number, () => lines);
		const isOriginal = what === 'execute';
		const execution = async () =>
			await life.live(
				async () =>
					await shop.order([], {
						...setup,
						retryOf: data,
						mode: isOriginal ? 'trigger' : 'retry',
						executionId: String(1000 * this.seed + number),
						streamSkill: processOf(isKilled ? `doomed ${this.deaths++}` : this.random.pick(['main', 'worker'])),
						...(isKilled && { credentials: mortal(life) }),
					}),
			);
		const mayWait = saved.confirmedNotBought.length > 0 && !isOriginal;
		const race = async () => await Promise.race([execution(), life.end]);
		const result = mayWait ? await race() : await inTurn(race);
		await Promise.all(life.orders);
		run.isOver = true;
		if (!result) {
			if (isOriginal)
				root.stored.push({
					data: this.shape === 'list' && this.random.chance(0.5) ? recovered(data, ['Start', 'Before'], 'StreamSkill') : data,
				});
			return undefined;
		}
		this.check(run, number, result);
		if (result.run.status === 'error') root.stored.push({ data: result.data, calls: run.calls });
		return result;
	}

	private setup(saved: Saved, run: number, before: () => Line[]): Orders {
		return {
			workflowId: `workflow ${this.prefix}`,
			before,
			wiring:
				this.shape === 'branches'
					? branches(
							(items) => items.filter(this.isOfBranch(0)),
							(items) => items.filter(this.isOfBranch(1)),
						)
					: this.shape === 'list'
						? undefined
						: loop({ size: Number(this.shape.at(-1)), errorsToo: true }),
			onError: this.onError,
			parameters: { tarifId: saved.tarif, additionalFields: { comment: `=${run} {{ $json.id }} {{ $runIndex }}` } },
			options: {
				timeout: 10_000,
				onDuplicate: this.onDuplicate,
				batching: { batch: { batchSize: saved.batchSize, batchInterval: 0 } },
				confirmedBought: saved.confirmedBought.join(' '),
				confirmedNotBought: saved.confirmedNotBought.join(' '),
				...(saved.key > 0 && { idempotencyKey: `=${saved.key} {{ $json.id }}` }),
			},
		};
	}

	private keyOf = ({ key }: Saved, { id }: Line) => (key > 0 ? `${key} ${id}` : undefined);

	/** What this program has paid for so far. */
	private get paid(): Paid[] {
		return shop.sandbox.purchases
			.filter(({ order }) => order.channel.startsWith(this.prefix))
			.map(({ purchase, order }) => {
				const [number, id, call] = order.comment!.split(' ').map(Number);
				const run = this.runs[number];
				const line = run.calls.flat().find((one) => one.id === id && one.channel === order.channel)!;
				return {
					id: purchase.id,
					run,
					call: this.shape === 'list' ? 0 : call,
					line,
					order: `${order.tarif.id} ${order.channel}`,
					key: this.keyOf(run.saved, line),
				};
			});
	}

	/** The purchases that stand for a line in an execution: for the item, for what it orders, or by its key. */
	private paidFor(run: Run, line: Line, paid = this.paid) {
		const key = this.keyOf(run.saved, line);
		return paid.filter(
			(one) =>
				(one.run.root === run.root && (textOf(one.line) === textOf(line) || one.order === `${run.saved.tarif} ${line.channel}`)) ||
				this.confirmed.some(({ root, id, channel }) => root === run.root && id === one.id && channel === line.channel) ||
				this.recognised.some(({ root, id, line: of }) => root === run.root && id === one.id && of === textOf(line)) ||
				this.isOfKey(one, key),
		);
	}

	/** Whether a purchase was made with a key, or a person has said so: that holds in any execution. */
	private isOfKey = (one: Paid, key?: string) =>
		key !== undefined && (one.key === key || this.confirmed.some((said) => said.id === one.id && said.key === key));

	/** What came of each line in an execution, as it tells. */
	private fates(run: Run, { data, error }: RunResult) {
		const tasks = (data.resultData.runData.StreamSkill ?? []).filter((task) => !isMadeUp(task));
		return tasks.flatMap((task, call) => {
			const lines = run.calls[call];
			const context = (call === tasks.length - 1 ? error?.context : undefined) as
				| undefined
				| {
						purchases?: Array<{ item: number; purchase: IDataObject }>;
						failedItems?: Array<{ item: number; error: string; details: FailureDetails }>;
				  };
			const items = (task.data?.main ?? []).flatMap((output: INodeExecutionData[] | null) => output ?? []);
			return lines.map((line, item) => {
				const json = items.find(
					({ pairedItem, json }) => (pairedItem as { item: number })?.item === item && ('id' in json || 'error' in json),
				)?.json;
				const failed = (json?.details ? json : context?.failedItems?.find((one) => one.item === item)) as {
					error?: string;
					message?: string;
					details?: FailureDetails;
				};
				const details = failed?.details;
				const purchase = (json && !details ? json : undefined) ?? context?.purchases?.find((one) => one.item === item)?.purchase;
				return { line, call, purchase, details, error: failed?.error, advice: failed?.message, isEnded: context !== undefined };
			});
		});
	}

	/** What can be said of any execution. */
	private check(run: Run, number: number, result: RunResult) {
		const fates = this.fates(run, result);
		const { paid } = this;
		if (result.run.status === 'success' && fates.length !== run.calls.flat().length)
			this.fail(`${number}: ${run.calls.flat().length - fates.length} lines never came to the node`);
		// Under Continue, n8n puts out what came in.
		const thrown = result.data.resultData.runData.StreamSkill?.find(
			({ error }) => error && !error.context?.failedItems && error.name !== 'NodeCrashedError',
		);
		if (thrown) this.fail(`${number}: the node has thrown ${thrown.error!.stack}`);
		for (const { line, call, purchase, details, isEnded } of fates) {
			const standing = this.paidFor(run, line, paid);
			if (!details) for (const { id } of standing) this.recognised.push({ root: run.root, id, line: textOf(line) });
			if (purchase) {
				this.told.add(purchase.id as number);
				if (!standing.some(({ id }) => id === purchase.id))
					this.fail(`${number}: a purchase is put out for line ${line.id} that is not its own`);
			} else if (details?.outcome === 'unknown') {
				if (!details.reference) this.fail(`${number}: line ${line.id} is uncertain, and has no reference`);
				this.uncertain.push({ root: run.root, channel: line.channel });
			} else if (details?.outcome === 'conflict') {
				const others = paid.filter((one) => this.isOfKey(one, this.keyOf(run.saved, line)));
				if (!others.some(({ order }) => order !== `${run.saved.tarif} ${line.channel}`))
					this.fail(`${number}: line ${line.id} is called a conflict, and its key stands for nothing else`);
			} else if (call >= run.carried && (details?.outcome === 'duplicate' || (!details && !isEnded))) {
				if (standing.length === 0) this.fail(`${number}: line ${line.id} is called bought, and is not`);
				this.leftOut.push({ root: run.root, channel: line.channel });
			}
		}
		for (const channel of new Set(fates.map(({ line }) => line.channel))) {
			const bought = fates.filter(
				({ line, call, purchase, details, isEnded }) =>
					call >= run.carried && line.channel === channel && (purchase || details?.outcome === 'duplicate' || (!details && !isEnded)),
			);
			const meant = new Set(bought.map(({ line }, i) => this.keyOf(run.saved, line) ?? i));
			const isUncertain = (one: Paid) =>
				one.run === run &&
				fates.some(({ line, call, details }) => line.id === one.line.id && call === one.call && details?.outcome === 'unknown');
			const standing = new Set(
				bought.flatMap(({ line }) =>
					this.paidFor(run, line, paid)
						.filter((one) => !isUncertain(one))
						.map(({ id }) => id),
				),
			);
			// A crashed loop shows one round at a time: an equal line that was added in front is taken for the one of a later round.
			const hasLostItsData = run.carried === 0 && run !== run.root.runs[0];
			const isHidden = hasLostItsData && this.shape.startsWith('loop') && new Set(bought.map(({ call }) => call)).size > 1;
			// An answer came after the account was looked up: of two equal orders, the other one was confirmed in its place.
			const isTold = /is on record as bought\. If an equal order/.test(wordsOf(result));
			if (meant.size > standing.size && !isHidden && !isTold)
				this.fail(`${number}: ${meant.size} orders for ${channel} are called bought, and ${standing.size} are`);
		}
		this.last.set(run.root, { run, result });
	}

	private readonly last = new Map<Root, { run: Run; result: RunResult }>();

	/** Looks up in the account what the last retry was uncertain of, and types in what is there. */
	private lookUp(root: Root) {
		const { run, result } = this.last.get(root) ?? {};
		if (!run || !result) return;
		const fates = this.fates(run, result);
		const { paid } = this;
		const spoken = new Set(fates.flatMap(({ purchase }) => (purchase ? [purchase.id as number] : [])));
		/** Equal orders stand for one another, where there is none for the line itself. */
		const findFor = (line: Line, { isOwn = false, isOlder = false, isMended = false } = {}) => {
			const asItWas = (one: Paid) => isMended && one.run.root === root && one.line.id === line.id && one.line.channel === line.channel;
			const free = [...this.paidFor(run, line, paid), ...paid.filter(asItWas)].filter(
				(one) => !spoken.has(one.id) && (!isOwn || one.run.root === root) && (!isOlder || one.run !== run),
			);
			return free.find((one) => textOf(one.line) === textOf(line)) ?? free.at(0);
		};
		const keys = new Set<string>();
		for (const { line, purchase, details, isEnded } of fates) {
			const isCalledBought = details?.outcome === 'duplicate' || (!details && !purchase && !isEnded);
			// What is told of one key in two branches is one purchase.
			const key = this.keyOf(run.saved, line);
			if (!isCalledBought || keys.has(key ?? '') || paid.some((one) => spoken.has(one.id) && this.isOfKey(one, key))) continue;
			if (key !== undefined) keys.add(key);
			const one = findFor(line);
			if (one) spoken.add(one.id);
		}
		setForward(LOOK_UP_TIME);
		for (const { line, details, error, advice } of fates) {
			if (details?.outcome !== 'unknown' || !details.reference) continue;
			// By its time, a person can tell what this execution has sent from what another one has sent with the same key, and from
			// what was sent before.
			const isOwn = /^(Channel .*: )?This order was sent before/.test(error!);
			// What is told of a key in one branch, and of its order in another, is one purchase.
			const isOther = /^(Channel .*: )?Another order with the Idempotency Key/.test(error!);
			const ofKey = paid.find((one) => isOther && spoken.has(one.id) && this.isOfKey(one, this.keyOf(run.saved, line)));
			const made =
				ofKey ?? findFor(line, { isOwn, isOlder: error!.includes('was sent before'), isMended: advice!.includes('look for it as it was') });
			if (made) {
				spoken.add(made.id);
				this.told.add(made.id);
				this.confirmed.push({ root, id: made.id, channel: line.channel, key: isOwn ? undefined : this.keyOf(run.saved, line) });
			}
			const option = made ? 'confirmedBought' : 'confirmedNotBought';
			if (![...this.saved.confirmedBought, ...this.saved.confirmedNotBought].includes(details.reference)) {
				this.saved = { ...this.saved, [option]: [...this.saved[option], details.reference] };
			}
		}
	}

	/** Does what a careful person does until an execution is done. */
	private async settle(root: Root) {
		if (root.stored.length === 0) return;
		for (let tries = 0; ; tries++) {
			this.lookUp(root);
			const { data, calls } = root.stored.at(tries % 2 === 0 ? -1 : 0)!;
			// Where nothing is recognised, the advice is to retry with the original workflow.
			const confirmed = { confirmedBought: this.saved.confirmedBought, confirmedNotBought: this.saved.confirmedNotBought };
			const result = await this.run(root, tries < 3 ? this.saved : { ...root.original, ...confirmed }, data, calls, false, 'retry');
			const open = this.fates(root.runs.at(-1)!, result!).flatMap(({ details }) =>
				details && details.outcome !== 'duplicate' ? [details.outcome] : [],
			);
			const held = open.filter((outcome) => outcome !== 'conflict');
			if (held.length === 0) return;
			// A list of which nothing is known is for a new execution, and says so, with the original workflow as well.
			if (tries > 4 && held.every((outcome) => outcome === 'notSent') && /in a new execution/.test(wordsOf(result!))) {
				if (/look in your StreamSkill account for what this execution has bought/i.test(wordsOf(result!))) this.sentToAccount.add(root);
				return;
			}
			// In a crashed loop, an equal line that was added in front has made one order of two, and the message asks for one answer.
			if (this.shape.startsWith('loop') && /has another one in the other option/.test(wordsOf(result!))) return;
			// Each order that is lost takes up to two answers.
			if (tries === 14) this.fail(`${root.name} comes to no end:\n${wordsOf(result!)}`);
		}
	}

	/** What the account must show in the end. */
	private checkAccount() {
		const { paid } = this;
		const logged = new Set(logLines.flatMap(({ metadata }) => (metadata as { purchaseId?: number })?.purchaseId ?? []));
		for (const root of this.roots) {
			const own = paid.filter(({ run }) => run.root === root);
			const most = (count: (run: Run) => number) => Math.max(...root.runs.map(count));
			for (const order of new Set(own.map((one) => one.order))) {
				const wanted = most(({ calls, saved }) =>
					times(
						calls.flat().map(({ channel }) => `${saved.tarif} ${channel}`),
						order,
					),
				);
				if (own.filter((one) => one.order === order).length > wanted) this.fail(`${order} is bought twice in ${root.name}`);
			}
			for (const item of new Set(own.map(({ line }) => textOf(line)))) {
				const { channel } = JSON.parse(item) as Line;
				const linesFor = ({ calls }: Run) =>
					times(
						calls.flat().map((line) => line.channel),
						channel,
					);
				const wantedInAll = most(linesFor);
				// README: after a crash, leave the list as it was. In a loop, an equal line more takes the order of one of a later round, and
				// both are told: if the tarif is then changed before they are settled, nothing tells them apart any more.
				const isAdded = this.shape.startsWith('loop') && wantedInAll > linesFor(root.runs[0]);
				if (isAdded && root.runs.some((run) => run !== root.runs[0] && run.carried === 0)) continue;
				// A person may have told the lines for one channel from one another in another way.
				if (wantedInAll > 1 && own.filter(({ line }) => line.channel === channel).length <= wantedInAll) continue;
				const inOneCall = most(({ calls }) => Math.max(...calls.map((lines) => times(lines.map(textOf), item))));
				if (inOneCall > 1) continue;
				const wanted = most(({ calls }) => times(calls.flat().map(textOf), item));
				// Equal orders stand for one another, and are counted above.
				const orders = new Set(own.filter(({ line }) => textOf(line) === item).map(({ order }) => order));
				if (orders.size > wanted) this.fail(`${item} is bought twice in ${root.name}`);
			}
			const there = root.runs.at(-1)!.calls.flat();
			for (const { id, line, order } of own) {
				const isThere = there.some((one) => textOf(one) === textOf(line) || `${root.runs.at(-1)!.saved.tarif} ${one.channel}` === order);
				const isSaid =
					logged.has(id) ||
					this.told.has(id) ||
					this.sentToAccount.has(root) ||
					[...this.uncertain, ...this.leftOut].some((one) => one.root === root && one.channel === line.channel);
				if (isThere && !isSaid) this.fail(`nobody is told of purchase ${id}, ${order}`);
			}
		}
		for (const key of new Set(paid.flatMap((one) => one.key ?? []))) {
			// In branches, both bring the same key, which is bought in one of them.
			if (paid.filter((one) => one.key === key).length > 1) this.fail(`key ${key} is bought twice`);
		}
	}

	private fail(what: string): never {
		throw new Error(`Seed ${this.seed}: ${what}\n\t${this.steps.join('\n\t')}`);
	}
}
