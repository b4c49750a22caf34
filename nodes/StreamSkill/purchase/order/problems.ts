/** Sentences on what is wrong with fields, by the API's name of the field. */
export type FieldProblems = Record<string, string[]>;
