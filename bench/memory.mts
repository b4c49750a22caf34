import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { declarative, httpRequest, streamSkill, type Contender } from './contenders.mts';
import type { Packages } from './packages.mts';
import { memory, resetPeakMemory } from './process.mts';
import type { Report } from './report.mts';
import { channels, execute, expectBought, prepare } from './runs.mts';
import { openStage } from './stage.mts';
import { median, spread } from './statistics.mts';

/** Reports how much more memory n8n takes at most while one execution places its orders, each time in an n8n of its own. */
export async function measureMemory(report: Report, packages: Packages, parent: string) {
	for (const orders of [100, 1000, 10_000]) {
		const contenders = [streamSkill, httpRequest, declarative];
		const samples = contenders.map((): number[] => []);
		for (let round = 0; round < report.rounds; round++) {
			for (const [i, contender] of contenders.entries()) {
				const dir = join(parent, `memory-${orders}-${round}-${i}`);
				await mkdir(dir);
				samples[i].push(await growth(contender, orders, packages, dir));
			}
		}
		const rows = contenders.map(({ name }, i) => ({ name, grownMb: Math.round(median(samples[i])), spread: spread(samples[i]) }));
		await report.add(`Memory for ${orders} orders in one execution`, rows, samples);
	}
}

async function growth(contender: Contender, orders: number, packages: Packages, dir: string): Promise<number> {
	const stage = await openStage('SQLite', packages, dir);
	try {
		const workflow = await prepare(stage, contender, {});
		// What the first execution loads is not what orders take.
		await execute(stage, workflow, channels(10, 'first'));
		stage.target.sandbox.reset();
		await resetPeakMemory(stage.n8n.pid);
		const { now } = await memory(stage.n8n.pid);
		await execute(stage, workflow, channels(orders));
		expectBought(stage.target, orders);
		return (await memory(stage.n8n.pid)).peak - now;
	} finally {
		await stage.close();
	}
}
