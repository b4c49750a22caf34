import type { INodeParameters } from 'n8n-workflow';

import type { StoredExecution, StoredWorkflow } from '../../tools/n8n/rest.mts';
import { bought } from '../../tools/sandbox/counts.mts';
import { errorOf, saveParameters } from './executions.mts';
import type { World } from './world.mts';

/** The text of a failed execution as the editor shows it. */
export const textOf = (execution: StoredExecution) => {
	const { message, description = '' } = errorOf(execution)!;
	return `${message}\n${description.replaceAll('<br>', '\n')}`;
};

/** The uncertain orders that the text of a failed execution names. */
export const uncertainIn = (execution: StoredExecution) =>
	[...textOf(execution).matchAll(/^Item \d+, channel (.+), tarif \d+: .* may have been bought \(reference (\S+)\)/gm)].map(
		([, channel, reference]) => ({ channel, reference }),
	);

/**
 * Does what the text of a failed execution says about its uncertain orders, but the last step: to retry it. Nobody is
 * left who gets an answer, so there is no need to wait long for one.
 */
export async function confirm(world: World, { id }: StoredWorkflow, failed: StoredExecution) {
	expect(textOf(failed)).toMatch(
		/Wait a few minutes, then check whether (the order|each order that may have been bought) is in your StreamSkill account, with the time when it was sent\. If it is there, add .+ to the option Confirmed Bought\. If it is not, add it to Confirmed Not Bought\. .*choose "Retry with currently saved workflow"\./,
	);
	const workflow = await world.n8n.rest.workflow(id);
	const options = workflow.nodes.find(({ type }) => type === 'n8n-nodes-streamskill.streamSkill')!.parameters.options as INodeParameters;
	const account = bought(world.sandbox);
	const orders = uncertainIn(failed);
	const add = (option: string, isThere: boolean) => [
		...((options[option] as string | undefined) ?? '').split(' ').filter(Boolean),
		...orders.filter(({ channel }) => channel in account === isThere).map(({ reference }) => reference),
	];
	await saveParameters(world, workflow, {
		options: {
			...options,
			timeout: 2000,
			confirmedBought: add('confirmedBought', true).join(' '),
			confirmedNotBought: add('confirmedNotBought', false).join(' '),
		},
	});
}

/** Does all that it says, and again as long as that leads to another uncertain order. */
export async function followText(world: World, workflow: StoredWorkflow, failed: StoredExecution): Promise<StoredExecution> {
	let execution = failed;
	for (let round = 0; round < 10 && execution.status === 'error'; round++) {
		await confirm(world, workflow, execution);
		execution = await world.n8n.rest.retryExecution(execution.id, { loadWorkflow: true });
	}
	return execution;
}
