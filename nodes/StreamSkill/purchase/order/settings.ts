import { isObject } from './kinds';
import type { RunSettings } from './order';
import type { FieldProblems } from './problems';
import { readFields } from './read';
import { BATCHING, RUN_OPTIONS } from './table';

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
