import type { IDataObject, INode, INodeExecutionData, INodeType, IRunExecutionData } from 'n8n-workflow';

import { bought, onceEach, sent } from '../../tools/sandbox/counts.mts';
import { nameOn } from '../../tools/sandbox/purchase.mts';
import { faults, startSandbox, type Sandbox } from '../../tools/sandbox/sandbox.mts';
import { until as untilShared } from '../../tools/until.mts';
import { LOOK_UP_TIME, resetClock, setForward } from './clock.mts';
import { inAnotherProcess, Life, recovered, startWire, type Moment } from './crash.mts';
import { createExecution, deduplicator, initEngine, logLines, run, type NodeSetup, type RunResult, type RunSetup } from './engine.mts';

export const TOKEN = 'token-that-nobody-may-see';

const toItem = (item: string | IDataObject): IDataObject => (typeof item === 'string' ? { channel: item } : item);

export const onErrors = ['stopWorkflow', 'continueRegularOutput', 'continueErrorOutput'] as const;

export interface Orders extends Omit<RunSetup, 'node'> {
	/** The node's options. */
	options?: IDataObject;
	/** The node's parameters, if they are not a tarif and the item's `channel`. */
	parameters?: IDataObject;
	onError?: INode['onError'];
	/** Turns on Retry On Fail. */
	tries?: number;
	node?: NodeSetup;
}

/** When an execution is killed: at a moment of the order for a channel. */
export interface Death {
	at: Moment | 'settle';
	channel: string;
	/** How often that order comes to that moment, from 1. */
	nth?: number;
	/** The nodes that had ended at least once by then, besides Before. */
	ended?: string[];
}

let deaths = 0;
const inProcess = new Map<string, INodeType>();

/** The node as one of several n8n processes has it, by its name. One that was killed keeps what a dead one would not. */
export function processOf(name: 'main' | 'worker' | `doomed${string}`): INodeType {
	const node = inProcess.get(name) ?? inAnotherProcess();
	inProcess.set(name, node);
	return node;
}

/** Sets up a sandbox for a test file, with short ways to order from it and to see what it sold. */
export function openShop() {
	let sandbox: Sandbox;
	let wire: Awaited<ReturnType<typeof startWire>>;
	beforeAll(async () => {
		await initEngine();
		sandbox = await startSandbox({ token: TOKEN });
		wire = await startWire(() => sandbox.url);
	});
	afterEach(resetClock);
	afterAll(async () => {
		wire.close();
		await sandbox.close();
	});
	afterEach(resetClock);
	beforeEach(() => {
		sandbox.reset();
		logLines.length = 0;
		deduplicator.lists.clear();
		deduplicator.fail = false;
		deduplicator.pause = undefined;
	});

	/** Runs the node with an item per channel, or with these items. */
	const order = async (items: Array<string | IDataObject>, { options, parameters, onError, tries, node, ...more }: Orders = {}) =>
		await run({
			credentials: { accessToken: TOKEN, baseUrl: sandbox.url },
			items: items.map(toItem),
			mode: more.retryOf && 'retry',
			...more,
			node: {
				onError,
				retryOnFail: tries !== undefined,
				maxTries: tries,
				parameters: { tarifId: 1, channel: '={{ $json.channel }}', ...parameters, ...(options && { options }) } as NodeSetup['parameters'],
				...node,
			},
		});

	/** Looks up in the account what the uncertain orders of a run have come to, and gives the options that say so. */
	const lookUp = (result: RunResult): IDataObject => {
		setForward(LOOK_UP_TIME);
		const known = new Set(purchasesOf(result));
		const references = { confirmedBought: [] as string[], confirmedNotBought: [] as string[] };
		for (const { outcome, reference, order } of failuresOf(result)) {
			if (outcome !== 'unknown' || [...references.confirmedBought, ...references.confirmedNotBought].includes(reference!)) continue;
			// A field may have been mended since.
			const made = sandbox.purchases
				.filter((one) => one.order.channel === order?.channel && !known.has(one.purchase.id))
				.sort((one, other) => Number(other.order.tarif.id === order?.tarif.id) - Number(one.order.tarif.id === order?.tarif.id))[0];
			if (made) known.add(made.purchase.id);
			references[made ? 'confirmedBought' : 'confirmedNotBought'].push(reference!);
		}
		return { confirmedBought: references.confirmedBought.join(' '), confirmedNotBought: references.confirmedNotBought.join(' ') };
	};

	return {
		get sandbox() {
			return sandbox;
		},
		order,
		/** The next answer for a channel gets lost. */
		lose: (channel: string, bought: boolean) =>
			sandbox.fault({ match: { channel }, times: 1, fault: bought ? faults.serverErrorAfter(500) : faults.serverErrorBefore(500) }),
		/** The next orders for a channel are refused. */
		refuse: (channel: string, times = 1) => sandbox.fault({ match: { channel }, times, fault: faults.rejected(422) }),
		/** Orders for a channel, or those that match `/…/`, take so many milliseconds. */
		slow: (channel: string, ms: number) => sandbox.fault({ match: { channel }, fault: faults.latency(ms) }),
		/** Runs the node until n8n is killed, and gives what n8n has stored of the execution then: of a retry, what it began with. */
		kill: async (
			items: Array<string | IDataObject>,
			{ at, channel, nth = 1, ended = ['Start'] }: Death,
			setup: Orders = {},
		): Promise<IRunExecutionData> => {
			const created = setup.retryOf ?? createExecution(items.map(toItem));
			let seen = 0;
			const life: Life = new Life((moment, of) =>
				at === 'settle' ? life.answered.has(channel) && moment === 'database' : moment === at && of === channel && ++seen === nth,
			);
			const credentials = { accessToken: TOKEN, baseUrl: wire.url(life) };
			const running = life.live(
				async () =>
					await order([], {
						mode: setup.retryOf ? 'retry' : 'trigger',
						streamSkill: processOf(`doomed ${deaths++}`),
						...setup,
						retryOf: created,
						credentials,
					}),
			);
			if (await Promise.race([running, life.end])) throw new Error('The execution ended before it was killed');
			await Promise.all(life.orders);
			if (setup.retryOf) return created;
			// Of a node that had run before, n8n's event log tells that.
			return recovered(created, [...ended, ...(setup.before ? ['Before'] : [])], ended.includes('StreamSkill') ? undefined : 'StreamSkill');
		},
		lookUp,
		/** Retries as often as it takes, and says each time what the account shows of the uncertain orders. */
		finish: async (retryOf: IRunExecutionData, setup: Orders = {}): Promise<RunResult> => {
			let result = await order([], { ...setup, retryOf });
			for (let retries = 0; failuresOf(result).some(({ outcome }) => outcome !== 'duplicate'); retries++) {
				if (retries === 5) throw new Error(`It comes to no end:\n${wordsOf(result)}`);
				const options = { ...setup.options, ...lookUp(result) };
				result = await order([], { ...setup, options, retryOf: result.run.status === 'error' ? result.data : retryOf });
			}
			return result;
		},
		/** An execution that has failed before it came to the node. */
		failBefore: async (): Promise<IRunExecutionData> => {
			const before = () => {
				throw new Error('The sheet cannot be read');
			};
			return (await order([{}], { before })).data;
		},
		/** How many orders reached the API, by channel. */
		sent: () => sent(sandbox),
		/** How many purchases the API made, by channel. */
		sold: () => bought(sandbox),
	};
}

/** The item that each output item is paired with, and what it says: a channel that was bought for, or an outcome. */
export const told = (items: INodeExecutionData[]) =>
	items.map(({ json, pairedItem }) => [
		(pairedItem as { item: number }).item,
		'error' in json ? (json.details as { outcome: string }).outcome : nameOn(json.channel),
	]);

/** The channel that an output item's purchase is for, as it was ordered. */
export const channelOf = ({ json }: INodeExecutionData) => nameOn(json.channel);

export interface FailureDetails extends IDataObject {
	outcome: string;
	reference?: string;
	order?: { channel: string; tarif: { id: number } };
}

/** The details of what failed in a run, by its error or its error items. */
export const failuresOf = ({ error, success, failed }: Pick<RunResult, 'success' | 'failed' | 'error'>): FailureDetails[] => {
	const failures = (error?.context?.failedItems ?? [...success, ...failed].map(({ json }) => json)) as Array<{ details?: FailureDetails }>;
	return failures.flatMap(({ details }) => details ?? []);
};

export const outcomes = (result: Pick<RunResult, 'success' | 'failed' | 'error'>) => failuresOf(result).map(({ outcome }) => outcome);

/** The references of the uncertain orders that a run has told of. */
export const referencesOf = (result: Pick<RunResult, 'success' | 'failed' | 'error'>): string[] =>
	failuresOf(result).flatMap(({ reference }) => reference ?? []);

/** The IDs of the purchases that a run has put out, or handed over with its error. */
export const purchasesOf = ({ error, success }: RunResult): number[] => {
	const handedOver = (error?.context?.purchases ?? []) as Array<{ purchase: IDataObject }>;
	return [...success.map(({ json }) => json), ...handedOver.map(({ purchase }) => purchase)].flatMap(({ id }) =>
		typeof id === 'number' ? id : [],
	);
};

/** The hints of all rounds of a run. */
export const hintsOf = ({ data }: RunResult): string[] =>
	(data.resultData.runData.StreamSkill ?? []).flatMap((task) => task.hints?.map(({ message }) => message) ?? []);

/** All that a person can read of a run. */
export const wordsOf = (result: RunResult): string => {
	const { success, failed, error } = result;
	return [error?.message, error?.description, ...[...success, ...failed].map(({ json }) => JSON.stringify(json)), ...hintsOf(result)].join(
		'\n',
	);
};

export { onceEach };

export const until = async (condition: () => boolean) => await untilShared(condition, 'What the test waits for', { interval: 1 });
