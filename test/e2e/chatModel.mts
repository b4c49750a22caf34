import express, { type Response } from 'express';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

type ToolCall = { id: string; function: { name: string; arguments: string } };

/** A message of a conversation, as the OpenAI API has it. */
export interface ChatMessage {
	role: 'system' | 'user' | 'assistant' | 'tool';
	content: string | Array<{ text?: string }> | null;
	tool_calls?: ToolCall[];
}

/** A tool, as a model gets to see it. */
export interface ChatTool {
	name: string;
	description: string;
	parameters: object;
}

/** The arguments of a tool call. */
export type Arguments = Record<string, unknown>;

/** A running chat model. */
export interface ChatModel {
	/** The base URL for n8n's OpenAI credential. */
	url: string;
	/** Says which calls of its first tool the model answers a prompt with: a list per message. After those it is done. */
	script(prompt: string, turns: Arguments[][]): void;
	/** Breaks off: the next request (for this prompt) that holds a tool result is answered 500. Then it acts out another script. */
	failOnce(prompt?: string, then?: Arguments[][]): void;
	/** Numbers the calls of each conversation from 0, as some providers do. */
	countCalls(): void;
	/** The tools that it was offered. */
	tools: ChatTool[];
	/** What the model was sent, request by request. Live. */
	conversations: ChatMessage[][];
	/** What the model was told of its calls for a prompt: the tool results of its longest conversation. */
	results(prompt: string): string[];
	/** Forgets scripts and conversations. */
	reset(): void;
	close(): Promise<void>;
}

/**
 * Starts an OpenAI-compatible chat model (POST /v1/chat/completions) that acts out scripts.
 *
 * Like the real ones, it knows of its calls only what it is sent: it makes those that the
 * conversation does not hold yet.
 */
export async function startChatModel(): Promise<ChatModel> {
	const scripts = new Map<string, Arguments[][]>();
	const conversations: ChatMessage[][] = [];
	const tools: ChatTool[] = [];
	let calls = 0;
	let failure: { prompt?: string; then?: Arguments[][] } | undefined;
	let isCounting = false;

	const app = express();
	app.use(express.json({ limit: '5mb' }));
	app.post('/v1/chat/completions', (req, res) => {
		const body = req.body as { messages: ChatMessage[]; stream?: boolean; tools?: Array<{ function: ChatTool }> };
		conversations.push(body.messages);
		const prompt = promptOf(body.messages);
		const results = resultsOf(body.messages).length;
		if (failure && (failure.prompt ?? prompt) === prompt && results > 0) {
			if (failure.then) scripts.set(prompt, failure.then);
			failure = undefined;
			res.status(500).json({ error: { message: 'The model is out of order' } });
			return;
		}
		const offered = (body.tools ?? []).map((tool) => tool.function);
		tools.push(...offered);
		const toolCalls = nextTurn(scripts.get(prompt) ?? [], body.messages).map((args, index) => ({
			...{ index, id: isCounting ? `functions.${offered[0].name}:${results + index}` : `call_${++calls}`, type: 'function' },
			function: { name: offered[0].name, arguments: JSON.stringify(args) },
		}));
		answer(res, toolCalls, body.stream);
	});

	const server = createServer(app);
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');

	return {
		url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
		script: (prompt, turns) => void scripts.set(prompt, turns),
		failOnce: (prompt, then) => void (failure = { prompt, then }),
		countCalls: () => void (isCounting = true),
		conversations,
		tools,
		results: (prompt) =>
			conversations
				.filter((messages) => promptOf(messages) === prompt)
				.map(resultsOf)
				.reduce((longest, results) => (results.length > longest.length ? results : longest), []),
		reset() {
			failure = undefined;
			isCounting = false;
			scripts.clear();
			conversations.length = 0;
			tools.length = 0;
		},
		async close() {
			const closed = new Promise((resolve) => server.close(resolve));
			server.closeAllConnections();
			await closed;
		},
	};
}

const textOf = ({ content }: ChatMessage) =>
	typeof content === 'string' ? content : (content ?? []).map(({ text }) => text ?? '').join('');

const promptOf = (messages: ChatMessage[]) =>
	messages
		.filter(({ role }) => role === 'user')
		.map(textOf)
		.join();

const resultsOf = (messages: ChatMessage[]) => messages.filter(({ role }) => role === 'tool').map(textOf);

/** The first turn that has calls which are not in the conversation, or none. */
function nextTurn(turns: Arguments[][], messages: ChatMessage[]): Arguments[] {
	const made = messages.flatMap(({ tool_calls = [] }) =>
		tool_calls.map((call) => ownArguments(JSON.parse(call.function.arguments) as Arguments)),
	);
	const isMade = (args: Arguments) => {
		const found = made.findIndex((other) => Object.entries(ownArguments(args)).every(([name, value]) => other[name] === value));
		if (found >= 0) made.splice(found, 1);
		return found >= 0;
	};
	return turns.find((turn) => turn.filter((args) => !isMade(args)).length > 0) ?? [];
}

/** n8n adds to the arguments that it repeats, and unwraps those of a tool that asks for approval. */
const ownArguments = ({ toolParameters, hitlParameters, ...args }: Arguments): Arguments => ({
	...args,
	...(toolParameters as Arguments | undefined),
	...(hitlParameters as Arguments | undefined),
});

function answer(res: Response, toolCalls: object[], stream = false) {
	const finished = toolCalls.length > 0 ? 'tool_calls' : 'stop';
	const message = {
		role: 'assistant',
		...(toolCalls.length > 0 ? { content: null, tool_calls: toolCalls } : { content: 'Done.' }),
	};
	const common = { id: 'chatcmpl', created: Math.floor(Date.now() / 1000), model: 'scripted' };
	if (!stream) {
		const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
		res.json({ ...common, object: 'chat.completion', choices: [{ index: 0, message, finish_reason: finished }], usage });
		return;
	}
	const chunk = (delta: object, finish_reason: string | null) =>
		`data: ${JSON.stringify({ ...common, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
	res.type('text/event-stream').end(`${chunk(message, null)}${chunk({}, finished)}data: [DONE]\n\n`);
}
