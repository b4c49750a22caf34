import { sleep } from 'n8n-workflow';

/** Waits, unless the execution is stopped. The `sleepWithAbort` of n8n-workflow 1.120 is gone in 2.41. */
export async function pause(ms: number, stopSignal?: AbortSignal) {
	// A signal that is aborted already never tells of it again.
	if (stopSignal?.aborted) return;
	let stop = () => {};
	const stopped = new Promise<void>((resolve) => (stop = resolve));
	stopSignal?.addEventListener('abort', stop);
	await Promise.race([sleep(ms), stopped]);
	stopSignal?.removeEventListener('abort', stop);
}
