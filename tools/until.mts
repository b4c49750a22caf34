import { setTimeout as delay } from 'node:timers/promises';

type Truthy<T> = Exclude<T, false | 0 | '' | null | undefined>;

/** Waits for `condition` to become true, or for its value. Looks often at first, then every `interval` milliseconds. */
export async function until<T>(
	condition: () => T | Promise<T>,
	what: string,
	{ timeout = 60_000, interval = 50 } = {},
): Promise<Truthy<T>> {
	const deadline = Date.now() + timeout;
	for (let pause = 1; ; pause = Math.min(2 * pause, interval)) {
		const value = await condition();
		if (value) return value as Truthy<T>;
		if (Date.now() > deadline) throw new Error(`${what} did not come within ${timeout / 1000} s`);
		await delay(pause);
	}
}
