import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { DEFAULT_N8N } from '../../tools/n8n/install.mts';
import type { Credential, StoredWorkflow, WorkflowJson } from '../../tools/n8n/rest.mts';
import { startN8n, type N8nOptions, type N8nServer } from '../../tools/n8n/server.mts';
import { chooseCredential, credentialFor } from '../../tools/n8n/workflows.mts';
import { startSandbox, type Sandbox } from '../../tools/sandbox/sandbox.mts';

/** A real n8n with the packed node installed, a sandbox, and a credential for it. */
export interface World {
	n8n: N8nServer;
	sandbox: Sandbox;
	credential: Credential;
	/** Stores a workflow; nodes of type `streamSkill` get the credential. */
	create(workflow: WorkflowJson): Promise<StoredWorkflow>;
	/** Shuts n8n down and starts it again in the same folder. */
	restart(): Promise<void>;
	/** The same after `kill -9`: n8n gets no chance to save anything. */
	crashAndRestart(): Promise<void>;
	close(): Promise<void>;
}

/** The version under test and the tarball: set by `npm run test:e2e`. */
export const { STREAMSKILL_N8N: version = DEFAULT_N8N, STREAMSKILL_TARBALL: packageTarball } = process.env;

/** The environment of a world with n8n's editor, of which a start takes a quarter. */
export const WITH_EDITOR = { N8N_DISABLE_UI: 'false' };

export async function startWorld({ env, ...rest }: Partial<N8nOptions> = {}): Promise<World> {
	const options = { ...rest, env: { N8N_DISABLE_UI: 'true', ...env } };
	const userFolder = options.userFolder ?? (await mkdtemp(join(tmpdir(), 'streamskill-e2e-')));
	const sandbox = await startSandbox();
	let n8n: N8nServer | undefined;
	const close = async () => {
		await n8n?.stop();
		await sandbox.close();
		await rm(userFolder, { recursive: true, force: true });
	};
	try {
		n8n = await startN8n({ version, userFolder, packageTarball, ...options });
		await n8n.rest.setupOwner();
		const credential = await n8n.rest.createCredential(credentialFor(sandbox));

		const world: World = {
			n8n,
			sandbox,
			credential,
			async create(workflow) {
				chooseCredential(workflow, credential);
				return await world.n8n.rest.createWorkflow(workflow);
			},
			async restart() {
				await world.n8n.stop();
				await startAgain();
			},
			async crashAndRestart() {
				await world.n8n.kill();
				await startAgain();
			},
			close,
		};
		const startAgain = async () => {
			world.n8n = n8n = await startN8n({ version, userFolder, ...options, packageTarball: undefined });
			await world.n8n.rest.login();
		};
		return world;
	} catch (error) {
		// Who has no world cannot close it.
		await close();
		throw error;
	}
}
