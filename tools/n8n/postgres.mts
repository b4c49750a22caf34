import { run } from './npm.mts';
import { freePort } from './ports.mts';
import { ensurePrograms, launch, makeSetting, type Service } from './service.mts';

export interface Postgres extends Service {
	/** Runs a query in n8n's database; returns its rows, each a list of texts. */
	query(sql: string): Promise<string[][]>;
}

/** Starts a PostgreSQL on a free port of 127.0.0.1, with its data in a temporary folder. */
export async function startPostgres(): Promise<Postgres> {
	const programs = await ensurePrograms('postgresql', ['initdb', 'postgres', 'psql']);
	const setting = await makeSetting();
	const port = String(await freePort());
	const database = ['-h', '127.0.0.1', '-p', port, '-U', 'n8n', '-d', 'postgres'];
	const query = async (sql: string) => {
		const rows = await run(programs.psql, [...database, '-XAtF', '\t', '-c', sql], { cwd: setting.cwd });
		return rows
			.split('\n')
			.filter(Boolean)
			.map((row) => row.split('\t'));
	};

	await launch(programs.initdb, ['-D', 'data', '-U', 'n8n', '-E', 'UTF8', '--locale=C', '-A', 'trust', '-N'], setting).success();
	const server = launch(programs.postgres, ['-D', 'data', '-p', port, '-h', '127.0.0.1', '-k', ''], setting);
	try {
		await server.answers(async () => await query('SELECT 1'));
	} catch (error) {
		await server.close();
		throw error;
	}
	return {
		env: {
			DB_TYPE: 'postgresdb',
			DB_POSTGRESDB_HOST: '127.0.0.1',
			DB_POSTGRESDB_PORT: port,
			DB_POSTGRESDB_DATABASE: 'postgres',
			DB_POSTGRESDB_USER: 'n8n',
		},
		query,
		close: server.close,
	};
}
