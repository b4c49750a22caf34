import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { startPostgres, type Postgres } from '../tools/n8n/postgres.mts';
import type { Credential } from '../tools/n8n/rest.mts';
import { startN8n, type N8nServer } from '../tools/n8n/server.mts';
import { credentialFor } from '../tools/n8n/workflows.mts';
import { type Certificate, makeCertificate } from '../tools/sandbox/certificate.mts';
import { startSandbox, type Sandbox } from '../tools/sandbox/sandbox.mts';
import { installAll, type Packages } from './packages.mts';

export const DATABASES = ['SQLite', 'PostgreSQL'] as const;
export type Database = (typeof DATABASES)[number];

/** Where orders go: a sandbox, the address by which n8n reaches it, and n8n's credentials for that, by type. */
export interface Target {
	sandbox: Sandbox;
	url: string;
	credentials: Record<string, Pick<Credential, 'id' | 'name'>>;
}

/** A real n8n with all contenders in it, and a sandbox. */
export interface Stage {
	database: Database;
	n8n: N8nServer;
	/** There with PostgreSQL. */
	postgres?: Postgres;
	target: Target;
	/** n8n trusts it. */
	certificate: Certificate;
	/** Where the profiled node writes what V8 says. */
	profile: string;
	addTarget(sandbox: Sandbox, url: string): Promise<Target>;
	/** Kills n8n, and starts it again. */
	crashAndRestart(): Promise<void>;
	close(): Promise<void>;
}

export async function openStage(database: Database, packages: Packages, parent: string): Promise<Stage> {
	const dir = join(parent, database);
	await mkdir(dir);
	const userFolder = join(dir, 'user');
	await installAll(packages, userFolder);
	const certificate = await makeCertificate(dir);
	const profile = join(dir, 'profile.json');
	const stage = {} as Stage;
	const started: Array<{ close(): Promise<void> }> = [];
	const close = async () => {
		for (const one of started.reverse()) await one.close();
	};
	try {
		const postgres = database === 'PostgreSQL' ? await startPostgres() : undefined;
		if (postgres) started.push(postgres);
		const start = async () =>
			await startN8n({
				userFolder,
				env: { ...postgres?.env, NODE_EXTRA_CA_CERTS: join(dir, 'cert.pem'), STREAMSKILL_BENCH_PROFILE: profile },
				log: console.log,
			});
		stage.n8n = await start();
		started.push({ close: async () => await stage.n8n.stop() });
		await stage.n8n.rest.setupOwner();
		const sandbox = await startSandbox();
		started.push(sandbox);

		const addTarget = async (to: Sandbox, url: string): Promise<Target> => {
			const create = async (type: string) => await stage.n8n.rest.createCredential({ ...credentialFor({ ...to, url }), type });
			return { sandbox: to, url, credentials: { streamSkillApi: await create('streamSkillApi'), benchApi: await create('benchApi') } };
		};
		const target = await addTarget(sandbox, sandbox.url);
		const crashAndRestart = async () => {
			await stage.n8n.kill();
			stage.n8n = await start();
			await stage.n8n.rest.login();
		};
		return Object.assign(stage, { database, postgres, target, certificate, profile, addTarget, crashAndRestart, close });
	} catch (error) {
		await close();
		throw error;
	}
}
