import { show, text } from './coerce';

/** Text that nobody types, with what it comes from. At the end of an address as well, such as `twitch.tv/undefined`. */
const MISHAPS: Array<[RegExp, string]> = [
	[/\[object [A-Z]\w*\]/, 'an expression makes of a whole object: choose one of its fields'],
	[/(^|\/)undefined$/, "an expression makes of a field that is not there: check the field's name"],
	[/(^|\/)null$/, 'an expression makes of a field without a value: fill it in, or leave the item out'],
	[/(^|\/)NaN$/, 'an expression makes of a calculation without a result: check the numbers in it'],
	[/^\d\.?\d*e\+\d+$/, 'n8n makes of a number with too many digits: read it as text where it comes from'],
];

/** What comes along, unseen, with text that was copied. */
const AROUND = /^[\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]+|[\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]+$/g;

/**
 * Text that names something, such as a channel or an order: another name is another purchase.
 *
 * @returns it without what nobody sees around it
 */
export function name(value: unknown): string {
	const given = text(value);
	const trimmed = given.replace(AROUND, '');
	const mishap = MISHAPS.find(([pattern]) => pattern.test(trimmed));
	if (mishap) throw new Error(`must not be ${show(value)}, which ${mishap[1]}`);
	// Digits of their own are text. An expression with a line break after it makes text of a number, which n8n has rounded.
	if (trimmed !== given && /^\d+$/.test(trimmed) && !Number.isSafeInteger(Number(trimmed))) {
		throw new Error(
			`must not be ${show(value)}, which n8n makes of a number with too many digits: if these are right, remove the white space around them, otherwise read the number as text where it comes from`,
		);
	}
	return trimmed;
}

/**
 * Text for people to read. `undefined` or `null` may be what somebody wrote, and costs nothing; `[object Object]` is
 * what nobody wrote, and the note is lost once the purchase is made.
 */
export function note(value: unknown): string {
	const given = text(value);
	if (given.includes('[object Object]')) {
		throw new Error(`must not be ${show(value)}, which an expression makes of a whole object: choose one of its fields`);
	}
	return given;
}
