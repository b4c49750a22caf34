/** Killed at each call of n8n's database: see `play.mts`. */
import { changes } from '../lists.mts';
import { cellOf, type Cell, type Choice } from './cells.mts';
import { play, playAll } from './play.mts';

const listOf = (name: string) => changes.find((change) => change.name === name)!;

const readAnew: Omit<Choice, 'point' | 'way' | 'victim'> = {
	change: listOf('the list read anew'),
	key: 'none',
	shape: 'list',
	onError: 'stopWorkflow',
	batchSize: 1,
	onDuplicate: 'skip',
	stored: 'recovered',
};
const freshWithKey = {
	...readAnew,
	change: listOf('a fresh time stamp in the row'),
	key: 'kept',
	onError: 'continueErrorOutput',
	batchSize: 3,
	onDuplicate: 'fail',
} as const;
const loopWithout = { ...readAnew, shape: 'loop of 2', stored: 'as created' } as const;
const loopWithKey = { ...freshWithKey, shape: 'loop of 2', stored: 'as created' } as const;

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

const killedAt: Array<[string, Omit<Choice, 'point' | 'victim'>]> = [
	['no key', { ...readAnew, way: 'retry' }],
	['key', { ...freshWithKey, way: 'retry' }],
	['two retries at once, no key', { ...readAnew, way: 'two retries at once' }],
	['two retries at once, key', { ...freshWithKey, way: 'two retries at once' }],
	['a loop, no key', { ...loopWithout, way: 'retry' }],
	['a loop, key', { ...loopWithKey, way: 'retry' }],
];

const retryKilledAt: Array<[string, Omit<Choice, 'way' | 'victim'>]> = [
	['not bought, no key', { ...readAnew, point: 'request' }],
	['not bought, key', { ...freshWithKey, point: 'request' }],
	['bought, no key', { ...readAnew, point: 'answer' }],
	['bought, key', { ...freshWithKey, point: 'answer' }],
	['bought, in a loop', { ...loopWithout, point: 'answer' }],
];

/** Where a lock was held, those who live have to wait for it, so many of them wait together; not so many that orders take longer than Timeout. */
const SIDE_BY_SIDE = 40;

test("killed at each call of n8n's database", async () => {
	const cells = killedAt.flatMap(([name, choice]) =>
		upTo(60).map((call): Cell => cellOf({ ...choice, point: 'call' as never, victim: 'c' }, { name: `${name}, call ${call / 2}`, call })),
	);
	await playAll(cells, play, SIDE_BY_SIDE);
});

test("killed with an order on its way, and its retry at each call of n8n's database", async () => {
	const cells = retryKilledAt.flatMap(([name, choice]) =>
		upTo(48).map(
			(call): Cell =>
				cellOf({ ...choice, way: 'retry', victim: 'c' }, { name: `${name}, call ${call / 2} of the retry`, retryKilledAt: call }),
		),
	);
	await playAll(cells, play, SIDE_BY_SIDE);
});
