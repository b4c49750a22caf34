import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname } from 'node:path';

import { DEFAULT_N8N } from '../tools/n8n/install.mts';

export interface Report {
	/** How often everything is measured. */
	rounds: number;
	/** Prints a table, and adds it to the file with what it was made of. */
	add(title: string, rows: Array<{ name: string } & Record<string, unknown>>, samples?: unknown): Promise<void>;
}

export function openReport(file: string, rounds: number): Report {
	const tables: Record<string, unknown> = {};
	const facts = { n8n: DEFAULT_N8N, node: process.version, cores: cpus().length, rounds };
	return {
		rounds,
		async add(title, rows, samples) {
			tables[title] = { rows, samples };
			console.log(`\n${title}`);
			console.table(Object.fromEntries(rows.map(({ name, ...row }) => [name, row])));
			await mkdir(dirname(file), { recursive: true });
			await writeFile(file, JSON.stringify({ ...facts, tables }, null, 2));
		},
	};
}
