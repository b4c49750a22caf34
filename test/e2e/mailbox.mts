import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** A running mail server. */
export interface Mailbox {
	port: number;
	/** The mails that have arrived, decoded. Live: take out what you have read. */
	mails: string[];
	close(): Promise<void>;
}

/** Starts a mail server (SMTP) on 127.0.0.1 that takes every mail. */
export async function startMailbox(): Promise<Mailbox> {
	const mails: string[] = [];
	const open = new Set<Socket>();

	const server = createServer((socket) => {
		open.add(socket.once('close', () => open.delete(socket)));
		const reply = (text: string) => socket.write(`${text}\r\n`);
		let mail: string[] | undefined;
		createInterface(socket).on('line', (line) => {
			if (mail && line !== '.') {
				mail.push(line);
			} else if (mail) {
				mails.push(decode(mail.join('\n')));
				mail = undefined;
				reply('250 OK');
			} else if (line === 'DATA') {
				mail = [];
				reply('354 Go on');
			} else if (line === 'QUIT') {
				socket.end('221 Bye\r\n');
			} else {
				reply('250 OK');
			}
		});
		reply('220 mailbox');
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');

	return {
		port: (server.address() as AddressInfo).port,
		mails,
		async close() {
			const closed = new Promise((resolve) => server.close(resolve));
			for (const socket of open) socket.destroy();
			await closed;
		},
	};
}

/** Undoes the encoding "quoted-printable", as far as the texts of a test need it. */
const decode = (mail: string) =>
	mail.replace(/=\n/g, '').replace(/=([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(parseInt(code, 16)));
