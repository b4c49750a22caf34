/**
 * Every fault at every place with every way to go on after it, through n8n-core's engine and over a real
 * socket. What must come of it is in expectations.mts; model.mts counts it out for each cell.
 */
import type { INode, INodeExecutionData } from 'n8n-workflow';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { startSandbox, type Sandbox } from '../../../tools/sandbox/sandbox.mts';
import { cover, type Row } from '../coverage.mts';
import { initEngine, logLines, run, type RunResult } from '../engine.mts';
import { expectations, type Addresses, type Expectation } from './expectations.mts';
import { hasFailed, Model, type Cell, type Fate } from './model.mts';

/** How long the node wanted to wait: it is not kept waiting. */
const waits: number[] = [];
jest.mock('n8n-workflow', () => {
	const actual = jest.requireActual<object>('n8n-workflow');
	return { ...actual, sleep: async (ms: number) => void (ms > 0 && waits.push(ms)) };
});

/**
 * An order's time is up after so many turns of the event loop, not milliseconds: the API is in this process
 * as well, so that no good answer comes too late on a busy machine.
 */
const TIMEOUT_TURNS = 150;
function timeoutInTurns() {
	jest.spyOn(AbortSignal, 'timeout').mockImplementation(() => {
		const controller = new AbortController();
		const wait = (turns: number) => void (turns === 0 ? controller.abort() : setTimeout(wait, 1, turns - 1));
		wait(TIMEOUT_TURNS);
		return controller.signal;
	});
}

const ITEMS = 5;
const TOKEN = 'token-that-nobody-may-see';
const places = { 'first item': [0], 'middle item': [2], 'last item': [4], 'two items': [1, 3], 'all items': [0, 1, 2, 3, 4] };
const onErrors = [undefined, 'stopWorkflow', 'continueRegularOutput', 'continueErrorOutput'] as const;

const dimensions = {
	fault: expectations,
	onError: onErrors,
	place: Object.keys(places) as Array<keyof typeof places>,
	times: ['once', 'always'] as const,
	tries: [1, 2, 3, 5],
	batchSize: [1, 3, -1],
};

const isStop = (onError: INode['onError']) => !onError?.startsWith('continue');

type Choice = Row<typeof dimensions>;

/** Conditions of values that may not be chosen yet. */
function isPossible(row: Partial<Choice>): boolean {
	const { fault, place, times, batchSize } = row;
	const isWrong = [
		fault && times && !fault.times.includes(times),
		fault?.credential && place && place !== 'all items',
		// The first to fail ends the waits of the others: how often those were sent is up to the machine.
		fault &&
			fault.sendsPerTry > 1 &&
			times === 'always' &&
			place &&
			places[place].length > 1 &&
			batchSize &&
			batchSize !== 1 &&
			'onError' in row &&
			isStop(row.onError),
	];
	return !isWrong.some(Boolean);
}

/** Every triple: any three values of any three dimensions meet in one cell at least. A machine with time plays any four. */
const choices = cover(dimensions, { strength: process.env.STREAMSKILL_MATRIX === 'full' ? 4 : 3, isPossible });

let sandbox: Sandbox;
let addresses: Addresses;
/** Requests that followed a redirect to another server. */
let strays = 0;
const otherServer = createServer((_req, res) => {
	strays++;
	res.end('{"id":1}');
});
let closedPort: string;

beforeAll(async () => {
	await initEngine();
	sandbox = await startSandbox({ token: TOKEN });
	otherServer.listen(0, '127.0.0.1');
	await once(otherServer, 'listening');
	addresses = { api: sandbox.url, elsewhere: `http://127.0.0.1:${(otherServer.address() as AddressInfo).port}/v1/purchases/create` };
	const closed = await startSandbox();
	closedPort = closed.url;
	await closed.close();
});
afterAll(async () => {
	await sandbox.close();
	otherServer.close();
});
beforeEach(() => {
	sandbox.reset();
	logLines.length = 0;
	waits.length = 0;
	strays = 0;
});
afterEach(() => jest.restoreAllMocks());

/** What can be seen of a cell after an execution, from outside and in what n8n stores. */
interface Seen {
	status: string;
	sent: number[];
	made: number[];
	/** Purchases that left by the first output. */
	bought: Array<{ item: number; purchase: unknown }>;
	/** Error items, by either output. */
	failed: Array<{ item: number; output: 0 | 1; outcome: unknown; httpCode: unknown; keys: string[] }>;
	/** What the error holds that ended the execution. */
	error?: { purchases: Seen['bought']; failedItems: Array<{ item: number; outcome: unknown; httpCode: unknown }> };
	/** The items whose purchase has its line in n8n's log. */
	logged: number[];
	tokenSeen: boolean;
	/** How often the JSON of a purchase is in what n8n stores of this node. */
	copies?: number;
}

interface PlacedCell extends Cell {
	name: string;
	onError: INode['onError'];
	channels: string[];
}

function cellOf({ onError, place, times, tries, batchSize }: Choice): PlacedCell {
	const faulty = places[place];
	const name = `${times}, ${place}, tries ${tries}, batch ${batchSize}`;
	const channels = Array.from({ length: ITEMS }, (_, item) => `${name}, item ${item}${faulty.includes(item) ? ' !' : ''}`);
	return { name, faulty, times, tries, batchSize, onError, channels, stop: isStop(onError) };
}

function disturb(fault: Expectation, cells: PlacedCell[]) {
	if (!fault.fault) return;
	const misbehaviour = fault.fault(addresses);
	sandbox.fault({ match: { channel: '/^always.*!$/' }, fault: misbehaviour });
	for (const { channels, faulty, times } of cells) {
		if (times === 'always') continue;
		for (const item of faulty) sandbox.fault({ match: { channel: channels[item] }, times: 1, fault: misbehaviour });
	}
}

const credentialsFor = ({ credential }: Expectation) => ({
	accessToken: credential === 'wrong token' ? `${TOKEN}-but-wrong` : TOKEN,
	baseUrl: credential === 'closed port' ? closedPort : sandbox.url,
});

const execute = async (fault: Expectation, cell: PlacedCell, retryOf?: RunResult['data']) =>
	await run({
		retryOf,
		mode: retryOf && 'retry',
		credentials: credentialsFor(fault),
		items: cell.channels.map((channel, row) => ({ channel, row })),
		node: {
			onError: cell.onError,
			retryOnFail: cell.tries > 1,
			maxTries: cell.tries,
			parameters: {
				tarifId: 1,
				channel: '={{ $json.channel }}',
				// With an interval, it is certain what goes out together.
				options: { batching: { batch: { batchSize: cell.batchSize, batchInterval: cell.batchSize > 1 ? 1 : 0 } } },
			},
		},
	});

function look({ run: { status }, data, error, success, failed }: RunResult, { channels, onError }: PlacedCell): Seen {
	const requests = channels.map((channel) => sandbox.requests.filter(({ body }) => (body as { channel: string }).channel === channel));
	const made = channels.map((channel) => sandbox.purchases.filter(({ order }) => order.channel === channel));
	/** Tells a purchase by what the API recorded, and by nothing less than all of it. */
	const purchaseOf = (json: unknown) => {
		const item = made.findIndex(([first]) => JSON.stringify(first?.purchase) === JSON.stringify(json));
		return item === -1 ? json : `of item ${item}`;
	};
	const pairedItem = (item: INodeExecutionData) => (item.pairedItem as { item: number })?.item;
	const task = data.resultData.runData.StreamSkill.at(-1)!;
	const isError = ({ json }: INodeExecutionData) => 'error' in json;
	// n8n itself puts the input's fields into what leaves through the error output.
	const own = (key: string, output: 0 | 1) => !(output === 1 && onError === 'continueErrorOutput' && ['channel', 'row'].includes(key));
	const errorItem = (output: 0 | 1) => (item: INodeExecutionData) => {
		const { outcome, httpCode } = (item.json.details ?? {}) as { outcome?: unknown; httpCode?: unknown };
		return { item: pairedItem(item), output, outcome, httpCode, keys: Object.keys(item.json).filter((key) => own(key, output)) };
	};
	const context = error?.context as
		| undefined
		| {
				purchases: Array<{ item: number; purchase: unknown }>;
				failedItems: Array<{ item: number; details: { outcome: string; httpCode?: number } }>;
		  };
	const loggedIds = logLines.flatMap(({ metadata }) => (metadata as { purchaseId?: number })?.purchaseId ?? []);
	return {
		status,
		sent: requests.map(({ length }) => length),
		made: made.map(({ length }) => length),
		bought: success.filter((item) => !isError(item)).map((item) => ({ item: pairedItem(item), purchase: purchaseOf(item.json) })),
		failed: [...success.filter(isError).map(errorItem(0)), ...failed.map(errorItem(1))],
		error: context && {
			purchases: context.purchases.map(({ item, purchase }) => ({ item, purchase: purchaseOf(purchase) })),
			failedItems: context.failedItems.map(({ item, details: { outcome, httpCode } }) => ({ item, outcome, httpCode })),
		},
		logged: made.flatMap(([first], item) => loggedIds.filter((id) => id === first?.purchase.id).map(() => item)),
		tokenSeen: JSON.stringify([data, error]).includes(TOKEN),
		copies: JSON.stringify([data.executionData?.contextData, task]).split('"created_at"').length - 1,
	};
}

/** The same as `look` must see, from the model's fates. */
function expected(fault: Expectation, cell: PlacedCell, model: Model, fates: Fate[]): Seen {
	const items = (...wanted: Fate[]) => fates.flatMap((fate, item) => (wanted.includes(fate) ? [item] : []));
	const bought = items('bought').map((item) => ({ item, purchase: `of item ${item}` }));
	const failed = items('rejected', 'unknown', 'notSent').map((item) => ({ item, outcome: fates[item], httpCode: fault.httpCode }));
	const ended = cell.stop && fates.some(hasFailed);
	const output = cell.onError === 'continueErrorOutput' ? 1 : 0;
	return {
		status: ended ? 'error' : 'success',
		sent: model.sent,
		made: model.made,
		bought: ended ? [] : bought,
		failed: ended ? [] : failed.map((one) => ({ ...one, output, keys: ['error', 'message', 'details'] })),
		error: ended ? { purchases: bought, failedItems: failed } : undefined,
		logged: bought.map(({ item }) => item),
		tokenSeen: false,
		// While items have failed, the ledger keeps what a retry hands back.
		copies: fates.some(hasFailed) ? (expect.any(Number) as number) : ITEMS,
	};
}

/** Runs a cell, and then the execution again as long as n8n would offer that and it has anything to change. */
async function play(fault: Expectation, cell: PlacedCell) {
	const model = new Model(fault, cell, ITEMS);
	let result: RunResult | undefined;
	for (let executions = 1; executions <= (cell.times === 'once' ? 7 : 2); executions++) {
		const before = [...model.sent];
		const fates = model.execute();
		result = await execute(fault, cell, result?.data);
		expect({ execution: executions, ...look(result, cell) }).toEqual({ execution: executions, ...expected(fault, cell, model, fates) });
		expect(Math.max(...model.made)).toBeLessThan(2);
		if (result.run.status !== 'error' || String(before) === String(model.sent)) break;
	}
}

/** Plays the cells side by side, a few at a time, and tells all that fail by their names. */
async function playAll(fault: Expectation, cells: PlacedCell[]) {
	const failures: string[] = [];
	const queue = cells.values();
	const worker = async () => {
		for (const cell of queue) {
			await play(fault, cell).catch((error: Error) => failures.push(`${cell.name}\n${error.message}`));
		}
	};
	await Promise.all(Array.from({ length: 12 }, worker));
	if (failures.length === 0) return;
	const names = failures.slice(0, 10).map((failure) => failure.split('\n')[0]);
	throw new Error([`${failures.length} of ${cells.length} cells fail:`, ...names, `The first of them: ${failures[0]}`].join('\n\n'));
}

/** Plays every cell of these faults. Several files share them, so that they run side by side. */
export function playMatrix(faults: Expectation[]) {
	describe.each(faults.map((fault): [string, Expectation] => [fault.name, fault]))('%s', (_name, fault) => {
		test.each(onErrors)(
			'On Error: %s',
			async (onError) => {
				const cells = choices.filter((choice) => choice.fault === fault && choice.onError === onError).map(cellOf);
				expect(cells).not.toEqual([]);
				disturb(fault, cells);
				if (fault.timesOut) timeoutInTurns();

				await playAll(fault, cells);

				expect(JSON.stringify(logLines)).not.toContain(TOKEN);
				expect(strays).toBe(0);
				expect(sandbox.requests.filter(({ method, path }) => method !== 'POST' || path !== '/v1/purchases/create')).toEqual([]);
				// n8n 1.x waits with the same function between its tries.
				const allowed = [[1, 1], ...(fault.waits ?? [])];
				expect(waits.filter((ms) => !allowed.some(([from, to]) => ms >= from && ms <= to))).toEqual([]);
			},
			120_000,
		);
	});
}
