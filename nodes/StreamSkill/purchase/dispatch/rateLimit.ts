import type { NotBought } from './outcome';

/** How often an order is sent that is answered 429, and how many milliseconds are waited for it in all. */
const MOST = { tries: 5, wait: 60_000 };

/** How long one order waits when it is answered 429: as long as it is told, otherwise longer each time. */
export class RateLimit {
	private tries = 0;

	private waited = 0;

	/** @returns the milliseconds to wait before the order is sent again; undefined if it is not */
	waitAfter({ kind, reason }: NotBought): number | undefined {
		if (kind !== 'rejected' || reason.kind !== 'status' || reason.httpCode !== 429) return undefined;
		const wait = reason.retryAfterMs ?? 1000 * 2 ** this.tries * (1 + Math.random() / 2);
		this.tries++;
		this.waited += wait;
		return this.tries < MOST.tries && this.waited <= MOST.wait ? wait : undefined;
	}
}
