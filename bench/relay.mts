import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Starts a relay on 127.0.0.1 behind which a server is `oneWay` milliseconds away.
 *
 * The system accepts a connection at once, so the way there and back that this takes from afar is put
 * in front of the first byte.
 */
export async function startRelay(port: number, oneWay: number) {
	const relay = createServer((client) => {
		const server = connect(port, '127.0.0.1');
		const connected = performance.now() + 2 * oneWay;
		forward(client, server, () => Math.max(0, connected - performance.now()) + oneWay);
		forward(server, client, () => oneWay);
		for (const [socket, other] of [
			[client, server],
			[server, client],
		])
			socket.on('error', () => other.destroy());
	});
	relay.listen(0, '127.0.0.1');
	await once(relay, 'listening');
	return {
		port: (relay.address() as AddressInfo).port,
		close: async () => {
			const closed = once(relay, 'close');
			relay.close();
			await closed;
		},
	};
}

/** Hands on what comes, each time after a delay, and in order. */
function forward(from: Socket, to: Socket, delayNow: () => number) {
	let before = Promise.resolve();
	const later = (act: () => void) => {
		const due = performance.now() + delayNow();
		before = before.then(() => delay(due - performance.now())).then(act);
	};
	from.on('data', (chunk) => later(() => to.write(chunk)));
	from.on('end', () => later(() => to.end()));
}
