import type { IDataObject, INodeProperties } from 'n8n-workflow';

/** What a field can hold: how its value is read, and what the editor offers for it. */
export interface Kind<T> {
	/** @throws Error whose message goes on after the field's label: "must be …" */
	read(value: unknown): T;
	editor: Pick<INodeProperties, 'type' | 'typeOptions' | 'options'>;
}

/** A field of the order, or an option: all there is to say of it, for the editor, the reader and the messages. */
export interface Field {
	/** Its name in the editor, if that is not its key. Workflows save it: it never changes. */
	name?: string;
	label: string;
	kind: Kind<unknown>;
	/** What the editor fills in when the field is added. */
	default: INodeProperties['default'];
	description: string;
	placeholder?: string;
	/** What n8n's AI workflow builder is told of it besides. */
	builderHint?: string;
	/** It has to be there. */
	required?: true;
	/** It protects: blank where it was added, it is refused, for it would not protect then. */
	isGuard?: true;
	/** What holds where it is left out. */
	otherwise?: unknown;
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

export const channelText: Kind<string> = { read: channel, editor: { type: 'string' } };

export const keyText: Kind<string> = { read: key, editor: { type: 'string' } };

export const noteText: Kind<string> = { read: note, editor: { type: 'string' } };

/** References of uncertain orders, as somebody types them. */
export const references: Kind<string[]> = {
	read: (value) => readReferences(Array.isArray(value) ? value.map(text).join(' ') : text(value)),
	editor: { type: 'string' },
};

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

export const isObject = (value: unknown): value is IDataObject => typeof value === 'object' && value !== null && !Array.isArray(value);

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
function boolean(value: unknown): boolean {
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
function text(value: unknown): string {
	if (typeof value === 'string') return value;
	if (typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER) return String(value);
	throw new Error(`must be text, not ${show(value)}`);
}

/** One of the `allowed` words. */
export const oneOf =
	<T extends string>(allowed: readonly T[]) =>
	(value: unknown): T => {
		const choice = typeof value === 'string' ? value.trim() : value;
		if (!allowed.includes(choice as T)) throw new Error(`must be one of ${allowed.join(', ')}, not ${show(value)}`);
		return choice as T;
	};

/** Text that nobody types, with what it comes from. As a part of an address as well, such as `twitch.tv/undefined`. */
const MISHAPS: Array<[RegExp, string]> = [
	[/\[object [A-Z]\w*\]/, 'an expression makes of a whole object: choose one of its fields'],
	[/(^|[/=@])undefined([/?#&]|$)/, "an expression makes of a field that is not there: check the field's name"],
	[/(^|[/=@])null([/?#&]|$)/, 'an expression makes of a field without a value: fill it in, or leave the item out'],
	[/(^|[/=@])NaN([/?#&]|$)/, 'an expression makes of a calculation without a result: check the numbers in it'],
	[
		/(^|[/=@\s])#(N\/A|REF!|VALUE!|NAME\?|DIV\/0!|NULL!|NUM!|ERROR!|SPILL!|CALC!)(?!\S)/,
		'a spreadsheet makes of a formula without a result: mend it there',
	],
	[/^Invalid Date(Time)?$/, 'an expression makes of text that is no date: check the field that it reads'],
	[/^\d\.?\d*e\+\d+$/, 'n8n makes of a number with too many digits: read it as text where it comes from'],
];

/** What comes along, unseen, with text that was copied. */
const AROUND = /^[\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]+|[\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]+$/g;

/**
 * Text that names something, such as a channel or an order: another name is another purchase.
 *
 * @returns it without what nobody sees around it
 */
function name(value: unknown): string {
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

/** A name in one line: a spreadsheet's cell may have several. */
function channel(value: unknown): string {
	const given = name(value);
	if (/[\n\r\u2028\u2029]/.test(given)) {
		throw new Error(`must not be ${show(value)}, which is several lines of text: give each item one of them`);
	}
	return given;
}

/**
 * Text that tells one order from all others: with a part that is the same for each order, all but the first would count
 * as bought before.
 */
function key(value: unknown): string {
	const given = name(value);
	const slip = given.match(/(?<![\p{L}\p{N}])undefined(?![\p{L}\p{N}])|(?<![^\s#|:;,])(null|NaN|Invalid Date(Time)?)(?![^\s#|:;,])/u);
	if (slip)
		throw new Error(`must not be ${show(value)}: its "${slip[0]}" looks like what an expression makes of a value that is not there`);
	// An accent is one character or two, by where the text comes from, and looks the same.
	return given.normalize('NFC');
}

/**
 * Text for people to read. `undefined` or `null` may be what somebody wrote, and costs nothing; `[object Object]` is
 * what nobody wrote, and the note is lost once the purchase is made.
 */
function note(value: unknown): string {
	const given = text(value);
	if (given.includes('[object Object]')) {
		throw new Error(`must not be ${show(value)}, which an expression makes of a whole object: choose one of its fields`);
	}
	return given;
}

/**
 * Reads the references that somebody typed, with spaces, commas or lines between them.
 *
 * @returns each in the form in which the node shows them, if it can be one, otherwise as it was typed
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
