import { isBlank, type Field, type Kind } from './kinds';
import type { FieldProblems } from './problems';

type Fields = Record<string, Field>;

type ValueOf<F> = F extends { kind: Kind<infer T> } ? T : never;

/** Those fields that have a value in any case. */
type Certain = { required: true } | { otherwise: unknown };

/** What reading the fields of a table gives, by their keys. */
export type Values<F extends Fields> = {
	[K in keyof F as F[K] extends Certain ? K : never]: ValueOf<F[K]>;
} & {
	[K in keyof F as F[K] extends Certain ? never : K]?: ValueOf<F[K]>;
};

/**
 * Reads the fields of a table. A blank value is left out, unless the field has to be there.
 *
 * @param given what the editor has, by the names that it has there
 * @param problems gets what is wrong with each field that is; only without any is what is returned complete
 */
export function readFields<F extends Fields>(fields: F, given: Record<string, unknown>, problems: FieldProblems): Values<F> {
	const values: Record<string, unknown> = {};
	for (const [key, field] of Object.entries(fields)) {
		let value: unknown;
		try {
			value = readField(field, field.name ?? key, given);
		} catch (error) {
			problems[key] = [`${field.label} ${(error as Error).message}`];
		}
		value ??= field.otherwise;
		if (value !== undefined) values[key] = value;
	}
	return values as Values<F>;
}

function readField({ kind, required, isGuard }: Field, name: string, given: Record<string, unknown>): unknown {
	const value = given[name];
	if (!isBlank(value)) return kind.read(value);
	if (required || (isGuard && name in given)) throw new Error(describeBlank(value));
	return undefined;
}

function describeBlank(value: unknown): string {
	if (typeof value !== 'string' || value.trim() === '') return 'is required but blank';
	const shown = value.slice(0, 10).replace(/[^]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
	return `is required but has nothing but invisible characters ("${shown}"): type it anew`;
}
