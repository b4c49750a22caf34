import { faults } from '../tools/sandbox/sandbox.mts';
import { until } from '../tools/until.mts';
import type { Contender } from './contenders.mts';
import type { Report } from './report.mts';
import { channels, prepare } from './runs.mts';
import type { Stage } from './stage.mts';

/** How many orders are left for the retry: few, so that its time is that of looking up the others. */
const LEFT = 10;

/** Reports how long n8n takes to retry an execution that was killed near the end of a long list. */
export async function measureRetry(report: Report, stage: Stage, contender: Contender, orders: number) {
	const samples: number[] = [];
	for (let round = 0; round < report.rounds; round++) {
		const { sandbox } = stage.target;
		sandbox.reset();
		const workflow = await prepare(stage, contender, { batchSize: 50 });
		const items = channels(orders, `retry-${round}`);
		// Only what has gone out before can be bought, as one batch is on its way at a time.
		sandbox.fault({ skip: orders - LEFT, fault: faults.hang(false) });
		void stage.n8n.rest.callWebhook(workflow.name, { items }).catch(() => {});
		await until(() => sandbox.purchases.length === orders - LEFT, 'All orders but the last', { timeout: 300_000 });
		await stage.crashAndRestart();
		const [{ id }] = await stage.n8n.rest.executions(workflow.id);
		const { data } = await stage.n8n.rest.retryExecution(id, { loadWorkflow: false });
		samples.push(data.resultData.runData.Bench.at(-1)!.executionTime);
		await stage.n8n.rest.deactivate(workflow.id);
	}
	const rows = samples.map((ms, round) => ({ name: `round ${round + 1}`, seconds: Number((ms / 1000).toFixed(1)) }));
	await report.add(`Retry of a killed execution of ${orders} orders (${stage.database})`, rows, samples);
}
