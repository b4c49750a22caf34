import { STATUS_CODES, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';

/** Dotted field names, each with its messages. */
export type FieldErrors = Record<string, string[]>;

// The documents show the 401. The others are assumed to be built alike (it is Yii's way).
const messages: Record<number, string> = {
	401: 'Your request was made with invalid credentials.',
	404: 'Page not found.',
};

/** An error other than 422, in the API's own shape. */
export function errorBody(status: number, message = messages[status]) {
	const name = STATUS_CODES[status] ?? 'Error';
	const type = `${name.toLowerCase().replace(/\W+/g, '_')}_http_exception`;
	return { name, message: message ?? name, code: 0, status, type };
}

/** A 422, in the API's own shape; that its name is "Bad Request" is from the documents. */
export function validationBody(errors: FieldErrors) {
	return { name: 'Bad Request', errors, code: 0, status: 422, type: 'validate_exception' };
}

/** Sends a body: objects as JSON, text as it is. */
export function send(res: ServerResponse, status: number, body: unknown, headers: OutgoingHttpHeaders = {}): void {
	const isText = typeof body === 'string';
	const text = isText ? body : JSON.stringify(body);
	res.writeHead(status, {
		'content-type': isText ? 'text/html; charset=UTF-8' : 'application/json; charset=UTF-8',
		...(status === 204 || status === 304 ? {} : { 'content-length': Buffer.byteLength(text) }),
		...headers,
	});
	res.end(text);
}
