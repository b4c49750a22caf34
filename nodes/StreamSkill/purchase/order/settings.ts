import { isObject } from './kinds';
import type { FieldProblems } from './problems';
import { readFields, type Values } from './read';
import { BATCHING, RUN_OPTIONS } from './table';

/** The options that hold for the whole run. `batchSize` is from 1. */
export type RunSettings = Values<typeof BATCHING> & Values<typeof RUN_OPTIONS>;

/**
 * Reads the options that hold for the whole run.
 *
 * @param options the node's Options, as evaluated for one of the items
 * @param problems gets what is wrong with each option that is
 */
export function readSettings(options: Record<string, unknown>, problems: FieldProblems): RunSettings {
	const { batch } = isObject(options.batching) ? options.batching : {};
	const { batchSize, batchInterval } = readFields(BATCHING, isObject(batch) ? batch : {}, problems);
	const { timeout } = readFields(RUN_OPTIONS, options, problems);
	return { batchSize: batchSize === -1 ? Infinity : Math.max(1, batchSize), batchInterval, timeout };
}
