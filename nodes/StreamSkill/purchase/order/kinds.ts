import type { INodeProperties } from 'n8n-workflow';

import { readReferences } from './references';
import { boolean, integer, isBlank, oneOf, text } from './coerce';
import { name, note } from './mishaps';

/** What a field can hold: how its value is read, and what the editor offers for it. */
export interface Kind<T> {
	/** @throws Error whose message goes on after the field's label: "must be …" */
	read(value: unknown): T;
	editor: Pick<INodeProperties, 'type' | 'typeOptions' | 'options'>;
}

export const wholeNumber = (min: number, max = Number.MAX_SAFE_INTEGER): Kind<number> => ({
	read: integer({ min, max }),
	editor: {
		type: 'number',
		typeOptions: { minValue: min, ...(max !== Number.MAX_SAFE_INTEGER && { maxValue: max }), numberPrecision: 0 },
	},
});

export const yesOrNo: Kind<boolean> = { read: boolean, editor: { type: 'boolean' } };

const keysOf = <T extends string>(names: Record<T, string>) => Object.keys(names) as T[];

const offered = <T extends string>(names: Record<T, string>, descriptions?: Record<T, string>) =>
	Object.entries<string>(names).map(([value, name]) => ({
		name,
		value,
		...(descriptions && { description: descriptions[value as T] }),
	}));

/** One of these values; in the editor, they have names. */
export const choice = <T extends string>(names: Record<T, string>, descriptions?: Record<T, string>): Kind<T> => ({
	read: oneOf(keysOf(names)),
	editor: { type: 'options', options: offered(names, descriptions) },
});

/** Some of these values, as the editor's list or as the API's comma-separated text, which is what it gives. */
export const choices = (names: Record<string, string>): Kind<string | undefined> => ({
	read: (value) => {
		const parts = Array.isArray(value) ? (value as unknown[]) : text(value).split(',');
		const chosen = parts.filter((part) => !isBlank(part)).map(oneOf(keysOf(names)));
		return [...new Set(chosen)].join(',') || undefined;
	},
	editor: { type: 'multiOptions', options: offered(names) },
});

export const nameText: Kind<string> = { read: name, editor: { type: 'string' } };

export const noteText: Kind<string> = { read: note, editor: { type: 'string' } };

/** References of uncertain orders, as somebody types them. */
export const references: Kind<string[]> = {
	read: (value) => readReferences(Array.isArray(value) ? value.map(text).join(' ') : text(value)),
	editor: { type: 'string' },
};
