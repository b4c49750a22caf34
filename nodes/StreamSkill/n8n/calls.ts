import { jsonParse, type IDataObject, type IExecuteData, type IExecuteFunctions, type IRunExecutionData } from 'n8n-workflow';

import { digest } from './digest';
import { executionOf, isRunByAgent, isTool } from './host';

/** One call of the node, as far as the orders of an execution are told apart by it. */
export interface Call {
	/** Stands for it in what is remembered of its orders. The same in each try of Retry On Fail and each retry that resumes. */
	id: string;
	/**
	 * Whether an order of that call was made in an earlier try of this one, so that this one may take it for its own.
	 *
	 * @param bought what has become of the order, if it was bought
	 */
	isTryOf(other: string, bought?: Bought): boolean;
}

/** Without its purchase where that is not at hand. */
type Bought = { purchase?: IDataObject };

/** @returns the call that the items belong to */
export function callOf(context: IExecuteFunctions): Call {
	if (isTool(context)) return callOfModel(context);
	// n8n makes the proxy anew each time. Under another name, it counts from 0 again.
	const id = `${context.getWorkflowDataProxy(0).$runIndex as number} ${context.getNode().name}`;
	return { id, isTryOf: (other) => other === id };
}

/** What an agent does on the way to a call: it calls the node, or an agent that is its tool. */
interface Step {
	id: string;
	/**
	 * Whether an agent has made that step as well, before this one or at the same time, so that it has nothing to do with
	 * this one.
	 *
	 * @param bought what has become of the order, if the step is the call itself
	 */
	isBeside(other: string, bought?: Bought): boolean;
}

/**
 * An agent that is tried again, by Retry On Fail or by a retry of the execution, may begin its conversation anew: then
 * the model orders again what it has ordered before. An agent in a loop orders anew in each round. n8n does not tell a
 * tool of either, but it shows:
 *
 * - AI Agent 3 has n8n run its tools, which may be agents themselves. Its entry in the execution's stack has the calls of
 *   the conversation so far (n8n-core: requests-response.js; n8n-nodes-langchain: ToolsAgent/V3).
 * - AI Agent 1 and 2 run their tools themselves, and the tools of these: all get one list `closeFunctions` for each try
 *   (n8n-core: supply-data-context.js, workflow-execute.js).
 * - The rounds are the ended runs of the first agent, which is no tool.
 *
 * Where nothing of it is to be seen, each order is taken for one of an earlier try, and not bought twice.
 */
function callOfModel(context: IExecuteFunctions): Call {
	const { closeFunctions } = context as unknown as { closeFunctions?: object };
	const execution = executionOf(context);
	const isOlder = isRunByAgent(context);
	const steps = isOlder && closeFunctions ? [tryOf(closeFunctions, context.getExecutionId())] : [];
	/** What n8n runs: the node itself, or the agent of version 1 or 2 that calls it. */
	const running = context.getExecuteData();
	let caller: Running = running;
	for (let step; (step = stepTo(caller, execution)); caller = step.agent) steps.unshift(step);
	const name = (steps.length > 0 ? caller.node.name : running.source?.main?.[0]?.previousNode) ?? '';
	const round = `${digest(name)} ${execution?.resultData?.runData[name]?.length ?? 0}`;
	return {
		id: [round, ...steps.map(({ id }) => id)].join('/'),
		isTryOf: (other, bought) => {
			const [otherRound, ...others] = other.split('/');
			if (otherRound !== round) return false;
			const place = steps.findIndex(({ id }, index) => id !== others[index] || index === steps.length - 1);
			const isCall = place === steps.length - 1 && others.length === steps.length;
			return place < 0 || !steps[place]?.isBeside(others[place] ?? '', isCall ? bought : undefined);
		},
	};
}

/** A call of a tool as n8n keeps it for the model: what the tool has put out is JSON (n8n-nodes-langchain: buildSteps). */
interface Answered {
	action?: { toolCallId?: string; toolInput?: unknown };
	observation: string;
}

type Running = Pick<IExecuteData, 'node' | 'runIndex' | 'metadata' | 'data'>;

/** @returns the step of the AI Agent 3 that a node is run for as a tool, if it is */
function stepTo({ node, runIndex }: Running, { executionData, resultData }: Partial<IRunExecutionData> = {}) {
	for (const agent of executionData?.nodeExecutionStack ?? []) {
		const { actions = [], metadata } = agent.metadata?.subNodeExecutionData ?? {};
		const own = actions.find((action) => action.nodeName === node.name && action.runIndex === runIndex)?.action;
		if (!own) continue;
		const { previousRequests = [] } = metadata as { previousRequests?: Answered[] };
		const { itemIndex = 0, parentNodeName } = ofConversation(own);
		// What the model asks for together with this one is beside it as well.
		const others = actions.filter(({ action }) => action.id !== own.id && (ofConversation(action).itemIndex ?? 0) === itemIndex);
		// Each item has a conversation of its own, of which n8n keeps the calls for one item only. But what a person has
		// approved for one, n8n asks for once for each (n8n-nodes-langchain: processHitlResponses).
		const isAlone = (agent.data.main?.[0]?.length ?? 0) <= 1;
		const conversation = parentNodeName === undefined ? `${itemIndex}:` : 'approved:';
		// Some providers count the calls of each conversation from 0, so an ID alone tells little.
		const idOf = (call: string | undefined, input: unknown) => conversation + digest(JSON.stringify([call, argumentsOf(input)]));
		const called = new Set([
			...(isAlone ? previousRequests : []).map(({ action }) => idOf(action?.toolCallId, action?.toolInput)),
			...others.map(({ action }) => idOf(action.id, action.input)),
		]);
		const answers = [
			...previousRequests.flatMap(({ observation }) => jsonParse<IDataObject[]>(observation, { fallbackValue: [] })),
			...others.flatMap((other) => resultData?.runData[other.nodeName]?.[other.runIndex]?.data?.ai_tool?.[0] ?? []).map(({ json }) => json),
		];
		const told = new Set(answers.map((answer) => JSON.stringify(answer)));
		return {
			agent,
			id: idOf(own.id, own.input),
			// A step of an agent of another version is of no conversation of this one's.
			isBeside: (other: string, bought?: Bought) =>
				(other.includes(':') && !other.startsWith(conversation)) ||
				(called.has(other) && (!bought?.purchase || told.has(JSON.stringify(bought.purchase)))),
		};
	}
	return undefined;
}

const ofConversation = ({ metadata }: { metadata?: object }) => (metadata ?? {}) as { itemIndex?: number; parentNodeName?: string };

/** What a model has filled in, without what n8n adds to it (n8n-nodes-langchain: buildSteps). */
const argumentsOf = (input: unknown) => ({ ...(input as IDataObject | undefined), id: undefined, log: undefined, type: undefined });

const tries = new WeakMap<object, string>();
let count = 0;

/** What a try of AI Agent 1 or 2 does is all one step. */
function tryOf(closeFunctions: object, executionId: string): Step {
	const id = tries.get(closeFunctions) ?? digest(`${executionId} ${++count} ${Math.random()}`);
	tries.set(closeFunctions, id);
	return { id, isBeside: (other) => other === id };
}
