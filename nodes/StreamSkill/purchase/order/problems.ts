/** Sentences on what is wrong with fields, by the API's name of the field. */
export type FieldProblems = Record<string, string[]>;

/** What reading some fields gives: their values, or what is wrong with each that is. */
export type Parsed<T> = { kind: 'valid'; value: T } | { kind: 'invalid'; problems: FieldProblems };
