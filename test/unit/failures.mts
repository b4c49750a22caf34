/** Everything that can become of an order but a purchase, for the tests of what is said of it. */
import { readAnswer, readFailure } from '../../nodes/StreamSkill/purchase/dispatch/answer.ts';
import type { NotBought, Reason } from '../../nodes/StreamSkill/purchase/dispatch/outcome.ts';
import { readOrder, type Order } from '../../nodes/StreamSkill/purchase/order/order.ts';
import type { Failure, Obstacle } from '../../nodes/StreamSkill/purchase/report/failure.ts';

export const REFERENCE = 'K7QM-3XPA';

export function orderOf(channel = 'a', options: object = {}): Order {
	const reading = readOrder({ tarifId: 7, channel, additionalFields: {}, options });
	if (reading.kind === 'invalid') throw new Error(JSON.stringify(reading.problems));
	return reading.order;
}

export const keyed = orderOf('a', { idempotencyKey: 'order-7' });

const answered = (statusCode: number, body = '') => (readAnswer({ statusCode, headers: {}, body }) as NotBought).reason;
const broken = (code: string, syscall?: string) => readFailure(Object.assign(new Error(code), { code, syscall })).reason;

export const refused = (errors: object): Failure => ({
	kind: 'rejected',
	reason: answered(422, JSON.stringify({ name: 'Bad Request', errors, status: 422 })),
});

export const invalid: Failure = {
	kind: 'invalid',
	problems: { 'tarif.id': ['Tarif ID is required but blank'], lang: ['Language must be one of auto, not "xx"'] },
};

/** Why an order was certainly not bought, by what happened. */
export const rejections: Record<string, Reason> = {
	'a redirect': answered(302),
	'a bad token': answered(401),
	'a bare 400': answered(400),
	'a 403': answered(403, '{"message": "Balance is too low"}'),
	'a 404': answered(404, '<html>'),
	'a bare 422': answered(422, '{"message": "Not today"}'),
	'a 422': answered(422, '{"errors": {"tarif.id": ["Tarif not found"]}}'),
	'too many requests': answered(429),
	'a refused connection': broken('ECONNREFUSED', 'connect'),
	'a bad certificate': broken('CERT_HAS_EXPIRED'),
	'a proxy without a way through': { kind: 'proxy', httpCode: 503 },
	'a proxy that wants a password': answered(407),
	'an address that n8n blocks': { kind: 'blocked' },
	'a timeout before it was sent': { kind: 'timeout' },
	'a failure of the connection that nothing tells more of': { kind: 'unrecognised' },
	'a certain no without a reason': { kind: 'abandoned' },
};

/** Why it is not known whether an order was bought. */
export const uncertainties: Record<string, Reason | undefined> = {
	'a 500': answered(500, '{"message": "Internal"}'),
	'a 408': answered(408),
	'a 303': answered(303),
	'a web page': answered(200, '<html>'),
	nothing: answered(200),
	'cut-off JSON': answered(201, '{"id": 1'),
	'no purchase ID': answered(200, '{}'),
	'a 2xx that is not told': { kind: 'status', httpCode: 200 },
	'a timeout': broken('ERR_CANCELED'),
	'a reset': broken('ECONNRESET', 'read'),
	'a failure without a name': { kind: 'unrecognised' },
	'a proxy of unknown mind': { kind: 'proxy', httpCode: 502 },
	'a block of unknown mind': { kind: 'blocked' },
	'an execution that ended': { kind: 'abandoned' },
	'an execution of which nothing is known': { kind: 'untold' },
	'an answer that is lost': undefined,
};

export const obstacles: { [K in Obstacle['kind']]: Obstacle & { kind: K } } = {
	limit: { kind: 'limit', placed: 2, wanted: 3, limit: 4 },
	credential: { kind: 'credential', message: 'The Access Token of the StreamSkill API credential is empty' },
	token: { kind: 'token' },
	database: { kind: 'database', message: 'SQLITE_BUSY: database is locked', isNodeOutdated: false, mayBeBought: false },
	unsaved: { kind: 'unsaved' },
	evaluation: { kind: 'evaluation' },
	unrecognised: { kind: 'unrecognised', why: 'noneInList' },
	stopped: { kind: 'stopped' },
	defect: { kind: 'defect', message: 'x is not a function' },
};

export const heldBack = (kind: Obstacle['kind']): Failure => ({ kind: 'heldBack', obstacle: obstacles[kind] });

export const uncertain = (reason?: Reason, { reference = REFERENCE, isKeyed = false } = {}): Failure => ({
	kind: 'unknown',
	reference,
	reason,
	isKeyed,
});

export const mended: Failure = { ...(uncertain() as Extract<Failure, { kind: 'unknown' }>), mayBeMended: true };

export const moved: Failure = { kind: 'heldBack', obstacle: { kind: 'unrecognised', why: 'moved' } };

export const tooMany: Failure = { kind: 'heldBack', obstacle: { kind: 'unrecognised', why: 'tooMany' } };

export const unread: Failure = { kind: 'heldBack', obstacle: { ...obstacles.database, mayBeBought: true } };

/** All of them, by name. */
export const failures: Record<string, Failure> = {
	'an invalid order': invalid,
	...Object.fromEntries(Object.entries(rejections).map(([name, reason]): [string, Failure] => [name, { kind: 'rejected', reason }])),
	...Object.fromEntries(
		Object.entries(uncertainties).map(([name, reason]): [string, Failure] => [`${name} (uncertain)`, uncertain(reason)]),
	),
	'a key whose answer is lost (uncertain)': uncertain(undefined, { isKeyed: true }),
	'a key of another order: uncertain': { ...uncertain(undefined, { isKeyed: true }), isOther: true } as Failure,
	...Object.fromEntries(
		(['key', 'earlier', 'editor', 'confirmed'] as const).map((because): [string, Failure] => [
			`bought before: ${because}`,
			{ kind: 'duplicate', because },
		]),
	),
	...Object.fromEntries(
		(['record', 'list', 'unclear'] as const).map((other): [string, Failure] => [
			`a key of another order: ${other}`,
			{ kind: 'conflict', with: other },
		]),
	),
	'a key that comes again': { kind: 'repeatedKey' },
	'held back: database, perhaps sent before': unread,
	'held back: an equal order of another call': moved,
	'held back: one of too many': tooMany,
	'an order whose fields may have been changed (uncertain)': mended,
	...Object.fromEntries(
		Object.keys(obstacles).map((kind): [string, Failure] => [`held back: ${kind}`, heldBack(kind as Obstacle['kind'])]),
	),
};
