import type { languages } from './openapi.mts';

/** A language that the API answers in. */
export type Language = (typeof languages)[number];

type Texts = Record<string, (detail: string) => string>;

const enTypes: Record<string, string> = { integer: 'an integer', string: 'a string', boolean: 'a boolean', object: 'an object' };
const ruTypes: Record<string, string> = { integer: 'целое число', string: 'строка', boolean: 'логическое значение', object: 'объект' };

// Only "Tarif not found" is known from the API's documents, the others are assumed.
const texts: Record<Language, Texts> = {
	en: {
		required: () => 'Required',
		type: (type) => `Must be ${enTypes[type]}`,
		minimum: (limit) => `Must be at least ${limit}`,
		maximum: (limit) => `Must be at most ${limit}`,
		enum: (values) => `Must be one of: ${values}`,
		pattern: () => 'Must not be blank',
		additionalProperties: () => 'Unknown field',
		tarifNotFound: () => 'Tarif not found',
		invalid: () => 'Invalid value',
	},
	ru: {
		required: () => 'Обязательное поле',
		type: (type) => `Должно быть: ${ruTypes[type]}`,
		minimum: (limit) => `Должно быть не меньше ${limit}`,
		maximum: (limit) => `Должно быть не больше ${limit}`,
		enum: (values) => `Допустимые значения: ${values}`,
		pattern: () => 'Не должно быть пустым',
		additionalProperties: () => 'Неизвестное поле',
		tarifNotFound: () => 'Тариф не найден',
		invalid: () => 'Недопустимое значение',
	},
};

/** The text of one field error; `keyword` is the JSON Schema keyword that the value broke. */
export function fieldMessage(language: Language, keyword: string, detail = ''): string {
	return (texts[language][keyword] ?? texts[language].invalid)(detail);
}
