import { Ajv } from 'ajv';
import fc from 'fast-check';

import type { Field } from '../../nodes/StreamSkill/purchase/order/kinds.ts';
import { readOrder, type OrderParameters } from '../../nodes/StreamSkill/purchase/order/order.ts';
import { readAnswer, readFailure } from '../../nodes/StreamSkill/purchase/dispatch/answer.ts';
import type { Answer } from '../../nodes/StreamSkill/n8n/http.ts';
import { readSettings } from '../../nodes/StreamSkill/purchase/order/settings.ts';
import { BODY, ORDER_OPTIONS, RUN_OPTIONS } from '../../nodes/StreamSkill/purchase/order/table.ts';

const integer = (maximum?: number) => ({ type: 'integer', minimum: 1, ...(maximum && { maximum }) });

/** The API document's CartObject, but stricter: no other keys, and a channel that is not blank. */
const isCart = new Ajv().compile({
	type: 'object',
	required: ['tarif', 'channel'],
	additionalProperties: false,
	properties: {
		tarif: {
			type: 'object',
			required: ['id'],
			additionalProperties: false,
			properties: { id: integer(), quantity: integer(10000), duration: integer(24) },
		},
		channel: { type: 'string', pattern: '^\\S(.*\\S)?$' },
		interval: integer(86400),
		lang: {
			enum: 'auto en ru uk de es fr it pt pl tr ar zh ja ko hi th vi id ms tl ca da nl no ro sk fi sv cs el bg hu zh-hk other'.split(' '),
		},
		comment: { type: 'string', pattern: '\\S' },
		start: { type: 'boolean' },
	},
});

/** What an expression can give. */
const anything = fc.anything({
	withBigInt: true,
	withBoxedValues: true,
	withDate: true,
	withMap: true,
	withNullPrototype: true,
	withObjectString: true,
	withSet: true,
	withSparseArray: true,
	withTypedArray: true,
});
const wholeNumber = fc.oneof(fc.integer({ min: -1, max: 100_000 }), fc.integer().map(String), fc.integer({ min: 1, max: 24 }));
const truth = fc.constantFrom(true, false, 'true', 'FALSE', 1, '0', '');
const word = (...words: string[]) => fc.constantFrom(...words, '', null);
const mostly = <T,>(likely: fc.Arbitrary<T>) => fc.oneof({ weight: 15, arbitrary: likely as fc.Arbitrary<unknown> }, anything);
const text = fc.oneof(fc.string({ minLength: 1 }), fc.string({ unit: 'grapheme' }), fc.double());

const anyOption = {
	acceptLanguage: mostly(word('en', 'ru')),
	batching: mostly(fc.record({ batch: fc.record({ batchSize: mostly(wholeNumber), batchInterval: mostly(wholeNumber) }) })),
	dryRun: mostly(truth),
	expand: mostly(fc.oneof(fc.array(word('api', 'tarif', 'parent', 'chatbot')), word('tarif,api', ' tarif ,,', 'x'))),
	idempotencyKey: mostly(text),
	maxPurchases: mostly(wholeNumber),
	onDuplicate: mostly(word('skip', 'fail')),
	repeatManualOrders: mostly(truth),
	confirmedBought: mostly(fc.string()),
	confirmedNotBought: mostly(fc.string()),
	timeout: mostly(wholeNumber),
};
const options = fc.record(anyOption, { requiredKeys: [] });

const anyField = {
	comment: mostly(text),
	duration: mostly(wholeNumber),
	interval: mostly(wholeNumber),
	lang: mostly(word('auto', 'en', 'zh-hk')),
	quantity: mostly(wholeNumber),
	start: mostly(truth),
};
const parameters: fc.Arbitrary<OrderParameters> = fc.record({
	tarifId: mostly(wholeNumber),
	channel: mostly(text),
	additionalFields: fc.record(anyField, { requiredKeys: [] }),
	options,
});

test('every field and every option is tried', () => {
	const optional = Object.entries<Field>(BODY).flatMap(([key, { name = key, required }]) => (required ? [] : name));
	expect(Object.keys(anyField).sort()).toEqual(optional.sort());
	expect(Object.keys(anyOption).sort()).toEqual(['batching', ...Object.keys({ ...ORDER_OPTIONS, ...RUN_OPTIONS })].sort());
});

const expectSentences = (problems: Record<string, string[]>) => {
	const sentences = Object.values(problems).flat();
	expect(sentences).not.toHaveLength(0);
	for (const sentence of sentences) expect(sentence).toMatch(/^[A-Z][\w ()]+ (must be|must not be|is required)/);
};

test('whatever the parameters are, they are an order that the API takes, or sentences on what is wrong', () => {
	let orders = 0;
	fc.assert(
		fc.property(parameters, (given) => {
			const result = readOrder(given);
			if (result.kind === 'invalid') return expectSentences(result.problems);

			orders++;
			const {
				body,
				expand,
				acceptLanguage,
				idempotencyKey,
				onDuplicate,
				confirmedBought,
				confirmedNotBought,
				dryRun,
				repeatManualOrders,
				maxPurchases,
				...rest
			} = result.order;
			// What is sent is its JSON, which drops what is undefined: nothing may be.
			expect(JSON.parse(JSON.stringify(body))).toStrictEqual(body);
			expect(isCart(body) ? [] : isCart.errors).toEqual([]);
			expect(rest).toEqual({});
			const names = expand?.split(',') ?? [];
			expect(['tarif', 'parent', 'api', 'chatbot']).toEqual(expect.arrayContaining(names));
			expect(new Set(names).size).toBe(names.length);
			expect([undefined, 'en', 'ru']).toContain(acceptLanguage);
			expect('idempotencyKey' in (given.options as object)).toBe(idempotencyKey !== undefined);
			expect(idempotencyKey ?? 'none').toMatch(/\S/);
			expect(['skip', 'fail']).toContain(onDuplicate);
			for (const truth of [dryRun, repeatManualOrders]) expect(typeof truth).toBe('boolean');
			expect('maxPurchases' in (given.options as object)).toBe(maxPurchases !== undefined);
			expect(maxPurchases ?? 1).toBeGreaterThanOrEqual(1);
			expect(result.treatment).toEqual({ ...result.order, body: undefined });
			for (const reference of [...confirmedBought, ...confirmedNotBought]) expect(reference).toMatch(/^\S+$/);
		}),
		{ numRuns: 3000 },
	);
	expect(orders).toBeGreaterThan(50);
});

test('whatever the options are, they are settings within their ranges, or sentences on what is wrong', () => {
	fc.assert(
		fc.property(options, (given) => {
			const problems = {};
			const { batchSize, batchInterval, timeout } = readSettings(given, problems);
			if (Object.keys(problems).length > 0) expectSentences(problems);
			for (const atLeastOne of [batchSize, timeout]) expect(atLeastOne).toBeGreaterThanOrEqual(1);
			expect(batchInterval).toBeGreaterThanOrEqual(0);
		}),
		{ numRuns: 1000 },
	);
});

const key = fc.oneof(fc.constantFrom('id', '__proto__', 'constructor', 'prototype', 'toString', 'errors', 'message'), fc.string());
const values = fc.letrec<{ value: unknown }>((tie) => ({
	value: fc.oneof(
		{ maxDepth: 4 },
		fc.constantFrom(1, 0, -1, 1.5, '1', 2 ** 53, null),
		fc.integer(),
		fc.string(),
		fc.array(tie('value'), { maxLength: 4 }),
		fc.array(fc.tuple(key, tie('value')), { maxLength: 6 }).map((entries) => Object.fromEntries(entries)),
	),
})).value;
/** The same without keys called `__proto__`, which are what poisons careless code that copies objects. */
const withoutProto = (value: unknown): unknown => {
	if (Array.isArray(value)) return value.map(withoutProto);
	if (typeof value !== 'object' || value === null) return value;
	const entries = Object.entries(value).filter(([name]) => name !== '__proto__');
	return Object.fromEntries(entries.map(([name, child]) => [name, withoutProto(child)]));
};
/** As servers may write JSON: with `_` and letters escaped. */
const escaped = (json: string) => json.replaceAll('_', '\\u005f').replaceAll('i', '\\u0069');
const jsonText = values.map((value) => JSON.stringify(value));
const withId = fc.tuple(fc.maxSafeInteger(), values).map(([id, rest]) => JSON.stringify({ ...(rest as object), id }));

const answers: fc.Arbitrary<Answer> = fc.record({
	statusCode: fc.oneof(fc.constantFrom(200, 201, 422, 429), fc.integer({ min: 100, max: 599 })),
	headers: fc.record({ 'retry-after': anything, 'x-rate-limit-reset': fc.oneof(fc.string(), fc.nat().map(String)) }, { requiredKeys: [] }),
	body: fc.oneof(
		withId,
		withId.map(escaped),
		jsonText,
		jsonText.map(escaped),
		fc.string(),
		withId.map((json) => json.slice(0, -1)),
	),
});

/** Whether it is the answer to a purchase, by the words of the design. */
function isPurchase({ statusCode, body }: Answer): boolean {
	try {
		const json = JSON.parse(body) as { id?: unknown } | null;
		const isObject = typeof json === 'object' && json !== null && !Array.isArray(json);
		return (
			statusCode >= 200 &&
			statusCode <= 299 &&
			isObject &&
			Object.hasOwn(json, 'id') &&
			Number.isSafeInteger(json.id) &&
			(json.id as number) >= 1
		);
	} catch {
		return false;
	}
}

test('an answer is bought if and only if it is a 2xx with a purchase, which is handed over whole but for what poisons', () => {
	const before = Object.getOwnPropertyNames(Object.prototype);
	let purchases = 0;
	fc.assert(
		fc.property(answers, (answer) => {
			const outcome = readAnswer(answer);
			expect(outcome.kind === 'bought').toBe(isPurchase(answer));
			if (outcome.kind === 'bought') {
				purchases++;
				expect(JSON.stringify(outcome.purchase)).not.toContain('"__proto__":');
				expect(JSON.stringify(outcome.purchase)).toBe(JSON.stringify(withoutProto(JSON.parse(answer.body))));
			} else {
				const { reason } = outcome;
				expect(reason).toMatchObject({ httpCode: answer.statusCode });
				expect(reason.kind === 'status' ? (reason.retryAfterMs ?? 0) : 0).toBeGreaterThanOrEqual(0);
			}
			expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
		}),
		{ numRuns: 3000 },
	);
	expect(purchases).toBeGreaterThan(100);
});

test('whatever is thrown instead of an answer, it is a certain no only with a reason to be', () => {
	fc.assert(
		fc.property(anything, (thrown) => {
			expect(readFailure(thrown)).toMatchObject({
				kind: 'unknown',
				reason: { kind: expect.not.stringMatching(/^(status|proxy|blocked|abandoned)$/) as string },
			});
		}),
	);
});
