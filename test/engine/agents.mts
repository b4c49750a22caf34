import type { EngineRequest, EngineResponse, IDataObject, INodeExecutionData, INodeType, ITaskData } from 'n8n-workflow';

import { other, type Wiring } from './engine.mts';

/** A call of a tool, as a model asks for it. */
export interface ToolCall {
	/** The tool, if it is not StreamSkill. */
	node?: string;
	input: IDataObject;
	/** As the model's provider gives it. */
	id?: string;
	/** The node in which a person approves it. */
	review?: string;
}

/** What a model is shown of an earlier call. */
interface Step {
	action: { tool: string; toolInput: IDataObject; toolCallId: string };
	/** JSON of what the tool has put out. */
	observation: string;
}

/**
 * What the model of an item asks for next, by the steps that it is shown. The agent's conversations count from 0.
 * `fail` is an error that leaves through the output, as with On Error = Continue, and `break` one that ends the agent.
 */
export type ChatModel = (item: number, steps: Step[], conversation: number) => ToolCall[] | 'done' | 'fail' | 'break';

interface Action {
	nodeName: string;
	input: IDataObject;
	id: string;
	metadata: { itemIndex: number; hitl?: { gatedToolNodeName: string; originalInput: IDataObject }; parentNodeName?: string };
}

interface Response {
	actionResponses?: Array<{ action: Action; data?: ITaskData }>;
	metadata?: { previousRequests?: Step[] };
}

const description = { ...other().description, displayName: 'AI Agent', name: 'agent', inputs: ['main', 'ai_tool'] as never };

let ids = 0;

const outputOf = (data?: ITaskData) => (data?.data?.ai_tool?.[0] ?? []).map(({ json }) => json);

/**
 * As AI Agent 3 calls its tools: it asks n8n to run them, and is resumed with what they gave (n8n 2.41.1,
 * n8n-nodes-langchain: ToolsAgent/V3, with its helpers executeBatch, buildSteps and processHitlResponses).
 */
export function agent3(model: ChatModel): INodeType {
	let conversation = -1;
	return {
		description,
		async execute(response?: EngineResponse) {
			const { actionResponses = [], metadata } = (response ?? {}) as unknown as Response;
			const previousRequests = metadata?.previousRequests ?? [];
			if (actionResponses.length === 0) conversation++;
			const request = (actions: object[], steps: Step[]) =>
				({
					actions: actions.map((action) => ({ actionType: 'ExecutionNodeAction', type: 'ai_tool', ...action })),
					metadata: { previousRequests: steps },
				}) as unknown as EngineRequest as never;

			// What a person has approved is asked for by the node in which that was done.
			const approved = actionResponses.filter(({ action, data }) => action.metadata.hitl && outputOf(data)[0].approved);
			if (approved.length > 0) {
				// n8n asks once for each batch of items (one item each by default), and always for all that was approved (executeBatch, processHitlResponses).
				const actions = this.getInputData().flatMap((_, itemIndex) =>
					approved.map(
						({
							action: {
								id,
								nodeName,
								metadata: { hitl },
							},
						}) => ({
							nodeName: hitl!.gatedToolNodeName,
							input: hitl!.originalInput,
							id,
							metadata: { itemIndex, parentNodeName: nodeName },
						}),
					),
				);
				return request(actions, previousRequests);
			}

			const actions: Action[] = [];
			let shown: Step[] | undefined;
			const output = this.getInputData().flatMap((_, item): INodeExecutionData[] => {
				const own = actionResponses.flatMap(({ action: { nodeName, input, id, metadata }, data }) =>
					metadata.itemIndex === item && data
						? [{ action: { tool: nodeName, toolInput: input, toolCallId: id }, observation: JSON.stringify(outputOf(data)) }]
						: [],
				);
				const steps = [...previousRequests, ...own];
				const next = model(item, steps, conversation);
				if (next === 'break') throw new Error('The model cannot be reached');
				if (next === 'fail') return [{ json: { error: 'The model cannot be reached' }, pairedItem: { item } }];
				if (next === 'done') return [{ json: { output: 'Done' }, pairedItem: { item } }];
				// n8n keeps the steps of the first item only that asks for something.
				shown ??= steps;
				for (const { node = 'StreamSkill', input, id = `call_${++ids}`, review } of next) {
					const hitl = review === undefined ? undefined : { gatedToolNodeName: node, originalInput: input };
					actions.push({ nodeName: review ?? node, input, id, metadata: { itemIndex: item, ...(hitl && { hitl }) } });
				}
				return [];
			});
			return shown ? request(actions, shown) : [output];
		},
	};
}

/** An agent with that model, whose tools are StreamSkill and these nodes. */
export const withAgent3 = (model: ChatModel, nodes: Record<string, INodeType> = {}, more: Partial<Wiring> = {}): Wiring => ({
	entry: 'Agent',
	agent: 'Agent',
	nodes: { Agent: agent3(model), ...nodes },
	connections: { Agent: [['Success']], StreamSkill: [] },
	...more,
});

type Conversation = (call: (input: IDataObject) => Promise<IDataObject[]>) => Promise<IDataObject[]>;

/**
 * As AI Agent 1 and 2 call their tools, by themselves. What the model may fill are the parameters with `$fromAI`.
 *
 * @param conversations what it does with its only tool: several side by side, as with a Batch Size
 */
export const olderAgent = (...conversations: Conversation[]): INodeType => ({
	description,
	async execute() {
		const converse = async (conversation: Conversation) => {
			const [tool] = (await this.getInputConnectionData('ai_tool', 0)) as Array<{ invoke: (input: IDataObject) => Promise<string> }>;
			return await conversation(async (input) => JSON.parse(await tool.invoke(input)) as IDataObject[]);
		};
		const answers = await Promise.all(conversations.map(converse));
		return [answers.flat().map((json) => ({ json }))];
	},
});

/** The same, as the tool of another agent. */
export const asTool = (agent: INodeType): INodeType =>
	Object.create(agent, { description: { value: { ...description, name: 'agentTool', outputs: ['ai_tool'] } } }) as INodeType;
