// npm run bench [-- --rounds N --on SQLite|PostgreSQL] [sections …]: see SECTIONS. Prints tables, and writes them to artifacts/bench.json.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { giveUp } from '../tools/giveUp.mts';
import { ensureN8n } from '../tools/n8n/install.mts';
import { startSandbox } from '../tools/sandbox/sandbox.mts';
import { compare } from './compare.mts';
import {
	declarative,
	declarativeFaster,
	floor,
	httpRequest,
	streamSkill,
	streamSkillUsed,
	withKey,
	withKeyWithoutSafety,
	withoutSafety,
} from './contenders.mts';
import { measureLoading } from './loading.mts';
import { measureLoop } from './loop.mts';
import { measureMemory } from './memory.mts';
import { packAll } from './packages.mts';
import { splitProcessorTime } from './processor.mts';
import { startRelay } from './relay.mts';
import { openReport } from './report.mts';
import { measureRetry } from './retry.mts';
import { DATABASES, openStage, type Database, type Stage } from './stage.mts';
import { compareWritten } from './written.mts';

const { values, positionals } = parseArgs({
	options: { rounds: { type: 'string', default: '5' }, on: { type: 'string' }, out: { type: 'string', default: 'artifacts/bench.json' } },
	allowPositionals: true,
});
const report = openReport(values.out, Number(values.rounds));

/** What there is to measure. */
const SECTIONS: Record<string, { on: readonly Database[]; run: (stage: Stage) => Promise<void> }> = {
	sizes: {
		on: ['SQLite'],
		async run(stage) {
			for (const orders of [1, 10, 100, 1000, 10_000]) {
				const contenders = [streamSkill, httpRequest, declarative, declarativeFaster, floor];
				await compare(report, stage, `${orders} orders, one at a time, 0 ms`, contenders, { orders });
			}
		},
	},
	latency: {
		on: ['SQLite'],
		async run(stage) {
			for (const batchSize of [1, 10, 50, 200]) {
				const bound = Math.ceil(1000 / batchSize) * 100;
				const load = { orders: 1000, batchSize, latency: 100 };
				await compare(report, stage, `1000 orders, ${batchSize} at a time, 100 ms (bound ${bound} ms)`, [streamSkill, floor], load);
			}
		},
	},
	/** Answers of unlike duration. With a Batch Interval, a batch waits for its slowest order. */
	jitter: {
		on: ['SQLite'],
		async run(stage) {
			for (const batchSize of [5, 20]) {
				const load = { orders: 1000, batchSize, latency: 50, randomMean: 50 };
				const inBatches = {
					...streamSkill,
					name: 'StreamSkill, in fixed batches',
					node: (pace: object, url: string) => streamSkill.node({ ...pace, batchInterval: 1 }, url),
				};
				const bound = (1000 * 100) / batchSize;
				await compare(
					report,
					stage,
					`1000 orders, ${batchSize} at a time, 50 ms and random 50 (bound ${bound} ms)`,
					[streamSkill, inBatches, floor],
					load,
				);
			}
		},
	},
	/** From afar, over TLS. HTTP Request's batches do not wait for answers, so it has all orders on their way at once. */
	https: {
		on: ['SQLite'],
		async run(stage) {
			const [orders, oneWay, roundTrips] = [60, 25, 3];
			const sandbox = await startSandbox({ certificate: stage.certificate });
			const relay = await startRelay(sandbox.port, oneWay);
			try {
				const target = await stage.addTarget(sandbox, `https://127.0.0.1:${relay.port}/v1`);
				for (const batchSize of [1, 3, 5, 10]) {
					const bound = Math.ceil(orders / batchSize) * roundTrips * 2 * oneWay;
					const title = `${orders} orders over HTTPS, ${batchSize} at a time, ${oneWay} ms each way (bound ${bound} ms)`;
					await compare(report, stage, title, [streamSkill, httpRequest, declarative], { orders, batchSize }, target);
				}
			} finally {
				await relay.close();
				await sandbox.close();
			}
		},
	},
	executions: {
		on: DATABASES,
		async run(stage) {
			const contenders = [streamSkill, httpRequest, declarative, withoutSafety, withKey(0), floor];
			await compare(report, stage, '200 executions of one order', contenders, { orders: 1, executions: 200 });
		},
	},
	/** What it costs to buy nothing twice: the ratios to the one with the safety taken out. */
	safety: {
		on: DATABASES,
		async run(stage) {
			for (const latency of [0, 100]) {
				for (const batchSize of [1, 10, 50]) {
					const orders = latency > 0 && batchSize === 1 ? 200 : 1000;
					const load = { orders, batchSize, latency };
					const title = `Safety: ${orders} orders, ${batchSize} at a time, ${latency} ms`;
					await compare(report, stage, title, [withoutSafety, streamSkill], load);
					await compare(report, stage, `${title}, with keys`, [withKeyWithoutSafety, withKey(0)], load);
				}
			}
		},
	},
	/** What many stored keys cost: 100 executions of 1,000 orders store them first. */
	keys: {
		on: DATABASES,
		run: async (stage) =>
			await compare(report, stage, '1000 orders with keys, one at a time, 0 ms', [withKey(0), withKey(100_000)], { orders: 1000 }),
	},
	written: {
		on: DATABASES,
		run: async (stage) =>
			await compareWritten(report, stage, [withoutSafety, streamSkill, streamSkillUsed(500), withKey(0), withKey(10_000)]),
	},
	loop: { on: DATABASES, run: async (stage) => await measureLoop(report, stage, [streamSkill, withoutSafety], 1000) },
	retry: { on: DATABASES, run: async (stage) => await measureRetry(report, stage, streamSkill, 5000) },
	processor: { on: ['SQLite'], run: async (stage) => await splitProcessorTime(report, stage) },
};

const names = [...Object.keys(SECTIONS), 'loading', 'memory'];
for (const name of positionals) {
	if (!names.includes(name)) throw new Error(`"${name}" is none of ${names.join(', ')}`);
}
const wanted = (name: string) => positionals.length === 0 || positionals.includes(name);

await ensureN8n().catch(giveUp);
const dir = await mkdtemp(join(tmpdir(), 'streamskill-bench-'));
try {
	const packages = await packAll(dir);
	if (wanted('loading')) await measureLoading(report, packages, dir);
	if (wanted('memory')) await measureMemory(report, packages, dir);
	for (const database of DATABASES.filter((one) => one === (values.on ?? one))) {
		const sections = Object.entries(SECTIONS).filter(([name, { on }]) => wanted(name) && on.includes(database));
		if (sections.length === 0) continue;
		const stage = await openStage(database, packages, dir);
		try {
			for (const [, { run }] of sections) await run(stage);
		} finally {
			await stage.close();
		}
	}
	console.log(`\nWritten to ${values.out}`);
} finally {
	await rm(dir, { recursive: true, force: true });
}
