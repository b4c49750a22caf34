/**
 * Random programs against the promise: bought at most once for each order that is meant, each order that was paid is
 * told, and nothing is called bought that was not. `PROGRAMS=10000` plays more of them, `SEED='7 9'` these,
 * and `SHOWN=99` shows more of what fails.
 */
import { inOwnTime } from './clock.mts';
import { Program } from './programs.mts';

const { PROGRAMS = '240', SEED, SHOWN = '5' } = process.env;
const all = SEED ? SEED.split(' ').map(Number) : Array.from({ length: Number(PROGRAMS) }, (_, i) => 1 + i);
const SIDE_BY_SIDE = 40;
const PER_TEST = 240;

const chunks = Array.from({ length: Math.ceil(all.length / PER_TEST) }, (_, i) => all.slice(i * PER_TEST, (i + 1) * PER_TEST));

test.each(chunks.map((chunk) => ({ chunk, from: chunk[0], to: chunk.at(-1) })))(
	'programs with the seeds $from to $to',
	async ({ chunk }) => {
		const seeds = chunk.values();
		const failures: string[] = [];
		const player = async () => {
			for (const seed of seeds) {
				const program = new Program(seed);
				await inOwnTime(async () => await program.play()).catch((error: Error) =>
					failures.push(error.message.startsWith('Seed') ? error.message : `Seed ${seed}: ${error.stack}\n\t${program.steps.join('\n\t')}`),
				);
			}
		};
		await Promise.all(Array.from({ length: SIDE_BY_SIDE }, player));
		if (failures.length > 0) {
			const seedsThatFail = failures.map((failure) => /\d+/.exec(failure)![0]);
			throw new Error(
				`${failures.length} of ${chunk.length} programs fail, with the seeds ${seedsThatFail.join(' ')}\n\n${failures.slice(0, Number(SHOWN)).join('\n\n')}`,
			);
		}
	},
	600_000,
);
