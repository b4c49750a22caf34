import type { IDataObject, IExecuteFunctions, INodeExecutionData, IPairedItemData, ISourceData } from 'n8n-workflow';

import { isTool } from './host';

/** All keys that it may have: n8n since 2.36 sends an item with any other to the success output (seen in n8n 2.41.1). */
export interface ErrorJson extends IDataObject {
	error: string;
	message: string;
	details: IDataObject;
}

/**
 * @returns what leaves through the error output for an item
 *
 * n8n adds the item that came in. It throws everything away, purchases as well, and puts out the input items as if they
 * had been bought, where it does not find that any more, and has no way to be told it (n8n-core: workflow-execute.js,
 * handleNodeErrorOutput): there, the item has the two keys that n8n knows in all versions, and nothing to look for.
 *
 * n8n before 2.36 does not know the key `details`, but goes by a property `error` of the item as well. If that were
 * enumerable, n8n would put it in place of the JSON.
 */
export function errorItem(context: IExecuteFunctions, itemIndex: number, json: ErrorJson): INodeExecutionData {
	// A tool has no error output.
	if (context.getNode().onError !== 'continueErrorOutput' || isTool(context)) return { json, pairedItem: { item: itemIndex } };
	const { error, message } = json;
	if (!isFound(context, itemIndex)) return { json: { error, message }, pairedItem: itemIndex };
	return Object.defineProperty({ json, pairedItem: { item: itemIndex } }, 'error', { value: { message: error }, writable: true });
}

/** Whether n8n finds the item that came in: not if the node before has other output by now, or none. */
function isFound(context: IExecuteFunctions, item: number): boolean {
	const { $getPairedItem } = context.getWorkflowDataProxy(0) as unknown as {
		$getPairedItem: (node: string, source: ISourceData, item: IPairedItemData) => INodeExecutionData | null;
	};
	try {
		const source = context.getInputSourceData();
		return Boolean($getPairedItem(source.previousNode, source, { item }));
	} catch {
		return false;
	}
}
