import type { INodeParameters } from 'n8n-workflow';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';

import { outputItems, OWNER, type StoredExecution, type StoredWorkflow, type WorkflowJson } from '../../tools/n8n/rest.mts';
import { ITEM, node, streamSkill, removeDryRun, webhookWorkflow } from '../../tools/n8n/workflows.mts';
import { bought, sent } from '../../tools/sandbox/counts.mts';
import { nameOn, pageOf } from '../../tools/sandbox/purchase.mts';
import { faults, type Fault } from '../../tools/sandbox/sandbox.mts';
import { until } from '../../tools/until.mts';
import { launchBrowser, openWindow, PHONE } from './browser.mts';
import { startChatModel, type ChatModel } from './chatModel.mts';
import { createActive, createCalled, errorOf, runWebhook, saveParameters, startWebhooks } from './executions.mts';
import { startMailbox, type Mailbox } from './mailbox.mts';
import { recordPicture } from './pictures.mts';
import { followText } from './uncertain.mts';
import { startWorld, version, WITH_EDITOR, type World } from './world.mts';

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
	[world, mailbox, model] = await Promise.all([
		startWorld({ env: { ...WITH_EDITOR, N8N_HOST: '127.0.0.1' } }),
		startMailbox(),
		startChatModel(),
	]);
	browser = await launchBrowser();
	const data = {
		smtp: { host: '127.0.0.1', port: mailbox.port, secure: false, disableStartTls: true, user: '', password: '' },
		openAiApi: { apiKey: 'scripted', url: model.url },
	};
	credentials['n8n-nodes-base.emailSend'] = {
		smtp: await world.n8n.rest.createCredential({ name: 'Mail', type: 'smtp', data: data.smtp }),
	};
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

/** An example as its note has the user leave it: without Dry Run. */
function armed(file: string): WorkflowJson {
	const workflow = example(file);
	removeDryRun(workflow);
	return workflow;
}

/** Does what *Execute workflow* does. */
const run = async ({ id }: StoredWorkflow) => await world.n8n.rest.waitForExecution(await world.n8n.rest.runWorkflow(id));

const jsonOf = (execution: StoredExecution, node: string, output = 0) => outputItems(execution, node, { output }).map(({ json }) => json);

const channelsOf = (execution: StoredExecution, node: string) => jsonOf(execution, node).map(({ channel }) => nameOn(channel));

const misbehave = (channel: string, fault: Fault, times = Infinity) => world.sandbox.fault({ match: { channel }, times, fault });

const refusal = faults.rejected(422, { errors: { channel: ['No such channel'] } });

const CHANNELS = ['(your channel)', '(your second channel)', '(your third channel)'] as const;
const [FIRST, SECOND, THIRD] = CHANNELS;

const ONCE_EACH = { [FIRST]: 1, [SECOND]: 1 };

/** The executions of a workflow that ended, the oldest first, once there are so many that somebody or nobody started by hand. */
async function ended({ id }: StoredWorkflow, count: number, how: 'manual' | 'by itself' = 'by itself'): Promise<StoredExecution[]> {
	const { rest } = world.n8n;
	const found = await until(async () => {
		const all = (await rest.executions(id)).filter(({ mode, stoppedAt }) => (mode === 'manual') === (how === 'manual') && stoppedAt);
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
async function picture(page: Page, name: string, file: string) {
	await page.getByTestId('zoom-to-fit').click();
	await page.mouse.move(0, 0);
	await page.screenshot({
		path: join(PICTURES, `${name}.png`),
		animations: 'disabled',
		style: '.el-notification, .vue-flow__background { visibility: hidden }',
	});
	recordPicture(PICTURES, name, file);
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
const formOf = ({ nodes }: StoredWorkflow, name: string) => `${world.n8n.url}/form/${nodes.find((node) => node.name === name)!.webhookId}`;

const tested: string[] = [];

/** The tests of an example; n8n 1.x lacks the nodes of some. */
function describeExample(file: string, tests: () => void, { needsV2 = false, oneClick = false } = {}) {
	tested.push(file);
	(needsV2 && version.startsWith('1.') ? describe.skip : describe)(file, () => {
		test('has a note beside its nodes, and only what anybody can import', async () => {
			const text = readFileSync(join('examples', file), 'utf8');
			const { nodes, ...rest } = JSON.parse(text) as WorkflowJson;
			expect(Object.keys(rest).sort()).toEqual(['connections', 'name', 'settings']);
			expect(text).not.toContain('"credentials"');
			const [note, ...others] = nodes;
			expect(note).toMatchObject({
				type: 'n8n-nodes-base.stickyNote',
				parameters: { content: expect.stringMatching(/^## .+\*\*To set up:\*\*/s) },
			});
			for (const { position } of others) {
				expect(position[1]).toBeGreaterThan(note.position[1] + (note.parameters.height as number));
			}
			const known = (await world.n8n.rest.nodeTypes()).flatMap(({ name, version }) => [version].flat().map((one) => `${name} ${one}`));
			expect(known).toEqual(expect.arrayContaining(nodes.map(({ type, typeVersion }) => `${type} ${typeVersion}`)));
		});

		test('comes with Dry Run on, says to remove it, and names no channel that somebody can have', () => {
			const text = readFileSync(join('examples', file), 'utf8');
			const { nodes } = JSON.parse(text) as WorkflowJson;
			const [note] = nodes;
			const buys = nodes.filter(({ type }) => type.startsWith('n8n-nodes-streamskill.'));
			expect(buys.map(({ parameters }) => (parameters.options as INodeParameters).dryRun)).toEqual(buys.map(() => true));
			if (buys.length > 0) expect(note.parameters.content).toMatch(/\*\*Nothing is bought yet:\*\* \*Dry Run\* is on .* remove it there/);
			// In a list, and in a field of Edit Fields.
			const written = [/channel\\": \\"([^"\\]+)/g, /"name": "channel",\s+"type": "string",\s+"value": "([^="]+)"/g];
			const channels = written.flatMap((pattern) => [...text.matchAll(pattern)].map(([, channel]) => channel));
			expect(channels.length > 0).toBe(oneClick);
			expect(CHANNELS).toEqual(expect.arrayContaining(channels));
		});

		if (oneClick) {
			test('imported and started with one click, it shows its orders and sends nothing', async () => {
				const workflow = await world.create(example(file));
				const page = await openEditor(workflow);
				await page.getByTestId('execute-workflow-button').click();
				const execution = await ended(workflow, 1, 'manual');
				await page.context().close();
				expect(execution).toMatchObject([{ status: 'success' }]);
				expect(JSON.stringify(outputItems(execution[0], 'Create a purchase', { run: 0 }))).toContain(FIRST);
				expect(world.sandbox.requests).toEqual([]);
			});
		}

		tests();
	});
}

describeExample(
	'purchase.json',
	() => {
		test('buys the order and hands it on', async () => {
			const execution = await run(await world.create(armed('purchase.json')));
			expect(bought(world.sandbox)).toEqual({ [FIRST]: 1 });
			expect(jsonOf(execution, 'Next step')).toEqual([world.sandbox.purchases[0].purchase]);
		});
	},
	{ oneClick: true },
);

describeExample(
	'schedule.json',
	() => {
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
			const workflow = await world.create(armed('schedule.json'));
			const page = await openEditor(workflow);
			await page.getByTestId('execute-workflow-button').click();
			// On the way from One by one, to Bought, and out of it.
			await until(async () => (await page.getByText('2 items').count()) === 3, 'The items on the canvas');
			await picture(page, 'schedule', 'schedule.json');
			await page.context().close();
			expect(world.sandbox.purchases.map(({ order }) => order)).toEqual([
				{ tarif: { id: 1, quantity: 100 }, channel: FIRST },
				{ tarif: { id: 1, quantity: 50 }, channel: SECOND },
			]);

			const executions = [await run(workflow), ...(await letFire(workflow, 2))];
			for (const execution of executions) {
				expect(execution.status).toBe('success');
				expect(channelsOf(execution, 'One by one')).toEqual([FIRST, SECOND]);
				expect(jsonOf(execution, 'Create a purchase')).toEqual([]);
				expect(jsonOf(execution, 'Create a purchase', 1)).toEqual([]);
			}
			expect(sent(world.sandbox)).toEqual(ONCE_EACH);
		});

		test('a refused order raises the alert, the others are bought, and the next run tries it again', async () => {
			misbehave(FIRST, refusal, 1);
			const workflow = await world.create(armed('schedule.json'));
			const first = await run(workflow);
			expect(errorOf(first)?.message).toBe(
				'These orders were not placed: (your channel) (Channel: No such channel). Do what the error output of Create a purchase says of each. Then save the workflow, and execute it again on the same day: what was bought is left out.',
			);
			expect(channelsOf(first, 'Bought')).toEqual([SECOND]);

			expect(channelsOf(await run(workflow), 'Bought')).toEqual([FIRST]);
			expect(bought(world.sandbox)).toEqual(ONCE_EACH);
		});

		test('a token that is refused raises the alert', async () => {
			misbehave(FIRST, faults.rejected(401));
			const workflow = await world.create(armed('schedule.json'));
			expect(errorOf(await run(workflow))?.message).toMatch(
				/^These orders were not placed: \(your channel\) \(StreamSkill does not accept the Access Token \(401\)\), \(your second channel\) /,
			);
		});

		test('orders that may have been bought raise the alert, each run anew, and are not sent again', async () => {
			for (const channel of [FIRST, SECOND]) misbehave(channel, faults.serverErrorAfter());
			const handler = await createCalled(world, example('error-workflow.json'));
			const workflow = await world.create(armed('schedule.json'));
			await world.n8n.rest.updateWorkflow(workflow.id, { settings: { ...workflow.settings, errorWorkflow: handler.id } });
			const executions = await letFire(workflow, 2);
			for (const execution of executions) {
				expect(errorOf(execution)?.message).toMatch(
					/^These orders may have been bought: \(your channel\) \(reference \S{9}\), \(your second channel\) \(reference \S{9}\)\. Wait a few minutes, then look for them in your StreamSkill account/,
				);
			}
			expect(sent(world.sandbox)).toEqual(ONCE_EACH);
			for (const report of await ended(handler, executions.length)) {
				expect(jsonOf(report, 'Tell me')).toMatchObject(
					[FIRST, SECOND].map((channel) => ({ channel, workflow: workflow.name, reference: expect.stringMatching(/^\S{9}$/) as string })),
				);
			}
		});

		test('who does what the alert says has each order once', async () => {
			misbehave(FIRST, faults.serverErrorAfter(), 1);
			misbehave(SECOND, faults.serverErrorBefore(), 1);
			const workflow = await world.create(armed('schedule.json'));
			const alert = errorOf(await run(workflow))!.message;
			const references = new Map(
				[...alert.matchAll(/(\([^)]+\)) \(reference (\S+)\)/g)].map(([, channel, reference]) => [channel, reference]),
			);
			expect(alert).toMatch(
				/Add the references of those that are there to the option Confirmed Bought of Create a purchase, and the references of the others to Confirmed Not Bought\. Then save the workflow, and execute it again on the same day: what was bought is left out\.$/,
			);

			const { options } = workflow.nodes.find(({ name }) => name === 'Create a purchase')!.parameters as { options: INodeParameters };
			await saveParameters(world, workflow, {
				options: { ...options, confirmedBought: references.get(FIRST)!, confirmedNotBought: references.get(SECOND)! },
			});
			for (let again = 0; again < 2; again++) {
				expect(await run(workflow)).toMatchObject({ status: 'success' });
				expect(bought(world.sandbox)).toEqual(ONCE_EACH);
			}
		});

		test('the alert names the reference of an order whose row is wrong by now', async () => {
			misbehave(SECOND, faults.serverErrorAfter(), 1);
			const workflow = await world.create(armed('schedule.json'));
			await run(workflow);
			const { jsonOutput } = workflow.nodes.find(({ name }) => name === 'Channels')!.parameters as { jsonOutput: string };
			const nodes = workflow.nodes.map((one) =>
				one.name === 'Channels'
					? { ...one, parameters: { ...one.parameters, jsonOutput: jsonOutput.replace('"quantity": 50', '"quantity": 50000') } }
					: one,
			);
			await world.n8n.rest.updateWorkflow(workflow.id, { nodes });
			expect(errorOf(await run(workflow))?.message).toMatch(/a row that is wrong by now \(reference \S{9}\)/);
		});

		test('an order that may have been bought does not keep the others from being handed on', async () => {
			misbehave(FIRST, faults.serverErrorAfter());
			const workflow = await world.create(armed('schedule.json'));
			const execution = await run(workflow);
			expect(errorOf(execution)?.message).toMatch(/^These orders may have been bought: \(your channel\) \(reference \S{9}\)\. /);
			expect(channelsOf(execution, 'Bought')).toEqual([SECOND]);
		});
	},
	{ oneClick: true },
);

describeExample('form-with-approval.json', () => {
	/** Sends a request, and gives its execution and the approver's link once they have been asked. */
	async function request(values: string[], approved = armed('form-with-approval.json')) {
		const { rest } = world.n8n;
		const workflow = await createActive(world, approved);
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
		const { id, mail, link } = await request([FIRST, '1', '100']);
		expect(mail).toContain('To: approver@example.com');
		expect(mail).toContain(`Tarif 1 for ${FIRST}, quantity: 100. This is a paid order.`);
		// A mail scanner opens the link.
		expect(await (await fetch(link, { headers })).text()).toContain('Approve a purchase?');
		expect(world.sandbox.requests).toEqual([]);

		await submit(link, 'Approve');
		const execution = await world.n8n.rest.waitForExecution(id);
		expect(world.sandbox.purchases.map(({ order }) => order)).toEqual([{ tarif: { id: 1, quantity: 100 }, channel: FIRST }]);
		expect(jsonOf(execution, 'Bought')).toEqual([world.sandbox.purchases[0].purchase]);

		await fetch(link, { method: 'POST', headers, body: new FormData() });
		expect(sent(world.sandbox)).toEqual({ [FIRST]: 1 });
	});

	test('as it comes, it shows what was approved and sends nothing', async () => {
		const { id, link } = await request([FIRST, '1', '100'], example('form-with-approval.json'));
		await submit(link, 'Approve');
		const execution = await world.n8n.rest.waitForExecution(id);
		expect(JSON.stringify(jsonOf(execution, 'Bought'))).toContain(FIRST);
		expect(world.sandbox.requests).toEqual([]);
	});

	test('buys nothing that was declined', async () => {
		const { id, link } = await request([FIRST, '1', '']);
		await submit(link, 'Decline');
		const execution = await world.n8n.rest.waitForExecution(id);
		expect(jsonOf(execution, 'Declined')).toHaveLength(1);
		expect(world.sandbox.requests).toEqual([]);
	});

	test('an approved order that may have been bought fails, and ends well by its reference', async () => {
		misbehave(FIRST, faults.reset());
		const { id, link } = await request([FIRST, '1', '']);
		await submit(link, 'Approve');
		const failed = await world.n8n.rest.waitForExecution(id);
		expect(errorOf(failed)?.message).toMatch(/may have been bought/);
		expect((await world.n8n.rest.retryExecution(id)).status).toBe('error');
		const workflow = await world.n8n.rest.workflow(failed.workflowId);
		expect(await followText(world, workflow, failed)).toMatchObject({ status: 'success' });
		expect(sent(world.sandbox)).toEqual({ [FIRST]: 1 });
	});

	test('a crash in the middle of the purchase, and a retry after it, buy once', async () => {
		misbehave(FIRST, faults.hang());
		const { id, link } = await request([FIRST, '1', '']);
		await submit(link, 'Approve');
		await until(() => world.sandbox.purchases.length > 0, 'The purchase');
		await world.crashAndRestart();
		expect(await world.n8n.rest.waitForExecution(id)).toMatchObject({ status: 'crashed' });
		const retried = await world.n8n.rest.retryExecution(id);
		expect(errorOf(retried)?.message).toMatch(/may have been bought/);
		expect(sent(world.sandbox)).toEqual({ [FIRST]: 1 });
	});
});

describeExample(
	'list-with-error-branch.json',
	() => {
		const aText = expect.stringMatching(/\w/) as string;

		test('collects what was not bought with its reason and what to do, and buys only that when the list runs again', async () => {
			misbehave(SECOND, refusal, 1);
			const workflow = await world.create(armed('list-with-error-branch.json'));
			const invalid = {
				order: 'A-3',
				channel: '',
				outcome: 'invalid',
				reason: expect.stringContaining('Channel') as string,
				advice: aText,
			};
			const first = await run(workflow);
			expect(first.status).toBe('success');
			expect(channelsOf(first, 'Bought')).toEqual([FIRST]);
			expect(jsonOf(first, 'Reasons')).toEqual([
				{ order: 'A-2', channel: SECOND, outcome: 'rejected', reason: expect.stringContaining('No such channel') as string, advice: aText },
				invalid,
			]);

			const second = await run(workflow);
			expect(channelsOf(second, 'Bought')).toEqual([SECOND]);
			expect(jsonOf(second, 'Reasons')).toEqual([invalid]);
			expect(bought(world.sandbox)).toEqual(ONCE_EACH);
		});

		test('says of an order that it may have been bought, and what to do with its reference', async () => {
			misbehave(FIRST, faults.html());
			const execution = await run(await world.create(armed('list-with-error-branch.json')));
			expect(jsonOf(execution, 'Reasons')).toMatchObject([
				{ order: 'A-1', outcome: 'unknown', advice: expect.stringContaining('Confirmed Not Bought') as string },
				{ order: 'A-3' },
			]);
			expect(channelsOf(execution, 'Bought')).toEqual([SECOND]);
		});
	},
	{ oneClick: true },
);

describeExample(
	'loop-with-wait.json',
	() => {
		test('buys one order a round, and no order ends the loop', async () => {
			misbehave(SECOND, refusal, 1);
			const workflow = quick(armed('loop-with-wait.json'));
			const stored = await world.create(workflow);
			const first = await run(stored);
			expect(first.status).toBe('success');
			expect(jsonOf(first, 'Done')).toMatchObject([
				{ channel: pageOf(FIRST) },
				{ details: { outcome: 'rejected' } },
				{ channel: pageOf(THIRD) },
			]);

			const second = await run(stored);
			expect(second.status).toBe('success');
			expect(jsonOf(second, 'Done')).toHaveLength(3);
			expect(bought(world.sandbox)).toEqual({ ...ONCE_EACH, [THIRD]: 1 });
			expect(sent(world.sandbox)).toEqual({ [FIRST]: 1, [SECOND]: 2, [THIRD]: 1 });
		});

		test('an order that may have been bought does not end it either, and is not sent again', async () => {
			misbehave(SECOND, faults.serverErrorAfter());
			const workflow = await world.create(quick(armed('loop-with-wait.json')));
			for (let again = 0; again < 2; again++) {
				expect(jsonOf(await run(workflow), 'Done')).toMatchObject([{}, { details: { outcome: 'unknown' } }, {}]);
			}
			expect(sent(world.sandbox)).toEqual({ ...ONCE_EACH, [THIRD]: 1 });
		});

		/** Its wait cut short. */
		function quick(workflow: WorkflowJson): WorkflowJson {
			workflow.nodes.find(({ name }) => name === 'Wait')!.parameters.amount = 0;
			return workflow;
		}
	},
	{ oneClick: true },
);

describeExample(
	'confirm-uncertain.json',
	() => {
		const IN_THE_ACCOUNT = 'In the account: these were bought';
		const NOT_IN_IT = 'Not in the account: send these once more';

		async function photograph(page: Page, name: string) {
			await page.screenshot({ path: join(PICTURES, `${name}.png`) });
			recordPicture(PICTURES, name, 'confirm-uncertain.json');
		}

		/** Waits for the mail to the person on duty; gives the references in it, by channel. */
		async function mailed(execution: string) {
			const mail = await until(() => mailbox.mails.shift() ?? false, 'The mail');
			await until(async () => (await world.n8n.rest.execution(execution)).status === 'waiting', 'The question');
			const references = new Map(
				[...mail.matchAll(/^.*Order \S+ for (.+): (\S{9})/gm)].map(([, channel, reference]) => [channel, reference]),
			);
			return { mail, references, reference: (channel: string) => references.get(channel)! };
		}

		test('a person with a phone settles by the mail and its form what may have been bought, and the workflow goes on', async () => {
			misbehave(FIRST, faults.serverErrorAfter(), 1);
			misbehave(SECOND, faults.serverErrorBefore(), 1);
			const workflow = await world.create(armed('confirm-uncertain.json'));
			const id = await world.n8n.rest.runWorkflow(workflow.id);
			const { mail, references, reference } = await mailed(id);
			// The others are bought all the same.
			expect(bought(world.sandbox)).toEqual({ [FIRST]: 1, [THIRD]: 1 });
			expect([...references.keys()]).toEqual([FIRST, SECOND]);

			const context = await openWindow(browser, world.n8n.url, 'light', PHONE);
			const letter = await context.newPage();
			await letter.setContent(/<html.*<\/html>/s.exec(mail)![0]);
			await photograph(letter, 'uncertain-mail');
			const [phone] = await Promise.all([context.waitForEvent('page'), letter.getByRole('link', { name: 'Open the form' }).click()]);
			// Typed as from a phone.
			const typed = (channel: string) => reference(channel).toLowerCase().replace('-', '');
			await phone.getByLabel(IN_THE_ACCOUNT).fill(typed(FIRST));
			await phone.getByLabel(NOT_IN_IT).fill(typed(SECOND));
			await photograph(phone, 'uncertain-form');
			await phone.getByRole('button', { name: 'Submit' }).click();
			await phone.getByText('Got it, thanks').waitFor();
			await context.close();

			const execution = await world.n8n.rest.waitForExecution(id);
			expect(execution.status).toBe('success');
			expect(channelsOf(execution, 'Bought')).toContain(SECOND);
			expect(bought(world.sandbox)).toEqual({ ...ONCE_EACH, [THIRD]: 1 });
			expect(sent(world.sandbox)).toEqual({ [FIRST]: 1, [SECOND]: 2, [THIRD]: 1 });

			// The whole list once more buys nothing, and asks nobody.
			expect(await run(workflow)).toMatchObject({ status: 'success' });
			expect(mailbox.mails).toEqual([]);
			expect(sent(world.sandbox)).toEqual({ [FIRST]: 1, [SECOND]: 2, [THIRD]: 1 });
		});

		test('a mistyped reference settles nothing, and the person is asked again', async () => {
			misbehave(SECOND, faults.serverErrorBefore(), 1);
			const id = await world.n8n.rest.runWorkflow((await world.create(armed('confirm-uncertain.json'))).id);
			const link = (mail: string) => /href="([^"]+)"[^>]*>Open the form</.exec(mail)![1];
			const first = await mailed(id);
			await submit(link(first.mail), '', 'AAAA-AAAA');
			const second = await mailed(id);
			expect(sent(world.sandbox)).toEqual({ ...ONCE_EACH, [THIRD]: 1 });
			await submit(link(second.mail), '', second.reference(SECOND));
			expect(await world.n8n.rest.waitForExecution(id)).toMatchObject({ status: 'success' });
			expect(bought(world.sandbox)).toEqual({ ...ONCE_EACH, [THIRD]: 1 });
		});

		test('what is not bought for certain asks nobody', async () => {
			misbehave(SECOND, refusal, 1);
			const execution = await run(await world.create(armed('confirm-uncertain.json')));
			expect(jsonOf(execution, 'Not bought')).toMatchObject([{ details: { outcome: 'rejected' } }]);
			expect(mailbox.mails).toEqual([]);
		});
	},
	{ oneClick: true },
);

describeExample('error-workflow.json', () => {
	/** What is reported when a workflow that buys for these channels fails. */
	async function reported(name: string, channels: string[], batchSize = 10) {
		const handler = await createCalled(world, example('error-workflow.json'));
		const purchase = streamSkill({
			tarifId: 1,
			channel: `={{ ${ITEM} }}`,
			options: { batching: { batch: { batchSize, batchInterval: 0 } } },
		});
		const workflow = webhookWorkflow(name, purchase);
		workflow.settings!.errorWorkflow = handler.id;
		const failed = await runWebhook(world, await createActive(world, workflow), channels);
		expect(failed.status).toBe('error');
		const [report] = await ended(handler, 1);
		expect(report.status).toBe('success');
		return { failed, reports: jsonOf(report, 'Tell me') };
	}

	test('reports each order that was refused or may have been bought', async () => {
		misbehave('b', refusal);
		misbehave('c', faults.serverErrorAfter());
		const { failed, reports } = await reported('uncertain', ['a', 'b', 'c']);
		const execution = expect.stringContaining(`/executions/${failed.id}`) as unknown;
		expect(reports).toEqual([
			{
				workflow: 'uncertain',
				execution,
				channel: 'b',
				outcome: 'rejected',
				reference: '',
				reason: 'Channel: No such channel',
				advice: expect.stringMatching(/^This order was not bought\. Change the order as the message says\. /) as string,
			},
			{
				workflow: 'uncertain',
				execution,
				channel: 'c',
				outcome: 'unknown',
				reference: expect.any(String) as string,
				reason: expect.stringMatching(
					/^StreamSkill answered 500, which does not say whether the order was bought: the order may have been bought \(reference \S{9}\)$/,
				) as string,
				advice: expect.stringMatching(
					/If it is there, add \S{9} to the option Confirmed Bought\. If it is not, add it to Confirmed Not Bought/,
				) as string,
			},
		]);
	});

	test('reports in one line what was not tried', async () => {
		misbehave('b', refusal);
		const { reports } = await reported('not tried', ['a', 'b', 'c', 'd'], 1);
		expect(reports).toMatchObject([
			{ channel: 'b', outcome: 'rejected' },
			{ channel: 'c, d', outcome: 'notSent', reason: 'Not tried: the run ended before' },
		]);
	});

	test('reports that n8n was killed', async () => {
		const handler = await createCalled(world, example('error-workflow.json'));
		const workflow = webhookWorkflow('killed', streamSkill({ tarifId: 1, channel: `={{ ${ITEM} }}` }));
		workflow.settings!.errorWorkflow = handler.id;
		misbehave('a', faults.hang());
		await startWebhooks(world, await createActive(world, workflow), [['a']]);
		await until(() => world.sandbox.purchases.length === 1, 'The purchase without an answer');
		await world.crashAndRestart();
		const [report] = await ended(handler, 1);
		expect(jsonOf(report, 'Tell me')).toMatchObject([
			{
				workflow: 'killed',
				outcome: 'unknown',
				reason: expect.stringMatching(/./) as string,
				advice: expect.stringMatching(/^Open the execution/) as string,
			},
		]);
	});

	test('reports the failure itself where another node fails', async () => {
		const handler = await createCalled(world, example('error-workflow.json'));
		const other = node('Other', 'stopAndError', { errorMessage: 'No list' });
		const workflow = webhookWorkflow('other', other);
		workflow.settings!.errorWorkflow = handler.id;
		await runWebhook(world, await createActive(world, workflow), ['a']);
		const [report] = await ended(handler, 1);
		expect(jsonOf(report, 'Tell me')).toMatchObject([
			{
				workflow: 'other',
				channel: '',
				outcome: 'unknown',
				reference: '',
				reason: 'No list',
				advice: expect.stringMatching(/^Open the execution/) as string,
			},
		]);
	});
});

describeExample(
	'agent-with-approval.json',
	() => {
		const PROMPT = `Buy 100 viewers for ${FIRST}`;
		const order = { toolParameters: { Tarif_ID: 1, Channel: FIRST, Quantity: 100 }, hitlParameters: {} };
		let page: Page;

		const shown = async (text: string) => await page.getByTestId('canvas-chat').getByText(text).last().waitFor();

		/** Asks the agent to buy, and waits for its question. */
		async function ask() {
			model.script(PROMPT, [[order]]);
			page = await openEditor(await world.create(armed('agent-with-approval.json')));
			await page.getByTestId('workflow-chat-button').click();
			await page.getByTestId('chat-input').fill(PROMPT);
			await page.keyboard.press('Enter');
			await shown(`Shall I place this paid order: tarif 1, quantity 100, for ${FIRST}?`);
			expect(world.sandbox.requests).toEqual([]);
		}

		const press = async (button: string) => await page.getByTestId('canvas-chat').getByText(button, { exact: true }).click();

		afterEach(async () => await page?.context().close());

		test('buys what was approved, once', async () => {
			await ask();
			await page.setViewportSize({ width: 1160, height: 1100 });
			await page.getByTestId('canvas-chat').getByText('Decline', { exact: true }).scrollIntoViewIfNeeded();
			await picture(page, 'agent-with-approval', 'agent-with-approval.json');
			await press('Approve');
			await shown('Done.');
			expect(world.sandbox.purchases.map(({ order }) => order)).toEqual([{ tarif: { id: 1, quantity: 100 }, channel: FIRST }]);
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
