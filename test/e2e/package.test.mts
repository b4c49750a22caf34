import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { npm, run } from '../../tools/n8n/npm.mts';
import { startRegistry, type Registry } from '../../tools/n8n/registry.mts';
import { OWNER, type StoredWorkflow } from '../../tools/n8n/rest.mts';
import { chain, node, streamSkill } from '../../tools/n8n/workflows.mts';
import { bought } from '../../tools/sandbox/counts.mts';
import { launchBrowser, openWindow } from './browser.mts';
import { packageTarball, startWorld, WITH_EDITOR, type World } from './world.mts';

const NAME = 'n8n-nodes-streamskill';
const NODE = `${NAME}.streamSkill`;

let folder: string;
/** What is published. */
let unpacked: string;
/** n8n's folder for community nodes. */
let nodes: string;
let registry: Registry;
let world: World;
let workflow: StoredWorkflow;

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), 'streamskill-package-'));
	unpacked = join(folder, 'package');
	await run('tar', ['-xzf', packageTarball!], { cwd: folder });
	registry = await startRegistry();
	await registry.publish(unpacked);

	const userFolder = join(folder, 'n8n');
	nodes = join(userFolder, '.n8n', 'nodes');
	await mkdir(nodes, { recursive: true });
	await npmInNodes('install', NAME);
	world = await startWorld({
		userFolder,
		packageTarball: undefined,
		env: {
			...WITH_EDITOR,
			N8N_COMMUNITY_PACKAGES_REGISTRY: registry.url,
			// Before n8n installs a package, it asks its maker whether that is a banned one.
			HTTPS_PROXY: 'http://127.0.0.1:9',
		},
	});
	const order = { tarifId: 1, channel: 'a', options: { repeatManualOrders: true } };
	workflow = await world.create(chain('Package', [node('Start', 'manualTrigger'), streamSkill(order)]));
});
afterAll(async () => {
	await world?.close();
	await registry?.close();
	await rm(folder, { recursive: true, force: true });
});
beforeEach(() => world.sandbox.reset());

/** npm in n8n's folder for community nodes, as the README has it. */
const npmInNodes = async (...args: string[]) => await npm([...args, `--registry=${registry.url}`], { cwd: nodes });

const runWorkflow = async () => await world.n8n.rest.waitForExecution(await world.n8n.rest.runWorkflow(workflow.id));

async function expectToBuy(packageVersion: string) {
	expect(await world.n8n.rest.nodeType(NODE)).toMatchObject({ communityNodePackageVersion: packageVersion });
	expect(await runWorkflow()).toMatchObject({ status: 'success' });
	expect(bought(world.sandbox)).toEqual({ a: 1 });
}

let newer: string;

test('installed, it buys', async () => {
	const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
	await expectToBuy(version);
});

test('updated, it goes on buying', async () => {
	newer = (await npm(['version', 'minor', '--no-git-tag-version'], { cwd: unpacked })).trim().slice(1);
	await registry.publish(unpacked);
	await npmInNodes('install', `${NAME}@latest`);
	await world.restart();
	await expectToBuy(newer);
});

test('removed, it leaves a workflow that opens, says what it lacks, and buys nothing', async () => {
	await npmInNodes('uninstall', NAME);
	await world.restart();

	const {
		nodes: [, { parameters, credentials }],
		connections,
	} = workflow;
	expect(await world.n8n.rest.workflow(workflow.id)).toMatchObject({ nodes: [{}, { type: NODE, parameters, credentials }], connections });
	await expect(runWorkflow()).rejects.toThrow(`Unrecognized node type: ${NODE}`);
	expect(world.sandbox.requests).toEqual([]);

	const browser = await launchBrowser();
	try {
		const window = await openWindow(browser, world.n8n.url, 'light');
		await window.request.post('/rest/login', { data: { emailOrLdapLoginId: OWNER.email, password: OWNER.password } });
		const page = await window.newPage();
		await page.goto(`/workflow/${workflow.id}`);
		await page.getByTestId('canvas-node').filter({ hasText: 'StreamSkill' }).first().dblclick();
		await page.getByText(`It's part of the ${NAME} community package`).waitFor();
	} finally {
		await browser.close();
	}
});

// This is why npm does it here. If n8n gives that away one day, its installer can take npm's part.
test("n8n's own installer wants a licence for another registry than npm's", async () => {
	const install = world.n8n.rest.request('POST', '/rest/community-packages', { name: NAME });
	await expect(install).rejects.toThrow('Your license does not allow for feat:communityNodes:customRegistry');
});

test('installed again, it finds its workflow and credential, and buys', async () => {
	await npmInNodes('install', NAME);
	await world.restart();
	await expectToBuy(newer);
});
