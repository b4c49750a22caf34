import { once } from 'node:events';
import { createConnection } from 'node:net';

import { freePort } from './ports.mts';
import { ensurePrograms, launch, makeSetting, type Service } from './service.mts';

/** Starts a Redis on a free port of 127.0.0.1. */
export async function startRedis(): Promise<Service> {
	const programs = await ensurePrograms('redis-server', ['redis-server']);
	const port = await freePort();
	const server = launch(programs['redis-server'], ['--port', String(port), '--bind', '127.0.0.1', '--save', ''], await makeSetting());
	try {
		await server.answers(async () => await connect(port));
	} catch (error) {
		await server.close();
		throw error;
	}
	return {
		env: { QUEUE_BULL_REDIS_HOST: '127.0.0.1', QUEUE_BULL_REDIS_PORT: String(port) },
		close: server.close,
	};
}

async function connect(port: number) {
	const socket = createConnection({ port, host: '127.0.0.1' });
	try {
		await once(socket, 'connect');
	} finally {
		socket.destroy();
	}
}
