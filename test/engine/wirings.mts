/** Nodes that come around StreamSkill in people's workflows, and how they are connected. */
import type { IDataObject, INodeExecutionData, INodeType } from 'n8n-workflow';

import { agent3, olderAgent } from './agents.mts';
import { other, type RunResult, type Wiring } from './engine.mts';

/** As n8n's Loop Over Items does it (n8n-nodes-base: SplitInBatches/v3): a slice each time, and in the end all that came back. */
const loopOverItems = (size: number, { reset = false } = {}): INodeType => ({
	description: {
		...other().description,
		displayName: 'Loop Over Items',
		name: 'loop',
		outputs: ['main', 'main'],
		outputNames: ['done', 'loop'],
	},
	async execute() {
		const state = this.getContext('node') as { left?: INodeExecutionData[]; done: INodeExecutionData[] };
		const items = this.getInputData();
		if (state.left === undefined) Object.assign(state, { left: [...items], done: [] });
		else state.done.push(...items);
		const slice = state.left!.splice(0, size);
		if (slice.length > 0) return [[], slice];
		// As people have it in a loop that is in another one, where the list comes from before the loop.
		if (reset) delete state.left;
		return [state.done, []];
	},
});

/** One round for each slice of the list, and Success after the last one. */
export const loop = ({ size = 1, errorsToo = false } = {}): Wiring => ({
	entry: 'Loop',
	nodes: { Loop: loopOverItems(size) },
	connections: { Loop: [['Success'], ['StreamSkill']], StreamSkill: [['Loop'], [errorsToo ? 'Loop' : 'Failed']] },
});

/** A loop in each round of another one: the outer one has a list of words, the inner one the letters of a word. */
export const nestedLoops = (): Wiring => ({
	entry: 'Outer',
	nodes: {
		Outer: loopOverItems(1),
		Letters: other((items) => items.flatMap(({ json: { word } }) => [...(word as string)].map((channel) => ({ word, channel })))),
		Inner: loopOverItems(1, { reset: true }),
	},
	connections: {
		Outer: [['Success'], ['Letters']],
		Letters: [['Inner']],
		Inner: [['Outer'], ['StreamSkill']],
		StreamSkill: [['Inner'], ['Inner']],
	},
});

/** What failed comes to the node again, so many times. */
export function errorsLoopedBack(times = 1): Wiring {
	let passed = 0;
	return {
		entry: 'StreamSkill',
		nodes: { Again: other((items) => (passed++ < times ? items.map(({ json }) => json) : [])) },
		connections: { StreamSkill: [['Success'], ['Again']], Again: [['StreamSkill']] },
	};
}

/** Two branches that end in the node, one after the other: each gives what it makes of the items. */
export const branches = (...hand: Array<(items: IDataObject[]) => IDataObject[]>): Wiring => {
	const names = hand.map((_, place) => `Branch ${place}`);
	return {
		entry: 'Split',
		nodes: {
			Split: other(),
			...Object.fromEntries(hand.map((give, place) => [names[place], other((items) => give(items.map(({ json }) => json)))])),
		},
		connections: { Split: [names], ...Object.fromEntries(names.map((name) => [name, [['StreamSkill']]])) },
	};
};

/** As Execute Workflow calls another one, which is an execution of its own: what ends that ends the caller. */
export const callOf = (call: (items: IDataObject[]) => Promise<RunResult>): Wiring => ({
	entry: 'Call',
	nodes: {
		Call: other(async (items) => {
			const { error, success } = await call(items.map(({ json }) => json));
			if (error) throw error;
			return success.map(({ json }) => json);
		}),
	},
	connections: { Call: [['Success']], StreamSkill: [] },
});

/** Two StreamSkill nodes that get the same items (with `twin`). */
export const sideBySide: Wiring = {
	entry: 'Split',
	nodes: { Split: other() },
	connections: { Split: [['StreamSkill', 'Twin']], Success: [] },
};

export interface Model {
	/** What the model orders in its n-th conversation, one call after the other. */
	orders: (conversation: number) => IDataObject[];
	/** The conversation that breaks off once, after its calls. */
	breaksOff?: number;
	/** An older agent makes all calls of a conversation at the same time. */
	atOnce?: boolean;
}

/** With AI Agent 3. */
export function agent({ orders, breaksOff }: Model): INodeType {
	let hasBroken = false;
	return agent3((_item, steps, conversation) => {
		const input = orders(conversation)[steps.length];
		if (input) return [{ input }];
		if (breaksOff !== conversation || hasBroken) return 'done';
		hasBroken = true;
		return 'break';
	});
}

/** With AI Agent 1 or 2: what is tried again begins its conversation anew. */
export function earlierAgent({ orders, breaksOff, atOnce }: Model): INodeType {
	let conversation = -1;
	return olderAgent(async (call) => {
		conversation++;
		const answers: IDataObject[] = [];
		if (atOnce) answers.push(...(await Promise.all(orders(conversation).map(call))).flat());
		else for (const input of orders(conversation)) answers.push(...(await call(input)));
		if (breaksOff === conversation) throw new Error('The model cannot be reached');
		return answers;
	});
}

/** An agent that has StreamSkill as its tool, by itself or once for each item of a loop. */
export const agentWithTool = (model: Model, inLoop = false, made = agent): Wiring => ({
	entry: inLoop ? 'Loop' : 'Agent',
	agent: 'Agent',
	nodes: { ...(inLoop && { Loop: loopOverItems(1) }), Agent: made(model) },
	connections: { Loop: [['Success'], ['Agent']], Agent: [[inLoop ? 'Loop' : 'Success']], StreamSkill: [] },
});
