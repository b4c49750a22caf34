import type { IDataObject, IExecuteFunctions } from 'n8n-workflow';

import type { Order } from './order';

/** n8n takes 10 entries of custom data for an execution, and complains of values over 255 characters. */
const MAX_ENTRIES = 5;
const MAX_LENGTH = 255;

/**
 * Leaves a trace of each purchase outside the node's output, which n8n throws away when an execution is
 * stopped or crashes: a line in n8n's log, and the purchase ID in the execution's custom data, which
 * n8n saves when Stop is pressed (seen in n8n 2.41.1).
 */
export function purchaseTrace(context: IExecuteFunctions) {
	let entry = 1;
	const name = () => (entry === 1 ? 'streamSkillPurchases' : `streamSkillPurchases${entry}`);

	return (item: number, purchase: IDataObject, order: Order) => {
		const id = String(purchase.id);
		context.logger.info(`StreamSkill purchase ${id} was made`, {
			purchaseId: purchase.id,
			item,
			node: context.getNode().name,
			workflowId: context.getWorkflow().id,
			executionId: context.getExecutionId(),
			idempotencyKey: order.idempotencyKey,
		});

		const value = () => [context.customData.get(name()), id].filter(Boolean).join(' ');
		while (entry <= MAX_ENTRIES && value().length > MAX_LENGTH) entry++;
		if (entry <= MAX_ENTRIES) context.customData.set(name(), value());
	};
}
