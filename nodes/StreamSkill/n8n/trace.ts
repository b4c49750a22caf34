import type { IDataObject, IExecuteFunctions, IWorkflowExecutionCustomData } from 'n8n-workflow';

import { CUSTOM_DATA } from './stored';

/** n8n takes 10 entries of custom data for an execution, and complains of values over 255 characters. */
const MAX_ENTRIES = 5;
const MAX_LENGTH = 255;

/**
 * Leaves a trace of each purchase outside the node's output, which n8n throws away when an execution is
 * stopped or crashes: a line in n8n's log, and the purchase ID in the execution's custom data, which
 * n8n saves when Stop is pressed (seen in n8n 2.41.1 and 1.123.81). An uncertain order leaves a line only.
 *
 * @param run what is the same in the log lines of an execution and of all its retries
 * @returns what takes an order's fate, and what the log line says of the order. Neither throws.
 */
export function orderTrace(context: IExecuteFunctions, run: string) {
	// `context.customData` is the same, but n8n 1.x does not have it.
	const { customData } = (context.getWorkflowDataProxy(0) as unknown as { $execution: { customData: IWorkflowExecutionCustomData } })
		.$execution;
	let entry = 1;
	const name = () => (entry === 1 ? CUSTOM_DATA : `${CUSTOM_DATA}${entry}`);

	/** In the text as well: n8n's console log leaves metadata out. */
	const log = (level: 'info' | 'warn', text: string, order: IDataObject, metadata: IDataObject) => {
		const facts = {
			execution: context.getExecutionId(),
			run,
			workflow: context.getWorkflow().id,
			node: context.getNode().name,
			...order,
		};
		context.logger[level](`${text}: ${JSON.stringify(facts)}`, { ...metadata, ...facts });
	};
	const attempt = (leave: () => void) => {
		try {
			leave();
		} catch (error) {
			// No trace is worth a purchase: the output, or the error, still has it.
			context.logger.warn(`StreamSkill could not log an order: ${(error as Error).message}`);
		}
	};

	return {
		bought: (purchase: IDataObject, order: IDataObject) => {
			attempt(() => {
				const id = String(purchase.id as number);
				log('info', `StreamSkill purchase ${id} was made`, order, { purchaseId: purchase.id });
				const value = () => [customData.get(name()), id].filter(Boolean).join(' ');
				while (entry <= MAX_ENTRIES && value().length > MAX_LENGTH) entry++;
				if (entry <= MAX_ENTRIES) customData.set(name(), value());
			});
		},
		uncertain: (reference: string, order: IDataObject) => {
			attempt(() => {
				log('warn', `StreamSkill order may have been bought (reference ${reference})`, order, { reference });
			});
		},
	};
}
