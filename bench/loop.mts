import { node } from '../tools/n8n/workflows.mts';
import type { Contender } from './contenders.mts';
import type { Report } from './report.mts';
import { channels, execute, expectBought, prepare } from './runs.mts';
import type { Stage } from './stage.mts';
import { median, spread } from './statistics.mts';

/** How many rounds at either end of a loop are compared. */
const AT_AN_END = 100;

/** Reports how much longer a round with one order takes at the end of a long loop than at its beginning. */
export async function measureLoop(report: Report, stage: Stage, contenders: Contender[], rounds: number) {
	const workflows = [];
	for (const contender of contenders) {
		const workflow = await prepare(stage, contender, {});
		const loop = node('Loop', 'splitInBatches', { batchSize: 1 }, { typeVersion: 3 });
		const to = (name: string) => [{ node: name, type: 'main' as const, index: 0 }];
		const connections = {
			Webhook: { main: [to('Items')] },
			Items: { main: [to('Loop')] },
			Loop: { main: [to('After'), to('Bench')] },
			Bench: { main: [to('Loop')] },
		};
		await stage.n8n.rest.deactivate(workflow.id);
		await stage.n8n.rest.updateWorkflow(workflow.id, { nodes: [...workflow.nodes, loop], connections });
		await stage.n8n.rest.activate(workflow.id);
		workflows.push(workflow);
	}
	const samples = contenders.map((): Array<{ begin: number; end: number }> => []);
	for (let round = 0; round < report.rounds; round++) {
		for (const [i, workflow] of workflows.entries()) {
			stage.target.sandbox.reset();
			const { data } = await execute(stage, workflow, channels(rounds));
			if (data.resultData.error) throw data.resultData.error;
			expectBought(stage.target, rounds);
			const times = data.resultData.runData.Bench.map(({ executionTime }) => executionTime);
			const mean = (some: number[]) => some.reduce((sum, ms) => sum + ms, 0) / some.length;
			samples[i].push({ begin: mean(times.slice(0, AT_AN_END)), end: mean(times.slice(-AT_AN_END)) });
		}
	}
	for (const { id } of workflows) await stage.n8n.rest.deactivate(id);
	const rows = contenders.map(({ name }, i) => {
		const ratios = samples[i].map(({ begin, end }) => end / begin);
		const ms = (pick: (sample: { begin: number; end: number }) => number) => Number(median(samples[i].map(pick)).toFixed(1));
		return {
			name,
			begin: ms(({ begin }) => begin),
			end: ms(({ end }) => end),
			ratio: Number(median(ratios).toFixed(2)),
			spread: spread(ratios),
		};
	});
	await report.add(`Milliseconds for a round of ${rounds}, at the beginning and at the end (${stage.database})`, rows, samples);
}
