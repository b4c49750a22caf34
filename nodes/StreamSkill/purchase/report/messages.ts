import type { Recourse } from '../../n8n/host';
import type { Reason, Status } from '../dispatch/outcome';
import type { Because, Conflict, Unrecognised } from '../journal/knowledge';
import type { FieldProblems } from '../order/problems';
import { LABELS } from '../order/table';
import type { Treatment } from '../order/order';
import { isUncertain, isUnread, mayBeBoughtBefore, type Failure, type Obstacle, type UncertainItem } from './failure';

/** Characters of what the API says that still make a readable message; the rest is in the details. */
const MAX_MESSAGE = 1000;

/** What to do about a rejection, by HTTP status. */
const REJECTION_ADVICE: Record<number, string> = {
	401: 'Check the Access Token in the StreamSkill API credential. No further order was sent with it.',
	403: 'Check that your StreamSkill account may place this order, and that no firewall is in between.',
	404: 'Check the Base URL in the StreamSkill API credential. It usually ends in /v1.',
	422: 'Change the order as the message says.',
	429: 'Wait a few minutes, or use Batching with a longer Batch Interval.',
};

const NOT_SENT = 'This order was not sent.';

const NOT_REACHED = 'Check the Base URL in the StreamSkill API credential and the network.';

/** Where n8n 2.41 has the way to go on, by its own words. */
const RETRY =
	'save the workflow, open the Executions tab, select this execution, click the Retry arrow, and choose "Retry with currently saved workflow"';

/** n8n offers it beside the Retry arrow. What is executed there is started by hand, and n8n does not say what it was before. */
const NOT_DEBUG = 'Do not use "Debug in editor": it would buy again what was bought.';

const ORDER_THE_REST = 'order the rows that are left in a new execution, without those that were bought.';

const EXECUTE_AGAIN = 'Then execute the workflow again';

const EXECUTE_WITHOUT_BOUGHT =
	'Then take out of the list what this node has bought, turn off Repeat Manual Orders in all other StreamSkill nodes, and execute the workflow again today: Repeat Manual Orders buys all of it again.';

/** Under new Idempotency Keys, what the node has bought for the stored list would be new. */
const WITHOUT_BOUGHT =
	'Take out of the list what this node has bought in any execution: with another Idempotency Key, it would be bought again.';

const NEW_ROWS = `${WITHOUT_BOUGHT} Do not retry this execution, which has the stored list, but order the rows that are left in a new one.`;

/** Whether an item is no order since a node before this one has left it out. */
export const isLeftOut = (failure: Failure): boolean => failure.kind === 'invalid' && 'leftOut' in failure.problems;

/** Whether it is not clear what the execution has bought: then that decides how all of it goes on. */
export const isUnrecognised = (failure: Failure): boolean => failure.kind === 'heldBack' && failure.obstacle.kind === 'unrecognised';

/** Obstacles whose advice says all there is to do. */
const STANDS_ALONE = new Set<Obstacle['kind']>(['evaluation', 'stopped', 'defect']);

const WHY_UNRECOGNISED: Record<Unrecognised['why'], string> = {
	noneInList: 'This execution has placed orders before, and none of them is in the current list',
	moved: 'This execution has bought an equal order before, and it is not clear whether it was this one',
	refused: 'An earlier try of this order was not bought, and this execution has ordered an equal one, which is perhaps that of another row',
	tooMany: 'This execution has placed orders before, and too many of them are equal or have changed to tell whether this one was bought',
};

/** What follows the Idempotency Key in a sentence. */
const CONFLICTS: Record<Conflict['with'], string> = {
	record: 'has bought another order before',
	list: 'is also used by another order in the list',
	unclear: 'has bought an order before, and it is not clear which one',
};

/** @returns what happened to an item, in one sentence without a full stop */
export function describe(failure: Failure, treatment?: Treatment): string {
	const key = `The Idempotency Key "${treatment?.idempotencyKey ?? ''}"`;
	switch (failure.kind) {
		case 'invalid':
			return joinProblems(failure.problems);
		case 'rejected':
			return describeRejection(failure.reason);
		case 'unknown':
			return `${describeUnknown(failure, treatment)}: the order may have been bought (reference ${failure.reference})`;
		case 'duplicate':
			return describeBought(failure.because, treatment);
		case 'conflict':
			return `${key} ${CONFLICTS[failure.with]}`;
		case 'repeatedKey':
			return `${key} is also used by another item`;
		case 'heldBack':
			return tellObstacle(failure.obstacle)[0];
	}
}

/** @returns what to do about an item: what to mend, then the one step that settles it */
export const advise = (failure: Failure, recourse: Recourse): string =>
	[opening(failure), ...mend(failure, recourse), goOn([failure], recourse)].filter(Boolean).join(' ');

/** @returns whether an item's order was sent, in sentences; blank where its message says so, or nobody knows */
function opening(failure: Failure): string {
	switch (failure.kind) {
		case 'rejected':
			return 'This order was not bought.';
		case 'unknown':
			return '';
		case 'invalid':
		case 'duplicate':
		case 'conflict':
		case 'repeatedKey':
			return NOT_SENT;
		case 'heldBack':
			// A defect may have been met when all was sent.
			if (failure.obstacle.kind === 'defect') return '';
			return isUnread(failure) ? 'This order was not sent now. It may have been sent before.' : NOT_SENT;
	}
}

/** @returns what to do first about an item, in sentences */
export function mend(failure: Failure, recourse: Recourse): string[] {
	switch (failure.kind) {
		case 'invalid':
			// A retry comes with the stored list.
			return [recourse === 'retry' ? 'Change the named fields.' : 'Change the named fields, or the data that fills them.'];
		case 'rejected':
			return [adviseRejection(failure.reason)];
		case 'unknown':
			return lookUp(failure.reference, recourse, failure);
		case 'duplicate':
			return adviseDuplicate(failure.because, recourse);
		case 'conflict':
			return adviseConflict(failure.with, recourse);
		case 'repeatedKey':
			return ['Give this item an Idempotency Key of its own and leave the other keys as they are, or set If Already Purchased to Skip.'];
		case 'heldBack': {
			const advice = tellObstacle(failure.obstacle, recourse).slice(1);
			return isUnread(failure) ? [...advice, ...lookUpUnread(recourse)] : advice;
		}
	}
}

/** In the editor, and in a retry, the next try shows what was bought. A model's next order is another one, and no reference is known to confirm. */
function lookUpUnread(recourse: Recourse): string[] {
	switch (recourse) {
		case 'editor':
		case 'editorRepeat':
		case 'retry':
			return [];
		case 'rest':
		case 'anew':
		case 'evaluation':
		case 'tool':
			return lookUp('', recourse, { isKeyed: false });
		case 'editorTool':
			return lookUp('', 'tool', { isKeyed: false });
	}
}

/**
 * @returns the one step that follows once the cause is mended, which differs with how the execution was started; blank if
 * none does. None of them buys twice but that of an evaluation, which says so.
 */
export function goOn(failures: Failure[], recourse: Recourse): string {
	const [first] = failures;
	const anyUncertain = failures.some(isUncertain);
	const isFirstKeyed = first?.kind === 'unknown' && first.isKeyed;
	if (failures.some(isLeftOut)) return ['editor', 'editorRepeat'].includes(recourse) ? `${WITHOUT_BOUGHT} ${EXECUTE_AGAIN}.` : NEW_ROWS;
	if (failures.some(isUnrecognised)) return '';
	if (!anyUncertain && first?.kind === 'heldBack' && STANDS_ALONE.has(first.obstacle.kind)) return '';
	const isBought = first?.kind === 'duplicate';
	const mayBeBought = anyUncertain || isBought || (first !== undefined && mayBeBoughtBefore(first));
	// What is bought already is not to be ordered again, and a retry would order it.
	const own = failures.filter(isPerhapsItsOwn);
	const which = own.length > 1 ? 'all of them are' : 'it is';
	const lead = own.length > 0 ? `If ${which} still to be ordered,` : 'Then';
	switch (recourse) {
		case 'editor':
			// Some of the orders may have been placed yesterday: tomorrow, nothing is known of them any more.
			return anyUncertain || isBought
				? `${EXECUTE_AGAIN} today.`
				: `${EXECUTE_AGAIN}: each StreamSkill node leaves out what it has bought by hand today or yesterday, unless you change it.`;
		case 'editorRepeat':
			return EXECUTE_WITHOUT_BOUGHT;
		case 'retry':
			return anyUncertain
				? `${lead} ${RETRY}. ${NOT_DEBUG}`
				: `${lead} ${RETRY}: what was bought is not bought again. ${NOT_DEBUG} A retry uses the stored list. If the list itself is wrong, ${
						isUnread(first) ? 'check which rows are in your StreamSkill account, and order the others' : 'order the rows that are left'
					} in a new execution.`;
		case 'rest':
			return `Then ${isFirstKeyed ? 'save and publish the workflow, and ' : ''}${ORDER_THE_REST}`;
		case 'anew':
			if (!mayBeBought || first?.kind === 'conflict') return `${lead} order this item alone in a new execution.`;
			return isFirstKeyed ? 'Then save and publish the workflow, and run the item again with the same Idempotency Key.' : '';
		case 'evaluation':
			return 'Then run the evaluation again, if you still want it: where Dry Run is turned off, it buys all its orders again, except those that an Idempotency Key has bought.';
		case 'tool':
		case 'editorTool':
			return mayBeBought || own.length > 0 ? '' : 'Then order it again if it is still wanted.';
	}
}

/** Whether it may be this very order that its Idempotency Key has bought. */
const isPerhapsItsOwn = (failure: Failure): boolean => failure.kind === 'conflict' && failure.with !== 'list';

/** Whether a model reads it. */
const isForModel = (recourse: Recourse): recourse is 'tool' | 'editorTool' => recourse === 'tool' || recourse === 'editorTool';

const joinProblems = (problems: FieldProblems) => Object.values(problems).flat().join('; ');

/** @returns how an order was bought before, in one sentence without a full stop */
export function describeBought(because: Because, treatment?: Treatment): string {
	switch (because) {
		case 'key':
		case 'editorKey':
			return `An order with the Idempotency Key "${treatment?.idempotencyKey ?? ''}" was bought before`;
		case 'editor':
			return 'This order was bought by hand before, today or yesterday';
		case 'confirmed':
			return 'This order is confirmed as bought';
		case 'earlier':
			return 'This order was bought before, in an earlier try of this execution';
	}
}

function describeRejection(reason: Reason): string {
	switch (reason.kind) {
		case 'status':
			return describeStatus(reason);
		case 'proxy':
			return reason.httpCode === 407
				? 'The proxy asks for a user name and password (407)'
				: `The proxy did not connect to StreamSkill (${reason.httpCode})`;
		case 'network':
			return `StreamSkill could not be reached (${reason.code})`;
		case 'blocked':
			return 'StreamSkill could not be reached (blocked by n8n)';
		case 'timeout':
			return 'StreamSkill could not be reached (timeout)';
		case 'unrecognised':
		case 'abandoned':
		case 'untold':
			return 'StreamSkill could not be reached';
	}
}

function describeStatus({ httpCode, apiMessage, fieldErrors }: Status): string {
	if (fieldErrors) {
		const text = Object.entries(fieldErrors)
			.map(([field, messages]) => `${Object.hasOwn(LABELS, field) ? LABELS[field] : field}: ${messages.join(', ')}`)
			.join('; ');
		return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text;
	}
	if (httpCode < 400) return `The Base URL redirects to another address (${httpCode}), and no order is sent there`;
	if (httpCode === 401) return 'StreamSkill does not accept the Access Token (401)';
	if (httpCode === 429) return 'StreamSkill receives too many requests (429)';
	return `StreamSkill refused the order (${httpCode})${apiMessage ? `: ${apiMessage}` : ''}`;
}

function adviseRejection(reason: Reason): string {
	if (reason.kind === 'proxy') return 'Ask whoever runs n8n: its proxy is set with the environment variable HTTPS_PROXY.';
	if (reason.kind === 'blocked')
		return 'Check the Base URL in the StreamSkill API credential. If it is right, ask whoever runs n8n to let its host through, with the environment variable N8N_SSRF_ALLOWED_HOSTNAMES.';
	if (reason.kind !== 'status') return NOT_REACHED;
	return (
		REJECTION_ADVICE[reason.httpCode] ??
		(reason.httpCode < 400
			? 'Put the address of the StreamSkill API itself into the StreamSkill API credential.'
			: 'Check the order, your StreamSkill account and its balance.')
	);
}

function describeUnknown({ reason, isKeyed, isOther }: UncertainItem, treatment?: Treatment): string {
	switch (reason?.kind) {
		case 'timeout':
			return 'StreamSkill did not answer in time';
		case 'network':
			return `The connection broke before the answer came (${reason.code})`;
		case 'status':
			return reason.httpCode < 400
				? `StreamSkill sent ${reason.apiMessage ?? 'something else'} instead of a purchase`
				: `StreamSkill answered ${reason.httpCode}, which does not say whether the order was bought`;
		case 'proxy':
		case 'blocked':
		case 'unrecognised':
			return 'The request failed for a reason that n8n does not tell';
		case 'untold':
			return 'It is not known whether an earlier try of this execution sent this order';
		case 'abandoned':
		case undefined:
			return isKeyed
				? `${isOther ? 'Another' : 'An'} order with the Idempotency Key "${treatment?.idempotencyKey ?? ''}" was sent before, and its answer is not known`
				: 'This order was sent before, and its answer is not known';
	}
}

/**
 * @param reference undefined if there are several orders, each with its own; blank if nothing is known of the order
 * @returns how an order is settled that may have been bought, in sentences
 */
export function lookUp(
	reference: string | undefined,
	recourse: Recourse,
	{
		isKeyed,
		isRepeated,
		isOther,
		mayBeMended,
		isOneOfEqual,
	}: Pick<UncertainItem, 'isKeyed' | 'isRepeated' | 'isOther' | 'mayBeMended' | 'isOneOfEqual'>,
): string[] {
	const one = isOther ? 'the other order' : 'the order';
	const which = reference === undefined ? 'each order that may have been bought' : one;
	const how = [
		isOther && "n8n's log names it beside its reference, unless n8n was killed then.",
		mayBeMended && 'If its fields have been changed since it was sent, look for it as it was.',
		isOneOfEqual &&
			'Equal orders look alike there: count them, and subtract those that are listed as bought, here or in another round. The remainder is how many of the uncertain ones were bought; which of them does not matter.',
	].filter((sentence): sentence is string => Boolean(sentence));
	const look = [
		`Wait a few minutes, then check whether ${which} is in your StreamSkill account, with the time when it was sent.`,
		...how,
	].join(' ');
	const named = reference ?? 'its reference';
	const [ifBought, ifNot] = isOneOfEqual ? ['If it was bought', 'If it was not'] : ['If it is there', 'If it is not'];
	const confirm = `${ifBought}, add ${named} to the option Confirmed Bought. ${ifNot}, add it to Confirmed Not Bought.`;
	switch (recourse) {
		case 'editor':
		case 'editorRepeat':
		case 'retry':
			return [look, confirm];
		case 'rest':
			return [look, isKeyed ? confirm : `${ifBought}, nothing more is to be bought for it. ${ifNot}, it is one of the rows that are left.`];
		case 'anew':
			if (isKeyed) return [look, confirm];
			if (!isRepeated)
				return [look, `${ifBought}, only what comes after this node is left to do. ${ifNot}, order this item alone in a new execution.`];
			return [
				'If this item repeats the order before it, do what the message on that one says, and nothing for this one. If it is meant as another order, order this item alone in a new execution.',
			];
		case 'evaluation':
			return isKeyed ? [look, confirm] : [look];
		case 'tool':
		case 'editorTool':
			return [
				'Do not order it again.',
				isKeyed || recourse === 'editorTool'
					? `A person has to wait a few minutes, to check whether ${isOther ? one : 'it'} is in the StreamSkill account, and to add ${named} to the option Confirmed Bought of this tool if it is, or to Confirmed Not Bought if it is not.`
					: 'A person has to wait a few minutes, and to check whether it is in the StreamSkill account. It may be ordered in a new execution only if it is not there.',
				...how,
			];
	}
}

/** Of an order that another execution has bought, nothing is known but its key. */
const OWN_KEY =
	'give it an Idempotency Key of its own, and leave the other keys as they are: under another key, an order that was bought is bought again.';

/** The key may have bought this very order, before its fields were changed: with another key, it would be bought twice. */
function adviseConflict(conflict: Conflict['with'], recourse: Recourse): string[] {
	switch (conflict) {
		case 'list':
			return ['Give each of these orders an Idempotency Key of its own, and leave all other keys as they are.'];
		case 'record':
			if (isForModel(recourse))
				return [
					'Do not order it again.',
					'A person has to say whether this is a further order: only then, order it with another Idempotency Key.',
				];
			return [
				`If the key has bought this very order, before its fields were changed, ${leaveOut(recourse)} If this is a further order, ${OWN_KEY}`,
			];
		case 'unclear':
			return isForModel(recourse)
				? [
						'Do not order it again.',
						'A person has to check whether it is in the StreamSkill account. It may be ordered with another Idempotency Key only if it is not there.',
					]
				: ['Check whether this order is in your StreamSkill account.', `If it is, ${leaveOut(recourse)} If it is not, ${OWN_KEY}`];
	}
}

/** What to do where an order turns out to be bought, in the words after "if". */
function leaveOut(recourse: Exclude<Recourse, 'tool' | 'editorTool'>): string {
	switch (recourse) {
		case 'editor':
		case 'editorRepeat':
		case 'rest':
			return 'take its item out of the list.';
		case 'retry':
			// A retry comes with the stored list.
			return 'do not retry this execution, but order the rows that are left in a new one, without it.';
		case 'anew':
		case 'evaluation':
			return 'do not order it again: only what comes after this node is left to do.';
	}
}

/** @returns what to do about an order that was bought before, in sentences */
export function adviseDuplicate(because: Because, recourse: Recourse): string[] {
	if (isForModel(recourse))
		return [
			`Do not order it again, unless a further one is asked for${['key', 'editorKey'].includes(because) ? ': then with another Idempotency Key' : ''}.`,
		];
	const advice = DUPLICATES[because];
	// Otherwise the others have gone on already.
	return ['anew', 'evaluation'].includes(recourse)
		? [advice]
		: [advice, 'To go on without buying it again, set If Already Purchased to Skip.'];
}

const OTHER_KEY = 'Give it another Idempotency Key if it is meant to be bought as well.';

const DUPLICATES: Record<Because, string> = {
	key: OTHER_KEY,
	editorKey: OTHER_KEY,
	editor: 'Turn on the option Repeat Manual Orders if it is meant to be bought once more: that buys the whole list again.',
	confirmed: 'Nothing is left to do for it.',
	earlier: "Its purchase is in the output of that other try, or in n8n's log.",
};

/** @returns what keeps orders back, in one sentence without a full stop, then what to do about it */
function tellObstacle(obstacle: Obstacle, recourse?: Recourse): [what: string, ...advice: string[]] {
	switch (obstacle.kind) {
		case 'limit':
			return [
				obstacle.placed === 0
					? `${obstacle.wanted} orders are more than Max Purchases allows (${obstacle.limit})`
					: `With ${obstacle.wanted} more, this node would place ${obstacle.placed + obstacle.wanted} orders in this execution: Max Purchases allows ${obstacle.limit}`,
				'If all of them are meant to be bought, raise the limit.',
			];
		case 'credential':
			return [obstacle.message, 'Choose or correct the StreamSkill API credential.'];
		case 'token':
			return ['StreamSkill does not accept the Access Token (401)', 'Check the Access Token in the StreamSkill API credential.'];
		case 'database':
			return [
				`n8n could not look up whether the order was sent before: ${obstacle.message}`,
				obstacle.isNodeOutdated ? 'Update the StreamSkill node.' : 'Wait until n8n can use its database.',
			];
		case 'unsaved':
			return ['Save the workflow before you buy with it: n8n keeps what was ordered with the saved workflow'];
		case 'evaluation':
			return [
				'An evaluation places no paid orders unless the node says so',
				'Turn on the option Dry Run to see what would be ordered, or add it and turn it off to place the orders in evaluations as well.',
			];
		case 'unrecognised':
			return [WHY_UNRECOGNISED[obstacle.why], ...(recourse ? adviseUnrecognised(obstacle.why, recourse) : [])];
		case 'stopped':
			return [
				'The execution was stopped',
				'If the order is still wanted, place it in a new execution, without the items that were bought.',
			];
		case 'defect':
			return [
				`The StreamSkill node stopped unexpectedly: ${obstacle.message}`,
				...(recourse && isForModel(recourse)
					? [
							'Do not order it again.',
							"A person has to check whether it is in the StreamSkill account, and to report this to the node's maintainers, with the lines of n8n's log.",
						]
					: [
							"Report this to the node's maintainers, with the lines of n8n's log. Before you order the item again, check whether it is in your StreamSkill account.",
						]),
			];
	}
}

function adviseUnrecognised(why: Unrecognised['why'], recourse: Recourse): string[] {
	if (isForModel(recourse))
		return [
			'Do not order it again.',
			'A person has to look in the StreamSkill account for what this execution has bought, and to order what is left in a new execution.',
		];
	const isOfSome = why === 'refused' || why === 'tooMany';
	// Once a retry has ended well, n8n offers no other (n8n: shared-hook-functions.js, retrySuccessId).
	if (recourse === 'anew' || isOfSome)
		return [
			'Look in your StreamSkill account for what this execution has bought.',
			`Then ${ORDER_THE_REST}`,
			...(isOfSome ? ['With the same Idempotency Keys, it leaves those out by itself.'] : []),
		];
	return [
		// The original workflow of a retry is the one that was saved by then.
		'Open the Executions tab, select the execution that failed first, of which this one is a retry, click the Retry arrow, and choose "Retry with original workflow".',
		'If the list is meant to be another one, look in your StreamSkill account for what this execution has bought, and order the other rows in a new execution.',
	];
}
