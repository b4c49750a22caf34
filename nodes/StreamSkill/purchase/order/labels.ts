import { BATCHING, BODY, ORDER_OPTIONS, RUN_OPTIONS, type Field } from './table';

/** The editor's label of each field and option, for messages that a user can match with the form. */
export const LABELS: Record<string, string> = {
	additionalFields: 'Additional Fields',
	options: 'Options',
	batching: 'Batching',
	...Object.fromEntries(
		Object.entries<Field>({ ...BODY, ...ORDER_OPTIONS, ...BATCHING, ...RUN_OPTIONS }).map(([key, { label }]) => [key, label]),
	),
};
