import type { IDataObject, INodeExecutionData } from 'n8n-workflow';

import { isObject } from './kinds';

const MESSAGE = 'This order was bought before, and is left out. Nothing was bought now.';

/**
 * A purchase may have the address of the channel's page (API document), and nobody knows it here. So there is no
 * `channel` where the next node may make its Idempotency Key of it: with another key, it would buy again.
 *
 * @param because how it is known that it was bought
 * @returns what stands for an order in the node's output that was left out
 */
export const leftOutJson = (order: IDataObject, because: string): IDataObject => ({
	...(because !== 'key' && { channel: order.channel }),
	leftOut: order,
	because,
	message: MESSAGE,
});

/**
 * Whether a StreamSkill node before this one has left out what its Idempotency Key has bought, in this execution or in
 * any other one. So only a key tells what this node has bought for it.
 */
export const isLeftOutByKey = ({ json }: INodeExecutionData): boolean =>
	json.because === 'key' && json.message === MESSAGE && isObject(json.leftOut);
