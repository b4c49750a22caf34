import type { IDataObject, IExecuteFunctions } from 'n8n-workflow';

import { digest, tokenRoot } from './identity';
import type { NotBought } from '../dispatch/outcome';
import { LEDGER } from './stored';
import { isTool } from '../../n8n/host';

/** An order that this execution, or one that it retries, has sent. */
export interface SentOrder {
	/** Its item at its place, see `Identity`. */
	at: string;
	/** What was ordered, see `Identity`. */
	what: string;
	/** Its entry in n8n's database, with which it begins there. */
	entry: string;
	state: SentState;
	/** In an AI agent's tool: the conversation, or the call in it, that it answered last. */
	call?: string;
}

export type SentState =
	/** Without its purchase where that is in another execution, or where a person has confirmed that it was bought. */
	| { kind: 'bought'; purchase?: IDataObject; because?: 'confirmed' }
	| { kind: 'unknown'; outcome: NotBought; attempt: number };

interface Stored {
	/** The root where n8n has no token: the digest of the first execution's ID. */
	root?: string;
	/** The index of the node's first run. The retry of a killed execution begins with a higher one. */
	firstRun: number;
	runs: Record<string, SentOrder[]>;
}

/**
 * What an execution's own data keeps of a run's orders (`getContext('node')`): it is there for each try of Retry On
 * Fail, and when a stored execution is retried from the Executions list (n8n: execution.service.js, retry), but
 * not after a crash.
 */
export class Ledger {
	/** The run that the orders belong to: which round of a loop it is; to a tool, each call is one. */
	readonly run: string;

	private readonly container: { [LEDGER]?: Stored };

	private readonly first: Omit<Stored, 'runs'>;

	constructor(context: IExecuteFunctions) {
		this.container = context.getContext('node');
		const runIndex = Number(context.getWorkflowDataProxy(0).$runIndex);
		const { firstRun = runIndex, root } = this.container[LEDGER] ?? {};
		this.run = isTool(context) ? 'tool' : String(runIndex - firstRun);
		const needsRoot = tokenRoot(context) === undefined;
		this.first = { firstRun, ...(needsRoot && { root: root ?? digest(context.getExecutionId()) }) };
		this.root = tokenRoot(context) ?? this.first.root!;
	}

	/** What stays the same from an execution to all its retries, as far as that can be told. */
	readonly root: string;

	/** To be called before anything is bought: what later runs and retries go by. */
	begin() {
		this.container[LEDGER] ??= { ...this.first, runs: {} };
	}

	get orders(): readonly SentOrder[] {
		return this.container[LEDGER]?.runs[this.run] ?? [];
	}

	add(order: SentOrder) {
		this.begin();
		(this.container[LEDGER]!.runs[this.run] ??= []).push(order);
	}

	remove(order: SentOrder) {
		const runs = this.container[LEDGER]?.runs;
		if (runs?.[this.run]) runs[this.run] = runs[this.run].filter((other) => other !== order);
	}

	/** To be called when the run is complete, so that n8n stores each purchase once. */
	forget() {
		delete this.container[LEDGER]?.runs[this.run];
	}
}

/** @returns what an order without an answer was answered instead, if that is remembered */
export const outcomeOf = (sent?: SentOrder): NotBought | undefined =>
	sent?.state.kind === 'unknown' ? sent.state.outcome : undefined;
