import type { Contender, Pace } from './contenders.mts';
import { cpuSeconds, memory, resetPeakMemory } from './process.mts';
import type { Report } from './report.mts';
import { call, channels, execute, expectBought, prepare } from './runs.mts';
import type { Stage, Target } from './stage.mts';
import { median, spread } from './statistics.mts';
import type { StoredWorkflow } from '../tools/n8n/rest.mts';

/** What is ordered, and how fast it is answered. */
export interface Load extends Pace {
	orders: number;
	/** So many executions of these orders, one after the other. */
	executions?: number;
	/** Milliseconds before each answer. */
	latency?: number;
	/** And as many more at random, on average. */
	randomMean?: number;
}

/** What one run of one contender came to. */
interface Sample {
	/** Milliseconds that n8n counts for the node; for several executions, until the last one has ended. */
	ms: number;
	cpuMs: number;
	/** Most memory that n8n had, in MB, and how much more that is than before. */
	peakMb: number;
	grownMb: number;
	/** Of stored execution data, per order. */
	bytesPerOrder: number;
	maxInFlight: number;
}

/** Lets contenders place the same orders by turns, and reports the first one's time divided by each one's. */
export async function compare(report: Report, stage: Stage, title: string, contenders: Contender[], load: Load, target = stage.target) {
	const workflows: StoredWorkflow[] = [];
	for (const contender of contenders) workflows.push(await prepare(stage, contender, load, target));
	const samples = contenders.map((): Sample[] => []);
	// Long runs warm up by themselves.
	const warmUps = load.orders * (load.latency ?? 1) < 10_000 ? 1 : 0;
	for (let round = -warmUps; round < report.rounds; round++) {
		for (const [i, workflow] of workflows.entries()) {
			const sample = await measure(stage, workflow, load, target);
			if (round >= 0) samples[i].push(sample);
		}
	}
	for (const { id } of workflows) await stage.n8n.rest.deactivate(id);

	const rows = contenders.map(({ name }, i) => ({ name, ...summary(samples[i], samples[0]) }));
	await report.add(`${title} (${stage.database})`, rows, Object.fromEntries(contenders.map(({ name }, i) => [name, samples[i]])));
}

async function measure(stage: Stage, workflow: StoredWorkflow, load: Load, target: Target): Promise<Sample> {
	const { latency = 0, randomMean = 0, orders, executions = 1 } = load;
	const { pid, rest } = stage.n8n;
	target.sandbox.reset();
	if (latency + randomMean > 0) target.sandbox.fault({ fault: { kind: 'latency', ms: latency, randomMean } });
	await resetPeakMemory(pid);
	const before = { cpu: await cpuSeconds(pid), memory: await memory(pid), at: performance.now() };

	for (let i = 1; i < executions; i++) await call(stage, workflow, channels(orders));
	const { id, data } = await execute(stage, workflow, channels(orders));
	const ms = load.executions ? performance.now() - before.at : data.resultData.runData.Bench[0].executionTime;
	const { peak } = await memory(pid);
	const cpu = await cpuSeconds(pid);
	if (data.resultData.error) throw data.resultData.error;
	expectBought(target, orders * executions);
	return {
		ms,
		cpuMs: (cpu - before.cpu) * 1000,
		peakMb: peak,
		grownMb: peak - before.memory.now,
		bytesPerOrder: (await rest.request<{ data: string }>('GET', `/rest/executions/${id}`)).data.length / orders,
		maxInFlight: target.sandbox.maxInFlight,
	};
}

/** `ratio` is the first contender's time divided by this one's, within each round. */
function summary(samples: Sample[], first: Sample[]) {
	const of = (pick: (sample: Sample) => number) => Math.round(median(samples.map(pick)));
	const ratios = samples.map(({ ms }, i) => first[i].ms / ms);
	return {
		ms: of(({ ms }) => ms),
		ratio: Number(median(ratios).toFixed(2)),
		spread: spread(ratios),
		cpuMs: of(({ cpuMs }) => cpuMs),
		peakMb: of(({ peakMb }) => peakMb),
		grownMb: of(({ grownMb }) => grownMb),
		bytesPerOrder: of(({ bytesPerOrder }) => bytesPerOrder),
		maxInFlight: of(({ maxInFlight }) => maxInFlight),
	};
}
