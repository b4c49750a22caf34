/**
 * n8n looks up the item that came in for each item of the error output. Where it cannot find that, it throws away what
 * the node has put out, and puts out the input items as if they had been bought (n8n-core: workflow-execute.js,
 * handleNodeErrorOutput).
 */
import { atNode } from '../crash.mts';
import { createExecution } from '../engine.mts';
import { openShop, purchasesOf, type Orders } from '../shop.mts';

const shop = openShop();
const { order, refuse, sold } = shop;

const rows = ['a', 'b', 'c'].map((channel) => ({ channel }));

const refused = [
	{ json: { error: expect.stringMatching(/./) as string, message: expect.stringMatching(/^This order was not bought/) as string } },
];

test('n8n has taken away what the node before has put out', async () => {
	// It saves the progress of executions; the node before had an error and went on; n8n died while StreamSkill began.
	const stored = atNode(createExecution(rows));
	delete stored.resultData.runData.StreamSkill;
	delete stored.resultData.error;
	Object.assign(stored.resultData.runData.Start[0], { error: { message: '500', name: 'NodeApiError' }, executionStatus: 'error' });
	stored.resultData.lastNodeExecuted = 'Start';
	refuse('c');
	const retry = await order([], { retryOf: stored, onError: 'continueErrorOutput' });
	expect(sold()).toEqual({ a: 1, b: 1 });
	expect(purchasesOf(retry)).toHaveLength(2);
	expect(retry.failed).toMatchObject(refused);
});

test('in the editor, the output of the node before was edited, so that it has a row more', async () => {
	const setup: Orders = { mode: 'manual', onError: 'continueErrorOutput', before: () => rows.slice(0, 2) };
	const first = await order([{}], { ...setup, options: { dryRun: true } });
	const { runData } = (JSON.parse(JSON.stringify(first.data)) as typeof first.data).resultData;
	refuse('c');
	const step = await order([{}], { ...setup, step: { runData, pinData: { Before: rows.map((json) => ({ json })) } } });
	expect(sold()).toEqual({ a: 1, b: 1 });
	expect(purchasesOf(step)).toHaveLength(2);
	expect(step.failed).toMatchObject(refused);
});
