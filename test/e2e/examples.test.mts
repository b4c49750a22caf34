import type { INodeParameters } from 'n8n-workflow';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';

import { outputItems, OWNER, type StoredExecution, type StoredWorkflow, type WorkflowJson } from '../../tools/n8n/rest.mts';
import { ITEM, streamSkill, webhookWorkflow } from '../../tools/n8n/workflows.mts';
import { bought, sent } from '../../tools/sandbox/counts.mts';
import { faults, type Fault } from '../../tools/sandbox/sandbox.mts';
import { until } from '../../tools/until.mts';
import { launchBrowser, openWindow } from './browser.mts';
import { startChatModel, type ChatModel } from './chatModel.mts';
import { createActive, createCalled, errorOf, runWebhook, saveParameters } from './executions.mts';
import { startMailbox, type Mailbox } from './mailbox.mts';
import { followText } from './uncertain.mts';
import { startWorld, version, type World } from './world.mts';

const FILES = readdirSync('examples').filter((file) => file.endsWith('.json'));

/** Where the pictures go; the README's are made with STREAMSKILL_PICTURES=docs. */
const PICTURES = process.env.STREAMSKILL_PICTURES ?? join('artifacts', `examples-${version}`);

let world: World;
let mailbox: Mailbox;
let model: ChatModel;
let browser: Browser;
/** What a user chooses in the nodes that need it, by their type. */
const credentials: Record<string, Record<string, { id: string; name: string }>> = {};

beforeAll(async () => {
	await mkdir(PICTURES, { recursive: true });
	// The browser stays on this address, so n8n's links have to lead there.
	[world, mailbox, model] = await Promise.all([startWorld({ env: { N8N_HOST: '127.0.0.1' } }), startMailbox(), startChatModel()]);
	browser = await launchBrowser();
	const data = {
		smtp: { host: '127.0.0.1', port: mailbox.port, secure: false, disableStartTls: true, user: '', password: '' },
		openAiApi: { apiKey: 'scripted', url: model.url },
	};
	credentials['n8n-nodes-base.emailSend'] = { smtp: await world.n8n.rest.createCredential({ name: 'Mail', type: 'smtp', data: data.smtp }) };
	credentials['@n8n/n8n-nodes-langchain.lmChatOpenAi'] = {
		openAiApi: await world.n8n.rest.createCredential({ name: 'Chat model', type: 'openAiApi', data: data.openAiApi }),
	};
}, 600_000);
afterAll(async () => {
	await browser?.close();
	await Promise.all([world?.close(), mailbox?.close(), model?.close()]);
});
beforeEach(() => {
	world.sandbox.reset();
	model.reset();
	mailbox.mails.length = 0;
});

/** An example as it is in its file, with the credentials chosen. */
function example(file: string): WorkflowJson {
	const workflow = JSON.parse(readFileSync(join('examples', file), 'utf8')) as WorkflowJson;
	for (const node of workflow.nodes) {
		if (node.type in credentials) node.credentials = credentials[node.type];
	}
	return workflow;
}

/** Does what *Execute workflow* does. */
const run = async ({ id }: StoredWorkflow) => await world.n8n.rest.waitForExecution(await world.n8n.rest.runWorkflow(id));

const jsonOf = (execution: StoredExecution, node: string, output = 0) => outputItems(execution, node, { output }).map(({ json }) => json);

const channelsOf = (execution: StoredExecution, node: string) => jsonOf(execution, node).map(({ channel }) => channel);

const misbehave = (channel: string, fault: Fault, times = Infinity) => world.sandbox.fault({ match: { channel }, times, fault });

const refusal = faults.rejected(422, { errors: { channel: ['No such channel'] } });

const CHANNELS = ['my_channel', 'my_second_channel'];

const ONCE_EACH = { my_channel: 1, my_second_channel: 1 };

/** The executions of a workflow that ended, the oldest first, once there are so many that nobody started by hand. */
async function ended({ id }: StoredWorkflow, count: number): Promise<StoredExecution[]> {
	const { rest } = world.n8n;
	const found = await until(async () => {
		const all = (await rest.executions(id)).filter(({ mode, stoppedAt }) => mode !== 'manual' && stoppedAt);
		return all.length >= count && all;
	}, `The end of ${count} executions`);
	return await Promise.all(found.reverse().map(async (one) => await rest.execution(one.id)));
}

/** Opens a workflow in the editor. */
async function openEditor({ id }: StoredWorkflow): Promise<Page> {
	const context = await openWindow(browser, world.n8n.url, 'light');
	await context.request.post('/rest/login', { data: { emailOrLdapLoginId: OWNER.email, password: OWNER.password } });
	const page = await context.newPage();
	await page.setViewportSize({ width: 1280, height: 900 });
	await page.goto(`/workflow/${id}`);
	await page.getByTestId('canvas-node').first().waitFor();
	return page;
}

/** Keeps what is on the screen, with all nodes in view, and without n8n's toasts and dots. */
async function picture(page: Page, name: string) {
	await page.getByTestId('zoom-to-fit').click();
	await page.mouse.move(0, 0);
	await page.screenshot({
		path: join(PICTURES, `${name}.png`),
		animations: 'disabled',
		style: '.el-notification, .vue-flow__background { visibility: hidden }',
	});
}

/** A person at a browser: n8n takes no answers from bots. */
const headers = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' };

/** Sends a form, whose fields are numbered; returns the page that comes in answer. */
async function submit(url: string, ...values: string[]): Promise<string> {
	const body = new FormData();
	values.forEach((value, i) => body.append(`field-${i}`, value));
	return await until(async () => {
		const response = await fetch(url, { method: 'POST', headers, body });
		// n8n knows the form a moment after the workflow is active.
		return response.ok && ((await response.text()) || 'sent');
	}, `An answer from ${url}`);
}

/** The address of a form that starts a workflow. */
const formOf = ({ nodes }: StoredWorkflow, name: string) =>
	`${world.n8n.url}/form/${nodes.find((node) => node.name === name)!.webhookId}`;

const tested: string[] = [];

/** The tests of an example; n8n 1.x lacks the nodes of some. */
function describeExample(file: string, tests: () => void, { needsV2 = false } = {}) {
	tested.push(file);
	(needsV2 && version.startsWith('1.') ? describe.skip : describe)(file, () => {
		test('has a note beside its nodes, and only what anybody can import', async () => {
			const text = readFileSync(join('examples', file), 'utf8');
			const { nodes, ...rest } = JSON.parse(text) as WorkflowJson;
			expect(Object.keys(rest).sort()).toEqual(['connections', 'name', 'settings']);
			expect(text).not.toContain('"credentials"');
			const [note, ...others] = nodes;
			expect(note).toMatchObject({ type: 'n8n-nodes-base.stickyNote', parameters: { content: expect.stringMatching(/^## .+\*\*To set up:\*\*/s) } });
			for (const { position } of others) {
				expect(position[1]).toBeGreaterThan(note.position[1] + (note.parameters.height as number));
			}
			const known = (await world.n8n.rest.nodeTypes()).flatMap(({ name, version }) => [version].flat().map((one) => `${name} ${one}`));
			expect(known).toEqual(expect.arrayContaining(nodes.map(({ type, typeVersion }) => `${type} ${typeVersion}`)));
		});
		tests();
	});
}

describeExample('purchase.json', () => {
	test('buys the order and hands it on', async () => {
		const execution = await run(await world.create(example('purchase.json')));
		expect(bought(world.sandbox)).toEqual({ my_channel: 1 });
		expect(jsonOf(execution, 'Next step')).toEqual([world.sandbox.purchases[0].purchase]);
	});
});

describeExample('schedule.json', () => {
	/** Has the schedule fire each second instead of each day, until `count` of its executions have ended. */
	async function letFire(workflow: StoredWorkflow, count: number): Promise<StoredExecution[]> {
		const { rest } = world.n8n;
		await rest.updateWorkflow(workflow.id, {
			nodes: workflow.nodes.map((node) =>
				node.name === 'Every day' ? { ...node, parameters: { rule: { interval: [{ field: 'seconds', secondsInterval: 1 }] } } } : node,
			),
		});
		await rest.activate(workflow.id);
		try {
			return await ended(workflow, count);
		} finally {
			await rest.deactivate(workflow.id);
		}
	}

	test('buys for each channel once a day, however often it runs', async () => {
		const workflow = await world.create(example('schedule.json'));
		const page = await openEditor(workflow);
		await page.getByTestId('execute-workflow-button').click();
		// On the way from One by one, to Bought, and out of it.
		await until(async () => (await page.getByText('2 items').count()) === 3, 'The items on the canvas');
		await picture(page, 'schedule');
		await page.context().close();
		expect(world.sandbox.purchases.map(({ order }) => order)).toEqual([
			{ tarif: { id: 1, quantity: 100 }, channel: 'my_channel' },
			{ tarif: { id: 1, quantity: 50 }, channel: 'my_second_channel' },
		]);

		const executions = [await run(workflow), ...(await letFire(workflow, 2))];
		for (const execution of executions) {
			expect(execution.status).toBe('success');
			expect(channelsOf(execution, 'One by one')).toEqual(CHANNELS);
			expect(jsonOf(execution, 'Create a purchase')).toEqual([]);
			expect(jsonOf(execution, 'Create a purchase', 1)).toEqual([]);
		}
		expect(sent(world.sandbox)).toEqual(ONCE_EACH);
	});

	test('a refused order goes to Not bought, the others are bought, and the next run tries it again', async () => {
		misbehave('my_channel', refusal, 1);
		const workflow = await world.create(example('schedule.json'));
		const first = await run(workflow);
		expect(first.status).toBe('success');
		expect(jsonOf(first, 'Not bought')).toMatchObject([{ error: 'Channel: No such channel', details: { outcome: 'rejected' } }]);
		expect(channelsOf(first, 'Bought')).toEqual(['my_second_channel']);

		expect(channelsOf(await run(workflow), 'Bought')).toEqual(['my_channel']);
		expect(bought(world.sandbox)).toEqual(ONCE_EACH);
	});

	test('orders that may have been bought raise the alert, each run anew, and are not sent again', async () => {
		for (const channel of CHANNELS) misbehave(channel, faults.serverErrorAfter());
		const handler = await createCalled(world, example('error-workflow.json'));
		const workflow = await world.create(example('schedule.json'));
		await world.n8n.rest.updateWorkflow(workflow.id, { settings: { ...workflow.settings, errorWorkflow: handler.id } });
		const executions = await letFire(workflow, 2);
		for (const execution of executions) {
			expect(errorOf(execution)?.message).toMatch(
				/^These orders may have been bought: my_channel \(reference \S{9}\), my_second_channel \(reference \S{9}\)\. Look them up/,
			);
		}
		expect(sent(world.sandbox)).toEqual(ONCE_EACH);
		for (const report of await ended(handler, executions.length)) {
			expect(jsonOf(report, 'Tell me')).toMatchObject(
				CHANNELS.map((channel) => ({ channel, workflow: workflow.name, reference: expect.stringMatching(/^\S{9}$/) as string })),
			);
		}
	});

	test('who does what the alert says has each order once', async () => {
		misbehave('my_channel', faults.serverErrorAfter(), 1);
		misbehave('my_second_channel', faults.serverErrorBefore(), 1);
		const workflow = await world.create(example('schedule.json'));
		const alert = errorOf(await run(workflow))!.message;
		const references = new Map([...alert.matchAll(/(\w+) \(reference (\S+)\)/g)].map(([, channel, reference]) => [channel, reference]));
		expect(alert).toMatch(/Add the references of those that are there to the option Confirmed Bought of Create a purchase, and the references of the others to Confirmed Not Bought\. Then save the workflow, and execute it again on the same day\.$/);

		const { options } = workflow.nodes.find(({ name }) => name === 'Create a purchase')!.parameters as { options: INodeParameters };
		await saveParameters(world, workflow, {
			options: { ...options, confirmedBought: references.get('my_channel')!, confirmedNotBought: references.get('my_second_channel')! },
		});
		for (let again = 0; again < 2; again++) {
			expect(await run(workflow)).toMatchObject({ status: 'success' });
			expect(bought(world.sandbox)).toEqual(ONCE_EACH);
		}
	});

	test('an order that may have been bought does not keep the others from being handed on', async () => {
		misbehave('my_channel', faults.serverErrorAfter());
		const workflow = await world.create(example('schedule.json'));
		const execution = await run(workflow);
		expect(errorOf(execution)?.message).toMatch(/^These orders may have been bought: my_channel \(reference \S{9}\)\. /);
		expect(channelsOf(execution, 'Bought')).toEqual(['my_second_channel']);
	});
});

describeExample('form-with-approval.json', () => {
	/** Sends a request, and gives its execution and the approver's link once they have been asked. */
	async function request(...values: string[]) {
		const { rest } = world.n8n;
		const workflow = await createActive(world, example('form-with-approval.json'));
		try {
			await submit(formOf(workflow, 'Request'), ...values);
		} finally {
			await rest.deactivate(workflow.id);
		}
		const [{ id }] = await until(async () => {
			const found = await rest.executions(workflow.id);
			return found[0]?.status === 'waiting' && found;
		}, 'The request for an approval');
		const mail = mailbox.mails.shift()!;
		return { id, mail, link: /href="([^"]+)"[^>]*>Decide</.exec(mail)![1] };
	}

	test('buys what was approved, once, and nothing before', async () => {
		const { id, mail, link } = await request('my_channel', '1', '100');
		expect(mail).toContain('To: approver@example.com');
		expect(mail).toContain('Tarif 1 for my_channel, quantity: 100. This is a paid order.');
		// A mail scanner opens the link.
		expect(await (await fetch(link, { headers })).text()).toContain('Approve a purchase?');
		expect(world.sandbox.requests).toEqual([]);

		await submit(link, 'Approve');
		const execution = await world.n8n.rest.waitForExecution(id);
		expect(world.sandbox.purchases.map(({ order }) => order)).toEqual([{ tarif: { id: 1, quantity: 100 }, channel: 'my_channel' }]);
		expect(jsonOf(execution, 'Bought')).toEqual([world.sandbox.purchases[0].purchase]);

		await fetch(link, { method: 'POST', headers, body: new FormData() });
		expect(sent(world.sandbox)).toEqual({ my_channel: 1 });
	});

	test('buys nothing that was declined', async () => {
		const { id, link } = await request('my_channel', '1', '');
		await submit(link, 'Decline');
		const execution = await world.n8n.rest.waitForExecution(id);
		expect(jsonOf(execution, 'Declined')).toHaveLength(1);
		expect(world.sandbox.requests).toEqual([]);
	});

	test('an approved order that may have been bought fails, and ends well by its reference', async () => {
		misbehave('my_channel', faults.reset());
		const { id, link } = await request('my_channel', '1', '');
		await submit(link, 'Approve');
		const failed = await world.n8n.rest.waitForExecution(id);
		expect(errorOf(failed)?.message).toMatch(/may have been bought/);
		expect((await world.n8n.rest.retryExecution(id)).status).toBe('error');
		const workflow = await world.n8n.rest.workflow(failed.workflowId);
		expect(await followText(world, workflow, failed)).toMatchObject({ status: 'success' });
		expect(sent(world.sandbox)).toEqual({ my_channel: 1 });
	});

	test('a crash in the middle of the purchase, and a retry after it, buy once', async () => {
		misbehave('my_channel', faults.hang());
		const { id, link } = await request('my_channel', '1', '');
		await submit(link, 'Approve');
		await until(() => world.sandbox.purchases.length > 0, 'The purchase');
		await world.crashAndRestart();
		expect(await world.n8n.rest.waitForExecution(id)).toMatchObject({ status: 'crashed' });
		const retried = await world.n8n.rest.retryExecution(id);
		expect(errorOf(retried)?.message).toMatch(/may have been bought/);
		expect(sent(world.sandbox)).toEqual({ my_channel: 1 });
	});
});

describeExample('list-with-error-branch.json', () => {
	test('collects what was not bought with its reason, and buys only that once it is mended', async () => {
		misbehave('my_second_channel', refusal, 1);
		const workflow = await world.create(example('list-with-error-branch.json'));
		const invalid = { order: 'A-3', channel: '', outcome: 'invalid', reason: 'Channel is required but blank' };
		const first = await run(workflow);
		expect(first.status).toBe('success');
		expect(channelsOf(first, 'Bought')).toEqual(['my_channel']);
		expect(jsonOf(first, 'Reasons')).toEqual([
			{ order: 'A-2', channel: 'my_second_channel', outcome: 'rejected', reason: 'Channel: No such channel' },
			invalid,
		]);

		const second = await run(workflow);
		expect(channelsOf(second, 'Bought')).toEqual(['my_second_channel']);
		expect(jsonOf(second, 'Reasons')).toEqual([invalid]);
		expect(bought(world.sandbox)).toEqual(ONCE_EACH);
	});

	test('says of an order that it may have been bought', async () => {
		misbehave('my_channel', faults.html());
		const execution = await run(await world.create(example('list-with-error-branch.json')));
		expect(jsonOf(execution, 'Reasons')).toMatchObject([{ order: 'A-1', outcome: 'unknown' }, { order: 'A-3' }]);
		expect(channelsOf(execution, 'Bought')).toEqual(['my_second_channel']);
	});
});

describeExample('confirm-uncertain.json', () => {
	test.each([
		['Yes, it was bought', faults.serverErrorAfter(), 1, 'light'],
		['No, send it once more', faults.serverErrorBefore(), 2, 'dark'],
	] as const)('an uncertain order is settled by the form: %s', async (answer, fault, times, theme) => {
		misbehave('my_second_channel', fault, 1);
		const workflow = await createActive(world, example('confirm-uncertain.json'));
		const trigger = 'When clicking ‘Execute workflow’';
		const runByHand = async () => await world.n8n.rest.waitForExecution(await world.n8n.rest.runWorkflow(workflow.id, { trigger }));
		try {
			const first = await runByHand();
			expect(channelsOf(first, 'Bought')).toEqual(['my_channel']);
			const [{ text }] = jsonOf(first, 'Tell the person on duty') as Array<{ text: string }>;
			const [, reference] = /^Order A-2 for my_second_channel may have been bought\. .* with its reference (\S{9})\.$/.exec(text)!;
			// What nobody has settled does not go away, and is not sent again.
			expect(jsonOf(await runByHand(), 'Tell the person on duty')).toEqual([{ text }]);

			// Typed as from a phone.
			const form = await (await openWindow(browser, world.n8n.url, theme)).newPage();
			await form.goto(formOf(workflow, 'Confirm'));
			await form.getByLabel('Reference').fill(reference.toLowerCase().replace('-', ''));
			await form.getByLabel('Is it in the StreamSkill account?').selectOption(answer);
			await form.screenshot({ path: join(PICTURES, `confirm-form.${theme}.png`) });
			await form.getByRole('button', { name: 'Submit' }).click();
			await form.getByText('Form Submitted').waitFor();
			await form.context().close();
			const [settled] = await ended(workflow, 1);
			expect(settled.status).toBe('success');
			for (const execution of [settled, await runByHand()]) {
				expect(jsonOf(execution, 'Tell the person on duty')).toEqual([]);
				expect(jsonOf(execution, 'Not bought')).toEqual([]);
			}
			expect(bought(world.sandbox)).toEqual(ONCE_EACH);
			expect(sent(world.sandbox)).toEqual({ ...ONCE_EACH, my_second_channel: times });
		} finally {
			await world.n8n.rest.deactivate(workflow.id);
		}
	});
});

describeExample('error-workflow.json', () => {
	/** What is reported when a workflow that buys for these channels fails. */
	async function reported(name: string, channels: string[]) {
		const handler = await createCalled(world, example('error-workflow.json'));
		const purchase = streamSkill({
			tarifId: 1,
			channel: `={{ ${ITEM} }}`,
			options: { batching: { batch: { batchSize: 10, batchInterval: 0 } } },
		});
		const workflow = webhookWorkflow(name, purchase);
		workflow.settings!.errorWorkflow = handler.id;
		const failed = await runWebhook(world, await createActive(world, workflow), channels);
		expect(failed.status).toBe('error');
		const [report] = await ended(handler, 1);
		expect(report.status).toBe('success');
		return { failed, reports: jsonOf(report, 'Tell me') };
	}

	test('reports the orders that may have been bought, and no others', async () => {
		misbehave('b', refusal);
		misbehave('c', faults.serverErrorAfter());
		const { failed, reports } = await reported('uncertain', ['a', 'b', 'c']);
		expect(reports).toEqual([
			{
				workflow: 'uncertain',
				execution: expect.stringContaining(`/executions/${failed.id}`) as unknown,
				channel: 'c',
				reference: expect.any(String) as string,
				reason: expect.stringMatching(/^StreamSkill broke off with status 500: the order may have been bought \(reference \S{9}\)$/) as string,
				advice: expect.stringMatching(/If it is, add \S{9} to the option Confirmed Bought; if it is not, to Confirmed Not Bought/) as string,
			},
		]);
	});

	test('reports nothing when nothing is uncertain', async () => {
		misbehave('b', refusal);
		expect((await reported('refused', ['a', 'b'])).reports).toEqual([]);
	});
});

describeExample(
	'agent-with-approval.json',
	() => {
		const PROMPT = 'Buy 100 viewers for my_channel';
		const order = { toolParameters: { Tarif_ID: 1, Channel: 'my_channel', Quantity: 100 }, hitlParameters: {} };
		let page: Page;

		const shown = async (text: string) => await page.getByTestId('canvas-chat').getByText(text).last().waitFor();

		/** Asks the agent to buy, and waits for its question. */
		async function ask() {
			model.script(PROMPT, [[order]]);
			page = await openEditor(await world.create(example('agent-with-approval.json')));
			await page.getByTestId('workflow-chat-button').click();
			await page.getByTestId('chat-input').fill(PROMPT);
			await page.keyboard.press('Enter');
			await shown('Shall I place this paid order: tarif 1, quantity 100, for my_channel?');
			expect(world.sandbox.requests).toEqual([]);
		}

		const press = async (button: string) => await page.getByTestId('canvas-chat').getByText(button, { exact: true }).click();

		afterEach(async () => await page?.context().close());

		test('buys what was approved, once', async () => {
			await ask();
			await page.setViewportSize({ width: 1160, height: 1100 });
			await page.getByTestId('canvas-chat').getByText('Decline', { exact: true }).scrollIntoViewIfNeeded();
			await picture(page, 'agent-with-approval');
			await press('Approve');
			await shown('Done.');
			expect(world.sandbox.purchases.map(({ order }) => order)).toEqual([{ tarif: { id: 1, quantity: 100 }, channel: 'my_channel' }]);
			expect(model.results(PROMPT)).toEqual([JSON.stringify([world.sandbox.purchases[0].purchase])]);
		});

		test('buys nothing that was declined', async () => {
			await ask();
			await press('Decline');
			await shown('Done.');
			expect(world.sandbox.requests).toEqual([]);
			expect(model.results(PROMPT)).toEqual([expect.stringContaining('User rejected the tool call')]);
		});
	},
	{ needsV2: true },
);

test('no example is left out', () => {
	expect(tested.sort()).toEqual(FILES.sort());
});
