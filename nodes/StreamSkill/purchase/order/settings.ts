import { fieldReader, integer, type Parsed } from './coerce';
import { OPTION_RANGES } from './values';

/** Long enough for a slow API: an answer that is not waited for is an uncertain order. */
export const DEFAULT_TIMEOUT = 60_000;

/** The options that hold for the whole run. */
export interface RunSettings {
	/** How many orders go out together, from 1. */
	batchSize: number;
	/** Milliseconds between batches. */
	batchInterval: number;
	/** Milliseconds to wait for an answer. */
	timeout: number;
}

/**
 * Reads the options that hold for the whole run.
 *
 * @param options the node's Options, as evaluated for one of the items
 * @returns the settings, or what is wrong with each option that is
 */
export function readSettings(options: Record<string, unknown>): Parsed<RunSettings> {
	const { parsed, optional } = fieldReader();
	const batch = (options.batching as { batch?: Record<string, unknown> } | undefined)?.batch ?? {};
	const batchSize = optional('batchSize', batch.batchSize, integer(OPTION_RANGES.batchSize)) ?? 1;

	return parsed({
		batchSize: batchSize === -1 ? Infinity : Math.max(1, batchSize),
		batchInterval: optional('batchInterval', batch.batchInterval, integer(OPTION_RANGES.batchInterval)) ?? 0,
		timeout: optional('timeout', options.timeout, integer(OPTION_RANGES.timeout)) ?? DEFAULT_TIMEOUT,
	});
}
