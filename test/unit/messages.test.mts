import type { Recourse } from '../../nodes/StreamSkill/n8n/host.ts';
import type { Failure } from '../../nodes/StreamSkill/purchase/report/failure.ts';
import { advise, describe as say, describeBought, goOn } from '../../nodes/StreamSkill/purchase/report/messages.ts';
import {
	failures,
	heldBack,
	invalid,
	moved,
	tooMany,
	keyed,
	mended,
	obstacles,
	orderOf,
	REFERENCE,
	refused,
	rejections,
	uncertain,
	uncertainties,
	unread,
} from './failures.mts';

const recourses: Recourse[] = ['editor', 'editorRepeat', 'retry', 'rest', 'anew', 'evaluation', 'tool', 'editorTool'];
const order = orderOf();

const RETRY =
	'Then save the workflow, open the Executions tab, select this execution, click the Retry arrow, and choose "Retry with currently saved workflow"';
const NOT_DEBUG = 'Do not use "Debug in editor": it would buy again what was bought.';
const OWN_KEY =
	'give it an Idempotency Key of its own, and leave the other keys as they are: under another key, an order that was bought is bought again.';
const next: Record<Recourse, string> = {
	editor:
		'Then execute the workflow again: each StreamSkill node leaves out what it has bought by hand today or yesterday, unless you change it.',
	editorRepeat:
		'Then take out of the list what this node has bought, turn off Repeat Manual Orders in all other StreamSkill nodes, and execute the workflow again today: Repeat Manual Orders buys all of it again.',
	retry: `${RETRY}: what was bought is not bought again. ${NOT_DEBUG} A retry uses the stored list. If the list itself is wrong, order the rows that are left in a new execution.`,
	rest: `Then order the rows that are left in a new execution, without those that were bought.`,
	anew: 'Then order this item alone in a new execution.',
	evaluation:
		'Then run the evaluation again, if you still want it: where Dry Run is turned off, it buys all its orders again, except those that an Idempotency Key has bought.',
	tool: 'Then order it again if it is still wanted.',
	editorTool: 'Then order it again if it is still wanted.',
};

describe('what happened', () => {
	test.each<[string, string]>([
		['a redirect', 'The Base URL redirects to another address (302), and no order is sent there'],
		['a bad token', 'StreamSkill does not accept the Access Token (401)'],
		['a bare 400', 'StreamSkill refused the order (400)'],
		['a 403', 'StreamSkill refused the order (403): Balance is too low'],
		['a 404', 'StreamSkill refused the order (404)'],
		['a bare 422', 'StreamSkill refused the order (422): Not today'],
		['a 422', 'Tarif ID: Tarif not found'],
		['too many requests', 'StreamSkill receives too many requests (429)'],
		['a refused connection', 'StreamSkill could not be reached (ECONNREFUSED)'],
		['a bad certificate', 'StreamSkill could not be reached (CERT_HAS_EXPIRED)'],
		['a proxy without a way through', 'The proxy did not connect to StreamSkill (503)'],
		['a proxy that wants a password', 'The proxy asks for a user name and password (407)'],
		['an address that n8n blocks', 'StreamSkill could not be reached (blocked by n8n)'],
		['a timeout before it was sent', 'StreamSkill could not be reached (timeout)'],
		['a failure of the connection that nothing tells more of', 'StreamSkill could not be reached'],
		['a certain no without a reason', 'StreamSkill could not be reached'],
	])('%s', (name, text) => {
		expect(say({ kind: 'rejected', reason: rejections[name] })).toBe(text);
	});

	test.each<[string, string]>([
		['a 500', 'StreamSkill answered 500, which does not say whether the order was bought'],
		['a 408', 'StreamSkill answered 408, which does not say whether the order was bought'],
		['a 303', 'StreamSkill sent a redirect (303) instead of a purchase'],
		['a web page', 'StreamSkill sent a web page instead of a purchase'],
		['nothing', 'StreamSkill sent an empty answer instead of a purchase'],
		['cut-off JSON', 'StreamSkill sent an answer that is not complete JSON instead of a purchase'],
		['no purchase ID', 'StreamSkill sent an answer without a purchase ID instead of a purchase'],
		['a 2xx that is not told', 'StreamSkill sent something else instead of a purchase'],
		['a timeout', 'StreamSkill did not answer in time'],
		['a reset', 'The connection broke before the answer came (ECONNRESET)'],
		['a failure without a name', 'The request failed for a reason that n8n does not tell'],
		['a proxy of unknown mind', 'The request failed for a reason that n8n does not tell'],
		['a block of unknown mind', 'The request failed for a reason that n8n does not tell'],
		['an execution that ended', 'This order was sent before, and its answer is not known'],
		['an answer that is lost', 'This order was sent before, and its answer is not known'],
		['an execution of which nothing is known', 'It is not known whether an earlier try of this execution sent this order'],
	])('%s, so that it may have been bought', (name, text) => {
		// Also where the item has a key that the order was not sent with.
		for (const one of [order, keyed])
			expect(say(uncertain(uncertainties[name]), one)).toBe(`${text}: the order may have been bought (reference ${REFERENCE})`);
	});

	test.each<[string, string]>([
		['an invalid order', 'Tarif ID is required but blank; Language must be one of auto, not "xx"'],
		['bought before: key', 'An order with the Idempotency Key "order-7" was bought before'],
		['bought before: earlier', 'This order was bought before, in an earlier try of this execution'],
		['bought before: editor', 'This order was bought by hand before, today or yesterday'],
		['bought before: confirmed', 'This order is confirmed as bought'],
		['a key of another order: record', 'The Idempotency Key "order-7" has bought another order before'],
		['a key of another order: list', 'The Idempotency Key "order-7" is also used by another order in the list'],
		['a key of another order: unclear', 'The Idempotency Key "order-7" has bought an order before, and it is not clear which one'],
		['a key that comes again', 'The Idempotency Key "order-7" is also used by another item'],
		[
			'a key whose answer is lost (uncertain)',
			`An order with the Idempotency Key "order-7" was sent before, and its answer is not known: the order may have been bought (reference ${REFERENCE})`,
		],
		[
			'a key of another order: uncertain',
			`Another order with the Idempotency Key "order-7" was sent before, and its answer is not known: the order may have been bought (reference ${REFERENCE})`,
		],
		['held back: limit', 'With 3 more, this node would place 5 orders in this execution: Max Purchases allows 4'],
		['held back: credential', 'The Access Token of the StreamSkill API credential is empty'],
		['held back: token', 'StreamSkill does not accept the Access Token (401)'],
		['held back: database', 'n8n could not look up whether the order was sent before: SQLITE_BUSY: database is locked'],
		['held back: unsaved', 'Save the workflow before you buy with it: n8n keeps what was ordered with the saved workflow'],
		['held back: evaluation', 'An evaluation places no paid orders unless the node says so'],
		['held back: unrecognised', 'This execution has placed orders before, and none of them is in the current list'],
		['held back: stopped', 'The execution was stopped'],
		['held back: defect', 'The StreamSkill node stopped unexpectedly: x is not a function'],
	])('%s', (name, text) => {
		expect(say(failures[name], keyed)).toBe(text);
	});

	test('a limit that the list alone goes beyond', () => {
		expect(say({ kind: 'heldBack', obstacle: { ...obstacles.limit, placed: 0 } })).toBe('3 orders are more than Max Purchases allows (4)');
	});

	test.each([
		[{ 'tarif.quantity': ['Too small', 'Too odd'] }, 'Quantity: Too small, Too odd'],
		[{ lang: ['a'], 'tarif.duration': ['b'], channel: ['c'] }, 'Language: a; Duration: b; Channel: c'],
		[{ interval: ['a'], comment: ['b'], start: ['c'], expand: ['d'] }, 'Interval: a; Comment: b; Start: c; Expand: d'],
		[{ balance: ['Too low'] }, 'balance: Too low'],
		[{ constructor: ['a'], toString: ['b'], valueOf: ['c'] }, 'constructor: a; toString: b; valueOf: c'],
	])('a 422 for %j names the labels of the editor', (errors, text) => {
		expect(say(refused(errors))).toBe(text);
	});

	test('a 422 with a flood of field errors stays readable', () => {
		const flood = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`field ${i}`, Array(10).fill('x'.repeat(1000))]));
		const text = say(refused(flood));
		expect(text).toHaveLength(1001);
		expect(text).toMatch(/^field 0: x+.*…$/);
		expect(say(refused({ balance: ['x'.repeat(400), 'y'.repeat(400)] }))).not.toContain('…');
	});

	test('what was bought before is told in the same words where it is left out', () => {
		for (const because of ['key', 'earlier', 'editor', 'confirmed'] as const) {
			expect(describeBought(because, keyed)).toBe(say({ kind: 'duplicate', because }, keyed));
		}
	});
});

describe('what to do', () => {
	test.each<[string, string]>([
		['a bad token', 'Check the Access Token in the StreamSkill API credential. No further order was sent with it.'],
		['a 403', 'Check that your StreamSkill account may place this order, and that no firewall is in between.'],
		['a 404', 'Check the Base URL in the StreamSkill API credential. It usually ends in /v1.'],
		['a 422', 'Change the order as the message says.'],
		['too many requests', 'Wait a few minutes, or use Batching with a longer Batch Interval.'],
		['a bare 400', 'Check the order, your StreamSkill account and its balance.'],
		['a redirect', 'Put the address of the StreamSkill API itself into the StreamSkill API credential.'],
		['a refused connection', 'Check the Base URL in the StreamSkill API credential and the network.'],
		['a timeout before it was sent', 'Check the Base URL in the StreamSkill API credential and the network.'],
		[
			'an address that n8n blocks',
			'Check the Base URL in the StreamSkill API credential. If it is right, ask whoever runs n8n to let its host through, with the environment variable N8N_SSRF_ALLOWED_HOSTNAMES.',
		],
		['a proxy that wants a password', 'Ask whoever runs n8n: its proxy is set with the environment variable HTTPS_PROXY.'],
		['a proxy without a way through', 'Ask whoever runs n8n: its proxy is set with the environment variable HTTPS_PROXY.'],
	])('about %s: it was not bought, what to check, and the next step', (name, advice) => {
		for (const recourse of recourses) {
			expect(advise({ kind: 'rejected', reason: rejections[name] }, recourse)).toBe(
				`This order was not bought. ${advice} ${next[recourse]}`,
			);
		}
	});

	test.each<[Failure, string]>([
		[
			failures['a key of another order: list'],
			'Give each of these orders an Idempotency Key of its own, and leave all other keys as they are.',
		],
		[
			failures['a key that comes again'],
			'Give this item an Idempotency Key of its own and leave the other keys as they are, or set If Already Purchased to Skip.',
		],
		[heldBack('limit'), 'If all of them are meant to be bought, raise the limit.'],
		[heldBack('credential'), 'Choose or correct the StreamSkill API credential.'],
		[heldBack('token'), 'Check the Access Token in the StreamSkill API credential.'],
		[heldBack('database'), 'Wait until n8n can use its database.'],
		[{ kind: 'heldBack', obstacle: { ...obstacles.database, isNodeOutdated: true } }, 'Update the StreamSkill node.'],
	])('about %j: it was not sent, what to mend, and the next step', (failure, advice) => {
		for (const recourse of recourses) expect(advise(failure, recourse)).toBe(`This order was not sent. ${advice} ${next[recourse]}`);
	});

	test('about an item that is not valid: what fills its fields is stored where it is retried', () => {
		for (const recourse of recourses) {
			const what = recourse === 'retry' ? 'the named fields' : 'the named fields, or the data that fills them';
			expect(advise(invalid, recourse)).toBe(`This order was not sent. Change ${what}. ${next[recourse]}`);
		}
	});

	test.each<[Recourse, string]>([
		['editor', 'take its item out of the list.'],
		['retry', 'do not retry this execution, but order the rows that are left in a new one, without it.'],
		['rest', 'take its item out of the list.'],
		['anew', 'do not order it again: only what comes after this node is left to do.'],
	])('about a key that may have bought this very order: first to look, or to remember (%s)', (recourse, leaveOut) => {
		const goOn = ['retry', 'anew'].includes(recourse) ? next[recourse].replace('Then', 'If it is still to be ordered,') : next[recourse];
		expect(advise(failures['a key of another order: unclear'], recourse)).toBe(
			`This order was not sent. Check whether this order is in your StreamSkill account. If it is, ${leaveOut} If it is not, ${OWN_KEY} ${goOn}`,
		);
		expect(advise(failures['a key of another order: record'], recourse)).toBe(
			`This order was not sent. If the key has bought this very order, before its fields were changed, ${leaveOut} If this is a further order, ${OWN_KEY} ${goOn}`,
		);
	});

	test('about the same to a model: a person has to look', () => {
		expect(advise(failures['a key of another order: unclear'], 'tool')).toBe(
			'This order was not sent. Do not order it again. A person has to check whether it is in the StreamSkill account. It may be ordered with another Idempotency Key only if it is not there.',
		);
		expect(advise(failures['a key of another order: record'], 'tool')).toBe(
			'This order was not sent. Do not order it again. A person has to say whether this is a further order: only then, order it with another Idempotency Key.',
		);
	});

	test.each(['noneInList', 'refused', 'tooMany'] as const)(
		'about orders that are not recognised (%s), to a model: a person has to look',
		(why) => {
			expect(advise({ kind: 'heldBack', obstacle: { kind: 'unrecognised', why } }, 'tool')).toBe(
				'This order was not sent. Do not order it again. A person has to look in the StreamSkill account for what this execution has bought, and to order what is left in a new execution.',
			);
		},
	);

	test('of several, one that is not recognised decides on the next step', () => {
		expect(goOn([uncertain(), heldBack('unrecognised')], 'retry')).toBe('');
	});

	test('about a list of which nothing is recognised, in an execution that ends well and so cannot be retried again', () => {
		expect(advise(heldBack('unrecognised'), 'anew')).toBe(
			'This order was not sent. Look in your StreamSkill account for what this execution has bought. Then order the rows that are left in a new execution, without those that were bought.',
		);
	});

	test('about a defect of the node: nothing tells whether the order was sent', () => {
		for (const recourse of recourses.filter((one) => !['tool', 'editorTool'].includes(one))) {
			expect(advise(heldBack('defect'), recourse)).toBe(
				"Report this to the node's maintainers, with the lines of n8n's log. Before you order the item again, check whether it is in your StreamSkill account.",
			);
		}
	});

	test('about a workflow that is not saved, the message says it already', () => {
		expect(advise(heldBack('unsaved'), 'editor')).toBe(`This order was not sent. ${next.editor}`);
	});

	test.each<[Failure, string]>([
		[
			heldBack('evaluation'),
			'Turn on the option Dry Run to see what would be ordered, or add it and turn it off to place the orders in evaluations as well.',
		],
		[
			heldBack('unrecognised'),
			'Open the Executions tab, select the execution that failed first, of which this one is a retry, click the Retry arrow, and choose "Retry with original workflow". If the list is meant to be another one, look in your StreamSkill account for what this execution has bought, and order the other rows in a new execution.',
		],
		[heldBack('stopped'), 'If the order is still wanted, place it in a new execution, without the items that were bought.'],
	])('about %j: it was not sent, and no other step than this', (failure, advice) => {
		const isUnrecognised = failure.kind === 'heldBack' && failure.obstacle.kind === 'unrecognised';
		for (const recourse of recourses.filter((one) => !['anew', 'tool', 'editorTool'].includes(one) || !isUnrecognised))
			expect(advise(failure, recourse)).toBe(`This order was not sent. ${advice}`);
	});

	const LOOK = 'Wait a few minutes, then check whether the order is in your StreamSkill account, with the time when it was sent.';
	const NO_MODEL = 'A person has to wait a few minutes, and to check whether it is in the StreamSkill account.';
	test.each<[Recourse, string]>([
		['editor', next.editor],
		['editorRepeat', next.editorRepeat],
		['retry', next.retry.replace('order the rows that are left', 'check which rows are in your StreamSkill account, and order the others')],
		[
			'rest',
			`${LOOK} If it is there, nothing more is to be bought for it. If it is not, it is one of the rows that are left. ${next.rest}`,
		],
		[
			'anew',
			`${LOOK} If it is there, only what comes after this node is left to do. If it is not, order this item alone in a new execution.`,
		],
		['evaluation', `${LOOK} ${next.evaluation}`],
		...(['tool', 'editorTool'] as const).map((recourse): [Recourse, string] => [
			recourse,
			`Do not order it again. ${NO_MODEL} It may be ordered in a new execution only if it is not there.`,
		]),
	])('about an order of which it could not be looked up whether it was sent before (%s)', (recourse, advice) => {
		expect(advise(unread, recourse)).toBe(
			`This order was not sent now. It may have been sent before. Wait until n8n can use its database. ${advice}`,
		);
	});

	test('about an order whose fields may have been changed since it was sent', () => {
		expect(advise(mended, 'anew')).toBe(
			`${LOOK} If its fields have been changed since it was sent, look for it as it was. If it is there, only what comes after this node is left to do. If it is not, order this item alone in a new execution.`,
		);
	});

	test('about an equal order that was bought before', () => {
		expect(say(moved)).toBe('This execution has bought an equal order before, and it is not clear whether it was this one');
		expect(advise(moved, 'retry')).toBe(advise(heldBack('unrecognised'), 'retry'));
		expect(advise(moved, 'anew')).toBe(advise(heldBack('unrecognised'), 'anew'));
	});

	test.each(['retry', 'anew'] as const)('about one of too many, whose next retry would be as blind (%s)', (recourse) => {
		expect(say(tooMany)).toBe(
			'This execution has placed orders before, and too many of them are equal or have changed to tell whether this one was bought',
		);
		expect(advise(tooMany, recourse)).toBe(
			'This order was not sent. Look in your StreamSkill account for what this execution has bought. Then order the rows that are left in a new execution, without those that were bought. With the same Idempotency Keys, it leaves those out by itself.',
		);
	});

	test('about an equal order of another call, which may be that once more or another one', () => {
		const repeated = { ...uncertain(), isRepeated: true } as Failure;
		expect(advise(repeated, 'anew')).toBe(
			'If this item repeats the order before it, do what the message on that one says, and nothing for this one. If it is meant as another order, order this item alone in a new execution.',
		);
	});

	const CONFIRM = `If it is there, add ${REFERENCE} to the option Confirmed Bought. If it is not, add it to Confirmed Not Bought.`;
	test.each<[Recourse, boolean, string]>([
		['editor', false, `${LOOK} ${CONFIRM} Then execute the workflow again today.`],
		['editor', true, `${LOOK} ${CONFIRM} Then execute the workflow again today.`],
		['editorRepeat', false, `${LOOK} ${CONFIRM} ${next.editorRepeat}`],
		['retry', false, `${LOOK} ${CONFIRM} ${RETRY}. ${NOT_DEBUG}`],
		['retry', true, `${LOOK} ${CONFIRM} ${RETRY}. ${NOT_DEBUG}`],
		[
			'rest',
			false,
			`${LOOK} If it is there, nothing more is to be bought for it. If it is not, it is one of the rows that are left. ${next.rest}`,
		],
		[
			'rest',
			true,
			`${LOOK} ${CONFIRM} Then save and publish the workflow, and order the rows that are left in a new execution, without those that were bought.`,
		],
		[
			'anew',
			false,
			`${LOOK} If it is there, only what comes after this node is left to do. If it is not, order this item alone in a new execution.`,
		],
		['anew', true, `${LOOK} ${CONFIRM} Then save and publish the workflow, and run the item again with the same Idempotency Key.`],
		['tool', false, `Do not order it again. ${NO_MODEL} It may be ordered in a new execution only if it is not there.`],
		...(['tool', 'editorTool'] as const).map((recourse): [Recourse, boolean, string] => [
			recourse,
			recourse === 'tool',
			`Do not order it again. A person has to wait a few minutes, to check whether it is in the StreamSkill account, and to add ${REFERENCE} to the option Confirmed Bought of this tool if it is, or to Confirmed Not Bought if it is not.`,
		]),
	])('about an uncertain order (%s; uncertain with its key: %s)', (recourse, isKeyed, advice) => {
		expect(advise(uncertain({ kind: 'timeout' }, { isKeyed }), recourse)).toBe(advice);
	});

	test.each(['editor', 'retry', 'anew'] as const)(
		'about the other order that has the key: that one is to be looked up (%s)',
		(recourse) => {
			expect(advise(failures['a key of another order: uncertain'], recourse)).toContain(
				`Wait a few minutes, then check whether the other order is in your StreamSkill account, with the time when it was sent. n8n's log names it beside its reference, unless n8n was killed then. ${CONFIRM}`,
			);
		},
	);

	test('about one of several equal orders: they are to be counted', () => {
		expect(advise({ ...uncertain(), isOneOfEqual: true } as Failure, 'retry')).toContain(
			`${LOOK} Equal orders look alike there: count them, and subtract those that are listed as bought, here or in another round. The remainder is how many of the uncertain ones were bought; which of them does not matter. ${CONFIRM.replace('is there', 'was bought').replace('is not', 'was not')}`,
		);
	});

	test('a model is told that a person looks up the other order', () => {
		expect(advise(failures['a key of another order: uncertain'], 'tool')).toContain(
			'A person has to wait a few minutes, to check whether the other order is in the StreamSkill account',
		);
	});

	const SKIP = 'To go on without buying it again, set If Already Purchased to Skip.';
	const OTHER_KEY = 'Give it another Idempotency Key if it is meant to be bought as well.';
	const REPEAT = 'Turn on the option Repeat Manual Orders if it is meant to be bought once more: that buys the whole list again.';
	const NOT_AGAIN = 'Do not order it again, unless a further one is asked for: then with another Idempotency Key.';
	const ELSEWHERE = "Its purchase is in the output of that other try, or in n8n's log.";
	test.each<['key' | 'earlier' | 'editor' | 'confirmed', Recourse, string]>([
		['key', 'anew', OTHER_KEY],
		['key', 'editor', `${OTHER_KEY} ${SKIP} Then execute the workflow again today.`],
		['key', 'retry', `${OTHER_KEY} ${SKIP} ${next.retry}`],
		['key', 'rest', `${OTHER_KEY} ${SKIP} ${next.rest}`],
		['editor', 'editor', `${REPEAT} ${SKIP} Then execute the workflow again today.`],
		['editor', 'editorRepeat', `${REPEAT} ${SKIP} ${next.editorRepeat}`],
		['earlier', 'anew', ELSEWHERE],
		['earlier', 'retry', `${ELSEWHERE} ${SKIP} ${next.retry}`],
		['key', 'tool', NOT_AGAIN],
		['key', 'editorTool', NOT_AGAIN],
		['earlier', 'tool', 'Do not order it again, unless a further one is asked for.'],
		['editor', 'editorTool', 'Do not order it again, unless a further one is asked for.'],
	])('about an order that was bought before (%s, %s)', (because, recourse, advice) => {
		expect(advise({ kind: 'duplicate', because }, recourse)).toBe(`This order was not sent. ${advice}`);
	});

	test('of several, an uncertain one decides on the next step', () => {
		expect(goOn([invalid, uncertain()], 'editor')).toBe('Then execute the workflow again today.');
		expect(goOn([invalid], 'editor')).toBe(next.editor);
	});
});

describe.each(Object.entries(failures))('%s', (_, failure) => {
	const texts = recourses.flatMap((recourse) =>
		[order, keyed, undefined].map((one) => ({ recourse, one, message: say(failure, one), advice: advise(failure, recourse) })),
	);

	test('is told calmly, in whole sentences', () => {
		for (const { message, advice } of texts) {
			// What n8n or the code itself says is theirs.
			expect(`${message} ${advice}`).not.toMatch(/\b(error|problem|failure|mistake|undefined|null)\b|\[object|\s{2}|\.\.|^\s|\s$/i);
			expect(message).toMatch(/[^.]$/);
			expect(advice).toMatch(/^[A-Z].*\.$/);
		}
	});

	test('says nowhere that nothing was bought: of other items, it cannot know', () => {
		for (const { message, advice } of texts) expect(`${message} ${advice}`).not.toMatch(/nothing was bought/i);
	});

	test('leads to no second purchase: an uncertain order is never to be ordered again without a look into the account', () => {
		if (failure.kind !== 'unknown') return;
		for (const { advice } of texts) {
			const look = advice.search(/check whether [^.]* is in (your|the) StreamSkill account/i);
			const again = advice.search(/(?<!not )(order (it|this item)|run the item|execute the workflow|ordered)/);
			expect(look).toBeGreaterThanOrEqual(0);
			if (again >= 0 && !advice.startsWith('Do not order it again')) expect(again).toBeGreaterThan(look);
		}
	});
});
