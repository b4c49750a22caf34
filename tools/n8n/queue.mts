import { type Postgres, startPostgres } from './postgres.mts';
import { startRedis } from './redis.mts';

/** Starts what n8n's queue mode needs besides n8n: a PostgreSQL and a Redis. */
export async function startQueue(): Promise<Postgres> {
	const postgres = await startPostgres();
	try {
		const redis = await startRedis();
		return {
			...postgres,
			env: { EXECUTIONS_MODE: 'queue', ...postgres.env, ...redis.env },
			async close() {
				await Promise.all([postgres.close(), redis.close()]);
			},
		};
	} catch (error) {
		await postgres.close();
		throw error;
	}
}
