/** Nodes that come around StreamSkill in people's workflows, and how they are connected. */
import type { EngineRequest, EngineResponse, IDataObject, INodeExecutionData, INodeType } from 'n8n-workflow';

import { other, type RunResult, type Wiring } from './engine.mts';

/** As n8n's Loop Over Items does it (n8n-nodes-base: SplitInBatches/v3): a slice each time, and in the end all that came back. */
const loopOverItems = (size: number): INodeType => ({
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
		return slice.length === 0 ? [state.done, []] : [[], slice];
	},
});

/** One round for each slice of the list, and Success after the last one. */
export const loop = ({ size = 1, errorsToo = false } = {}): Wiring => ({
	entry: 'Loop',
	nodes: { Loop: loopOverItems(size) },
	connections: { Loop: [['Success'], ['StreamSkill']], StreamSkill: [['Loop'], [errorsToo ? 'Loop' : 'Failed']] },
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

let calls = 0;

/** As n8n's AI Agent 3 calls its tools (n8n-nodes-langchain: ToolsAgent/V3): it asks n8n to run them, and is resumed with what they gave. */
export function agent({ orders, breaksOff }: Model): INodeType {
	let conversation = -1;
	let hasBroken = false;
	return {
		description: { ...other().description, displayName: 'AI Agent', name: 'agent', inputs: ['main', 'ai_tool'] as never },
		async execute(response?: EngineResponse) {
			const previousRequests = [
				...((response?.metadata as { previousRequests?: unknown[] })?.previousRequests ?? []),
				...(response?.actionResponses ?? []).map(({ action }) => ({
					action: { tool: action.nodeName, toolInput: action.input, toolCallId: action.id },
				})),
			];
			if (previousRequests.length === 0) conversation++;
			const next = orders(conversation)[previousRequests.length];
			if (next === undefined) {
				if (breaksOff === conversation && !hasBroken) {
					hasBroken = true;
					throw new Error('The model cannot be reached');
				}
				return [[{ json: { output: 'Done' } }]];
			}
			const action = {
				actionType: 'ExecutionNodeAction' as const,
				nodeName: 'StreamSkill',
				input: next,
				type: 'ai_tool' as const,
				id: `call_${++calls}`,
				metadata: { itemIndex: 0 },
			};
			return { actions: [action], metadata: { previousRequests } } as unknown as EngineRequest as never;
		},
	};
}

/**
 * As AI Agent 1 and 2 call their tools, by themselves: what is tried again begins its conversation anew. What the model
 * may fill are the parameters with `$fromAI`.
 */
export function olderAgent({ orders, breaksOff, atOnce }: Model): INodeType {
	let conversation = -1;
	return {
		description: { ...other().description, displayName: 'AI Agent', name: 'agent', inputs: ['main', 'ai_tool'] as never },
		async execute() {
			conversation++;
			const [tool] = (await this.getInputConnectionData('ai_tool', 0)) as Array<{ invoke: (input: IDataObject) => Promise<string> }>;
			const call = async (input: IDataObject) => JSON.parse(await tool.invoke(input)) as IDataObject[];
			const answers: IDataObject[] = [];
			if (atOnce) answers.push(...(await Promise.all(orders(conversation).map(call))).flat());
			else for (const input of orders(conversation)) answers.push(...(await call(input)));
			if (breaksOff === conversation) throw new Error('The model cannot be reached');
			return [answers.map((json) => ({ json }))];
		},
	};
}

/** An agent that has StreamSkill as its tool, by itself or once for each item of a loop. */
export const agentWithTool = (model: Model, inLoop = false, made = agent): Wiring => ({
	entry: inLoop ? 'Loop' : 'Agent',
	agent: 'Agent',
	nodes: { ...(inLoop && { Loop: loopOverItems(1) }), Agent: made(model) },
	connections: { Loop: [['Success'], ['Agent']], Agent: [[inLoop ? 'Loop' : 'Success']], StreamSkill: [] },
});
