import { faults, type Fault } from '../../../tools/sandbox/sandbox.mts';

/** Addresses that only a running test knows. */
export interface Addresses {
	/** Where orders go. */
	api: string;
	/** Another server. */
	elsewhere: string;
}

/**
 * What a fault must come to. Written down from what the API promises and what that means for the
 * user's money; nothing in here asks the code under test.
 */
export interface Expectation {
	name: string;
	/** What the API does to a faulty order. */
	fault?: (addresses: Addresses) => Fault;
	/** A fault of the credential instead: it hits every item, for as long as it is there. */
	credential?: 'wrong token' | 'closed port';
	/** `bought` and kept, certainly not bought, or nobody knows. */
	outcome: 'bought' | 'rejected' | 'unknown';
	/** The status that the error item tells. */
	httpCode?: number;
	/** How many purchases the API makes of one request. */
	buys: 0 | 1;
	/** How many requests reach the API in one try of the node, if it answers nothing else. */
	sendsPerTry: number;
	/** How often an order is answered like this before it is bought: `times` 1, and for ever. */
	times: Array<'once' | 'always'>;
	/** Nothing is sent after it, whatever On Error says. */
	endsRun?: true;
	/** Milliseconds that the node waits before it sends again, from and to. */
	waits?: Array<[number, number]>;
	/** The answer never comes. */
	timesOut?: true;
}

type Details = Partial<Expectation>;

const rejected = (name: string, httpCode: number, fault: Expectation['fault'], more: Details = {}): Expectation => ({
	name,
	fault,
	outcome: 'rejected',
	httpCode,
	buys: 0,
	sendsPerTry: 1,
	times: ['once', 'always'],
	...more,
});

/** Never sent twice by itself, so that a second time would never be seen: once is all there is. */
const unknown = (name: string, buys: 0 | 1, httpCode: number | undefined, fault: Fault, more: Details = {}): Expectation => ({
	name,
	fault: () => fault,
	outcome: 'unknown',
	httpCode,
	buys,
	sendsPerTry: 1,
	times: ['once'],
	...more,
});

const rateLimited = (name: string, headers: () => Record<string, string>, waits: Array<[number, number]>, more: Details = {}) =>
	rejected(`429 ${name}`, 429, () => faults.rateLimited(headers()), { sendsPerTry: 5, waits, ...more });

const redirect = (status: number, name: string, location: (addresses: Addresses) => string, more?: Details) =>
	rejected(`${status} ${name}`, status, (addresses) => faults.redirect(location(addresses), status), more);

const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000).toUTCString();

export const expectations: Expectation[] = [
	rejected('401', 401, () => faults.rejected(401), { endsRun: true }),
	{
		name: '401 for a wrong token',
		credential: 'wrong token',
		outcome: 'rejected',
		httpCode: 401,
		buys: 0,
		sendsPerTry: 1,
		times: ['always'],
		endsRun: true,
	},
	rejected('403', 403, () => faults.rejected(403)),
	rejected('404 with a web page', 404, () => faults.rejected(404, '<h1>Not found</h1>')),
	rejected('422', 422, () => faults.rejected(422, { errors: { 'tarif.id': ['Tarif not found'] } })),

	rateLimited('with Retry-After in seconds', () => ({ 'retry-after': '2' }), [[2000, 2000]]),
	rateLimited('with Retry-After as a date', () => ({ 'retry-after': inSeconds(10) }), [[0, 10_000]]),
	rateLimited('with X-Rate-Limit-Reset', () => ({ 'x-rate-limit-reset': '3' }), [[3000, 3000]]),
	rateLimited('with no time', () => ({}), [
		[1000, 1500],
		[2000, 3000],
		[4000, 6000],
		[8000, 12_000],
	]),
	// At most 60 s in all.
	rateLimited('that lasts 25 s', () => ({ 'retry-after': '25' }), [[25_000, 25_000]], { sendsPerTry: 3 }),
	rateLimited('that lasts an hour', () => ({ 'retry-after': '3600' }), [], { sendsPerTry: 1 }),

	redirect(302, 'to another path', ({ api }) => `${api}/purchases/new`),
	redirect(307, 'to the same path', ({ api }) => `${api}/purchases/create?again=1`),
	redirect(301, 'to another host', ({ elsewhere }) => elsewhere),
	redirect(308, 'to another host', ({ elsewhere }) => elsewhere),
	rejected('304 without an address', 304, () => faults.rejected(304, '')),

	...[500, 502, 503, 504].flatMap((status) => [
		unknown(`${status} before the purchase`, 0, status, faults.serverErrorBefore(status)),
		unknown(`${status} after the purchase`, 1, status, faults.serverErrorAfter(status)),
	]),
	// "Done, look there": what servers answer to an order from a form.
	unknown('303 after the purchase', 1, 303, faults.serverErrorAfter(303)),
	unknown('408', 0, 408, faults.rejected(408)),
	unknown('408 after the purchase', 1, 408, faults.serverErrorAfter(408)),

	unknown('no answer, not bought', 0, undefined, faults.hang(false), { timesOut: true }),
	unknown('no answer after the purchase', 1, undefined, faults.hang(), { timesOut: true }),
	unknown('reset before the purchase', 0, undefined, faults.reset(false)),
	unknown('reset after the purchase', 1, undefined, faults.reset()),
	{
		name: 'a refused connection',
		credential: 'closed port',
		outcome: 'rejected',
		buys: 0,
		sendsPerTry: 0,
		times: ['always'],
	},

	unknown('200 with a web page', 1, 200, faults.html()),
	unknown('200 with a web page, not bought', 0, 200, faults.html(false)),
	unknown('200 with JSON cut in half', 1, 200, faults.cutOff('truncated-text')),
	unknown('an answer that breaks off', 1, 200, faults.cutOff('closed-early')),
	unknown('200 without an ID', 1, 200, faults.noId()),
	unknown('200 with an ID that is text', 1, 200, faults.body('{"id":"7"}')),
	unknown('200 with a list', 1, 200, faults.body('[{"id":7}]')),
	unknown('200 with nothing', 1, 200, faults.empty()),
	unknown('204', 1, 204, { kind: 'status', status: 204, bought: true, body: '' }),

	// Not what the documents show, and yet a purchase.
	{
		name: '201',
		fault: () => ({ kind: 'status', status: 201, bought: true }),
		outcome: 'bought',
		buys: 1,
		sendsPerTry: 1,
		times: ['always'],
	},
];
