import type { Parsed } from '../../nodes/StreamSkill/purchase/order/coerce.ts';
import { decide, type Decision, type Knowledge } from '../../nodes/StreamSkill/purchase/journal/decide.ts';
import type { Order } from '../../nodes/StreamSkill/purchase/order/order.ts';
import type { NotBought } from '../../nodes/StreamSkill/purchase/dispatch/outcome.ts';

const order = (onDuplicate: Order['onDuplicate'], dryRun: boolean): Parsed<Order> => ({
	kind: 'valid',
	value: { body: { tarif: { id: 1 }, channel: 'a' }, onDuplicate, dryRun, confirmedBought: [], confirmedNotBought: [], repeatManualOrders: false },
});

const problems = { channel: ['Channel is required but blank'] };
const purchase = { id: 7 };
const outcome: NotBought = { kind: 'unknown', reason: { kind: 'status', httpCode: 500 } };
const reference = 'K7QM-3XPA';

const readings: Array<Parsed<Order>> = [
	{ kind: 'invalid', problems },
	order('skip', false),
	order('fail', false),
	order('skip', true),
	order('fail', true),
];

const known: Record<string, Knowledge> = {
	'never sent': { kind: 'new' },
	'bought, at hand': { kind: 'bought', purchase },
	'confirmed, at hand': { kind: 'bought', purchase, because: 'confirmed' },
	'bought earlier': { kind: 'bought' },
	'bought with the key': { kind: 'bought', because: 'key' },
	confirmed: { kind: 'bought', because: 'confirmed' },
	'no answer': { kind: 'unknown', outcome, reference },
	'cannot be told': { kind: 'unknown', reference },
};

/** If Already Purchased is Skip or Fail; Dry Run in the last two columns. */
const table = `
	known of it         | invalid  | skip     | fail      | skip, dry | fail, dry
	never sent          | refuse   | send     | send      | preview   | preview
	bought, at hand     | handBack | handBack | handBack  | handBack  | handBack
	confirmed, at hand  | handBack | handBack | handBack  | handBack  | handBack
	bought earlier      | skip     | skip     | duplicate | skip      | duplicate
	bought with the key | skip     | skip     | duplicate | skip      | duplicate
	confirmed           | skip     | skip     | skip      | skip      | skip
	no answer           | holdBack | holdBack | holdBack  | preview   | preview
	cannot be told      | holdBack | holdBack | holdBack  | preview   | preview
`;

const [heads, ...rows] = table.trim().split('\n').map((line) => line.split('|').map((cell) => cell.trim()));
const cells = rows.flatMap(([name, ...kinds]) => kinds.map((kind, i) => ({ name, column: heads[i + 1], kind, reading: readings[i] })));

test.each(cells)('$name, $column: $kind', ({ name, kind, reading }) => {
	const knowledge = known[name];
	const given = reading.kind === 'valid' ? reading.value : undefined;
	const because = knowledge.kind === 'bought' ? knowledge.because : undefined;
	const decisions: Record<string, Decision> = {
		refuse: { kind: 'refuse', problems },
		send: { kind: 'send', order: given! },
		preview: { kind: 'preview', order: given! },
		handBack: { kind: 'handBack', purchase },
		skip: { kind: 'skip', order: given, because },
		duplicate: { kind: 'duplicate', order: given!, because },
		holdBack: { kind: 'holdBack', order: given, outcome: name === 'no answer' ? outcome : undefined, reference },
	};
	expect(decide(reading, knowledge)).toEqual(decisions[kind]);
});

test('the table has everything that can be known', () => {
	expect(rows.map(([name]) => name)).toEqual(Object.keys(known));
	expect(cells).toHaveLength(Object.keys(known).length * readings.length);
});
