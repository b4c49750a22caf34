import { bought, sent } from '../tools/sandbox/counts.mts';
import type { Sandbox } from '../tools/sandbox/sandbox.mts';
import type { Execution } from './executions.mts';
import { faultOf, indexOf, isRefusal, isWithoutAnswer, planOf } from './plan.mts';

/** What all executions for the same orders have told. */
interface Story {
	/** IDs of purchases that were handed over, by channel. */
	handedOver: Map<string, number>;
	/** What was reported of orders that were not bought, by channel. */
	reported: Map<string, Set<string>>;
	/** How many executions were started for it, and have kept something. */
	kept: number;
	hasSucceeded: boolean;
	hasDiedInRetry: boolean;
}

export interface Verdict {
	figures: Record<string, number>;
	/** What must not be, with the channels that it was seen at. */
	complaints: Record<string, string[]>;
}

/** Gathers what executions tell of their orders. */
export class Gathering {
	private readonly stories = new Map<number, Story>();

	/** Which story an execution belongs to. */
	private readonly indexes = new Map<number, number>();

	private readonly statuses: Record<string, number> = {};

	add({ id, status, retryOf, channels, handedOver, failed }: Execution) {
		const key = `${retryOf === undefined ? 'executions' : 'retries'}, ${status}`;
		this.statuses[key] = (this.statuses[key] ?? 0) + 1;
		// Where its worker died, n8n stores that and nothing else.
		const hasDied = channels.length === 0;
		const index = hasDied ? this.indexes.get(retryOf ?? id) : indexOf(channels[0]);
		if (index === undefined) return;
		this.indexes.set(id, index);

		const story = this.storyOf(index);
		if (hasDied) story.hasDiedInRetry = true;
		else if (retryOf === undefined) story.kept++;
		if (status === 'success') story.hasSucceeded = true;
		for (const one of handedOver) story.handedOver.set(one.channel, one.id);
		for (const { channel, outcome } of failed) {
			story.reported.set(channel, (story.reported.get(channel) ?? new Set()).add(outcome));
		}
	}

	private storyOf(index: number): Story {
		const story = this.stories.get(index) ?? {
			handedOver: new Map(),
			reported: new Map(),
			kept: 0,
			hasSucceeded: false,
			hasDiedInRetry: false,
		};
		this.stories.set(index, story);
		return story;
	}

	/**
	 * @param started how many executions were started for an index
	 * @param logs what the workers have logged
	 */
	judge(count: number, started: (index: number) => number, sandbox: Sandbox, logs: string[]): Verdict {
		const purchases = new Map(sandbox.purchases.map(({ purchase, order }) => [order.channel, purchase.id]));
		const logged = new Set(logs.flatMap((log) => [...log.matchAll(/StreamSkill purchase (\d+) was made/g)].map(([, id]) => Number(id))));
		const [timesBought, timesSent] = [bought(sandbox), sent(sandbox)];
		const figures = {
			orders: 0,
			'with a fault': 0,
			bought: purchases.size,
			'handed over': 0,
			'in the log only': 0,
			uncertain: 0,
			'uncertain after a death': 0,
			'executions that died': 0,
		};
		const complaints: Verdict['complaints'] = {};

		for (let index = 0; index < count; index++) {
			const story = this.storyOf(index);
			const deaths = started(index) - story.kept;
			const hasDied = deaths > 0 || story.hasDiedInRetry;
			figures['executions that died'] += deaths;
			for (const channel of planOf(index).channels) {
				const id = purchases.get(channel);
				const fault = faultOf(channel);
				const handedOver = story.handedOver.get(channel);
				const isUncertain = story.reported.get(channel)?.has('unknown') ?? false;
				const isInLog = id !== undefined && logged.has(id);
				const isMissing = handedOver === undefined && !story.reported.has(channel);

				figures.orders++;
				if (fault) figures['with a fault']++;
				if (handedOver !== undefined) figures['handed over']++;
				else if (isInLog) figures['in the log only']++;
				if (isUncertain) figures.uncertain++;
				if (isUncertain && !isWithoutAnswer(fault)) figures['uncertain after a death']++;

				const wrong = {
					'bought twice': (timesBought[channel] ?? 0) > 1,
					'sent again, though it may have been bought': (timesSent[channel] ?? 0) > 1 && !isRefusal(fault),
					'handed over as another purchase': handedOver !== undefined && handedOver !== id,
					'uncertain, though it was answered': isUncertain && !isWithoutAnswer(fault) && !hasDied,
					'bought without a trace': id !== undefined && isMissing && !isInLog && !hasDied,
					// An execution that ends well tells of each of its items.
					'neither bought nor reported': isMissing && !isInLog && story.hasSucceeded && !hasDied,
				};
				for (const [what, isWrong] of Object.entries(wrong)) if (isWrong) (complaints[what] ??= []).push(channel);
			}
		}
		return { figures: { ...this.statuses, ...figures }, complaints };
	}
}
