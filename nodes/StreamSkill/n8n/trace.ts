import type { IDataObject, IExecuteFunctions, IWorkflowExecutionCustomData } from 'n8n-workflow';

import { CUSTOM_DATA } from './stored';

/** n8n takes 10 entries of custom data for an execution, and complains of values over 255 characters. */
const MAX_ENTRIES = 5;
const MAX_LENGTH = 255;

/**
 * Leaves a trace of each purchase outside the node's output, which n8n throws away when an execution is
 * stopped or crashes: a line in n8n's log, and the purchase ID in the execution's custom data, which
 * n8n saves when Stop is pressed (seen in n8n 2.41.1 and 1.123.81).
 *
 * @param run what is the same in the log lines of an execution and of all its retries
 * @returns a function that takes a purchase and what the log line says of its order; it never throws
 */
export function purchaseTrace(context: IExecuteFunctions, run: string) {
	// `context.customData` is the same, but n8n 1.x does not have it.
	const { customData } = (context.getWorkflowDataProxy(0) as unknown as { $execution: { customData: IWorkflowExecutionCustomData } })
		.$execution;
	let entry = 1;
	const name = () => (entry === 1 ? CUSTOM_DATA : `${CUSTOM_DATA}${entry}`);

	const leave = (purchase: IDataObject, order: IDataObject) => {
		const id = String(purchase.id as number);
		const facts = {
			execution: context.getExecutionId(),
			run,
			workflow: context.getWorkflow().id,
			node: context.getNode().name,
			...order,
		};
		// In the text as well: n8n's console log leaves metadata out.
		context.logger.info(`StreamSkill purchase ${id} was made: ${JSON.stringify(facts)}`, {
			purchaseId: purchase.id,
			...facts,
		});

		const value = () => [customData.get(name()), id].filter(Boolean).join(' ');
		while (entry <= MAX_ENTRIES && value().length > MAX_LENGTH) entry++;
		if (entry <= MAX_ENTRIES) customData.set(name(), value());
	};

	return (purchase: IDataObject, order: IDataObject) => {
		try {
			leave(purchase, order);
		} catch (error) {
			// No trace is worth a purchase: the output still has it.
			context.logger.warn(`StreamSkill could not record a purchase: ${(error as Error).message}`);
		}
	};
}
