import { NodeOperationError, type IDataObject, type IExecuteFunctions, type INodeExecutionData } from 'n8n-workflow';

import { dropsOutput, isTool, stopsOnFailure } from './host';
import type { Misfit } from './misfit';

/** All keys that it may have: n8n since 2.36 sends an item with any other to the success output (seen in n8n 2.41.1). */
export interface ErrorJson extends IDataObject {
	error: string;
	message: string;
	details: IDataObject;
}

/**
 * @returns what leaves by the error output for an item
 *
 * n8n before 2.36 does not know the key `details`, but goes by a property `error` of the item as well. If that were
 * enumerable, n8n would put it in place of the JSON.
 */
export function errorItem(context: IExecuteFunctions, itemIndex: number, json: ErrorJson): INodeExecutionData {
	const item: INodeExecutionData = { json, pairedItem: { item: itemIndex } };
	if (context.getNode().onError === 'continueErrorOutput') {
		Object.defineProperty(item, 'error', { value: { message: json.error }, writable: true });
	}
	return item;
}

/**
 * @returns an item for each input item, which says why none of them is ordered
 * @throws NodeOperationError if On Error is Stop, or nobody would read the items
 */
export function refuseAll(context: IExecuteFunctions, { error, advice }: Misfit): INodeExecutionData[] {
	if (stopsOnFailure(context) || dropsOutput(context)) {
		// A model reads the message only.
		throw new NodeOperationError(context.getNode(), isTool(context) ? `${error}. ${advice}` : error, { description: advice });
	}
	return context.getInputData().map((_, item) => errorItem(context, item, { error, message: advice, details: { outcome: 'notSent' } }));
}
