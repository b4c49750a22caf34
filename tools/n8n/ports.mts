import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the range from which systems hand out ports to outgoing connections, so that none is lost to one of those. */
const RANGE = { from: 20_000, size: 12_000 };
const handedOut = new Set<number>();

/** Whether a server could listen on this port of 127.0.0.1 now. */
export async function isFree(port: number): Promise<boolean> {
	const server = createServer();
	try {
		server.listen(port, '127.0.0.1');
		await once(server, 'listening');
		return true;
	} catch {
		return false;
	} finally {
		server.close();
	}
}

/** A free port that this process has not handed out before. */
export async function freePort(): Promise<number> {
	for (;;) {
		const port = RANGE.from + Math.floor(Math.random() * RANGE.size);
		if (handedOut.has(port) || !(await isFree(port))) continue;
		handedOut.add(port);
		return port;
	}
}

/** The first free port from `port` on. */
export async function nextFreePort(port: number): Promise<number> {
	for (let candidate = port; candidate < port + 100; candidate++) {
		if (await isFree(candidate)) return candidate;
	}
	throw new Error(`No port from ${port} to ${port + 99} is free on 127.0.0.1`);
}
