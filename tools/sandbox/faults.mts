import { z } from 'zod';

const bought = z.boolean();
const kind = <K extends string>(name: K) => ({ kind: z.literal(name) });

const faultSchema = z.discriminatedUnion('kind', [
	z.strictObject({ ...kind('latency'), ms: z.number().min(0), randomMean: z.number().min(0).default(0) }),
	z.strictObject({
		...kind('status'),
		status: z.number().int().min(200).max(599),
		headers: z.record(z.string()).optional(),
		body: z.unknown(),
		bought,
	}),
	z.strictObject({ ...kind('hang'), bought }),
	z.strictObject({ ...kind('reset'), bought }),
	z.strictObject({ ...kind('html'), bought }),
	z.strictObject({ ...kind('cutOff'), how: z.enum(['truncated-text', 'closed-early']), bought: z.literal(true) }),
	z.strictObject({ ...kind('noId'), bought }),
	z.strictObject({ ...kind('empty'), bought }),
	z.strictObject({ ...kind('body'), text: z.string(), contentType: z.string(), bought }),
	z.strictObject({ ...kind('endless'), bought: bought.default(false) }),
]);

const ruleSchema = z.strictObject({
	match: z
		.strictObject({ channel: z.union([z.string(), z.instanceof(RegExp)]), tarifId: z.number() })
		.partial()
		.default({}),
	times: z.number().min(1).default(Infinity),
	skip: z.number().int().min(0).default(0),
	fault: faultSchema,
});

/**
 * A way to misbehave. With `bought: false` the answer comes as if from something in front of the
 * API: neither token nor order is looked at. With `bought: true` the order passes the contract, the
 * purchase is made, and then its answer is replaced or lost. The random share of a latency is
 * exponentially distributed, as the answers of a busy server are.
 */
export type Fault = z.input<typeof faultSchema>;

/**
 * Which requests misbehave: those that match, after the first `skip` of them, `times` of them
 * (default: all). `match.channel` is an exact name, or a regular expression written as `/source/`.
 * Of several rules that apply the first one counts, but every `latency` adds to it.
 */
export type FaultRule = z.input<typeof ruleSchema>;

type CheckedRule = z.output<typeof ruleSchema>;

/** A fault that changes the answer, as opposed to delaying it. */
export type AnswerFault = Exclude<z.output<typeof faultSchema>, { kind: 'latency' }>;

/** Ready-made faults. "Before" and "after" are of the purchase. */
export const faults = {
	latency: (ms: number, randomMean = 0) => fault({ kind: 'latency', ms, randomMean }),
	rejected: (status: number, body?: unknown, headers?: Record<string, string>) =>
		fault({ kind: 'status', status, body, headers, bought: false }),
	rateLimited: (headers: Record<string, string> = {}) => fault({ kind: 'status', status: 429, headers, bought: false }),
	redirect: (location: string, status = 302) => fault({ kind: 'status', status, headers: { location }, bought: false }),
	serverErrorBefore: (status = 503) => fault({ kind: 'status', status, bought: false }),
	serverErrorAfter: (status = 500) => fault({ kind: 'status', status, bought: true }),
	hang: (bought = true) => fault({ kind: 'hang', bought }),
	reset: (bought = true) => fault({ kind: 'reset', bought }),
	html: (bought = true) => fault({ kind: 'html', bought }),
	cutOff: (how: 'truncated-text' | 'closed-early' = 'truncated-text') => fault({ kind: 'cutOff', how, bought: true }),
	noId: (bought = true) => fault({ kind: 'noId', bought }),
	empty: (bought = true) => fault({ kind: 'empty', bought }),
	body: (text: string, contentType = 'application/json', bought = true) => fault({ kind: 'body', text, contentType, bought }),
	endless: (bought = false) => fault({ kind: 'endless', bought }),
};

/** Says the type of a literal without widening its `kind`. */
function fault<F extends Fault>(one: F): F {
	return one;
}

/** The fault rules of one sandbox. */
export class FaultRules {
	#rules: Array<CheckedRule & { seen: number }> = [];

	/** Adds rules; throws a ZodError if one is not understood. */
	add(rules: unknown): void {
		const checked = z.array(ruleSchema).parse(Array.isArray(rules) ? rules : [rules]);
		this.#rules.push(...checked.map((rule) => ({ ...rule, seen: 0 })));
	}

	clear(): void {
		this.#rules = [];
	}

	/** What to do with this request, which counts as seen by the rules that it matches. */
	choose(order: unknown): { delay: number; fault?: AnswerFault } {
		let delay = 0;
		let answer: AnswerFault | undefined;
		for (const rule of this.#rules) {
			const { fault, skip, times } = rule;
			if ((fault.kind !== 'latency' && answer) || !matches(rule, order)) continue;
			rule.seen++;
			if (rule.seen <= skip || rule.seen > skip + times) continue;
			if (fault.kind === 'latency') delay += fault.ms - fault.randomMean * Math.log(1 - Math.random());
			else answer = fault;
		}
		return { delay, fault: answer };
	}
}

function matches({ match: { channel, tarifId } }: CheckedRule, body: unknown): boolean {
	// Not yet validated: anything may have been sent.
	const order = body as { channel?: unknown; tarif?: { id?: unknown } | null } | null | undefined;
	if (tarifId !== undefined && order?.tarif?.id !== tarifId) return false;
	if (channel === undefined) return true;
	const pattern = channel instanceof RegExp ? channel.source : /^\/(.+)\/$/.exec(channel)?.[1];
	if (pattern === undefined) return order?.channel === channel;
	return typeof order?.channel === 'string' && new RegExp(pattern).test(order.channel);
}
