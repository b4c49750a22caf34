// Buys once, from a sandbox, in a new n8n that is running with this package in it: tsx scripts/buy.mts URL
import assert from 'node:assert/strict';

import { N8nRest, outputItems } from '../tools/n8n/rest.mts';
import { chain, chooseCredential, credentialFor, node, streamSkill } from '../tools/n8n/workflows.mts';
import { bought } from '../tools/sandbox/counts.mts';
import { startSandbox } from '../tools/sandbox/sandbox.mts';
import { until } from '../tools/until.mts';

const url = process.argv[2];
const rest = new N8nRest(url, '2');
await until(() => rest.request('GET', '/rest/settings').catch(() => undefined), `n8n at ${url}`, { timeout: 180_000, interval: 1000 });

const sandbox = await startSandbox();
try {
	await rest.setupOwner();
	const credential = await rest.createCredential(credentialFor(sandbox));
	assert.deepEqual(await rest.testCredential(credential), { status: 'OK', message: 'Connection successful!' });

	const workflow = chain('Purchase', [node('Start', 'manualTrigger'), streamSkill({ tarifId: 1, channel: 'a' })]);
	chooseCredential(workflow, credential);
	const { id } = await rest.createWorkflow(workflow);
	const execution = await rest.waitForExecution(await rest.runWorkflow(id));
	assert.equal(execution.data.resultData.error?.message, undefined);
	assert.deepEqual(bought(sandbox), { a: 1 });
	const [{ json }] = outputItems(execution, 'StreamSkill');
	assert.deepEqual(json, sandbox.purchases[0].purchase);
	console.log(`Bought once in n8n at ${url}: ${JSON.stringify(json)}`);
} finally {
	await sandbox.close();
}
