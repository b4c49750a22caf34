import type { Answer } from '../../n8n/http';
import { pause } from '../../n8n/pause';
import { readAnswer, readFailure } from './answer';
import type { Outcome } from './outcome';

/** How often an order is tried that is answered 429, and how many milliseconds are waited for it in all. */
export const RATE_LIMIT = { tries: 5, wait: 60_000 };

/**
 * Sends an order, and again as long as it is answered 429, which is a certain no.
 *
 * @param send sends it once
 * @param isOpen whether it may be sent again after a wait: a person may have settled it meanwhile
 */
export async function sendOrder(send: () => Promise<Answer>, isOpen: () => Promise<boolean>, stopSignal?: AbortSignal): Promise<Outcome> {
	for (let tries = 1, waited = 0; ; tries++) {
		const outcome = await send().then(readAnswer, readFailure);
		if (outcome.kind === 'bought' || tries === RATE_LIMIT.tries) return outcome;
		const { reason } = outcome;
		if (reason.kind !== 'status' || reason.httpCode !== 429) return outcome;

		const wait = reason.retryAfterMs ?? 1000 * 2 ** (tries - 1) * (1 + Math.random() / 2);
		waited += wait;
		if (waited > RATE_LIMIT.wait) return outcome;
		await pause(wait, stopSignal);
		if (stopSignal?.aborted || !(await isOpen())) return outcome;
	}
}
