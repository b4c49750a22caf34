import { readFile } from 'node:fs/promises';

import { profiled } from './contenders.mts';
import type { Report } from './report.mts';
import { channels, execute, prepare } from './runs.mts';
import type { Stage } from './stage.mts';
import { median } from './statistics.mts';

/** What of V8's profile is needed here (see "Profiler" in the Chrome DevTools Protocol). */
interface Profile {
	nodes: Array<{ id: number; callFrame: { functionName: string; url: string }; children?: number[] }>;
	samples: number[];
	/** Microseconds since the sample before. */
	timeDeltas: number[];
}

type Frame = Profile['nodes'][number]['callFrame'];

/** Whom the code in a file belongs to. */
const FILES: Array<[RegExp, string]> = [
	[/n8n-nodes-streamskill\/dist\//, 'this node'],
	[
		/node_modules\/(@n8n\/backend-network|axios|follow-redirects)\/|^node:(_http|http|net|tls|dns|internal\/(dns|http|net|stream|tls))/,
		"n8n's request function",
	],
	[/node_modules\/(@n8n\/typeorm|sqlite3|pg|pg-[a-z]+)\/|data-deduplication/, "n8n's database"],
	[/node_modules\/(@n8n\/backend-common\/dist\/logging|winston|winston-transport|logform)\//, "n8n's log"],
	[/^node:inspector/, 'the profiler'],
];

const FUNCTIONS = new Map([
	// n8n-core's node-execution-context.js
	['_getNodeParameter', "n8n's parameters and expressions"],
	['httpRequestWithAuthentication', "n8n's request function"],
	['(garbage collector)', 'garbage collection'],
	['(idle)', 'nobody'],
	['(program)', 'Node outside JavaScript'],
]);

/** Whom a function belongs to, if that can be told without its callers. */
const ownerOf = ({ functionName, url }: Frame): string | undefined =>
	FUNCTIONS.get(functionName) ?? FILES.find(([file]) => file.test(url))?.[1];

/** Milliseconds by who had the processor: whoever a function belongs to, or else its nearest caller of whom that is known. */
function split({ nodes, samples, timeDeltas }: Profile): Record<string, number> {
	const owners = new Map<number, string>();
	const children = new Set(nodes.flatMap((node) => node.children ?? []));
	const byId = new Map(nodes.map((node) => [node.id, node]));
	const pending = nodes.filter(({ id }) => !children.has(id)).map(({ id }) => ({ id, inherited: 'n8n, the rest' }));
	for (let entry = pending.pop(); entry; entry = pending.pop()) {
		const node = byId.get(entry.id)!;
		const owner = ownerOf(node.callFrame) ?? entry.inherited;
		owners.set(node.id, owner);
		for (const id of node.children ?? []) pending.push({ id, inherited: owner });
	}
	const times: Record<string, number> = {};
	samples.forEach((id, i) => {
		const owner = owners.get(id)!;
		times[owner] = (times[owner] ?? 0) + timeDeltas[i] / 1000;
	});
	return times;
}

const ORDERS = 1000;

/** Reports who has the processor while orders are placed one at a time and answered at once. */
export async function splitProcessorTime(report: Report, stage: Stage) {
	const workflow = await prepare(stage, profiled, {});
	const run = async () => {
		stage.target.sandbox.reset();
		await execute(stage, workflow, channels(ORDERS));
		return split(JSON.parse(await readFile(stage.profile, 'utf8')) as Profile);
	};
	await run();
	const rounds: Array<Record<string, number>> = [];
	for (let round = 0; round < report.rounds; round++) rounds.push(await run());
	const names = [...new Set(rounds.flatMap((times) => Object.keys(times)))].filter((name) => !['nobody', 'the profiler'].includes(name));
	const of = (name: string) => median(rounds.map((times) => (times[name] ?? 0) / ORDERS));
	const all = names.reduce((sum, name) => sum + of(name), 0);
	names.sort((a, b) => of(b) - of(a));
	await report.add(
		`Processor time of an order (${stage.database})`,
		names.map((name) => ({ name, ms: Number(of(name).toFixed(3)), percent: Number(((100 * of(name)) / all).toFixed(1)) })),
		rounds,
	);
}
