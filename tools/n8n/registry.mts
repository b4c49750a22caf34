import express from 'express';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { npm } from './npm.mts';

/** What `npm publish` sends and `npm install` asks for. */
interface Packument {
	versions: Record<string, object>;
	_attachments: Record<string, { data: string }>;
}

export interface Registry {
	url: string;
	/** Publishes the package in a folder. */
	publish(folder: string): Promise<void>;
	close(): Promise<void>;
}

/** Starts a package registry on 127.0.0.1 that knows nothing but what is published to it. */
export async function startRegistry(): Promise<Registry> {
	const packages = new Map<string, Packument>();
	const app = express()
		.put('/:name', express.json({ limit: '10mb' }), ({ params: { name }, body }, res) => {
			const [known, added] = [packages.get(name), body as Packument];
			packages.set(name, {
				...added,
				versions: { ...known?.versions, ...added.versions },
				_attachments: { ...known?._attachments, ...added._attachments },
			});
			res.status(201).json({});
		})
		.get('/:name', ({ params: { name } }, res) => {
			if (packages.has(name)) res.json(packages.get(name));
			else res.status(404).json({});
		})
		.get('/:name/-/:file', ({ params: { name, file } }, res) => {
			res.send(Buffer.from(packages.get(name)!._attachments[file].data, 'base64'));
		});
	const server = createServer(app).listen(0, '127.0.0.1');
	await once(server, 'listening');
	const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
	return {
		url: `http://${address}`,
		publish: async (folder) => {
			// npm publishes for nobody without a token, whatever the registry says.
			await npm(['publish', `--registry=http://${address}`, `--//${address}/:_authToken=any`], { cwd: folder });
		},
		close: async () => {
			server.closeAllConnections();
			await new Promise((resolve) => server.close(resolve));
		},
	};
}
