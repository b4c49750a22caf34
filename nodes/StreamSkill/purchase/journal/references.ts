import { createHash } from 'crypto';

import { DIGEST } from './stored';

/** Without what looks alike: 0 and O, 1 and I and L, 5 and S, 2 and Z, 8 and B, U and V. */
const ALPHABET = '34679ACDEFGHJKMNPQRTWXY';
const LENGTH = 8;

/**
 * The short code by which a person names an uncertain order: the same on every worker and in every retry, and
 * another one with each attempt.
 *
 * @param scope what the entry is unique in
 * @param entry the order's entry in the database
 * @param attempt from 1
 */
export function referenceOf(scope: string, entry: string, attempt: number): string {
	const bytes = createHash('sha256').update(DIGEST.reference(scope, entry, attempt)).digest();
	let number = bytes.readBigUInt64BE();
	let code = '';
	for (let i = 0; i < LENGTH; i++) {
		code += ALPHABET[Number(number % BigInt(ALPHABET.length))];
		number /= BigInt(ALPHABET.length);
	}
	return `${code.slice(0, 4)}-${code.slice(4)}`;
}

/**
 * Reads the references that somebody typed, with spaces, commas or lines between them.
 *
 * @returns each as `referenceOf` writes it, if it can be one, otherwise as it was typed
 */
export const readReferences = (text: string): string[] => [
	...new Set(
		text
			.toUpperCase()
			.split(/[\s,;]+/)
			.filter(Boolean)
			.map((typed) => typed.replace(/^([A-Z\d]{4})-?([A-Z\d]{4})$/, '$1-$2')),
	),
];
