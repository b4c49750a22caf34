/** Chooses some of all combinations by a rule: so many values of any dimensions are together in one row at least. */

export type Dimensions = Record<string, readonly unknown[]>;
export type Row<D extends Dimensions> = { [K in keyof D]: D[K][number] };

interface Rule<D extends Dimensions> {
	/** How many values of different dimensions meet: 2 covers every pair, 3 every triple. */
	strength: number;
	/** Whether there can be a row with these values, of which some are not chosen yet. */
	isPossible: (row: Partial<Row<D>>) => boolean;
	/** Rows that there are in any case, which are filled up. */
	always?: Array<Partial<Row<D>>>;
}

/** The same rows each time. */
export function cover<D extends Dimensions>(dimensions: D, { strength, isPossible, always = [] }: Rule<D>): Array<Row<D>> {
	const names = Object.keys(dimensions);
	const sizes = names.map((name) => dimensions[name].length);
	/** By the dimensions that meet: which values of theirs have met. */
	const groups = subsets(names.length, strength).map((members) => {
		const spans = members.map((_, i) => members.slice(i + 1).reduce((product, member) => product * sizes[member], 1));
		return { members, spans, met: new Set<number>() };
	});
	const groupsOf = names.map((_, at) => groups.filter(({ members }) => members.includes(at)));
	type Chosen = Array<number | undefined>;

	const asRow = (chosen: Chosen) =>
		Object.fromEntries(chosen.flatMap((value, at) => (value === undefined ? [] : [[names[at], dimensions[names[at]][value]]]))) as Partial<
			Row<D>
		>;
	const place = (chosen: Chosen, { members, spans }: (typeof groups)[number]) =>
		members.reduce<number>((sum, member, i) => sum + (chosen[member] === undefined ? NaN : chosen[member] * spans[i]), 0);
	/** How many values meet for the first time, once `at` is chosen. */
	const gain = (chosen: Chosen, at: number) =>
		groupsOf[at].filter((group) => {
			const met = place(chosen, group);
			return !Number.isNaN(met) && !group.met.has(met);
		}).length;

	/** Chooses what is left, the best first. */
	const fill = (chosen: Chosen, turn: number): Chosen | undefined => {
		const at = chosen.findIndex((value) => value === undefined);
		if (at === -1) return chosen;
		return Array.from({ length: sizes[at] }, (_, i) => (i + turn) % sizes[at])
			.map((value) => chosen.with(at, value))
			.filter((next) => isPossible(asRow(next)))
			.map((next) => ({ next, gain: gain(next, at) }))
			.sort((one, other) => other.gain - one.gain)
			.reduce<Chosen | undefined>((found, { next }) => found ?? fill(next, turn), undefined);
	};

	const rows: Array<Row<D>> = [];
	const add = (chosen: Chosen) => {
		if (!isPossible(asRow(chosen))) return;
		const row = fill(chosen, rows.length);
		if (!row) return;
		for (const group of groups) group.met.add(place(row, group));
		rows.push(asRow(row) as Row<D>);
	};
	for (const row of always) add(names.map((name) => (name in row ? dimensions[name].indexOf(row[name as keyof D]) : undefined)));
	for (const group of groups) {
		const count = group.members.reduce((product, member) => product * sizes[member], 1);
		for (let combination = 0; combination < count; combination++) {
			if (group.met.has(combination)) continue;
			const chosen: Chosen = names.map(() => undefined);
			group.members.forEach((member, i) => (chosen[member] = Math.floor(combination / group.spans[i]) % sizes[member]));
			add(chosen);
		}
	}
	return rows;
}

function subsets(count: number, size: number, from = 0): number[][] {
	if (size === 0) return [[]];
	return Array.from({ length: count - from }, (_, i) => from + i).flatMap((first) =>
		subsets(count, size - 1, first + 1).map((rest) => [first, ...rest]),
	);
}
