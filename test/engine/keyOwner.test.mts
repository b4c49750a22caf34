/** Whose a key is, asked by several at once: looking is adding and removing, so each sees what another one adds. */
import { setTimeout as sleep } from 'node:timers/promises';

import { Keys } from '../../nodes/StreamSkill/purchase/journal/keys.ts';
import { deduplicator } from './engine.mts';
import { Random } from './random.mts';
import { rows } from './rows.mts';

afterEach(() => {
	deduplicator.lists.clear();
	deduplicator.pause = undefined;
});

/** Each n8n process has its own. */
const keysOf = (process: number): Keys => {
	let made: Keys | undefined;
	jest.isolateModules(() => {
		const { Keys: Own } = jest.requireActual<{ Keys: typeof Keys }>('../../nodes/StreamSkill/purchase/journal/keys.ts');
		made = new Own(rows(), `s ${process}`);
	});
	return made!;
};

/** The answers of askers at the same moment, for many keys. */
async function ask(askers: Keys[], order: string) {
	const random = new Random(1);
	deduplicator.pause = async () => await sleep(random.next() * 3);
	const keys = Array.from({ length: 200 }, (_, i) => askers[0].record(`key ${i}`, 1));
	const answers = keys.map(async (key) => {
		await askers[0].claim(key, 'order y');
		return await Promise.all(askers.map(async (asker) => await asker.owner(key, order)));
	});
	return (await Promise.all(answers)).flat();
}

test('an order that it was not claimed for is never called its own by two processes', async () => {
	const answers = await ask([keysOf(1), keysOf(2)], 'order x');
	expect(answers).not.toContain('same');
	expect(answers).toContain('other');
});

test('nor in one process, which is never in doubt', async () => {
	const [keys] = [keysOf(1)];
	expect(new Set(await ask([keys, keys, keys], 'order x'))).toEqual(new Set(['other']));
});

test('the order that it was claimed for is its own, however many ask', async () => {
	expect(
		new Set(
			await ask(
				Array.from({ length: 6 }, (_, i) => keysOf(i)),
				'order y',
			),
		),
	).toEqual(new Set(['same']));
});

test('the order that it was claimed for is its own, and another one is not', async () => {
	const keys = new Keys(rows(), 's');
	const claimed = keys.record('key', 1);
	await keys.claim(claimed, 'order y');
	for (let i = 0; i < 2; i++) {
		expect(await keys.owner(claimed, 'order x')).toBe('other');
		expect(await keys.owner(claimed, 'order y')).toBe('same');
	}
});

test('several orders with one key at the same moment, in one process: afterwards it is clear whose the key is', async () => {
	const random = new Random(1);
	deduplicator.pause = async () => await sleep(random.next() * 3);
	const keys = keysOf(1);
	const orders = ['order v', 'order w', 'order x', 'order y'];
	const claimed = Array.from({ length: 200 }, async (_, i) => {
		const key = keys.record(`key ${i}`, 1);
		const asked = orders.map(async (order) => ((await keys.claim(key, order)) ? order : void (await keys.owner(key, order))));
		const winner = (await Promise.all(asked)).find((order) => order !== undefined);
		return await Promise.all(orders.map(async (order) => `${order === winner} ${await keys.owner(key, order)}`));
	});
	expect(new Set((await Promise.all(claimed)).flat())).toEqual(new Set(['true same', 'false other']));
});
