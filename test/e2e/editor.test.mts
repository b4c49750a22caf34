import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';

import { OWNER, type StoredWorkflow } from '../n8n/rest.mts';
import { launchBrowser, openWindow, type Theme } from './browser.mts';
import { startWorld, until, version, type World } from './world.mts';

const ARTIFACTS = join('artifacts', version);
const ACTION = 'Create a paid purchase';

let world: World;
let browser: Browser;

beforeAll(async () => {
	await rm(ARTIFACTS, { recursive: true, force: true });
	await mkdir(ARTIFACTS, { recursive: true });
	world = await startWorld();
	browser = await launchBrowser();
}, 600_000);
afterAll(async () => {
	await browser?.close();
	await world?.close();
});

/** One user's way from signing in to a purchase; each step starts where the one before has ended. */
describe.each<Theme>(['light', 'dark'])('By hand, in the %s theme', (theme) => {
	let page: Page;
	const log: string[] = [];
	/** What failed; the steps after it could only fail as well. */
	let failed: string | undefined;

	const step = (name: string, walk: () => Promise<void>) =>
		test(name, async () => {
			if (failed) throw new Error(`"${failed}" has failed before`);
			failed = name;
			try {
				await walk();
				failed = undefined;
			} catch (error) {
				await picture('failed').catch(() => {});
				console.log('DEBUG', page.url(), JSON.stringify(world.sandbox.requests.slice(-4)), log.slice(-25).join('\n'));
				throw error;
			}
		});

	/** Keeps what is on the screen, without n8n's toasts. */
	async function picture(name: string) {
		await page.screenshot({
			path: join(ARTIFACTS, `${name}.${theme}.png`),
			animations: 'disabled',
			style: '.el-notification { visibility: hidden }',
		});
	}

	const id = (testId: string) => page.getByTestId(testId);
	const input = (parameter: string) => id('ndv').getByTestId(`parameter-input-${parameter}`);
	const output = () => id('output-panel');
	const canvasNode = (name: string) => id('canvas-node').filter({ hasText: name });
	const shown = async (locator: Locator) => await locator.first().waitFor();
	const gone = async (locator: Locator) => await locator.waitFor({ state: 'hidden' });

	async function drag(what: Locator, target: Locator) {
		await what.hover();
		await page.mouse.down();
		const { x, y, width, height } = (await target.boundingBox())!;
		await page.mouse.move(x + width / 2, y + height / 2, { steps: 20 });
		await page.mouse.up();
	}

	async function searchNodes(text: string) {
		await id('node-creator-search-bar').fill(text);
		await shown(id('node-creator-item-name').getByText('StreamSkill', { exact: true }));
	}

	/** The icon of the theme, drawn. */
	async function expectIcon(inside: Locator) {
		const icon = inside.locator('img').first();
		await until(() => icon.evaluate((img: HTMLImageElement) => img.complete && img.naturalWidth > 0), 'The icon');
		expect(await icon.getAttribute('src')).toMatch(theme === 'light' ? /\/streamskill\.svg$/ : /\/streamskill\.dark\.svg$/);
	}

	async function openNode(name: string) {
		await canvasNode(name).first().dblclick();
		await shown(id('ndv'));
	}

	async function closeNode() {
		await id('ndv-close-button').click();
		await gone(id('ndv'));
	}

	/** Types into a text or number field and leaves it. */
	async function type(parameter: string, text: string) {
		const field = input(parameter).locator('input');
		await field.fill(text);
		await field.blur();
	}

	async function choose(parameter: string, ...options: string[]) {
		await input(parameter).click();
		for (const name of options) await option(name).click();
		await page.keyboard.press('Tab');
	}

	const option = (name: string) =>
		page.getByRole('option').filter({ visible: true, has: page.getByText(name, { exact: true }) });

	async function addTo(placeholder: string, ...options: string[]) {
		for (const name of options) {
			await id('ndv').getByPlaceholder(placeholder).click();
			await option(name).click();
		}
	}

	const toggle = async (parameter: string) => await input(parameter).locator('.el-switch').click();

	/** Executes the step, and waits for what it leads to in the output panel. */
	async function execute(...texts: string[]) {
		const button = id('ndv').getByTestId('node-execute-button');
		await button.click();
		for (const text of texts) await shown(output().getByText(text));
		await shown(button.getByText('Execute step'));
	}

	beforeAll(async () => {
		world.sandbox.reset();
		const { rest } = world.n8n;
		for (const { id } of await rest.request<Array<{ id: string }>>('GET', '/rest/credentials')) {
			await rest.request('DELETE', `/rest/credentials/${id}`);
		}
		page = await (await openWindow(browser, world.n8n.url, theme)).newPage();
		page.on('response', (r) => { if (r.url().includes('/rest/')) log.push(`${new Date().toISOString()} ${r.request().method()} ${r.url()} ${r.status()} ${(r.request().postData() ?? '').slice(0, 300)}`); });
		page.on('console', (m) => log.push(`${new Date().toISOString()} console ${m.text().slice(0, 300)}`));
		page.on('pageerror', (e) => log.push(`${new Date().toISOString()} ERROR ${e.message}`));
	});
	afterAll(async () => await page?.context().close());

	step('signing in leads to a new workflow', async () => {
		await page.goto('/workflow/new');
		await id('emailOrLdapLoginId').locator('input').fill(OWNER.email);
		await id('password').locator('input').fill(OWNER.password);
		await id('form-submit-button').click();
		await shown(id('canvas-plus-button'));
	});

	step('the nodes panel finds the node', async () => {
		await id('canvas-plus-button').click();
		await id('node-creator-node-item').filter({ hasText: 'Trigger manually' }).dragTo(id('canvas-wrapper'));
		await shown(canvasNode('When clicking'));

		await id('canvas').locator('.vue-flow__pane').click({ position: { x: 1050, y: 430 } });
		await id('node-creator-plus-button').click();
		await searchNodes('purchase');
		await searchNodes('streamskill');
		const found = id('item-iterator-item').filter({ hasText: 'StreamSkill' });
		await expectIcon(found);
		expect(await found.innerText()).toContain('paid order');
		await picture('nodes-panel');

		await found.click();
		await shown(id('node-creator-item-name').getByText(ACTION));
		await picture('nodes-panel-actions');
	});

	step('dragged out of the panel, it is on the canvas and can be connected', async () => {
		await drag(id('node-creator-item-name').getByText(ACTION), id('canvas-wrapper'));
		await shown(id('ndv'));
		await closeNode();
		expect(await id('edge').count()).toBe(0);
		const handle = (kind: string, node: string) => page.locator(`[data-test-id="canvas-node-${kind}-handle"][data-node-name^="${node}"]`);
		await drag(handle('output', 'When clicking'), handle('input', ACTION));
		await id('edge').first().waitFor({ state: 'attached' });
		expect(await id('edge').getAttribute('data-target-node-name')).toBe(ACTION);
		await expectIcon(canvasNode(ACTION));
		await picture('canvas');
	});

	step('the credential says whether it works', async () => {
		await openNode(ACTION);
		await id('node-credentials-empty-state').getByRole('button').click();
		const dialog = id('editCredential-modal');
		const field = (name: string) => dialog.getByTestId(`parameter-input-${name}`).locator('input');
		const save = async () => await dialog.getByTestId('credential-save-button').getByRole('button').click();
		await until(async () => (await field('baseUrl').inputValue()) === 'https://api.streamskill.pro/v1', 'The default Base URL');
		await field('accessToken').fill('not the token');
		await field('baseUrl').fill(world.sandbox.url);
		await save();
		await dialog.getByText('More details').click();
		await shown(dialog.getByText('StreamSkill does not accept the Access Token (401). Copy it again from your StreamSkill account'));
		await picture('credential-bad');

		await field('accessToken').fill(world.sandbox.token);
		await save();
		await gone(dialog);
		await id('credential-edit-button').click();
		await shown(dialog.getByText('Connection tested successfully'));
		await picture('credential-ok');
		await dialog.getByLabel('Close this dialog').click();
		await gone(dialog);
		await closeNode();
		expect(world.sandbox.requests.map(({ status }) => status)).toEqual(expect.arrayContaining([401, 422]));
		expect(world.sandbox.purchases).toEqual([]);
	});

	step('the next node shows what will come out before anything is bought', async () => {
		await canvasNode(ACTION).first().click();
		await id('node-creator-plus-button').click();
		await id('node-creator-search-bar').fill('Edit Fields');
		await id('node-creator-item-name').getByText('Edit Fields (Set)').click();
		const preview = id('ndv-input-panel');
		await shown(preview.getByText('Usually outputs the following fields'));
		for (const field of ['id', 'price', 'currency', 'created_at', 'status', 'tarif']) await shown(preview.getByText(field, { exact: true }));
		await picture('schema-preview');
		await closeNode();
	});

	step('every parameter can be filled', async () => {
		await openNode('When clicking');
		await output().getByText('set mock data').click();
		await output().locator('.cm-content').fill(JSON.stringify([{ channel: 'anna', orderNumber: 'A-1001' }]));
		await id('run-data-pane-header').getByRole('button', { name: 'Save' }).click();
		await closeNode();

		await openNode(ACTION);
		await picture('parameters-empty');
		await type('tarifId', '4040');
		await drag(id('ndv-input-panel').getByText('channel', { exact: true }), input('channel'));
		await shown(input('channel').getByText('$json.channel'));

		await addTo('Add Field', 'Comment', 'Duration', 'Interval', 'Language', 'Quantity', 'Start');
		await type('comment', 'From the form');
		await type('duration', '2');
		await type('interval', '30');
		await choose('lang', 'German');
		await type('quantity', '1500');
		await toggle('start');

		await addTo('Add Option', 'Batching', 'Dry Run', 'Expand', 'Idempotency Key', 'If Already Purchased');
		await addTo('Add Option', 'Max Purchases per Run', 'Resend Unknown Outcomes', 'Response Language', 'Timeout');
		await type('batchSize', '5');
		await type('batchInterval', '250');
		await choose('expand', 'API', 'Tarif');
		await input('idempotencyKey').locator('input').fill('{{ $json.orderNumber }}');
		await shown(id('parameter-expression-preview-idempotencyKey').getByText('A-1001'));
		await choose('onDuplicate', 'Fail');
		await type('maxPurchases', '3');
		await toggle('resendUnknown');
		await choose('acceptLanguage', 'Russian');
		await type('timeout', '5000');
		await input('resource').scrollIntoViewIfNeeded();
		await picture('parameters');
		await page.setViewportSize({ width: 1600, height: 1900 });
		await picture('parameters-all');
		await page.setViewportSize({ width: 1600, height: 1000 });
	});

	step('a dry run shows the request and sends nothing', async () => {
		const before = world.sandbox.requests.length;
		await execute('POST');
		await output().getByTestId('radio-button-json').click();
		await shown(output().getByText('/purchases/create'));
		await picture('dry-run');
		expect(world.sandbox.requests).toHaveLength(before);
		await toggle('dryRun');
	});

	step('a tarif that does not exist is named with its label', async () => {
		await choose('acceptLanguage', 'English');
		await execute('Tarif ID: Tarif not found', 'Nothing was bought. Change the order as the message says, then run the item again.');
		await input('resource').scrollIntoViewIfNeeded();
		await picture('error-422');
		expect(world.sandbox.purchases).toEqual([]);
	});

	step('a mended order is bought as filled in, once', async () => {
		await type('tarifId', '7');
		await choose('acceptLanguage', 'Russian');
		await execute('twitch_viewers');
		await output().getByTestId('radio-button-schema').click();
		await shown(output().getByText('awaiting', { exact: true }));
		await input('resource').scrollIntoViewIfNeeded();
		await picture('output');

		expect(world.sandbox.purchases.map(({ order }) => order)).toEqual([
			{
				tarif: { id: 7, quantity: 1500, duration: 2 },
				channel: 'anna',
				interval: 30,
				lang: 'de',
				comment: 'From the form',
				start: true,
			},
		]);
		expect(world.sandbox.requests.at(-1)).toMatchObject({ query: { expand: 'api,tarif' }, headers: { 'accept-language': 'ru' } });
	});

	step('executing the step again buys nothing', async () => {
		await execute('An order with the Idempotency Key "A-1001" was bought before');
		await picture('error-duplicate');
		expect(world.sandbox.purchases).toHaveLength(1);
	});

	step('what was filled in is what is saved', async () => {
		const workflowId = /\/workflow\/(\w+)/.exec(page.url())![1];
		const saved = await until(async () => {
			const { nodes }: StoredWorkflow = await world.n8n.rest.workflow(workflowId);
			const purchase = nodes.find(({ name }) => name === ACTION);
			return purchase?.parameters.tarifId === 7 && purchase;
		}, 'Saving');
		expect(saved.type).toBe('n8n-nodes-streamskill.streamSkill');
		expect(saved.parameters).toEqual({
			tarifId: 7,
			channel: '={{ $json.channel }}',
			additionalFields: { comment: 'From the form', duration: 2, interval: 30, lang: 'de', quantity: 1500, start: true },
			options: {
				acceptLanguage: 'ru',
				batching: { batch: { batchSize: 5, batchInterval: 250 } },
				dryRun: false,
				expand: ['api', 'tarif'],
				idempotencyKey: '={{ $json.orderNumber }}',
				maxPurchases: 3,
				onDuplicate: 'fail',
				resendUnknown: true,
				timeout: 5000,
			},
		});
	});
});
