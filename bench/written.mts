import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import type { StoredWorkflow } from '../tools/n8n/rest.mts';
import type { Contender } from './contenders.mts';
import type { Report } from './report.mts';
import { channels, execute, prepare } from './runs.mts';
import type { Stage } from './stage.mts';
import { median } from './statistics.mts';

/** What a database counts of what was written to it; `era` changes when it counts anew. */
interface Count {
	bytes: number;
	era: string;
}

/** SQLite's own count of frames in its write-ahead log: the header of the log's index (SQLite's "WAL-mode File Format", 2.1). */
async function sqliteCount(userFolder: string): Promise<Count> {
	const file = await open(join(userFolder, '.n8n', 'database.sqlite-shm'));
	try {
		const { buffer } = await file.read(Buffer.alloc(48), 0, 48, 0);
		const pageSize = buffer.readUInt16LE(14);
		// A frame is a page with a header of 24 bytes.
		return { bytes: buffer.readUInt32LE(16) * (pageSize + 24), era: buffer.toString('hex', 32, 40) };
	} finally {
		await file.close();
	}
}

async function count({ n8n, postgres }: Stage): Promise<Count> {
	if (!postgres) return await sqliteCount(n8n.userFolder);
	const [[bytes]] = await postgres.query("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')");
	return { bytes: Number(bytes), era: '' };
}

/** The count once nothing more is written: n8n goes on for a moment after an execution has ended. */
async function finalCount(stage: Stage): Promise<Count> {
	for (let last = await count(stage); ; ) {
		await delay(300);
		const next = await count(stage);
		if (next.bytes === last.bytes) return next;
		last = next;
	}
}

/** In each round. */
const EXECUTIONS = 5;

/** Reports the bytes that an execution of one order writes to n8n's database, and how many more than with the first contender. */
export async function compareWritten(report: Report, stage: Stage, contenders: Contender[]) {
	const measured: Array<{ name: string; workflow: StoredWorkflow; samples: number[] }> = [];
	for (const contender of contenders) measured.push({ name: contender.name, workflow: await prepare(stage, contender, {}), samples: [] });

	const needed = EXECUTIONS * report.rounds;
	while (measured.some(({ samples }) => samples.length < needed)) {
		for (const { workflow, samples } of measured) {
			const before = await finalCount(stage);
			await execute(stage, workflow, channels(1));
			const after = await finalCount(stage);
			if (after.era === before.era) samples.push(after.bytes - before.bytes);
		}
	}
	for (const { workflow } of measured) await stage.n8n.rest.deactivate(workflow.id);

	const kB = (bytes: number) => Number((bytes / 1024).toFixed(1));
	const first = median(measured[0].samples);
	await report.add(
		`What an execution of one order writes to the database (${stage.database})`,
		measured.map(({ name, samples }) => ({
			name,
			kB: kB(median(samples)),
			more: kB(median(samples) - first),
			lowest: kB(Math.min(...samples)),
			highest: kB(Math.max(...samples)),
		})),
		measured.map(({ name, samples }) => ({ name, samples })),
	);
}
