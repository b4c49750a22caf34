import type { Order, Sandbox } from './sandbox.mts';

/** How often each channel was bought. */
export const bought = ({ purchases }: Sandbox) => tally(purchases.map(({ order }) => order.channel));

/** How often an order for each channel was sent, bought or not. */
export const sent = ({ requests }: Sandbox) => tally(requests.map(({ body }) => (body as Order).channel));

/** What `bought` and `sent` give when each of these channels comes up once. */
export const onceEach = (channels: string[]) => Object.fromEntries(channels.map((channel) => [channel, 1]));

function tally(channels: string[]): Record<string, number> {
	const counts: Record<string, number> = {};
	for (const channel of channels) counts[channel] = (counts[channel] ?? 0) + 1;
	return counts;
}
