import type { IExecuteFunctions } from 'n8n-workflow';

import { digest } from './digest';

/**
 * What stays the same from an execution to all its retries: n8n's token for resuming it, which is made with the
 * execution and stored at once (n8n-core: get-additional-keys.js; n8n: execution.service.js, retry). It is a secret,
 * so only its digest leaves this function.
 *
 * @returns undefined where n8n has no token that lasts: before n8n 2.14; for a crashed execution in n8n 1.x; and in n8n's
 * Engine 2, whose execution IDs are no numbers, and which makes a new token for each step
 */
export function tokenRoot(context: IExecuteFunctions): string | undefined {
	if (!/^\d+$/.test(context.getExecutionId())) return undefined;
	const { $execution } = context.getWorkflowDataProxy(0) as unknown as { $execution?: { resumeUrl?: string } };
	const token = /[?&]signature=([^&#]+)/.exec($execution?.resumeUrl ?? '')?.[1];
	return token === undefined ? undefined : digest(token);
}
