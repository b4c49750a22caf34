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
