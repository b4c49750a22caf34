import { error as failures, middleware } from 'express-openapi-validator';
import { fieldMessage, type Language } from './messages.mts';
import { openapi } from './openapi.mts';
import type { FieldErrors } from './answers.mts';

/**
 * Holds requests against the OpenAPI description, the token first. Compiled once, for all
 * sandboxes of a process; the token of each is in its `app.locals`.
 *
 * Assumed: values are not coerced, so "1000" is no quantity. If the real API is more lenient,
 * a client that satisfies the sandbox still satisfies it.
 */
export const contract = middleware({
	apiSpec: openapi,
	validateRequests: { allErrors: true, coerceTypes: false, allowUnknownQueryParameters: false },
	validateSecurity: {
		handlers: {
			bearerAuth: ({ headers, app }) => headers.authorization === `Bearer ${String(app.locals.token)}`,
		},
	},
	fileUploader: false,
});

/** The validator's complaint as the API's field errors; undefined if it is not about fields. */
export function fieldErrors(failure: unknown, language: Language): FieldErrors | undefined {
	if (!(failure instanceof failures.BadRequest)) return undefined;
	const errors: FieldErrors = {};
	for (const { path, message, errorCode } of failure.errors) {
		const keyword = errorCode?.split('.')[0] ?? 'invalid';
		(errors[fieldName(path)] ??= []).push(fieldMessage(language, keyword, detail(message)));
	}
	return errors;
}

/** `/body/tarif/id` -> `tarif.id`, `/query/expand/0` -> `expand`, `/headers/accept-language` -> `accept-language`. */
function fieldName(path: string): string {
	const [, place, ...names] = path.split('/');
	return place === 'body' ? names.join('.') || 'body' : names[0];
}

/** What the validator's sentence ends with: a limit, a type, or after a colon the allowed values. */
function detail(message: string): string | undefined {
	return /(?<=: ).*$|\S+$/.exec(message)?.[0];
}
