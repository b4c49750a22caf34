import type { IDataObject, INodeExecutionData } from 'n8n-workflow';

const MESSAGE = 'What is left out was bought before. Nothing was bought now.';

/**
 * @param orders those that were bought before
 * @returns what an item says that stands for them in the node's output
 */
export const leftOutJson = (orders: IDataObject[]): IDataObject => ({ leftOut: orders, message: MESSAGE });

/**
 * The orders that a StreamSkill node before this one has left out, if that is all the item says. Without a `channel`, it
 * only keeps a loop going: nothing is to be ordered for it.
 */
export function leftOutBefore({ json }: INodeExecutionData): IDataObject[] | undefined {
	const { leftOut, message, channel } = json;
	return channel === undefined && message === MESSAGE && Array.isArray(leftOut) ? (leftOut as IDataObject[]) : undefined;
}
