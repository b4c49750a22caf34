import type { IDataObject, INode, INodeExecutionData } from 'n8n-workflow';

import { bought, onceEach, sent } from '../../tools/sandbox/counts.mts';
import { startSandbox, type Sandbox } from '../../tools/sandbox/sandbox.mts';
import { until as untilShared } from '../../tools/until.mts';
import { deduplicator, initEngine, logLines, run, type NodeSetup, type RunResult, type RunSetup } from './engine.mts';

export const TOKEN = 'token-that-nobody-may-see';

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

/** Sets up a sandbox for a test file, with short ways to order from it and to see what it sold. */
export function openShop() {
	let sandbox: Sandbox;
	beforeAll(async () => {
		await initEngine();
		sandbox = await startSandbox({ token: TOKEN });
	});
	afterAll(async () => await sandbox.close());
	beforeEach(() => {
		sandbox.reset();
		logLines.length = 0;
		deduplicator.lists.clear();
		deduplicator.fail = false;
	});

	return {
		get sandbox() {
			return sandbox;
		},
		/** Runs the node with an item per channel, or with these items. */
		order: async (items: Array<string | IDataObject>, { options, parameters, onError, tries, node, ...more }: Orders = {}) =>
			await run({
				credentials: { accessToken: TOKEN, baseUrl: sandbox.url },
				items: items.map((item) => (typeof item === 'string' ? { channel: item } : item)),
				mode: more.retryOf && 'retry',
				...more,
				node: {
					onError,
					retryOnFail: tries !== undefined,
					maxTries: tries,
					parameters: { tarifId: 1, channel: '={{ $json.channel }}', ...parameters, ...(options && { options }) } as NodeSetup['parameters'],
					...node,
				},
			}),
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
		'error' in json ? (json.details as { outcome: string }).outcome : json.channel,
	]);

/** The references of the uncertain orders that a run has told of, by its error or its error items. */
export const referencesOf = ({ error, success, failed }: RunResult): string[] => {
	const failures = (error?.context?.failedItems ?? [...success, ...failed].map(({ json }) => json)) as Array<{ details?: IDataObject }>;
	return failures.flatMap(({ details }) => (details?.reference as string) ?? []);
};

export { onceEach };

export const until = async (condition: () => boolean) => await untilShared(condition, 'What the test waits for', { interval: 1 });
