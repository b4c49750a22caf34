// Shows the node at work in a real n8n, bought from a sandbox on this machine: `npm run demo`.
// `npm run demo -- --once` ends after the purchase; `--port` asks for a certain port.
import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cacheDir } from '../tools/n8n/cache.mts';
import { claimFolder } from '../tools/n8n/claim.mts';
import { DEFAULT_N8N, ensureN8n } from '../tools/n8n/install.mts';
import { packNode } from '../tools/n8n/pack.mts';
import { isFree, nextFreePort } from '../tools/n8n/ports.mts';
import { type N8nRest, outputItems, OWNER, type StoredExecution, type WorkflowJson } from '../tools/n8n/rest.mts';
import { startN8n } from '../tools/n8n/server.mts';
import { chooseCredential, credentialFor, removeDryRun } from '../tools/n8n/workflows.mts';
import { type Sandbox, startSandbox } from '../tools/sandbox/sandbox.mts';

const NEXT_STEP = 'Next step';
const log = (line: string) => console.log(line);

/** What has been started, to be ended in reverse order. */
const started: Array<() => Promise<void>> = [];
let ending: Promise<void> | undefined;

function endAll(): Promise<void> {
	ending ??= (async () => {
		for (const end of started.reverse()) await end();
	})();
	return ending;
}

async function main() {
	const { once, port } = readArguments();
	checkTools();
	if (port && !(await isFree(port))) throw new Error(`Port ${port} is taken; another one can be given with --port`);
	// Ctrl+C can arrive twice, from the terminal and from the npm around this.
	for (const signal of ['SIGINT', 'SIGTERM'] as const) {
		process.on(signal, () => {
			if (!ending) log('\nStopping …');
			process.exitCode ??= 130;
			void endAll().then(() => process.exit());
		});
	}

	const userFolder = join(cacheDir(), `demo-${DEFAULT_N8N}${once ? '-once' : ''}`);
	const folder = await claimFolder(userFolder, log);
	started.push(folder.release);

	await ensureN8n(DEFAULT_N8N, { log });
	log('Building and packing the node …');
	const packageTarball = await packNode(userFolder);

	const sandbox = await startSandbox({ port: once ? 0 : await choosePort(4010, 'the sandbox') });
	started.push(() => sandbox.close());
	log(`The sandbox, a StreamSkill API that sells nothing, is at ${sandbox.url}`);

	const n8n = await startN8n({
		userFolder,
		packageTarball,
		port: port ?? (once ? 0 : await choosePort(5678, 'n8n')),
		log,
	});
	started.push(n8n.stop);
	await folder.note(n8n);

	log('Importing the credential and examples/purchase.json, and running it with Dry Run off …');
	await n8n.rest.setupOwner();
	const workflowId = await importExample(n8n.rest, sandbox);
	const execution = await n8n.rest.waitForExecution(await n8n.rest.runWorkflow(workflowId));
	const purchase = purchaseOf(execution);
	checkAgainst(sandbox, Number(purchase.id));
	log(`\nThe purchase, as "${NEXT_STEP}" got it from the StreamSkill node:\n${JSON.stringify(purchase, null, 2)}\n`);
	log(`The sandbox has sold this one purchase and no other.`);

	if (once) return;
	log(
		[
			'',
			`n8n ${n8n.version} goes on running:  ${n8n.url}/workflow/${workflowId}`,
			`  e-mail    ${OWNER.email}`,
			`  password  ${OWNER.password}`,
			'Ctrl+C ends n8n and the sandbox.',
		].join('\n'),
	);
	process.exitCode = 0;
	await n8n.ended;
	if (!ending) throw new Error(`n8n has ended by itself; the end of ${n8n.logFile} may say why`);
}

function readArguments(): { once: boolean; port?: number } {
	const { values } = parseArgs({
		options: { once: { type: 'boolean', default: false }, port: { type: 'string' } },
	});
	if (values.port === undefined) return { once: values.once };
	const port = Number(values.port);
	if (!Number.isInteger(port) || port < 1 || port > 65535) throw new Error(`--port ${values.port} is not a port`);
	return { once: values.once, port };
}

function checkTools() {
	const [major, minor] = process.versions.node.split('.').map(Number);
	if (major < 20 || (major === 20 && minor < 19)) {
		throw new Error(`This needs Node 20.19 or newer; this is ${process.versions.node}`);
	}
	try {
		execFileSync('npm', ['--version'], { shell: process.platform === 'win32' });
	} catch {
		throw new Error('This needs npm, which comes with Node: is it on the PATH?');
	}
}

async function choosePort(wanted: number, who: string): Promise<number> {
	const port = await nextFreePort(wanted);
	if (port !== wanted) log(`Port ${wanted} is taken, so ${who} takes ${port}`);
	return port;
}

async function importExample(rest: N8nRest, sandbox: Sandbox): Promise<string> {
	const workflow = JSON.parse(await readFile('examples/purchase.json', 'utf8')) as WorkflowJson;
	chooseCredential(workflow, await rest.createCredential(credentialFor(sandbox)));
	removeDryRun(workflow);
	return (await rest.createWorkflow(workflow)).id;
}

/** What came out of the node after the StreamSkill node. */
function purchaseOf(execution: StoredExecution) {
	const { error } = execution.data.resultData;
	if (error) throw new Error(`The workflow failed: ${[error.message, error.description].filter(Boolean).join('\n')}`);
	const [item, ...more] = outputItems(execution, NEXT_STEP);
	if (!item || more.length) throw new Error(`"${NEXT_STEP}" got ${item ? more.length + 1 : 0} items instead of 1`);
	return item.json;
}

function checkAgainst({ purchases }: Sandbox, id: number) {
	const sold = purchases.map((recorded) => recorded.purchase.id);
	if (sold.length === 1 && sold[0] === id) return;
	throw new Error(`The node gave out purchase ${id}, the sandbox has sold ${sold.join(', ') || 'nothing'}`);
}

try {
	await main();
} catch (error) {
	// What fails because it is being ended is no news.
	if (!ending) {
		console.error(`\nThe demo failed: ${(error as Error).message}`);
		process.exitCode = 1;
	}
}
await endAll();
process.exit();
