import type { IDataObject } from 'n8n-workflow';

/** Sentences on what is wrong with fields, by the API's name of the field. */
export type FieldProblems = Record<string, string[]>;

/** What reading some fields gives: their values, or what is wrong with each that is. */
export type Parsed<T> = { kind: 'valid'; value: T } | { kind: 'invalid'; problems: FieldProblems };

/** White space, and what nobody sees: zero-width characters, soft hyphens, blank letters, control characters. */
const INVISIBLE = /^[\s\p{Default_Ignorable_Code_Point}\p{Cc}\u2800]*$/u;

/** Blank is what spreadsheets and forms leave where nobody filled anything in. */
export const isBlank = (value: unknown) => value === undefined || value === null || (typeof value === 'string' && INVISIBLE.test(value));

/** A short text for any value, also for those that JSON has none for. */
export function show(value: unknown): string {
	let shown: string;
	try {
		shown = typeof value === 'object' || typeof value === 'string' ? JSON.stringify(value) : String(value as number);
	} catch (error) {
		shown = `a value that cannot be shown (${(error as Error).name})`;
	}
	return shown.length > 60 ? `${shown.slice(0, 60)}…` : shown;
}

/** A whole number from `min` to `max`, as a number or as its digits. */
export const integer =
	({ min, max }: { min: number; max: number }) =>
	(value: unknown): number => {
		const number = typeof value === 'string' && /^\s*[+-]?\d+\s*$/.test(value) ? Number(value) : value;
		if (typeof number !== 'number' || !Number.isSafeInteger(number) || number < min || number > max) {
			const range = max === Number.MAX_SAFE_INTEGER ? `of ${min} or more` : `from ${min} to ${max}`;
			throw new Error(`must be a whole number ${range}, not ${show(value)}`);
		}
		return number;
	};

/** True or false, or what spreadsheets write for them. */
export function boolean(value: unknown): boolean {
	const word =
		typeof value === 'object'
			? ''
			: String(value as string)
					.trim()
					.toLowerCase();
	if (word === 'true' || word === '1') return true;
	if (word === 'false' || word === '0') return false;
	throw new Error(`must be true or false, not ${show(value)}`);
}

/**
 * Text. A number is text as well: a channel can be a video ID, and spreadsheets make numbers of those.
 * Not a number too large to be exact, which has become another ID by now.
 */
export function text(value: unknown): string {
	if (typeof value === 'string') return value;
	if (typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER) return String(value);
	throw new Error(`must be text, not ${show(value)}`);
}

export const isObject = (value: unknown): value is IDataObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A collection of fields: an expression can have put anything else in its place. */
export function collection(value: unknown): IDataObject {
	if (isObject(value)) return value;
	throw new Error(`must be a collection of fields, not ${show(value)}`);
}

/** One of the `allowed` words. */
export const oneOf =
	<T extends string>(allowed: readonly T[]) =>
	(value: unknown): T => {
		const choice = typeof value === 'string' ? value.trim() : value;
		if (!allowed.includes(choice as T)) throw new Error(`must be one of ${allowed.join(', ')}, not ${show(value)}`);
		return choice as T;
	};
