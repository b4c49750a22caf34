import { DatabaseRefusal } from '../../nodes/StreamSkill/n8n/rows.ts';
import { decide, type Decision } from '../../nodes/StreamSkill/purchase/decide.ts';
import type { Knowledge } from '../../nodes/StreamSkill/purchase/journal/recalled.ts';
import type { Reading } from '../../nodes/StreamSkill/purchase/order/order.ts';
import type { Reason } from '../../nodes/StreamSkill/purchase/dispatch/outcome.ts';

const problems = { channel: ['Channel is required but blank'] };
const body = { tarif: { id: 1 }, channel: 'a' };

function reading(isValid: boolean, onDuplicate: 'skip' | 'fail', dryRun: boolean): Reading {
	const treatment = { onDuplicate, dryRun, confirmedBought: [], confirmedNotBought: [], repeatManualOrders: false };
	return isValid ? { kind: 'valid', order: { body, ...treatment }, treatment } : { kind: 'invalid', problems, treatment };
}

const purchase = { id: 7 };
const reason: Reason = { kind: 'status', httpCode: 500 };
const reference = 'K7QM-3XPA';

const known: Record<string, Knowledge> = {
	'never sent': { kind: 'new' },
	'bought, at hand': { kind: 'bought', purchase, because: 'earlier' },
	'confirmed, at hand': { kind: 'bought', purchase, because: 'confirmed' },
	'bought earlier': { kind: 'bought', because: 'earlier' },
	'bought with the key': { kind: 'bought', because: 'key' },
	'bought by hand': { kind: 'bought', because: 'editor' },
	confirmed: { kind: 'bought', because: 'confirmed' },
	'no answer': { kind: 'unknown', reason, reference, isKeyed: false },
	'cannot be told': { kind: 'unknown', reference, isKeyed: false },
	'another order with its key': { kind: 'unknown', reference, isKeyed: true, isOther: true },
	'on its way': { kind: 'onItsWay', reference, isKeyed: false, references: [reference] },
	'key of another': { kind: 'conflict', with: 'record' },
	'key twice': { kind: 'conflict', with: 'list' },
	'key unclear': { kind: 'conflict', with: 'unclear' },
	'not recognised': { kind: 'unrecognised', why: 'noneInList' },
	'not looked up': { kind: 'unread', refusal: new DatabaseRefusal('locked') },
};

/** If Already Purchased is Skip or Fail; whether it is a Dry Run; whether the fields are an order at all. */
const table = `
	known of it                | skip          | fail          | skip, dry       | fail, dry       | invalid       | invalid, dry
	never sent                 | send          | send          | send            | send            | refuse        | refuse
	bought, at hand            | handBack      | handBack      | handBack        | handBack        | handBack      | handBack
	confirmed, at hand         | handBack      | handBack      | handBack        | handBack        | handBack      | handBack
	bought earlier             | leaveOut      | duplicate     | left out        | left out        | leaveOut      | left out
	bought with the key        | leaveOut      | duplicate     | left out        | left out        | leaveOut      | left out
	bought by hand             | leaveOut      | duplicate     | left out        | left out        | leaveOut      | left out
	confirmed                  | leaveOut      | leaveOut      | left out        | left out        | leaveOut      | left out
	no answer                  | holdBack      | holdBack      | held back       | held back       | holdBack      | held back
	cannot be told             | holdBack      | holdBack      | held back       | held back       | holdBack      | held back
	another order with its key | holdOtherBack | holdOtherBack | other held back | other held back | holdOtherBack | other held back
	on its way                 | wait          | wait          | held back       | held back       | wait          | held back
	key of another             | conflict      | conflict      | conflict        | conflict        | conflict      | conflict
	key twice                  | conflict      | conflict      | conflict        | conflict        | conflict      | conflict
	key unclear                | conflict      | conflict      | conflict        | conflict        | conflict      | conflict
	not recognised             | unrecognised  | unrecognised  | unrecognised    | unrecognised    | refuse        | refuse
	not looked up              | unread        | unread        | unread          | unread          | unread        | unread
`;

const [heads, ...rows] = table
	.trim()
	.split('\n')
	.map((line) => line.split('|').map((cell) => cell.trim()));
const cells = rows.flatMap(([name, ...words]) => words.map((word, i) => ({ name, column: heads[i + 1], word })));

test.each(cells)('$name, $column: $word', ({ name, column, word }) => {
	const given = reading(!column.startsWith('invalid'), column.startsWith('fail') ? 'fail' : 'skip', column.endsWith('dry'));
	const order = given.kind === 'valid' ? given.order : undefined;
	const knowledge = known[name];
	const because = knowledge.kind === 'bought' ? knowledge.because : 'earlier';
	const instead = (text: string): Decision => ({
		kind: 'previewed',
		preview: { order: { ...order?.body }, instead: text },
		wouldBeSent: false,
	});
	const decisions: Record<string, Decision> = {
		refuse: { kind: 'failed', failure: { kind: 'invalid', problems } },
		send: { kind: 'send', order: order! },
		handBack: { kind: 'bought', purchase, isNew: false },
		leaveOut: { kind: 'leftOut', because },
		duplicate: { kind: 'failed', failure: { kind: 'duplicate', because } },
		holdBack: {
			kind: 'failed',
			failure: { kind: 'unknown', reason: name === 'no answer' ? reason : undefined, reference, isKeyed: false },
		},
		holdOtherBack: { kind: 'failed', failure: { kind: 'unknown', reference, isKeyed: true, isOther: true } },
		wait: { kind: 'wait' },
		conflict: { kind: 'failed', failure: { kind: 'conflict', with: knowledge.kind === 'conflict' ? knowledge.with : 'record' } },
		unrecognised: { kind: 'failed', failure: { kind: 'heldBack', obstacle: { kind: 'unrecognised', why: 'noneInList' } } },
		unread: {
			kind: 'failed',
			failure: { kind: 'heldBack', obstacle: { kind: 'database', message: 'locked', isNodeOutdated: false, mayBeBought: true } },
		},
		'left out': instead('It was bought before, and would be left out'),
		'held back': instead('It may have been bought before, and would be held back (reference K7QM-3XPA)'),
		'other held back': instead(
			'Another order with its Idempotency Key may have been bought before, and would be held back (reference K7QM-3XPA)',
		),
	};
	expect(decide(given, knowledge)).toEqual(decisions[word]);
});

test('the table has everything that can be known', () => {
	expect(rows.map(([name]) => name)).toEqual(Object.keys(known));
	expect(cells).toHaveLength(Object.keys(known).length * 6);
});
