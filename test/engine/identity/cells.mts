/** Which combinations of a crash, a list and a retry are played. */
import type { Moment } from '../crash.mts';
import { cover, type Row as Chosen } from '../coverage.mts';
import { changes, type Change } from '../lists.mts';
import { onErrors } from '../shop.mts';

/** Where a run is killed, as what happens to one of its orders. */
export const points = {
	'after the claim, before it is sent': 'send',
	'sent, and not bought': 'request',
	'bought, and the answer not read': 'answer',
	'answered, and not settled': 'database',
	'the node ended, a later one running': 'later',
} as const satisfies Record<string, Moment>;

/** Besides: at a call of n8n's database, or not at all, where an execution fails before the node and its retry after it. */
export type Point = (typeof points)[keyof typeof points] | 'call' | 'never';

/** How n8n goes on with a killed execution. */
const ways = [
	'retry',
	'retry twice',
	'two retries at once',
	'retry of a retry that failed',
	'retry with the saved workflow',
	'the same execution run again',
] as const;

/** The Idempotency Key when the list is first read, and in the retries. */
export const keys: Record<'none' | 'kept' | 'added' | 'taken away' | 'with the day', [string?, string?]> = {
	none: [undefined, undefined],
	kept: ['={{ $json.key }}', '={{ $json.key }}'],
	added: [undefined, '={{ $json.key }}'],
	'taken away': ['={{ $json.key }}', undefined],
	'with the day': ['={{ $json.key }} on Monday', '={{ $json.key }} on Tuesday'],
};

const dimensions = {
	point: [...Object.values<Point>(points), 'never'] as Point[],
	way: ways,
	change: changes,
	key: Object.keys(keys) as Array<keyof typeof keys>,
	/** The whole list in one call of the node, or so many orders in each round of Loop Over Items. */
	shape: ['list', 'loop of 1', 'loop of 2'] as const,
	onError: onErrors,
	batchSize: [1, 3, -1],
	onDuplicate: ['skip', 'fail'] as const,
	/** What n8n has stored of the killed execution: the third where the node comes before others in the workflow's list, which is not their order in a run. */
	stored: ['as created', 'recovered', 'recovered, last of another', 'at the node'] as const,
	/** Which of the orders for a channel the run is killed at. */
	victim: ['c', 'e', 'a', 'b, the first', 'b, the second'] as const,
};

export type Choice = Chosen<typeof dimensions>;

export interface Cell extends Choice {
	name: string;
	/** Its channels begin with it. */
	prefix: string;
	/** The call of n8n's database at which it is killed. */
	call?: number;
	/** The call of n8n's database at which a first retry is killed as well. */
	retryKilledAt?: number;
}

const hasCopies = ({ first }: Change) => new Set(first).size < first.length;

/** Conditions of values that may not be chosen yet. */
function isPossible({ point, way, change, shape, onError, onDuplicate, stored, victim }: Partial<Choice>): boolean {
	const isWrong = [
		// Nothing is read between the trigger and the node, so nothing can fail there.
		point === 'never' && change?.stored,
		// It was not killed, and what was not killed is not run again.
		point === 'never' && way === 'the same execution run again',
		(point === 'never' || way === 'the same execution run again') && stored !== undefined && stored !== 'as created',
		// n8n's event log tells of the later node.
		point === 'later' && stored !== undefined && !['as created', 'recovered'].includes(stored),
		stored === 'at the node' && ((change && !change.stored) || (shape && shape !== 'list')),
		// Who counts several equal orders needs to be told of each.
		change && hasCopies(change) && (onError === 'stopWorkflow' || onDuplicate === 'skip'),
		onError === 'stopWorkflow' && onDuplicate === 'fail',
		change && victim && hasCopies(change) !== victim.startsWith('b'),
	];
	return !isWrong.some(Boolean);
}

let cells = 0;

export function cellOf(choice: Choice, more: Partial<Cell> = {}): Cell {
	const { point, way, change, key, shape, onError, batchSize, onDuplicate, stored, victim } = choice;
	const name = [
		point,
		way,
		change.name,
		`key ${key}`,
		shape,
		onError,
		`batch ${batchSize}`,
		onDuplicate,
		stored,
		`killed at ${victim}`,
	].join(', ');
	return { ...choice, ...more, name: more.name ?? name, prefix: `${++cells}/` };
}

/** Each point, way and list together, with and without a key: more than twice as many rows, for a machine with time. */
const eachWithAndWithoutKey = dimensions.point.flatMap((point) =>
	dimensions.way.flatMap((way) => changes.flatMap((change) => (['none', 'kept'] as const).map((key) => ({ point, way, change, key })))),
);

/** Every triple: any three values of any three dimensions meet in one row at least. */
const everyTriple = (): Cell[] =>
	cover(dimensions, {
		strength: 3,
		isPossible,
		always: process.env.STREAMSKILL_MATRIX === 'full' ? eachWithAndWithoutKey : [],
	}).map((choice) => cellOf(choice));

/** The rows of a point. */
export const cellsAt = (point: Point) => everyTriple().filter((row) => row.point === point);
