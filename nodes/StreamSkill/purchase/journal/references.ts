import { createHash } from 'crypto';

import { DIGEST } from '../../n8n/stored';
import type { ShownReference } from './knowledge';
import { isOfEditor, isOfItem, isOfKey, type RecordId } from './records';

/** Without what looks alike: 0 and O, 1 and I and L, 5 and S, 2 and Z, 8 and B, U and V. */
const ALPHABET = '34679ACDEFGHJKMNPQRTWXY';
const LENGTH = 8;

/**
 * The short code by which a person names an uncertain order: the same on every worker and in every retry. It stands for
 * one record, and a confirmation ends that record, so a reference works once.
 */
export function referenceOf({ scope, name, number }: RecordId): string {
	const bytes = createHash('sha256')
		.update(DIGEST.reference(scope, name, number))
		.digest();
	let rest = bytes.readBigUInt64BE();
	let code = '';
	for (let i = 0; i < LENGTH; i++) {
		code += ALPHABET.charAt(Number(rest % BigInt(ALPHABET.length)));
		rest /= BigInt(ALPHABET.length);
	}
	return `${code.slice(0, 4)}-${code.slice(4)}`;
}

/**
 * @param records those of an order: one at least
 * @param key the name of the item's Idempotency Key, which may be another one than the order was sent with
 * @returns the reference that is shown: its key's, else the editor's, else the item's, which it keeps when its fields are mended, else the order's
 */
export function shownReference(records: RecordId[], key?: string): ShownReference {
	const rank = (record: RecordId) => [!isOfKey(record), !isOfEditor(record), !isOfItem(record)].map(Number).join('');
	const [first] = [...records].sort((a, b) => rank(a).localeCompare(rank(b)));
	if (!first) throw new Error('an order without a record has no reference');
	return { reference: referenceOf(first), isKeyed: isOfKey(first) && first.name === key };
}
