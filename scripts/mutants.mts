// Changes the code where it costs money, one change at a time, and sees whether the engine tests notice. A change is
// made to the syntax tree, by the name of a function in whatever file, so that it survives most redesigns.
// `npm run mutants -- lock` tries those only whose names have the word, and `-- --fit` none: all must fit the code.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import ts from 'typescript';

/** What is changed in a function. */
type Change =
	/** Its body: it does nothing but return this. */
	| { returns: string }
	/** The one statement in it that begins with this text is left out. */
	| { drops: string }
	/** The one condition in it that has this text becomes true or false. */
	| { condition: string; is: boolean }
	/** What the one property or variable in it that has this name is given. */
	| { value: string; is: string };

interface Mutant {
	name: string;
	/** A function, a method or a constant; `Class.method` where methods of several classes have the name. */
	at: string;
	change: Change;
	/** What should notice: an engine test file, and in it the tests of that name. */
	tests: [file: string, name?: string];
}

const mutant = (name: string, at: string, change: Change, ...tests: Mutant['tests']): Mutant => ({ name, at, change, tests });

const mutants: Mutant[] = [
	// The run.
	mutant('more than Max Purchases', 'limitOn', { value: 'limit', is: 'Infinity' }, 'ledger'),
	mutant('a model buys more than Max Purchases', 'obstacleToSending', { value: 'limit', is: 'undefined' }, 'tool'),
	mutant('a model orders again what has no answer', 'obstacleToSending', { condition: 'open', is: false }, 'tool'),
	mutant('a model that is told nothing buys', 'dropsOutput', { returns: 'false' }, 'tool'),
	mutant('two nodes with one ID buy', 'misfitOf', { value: 'twin', is: 'undefined' }, 'misfit'),
	mutant('a model buys that n8n tells nothing of it', 'isLegacyOrder', { returns: 'false' }, 'misfit'),
	mutant('a model buys what another one has asked for', 'isMixedUp', { returns: 'false' }, 'misfit'),
	mutant("n8n's Chat buys", 'isOfChat', { returns: 'false' }, 'misfit'),
	mutant('what others may have bought is told as not sent', 'leaveToOthers', { returns: '' }, 'sequences/found'),
	mutant('nothing tells that an execution was started by hand', 'List.sayByHand', { returns: 'Promise.resolve()' }, 'sequences/found'),
	mutant('one quiet list is enough', 'Journal.judgeOpen', { value: 'isQuiet', is: 'lists.some(Boolean)' }, 'sequences/found'),
	mutant('clocks never differ', 'isQuiet', { value: 'last', is: 'minuteOf(Date.now())' }, 'sequences/found'),
	mutant('what was bought by hand outranks any key', 'outranks', { returns: '() => false' }, 'sequences/found'),
	mutant(
		'a row that may be bought is another order once it is corrected',
		'Journal.pair',
		{ drops: 'if (!isByHand(order))' },
		'sequences/equalOrders',
	),
	mutant(
		'what was bought by hand stays that of a row that is corrected',
		'Journal.pair',
		{ condition: '!isByHand(order)', is: true },
		'sequences/equalOrders',
	),
	mutant('a row that was refused takes what another one has bought', 'PastOrders.wasRefused', { returns: 'false' }, 'sequences/reviewed'),
	mutant(
		'what was bought by hand with a key is left out for nodes without one',
		'Lookup.linkEquals',
		{ condition: 'isByHand', is: false },
		'sequences/twoNodes',
	),
	mutant('a key of another order is told as its own', 'knowledgeOf', { value: 'isOther', is: 'false' }, 'sequences/found'),
	mutant(
		'all calls of MCP clients are one execution',
		'openStores',
		{ value: 'executionId', is: 'String(context.getExecutionId())' },
		'withoutExecution',
	),
	mutant('n8n looks for what it cannot find', 'isFound', { returns: 'true' }, 'sequences/unpaired'),
	mutant('an evaluation buys', 'isEvaluation', { returns: 'false' }, 'advice.test', 'an evaluation'),
	mutant('a text with a gap is an order', 'hasGap', { returns: 'false' }, 'options'),
	mutant('an agent has no conversation', 'stepTo', { value: 'called', is: 'new Set<string>()' }, 'agents'),
	mutant('a model knows of no purchase', 'stepTo', { value: 'told', is: 'new Set<string>()' }, 'agents'),
	mutant(
		'calls that count from 0 are of one conversation',
		'stepTo',
		{ value: 'isBeside', is: '(other: string) => !other.startsWith(conversation) || called.has(other)' },
		'agents',
		'counts the calls',
	),
	mutant('an agent that is a tool has no caller', 'callOfModel', { drops: 'steps.unshift(' }, 'agents'),
	mutant('some are sent although others are no orders', 'Report.stopIfFailed', { returns: '' }, 'purchase'),
	mutant('sent although the database refused to look', 'obstacleTo', { condition: 'journal.refusal', is: false }, 'sequences/refusedLook'),
	mutant('a key twice is found too late', 'refuseRepeatedKeys', { returns: '' }, 'keys'),
	mutant('401 does not end the run', 'Run.send', { condition: 'connection.isAllRefused', is: false }, 'account'),
	mutant('a refused token is sent again', 'obstacleToSending', { condition: 'connection.isRefused', is: false }, 'account'),
	mutant('an order is sent before it is kept', 'Claim.start', { returns: '' }, 'sequences/reviewed'),
	mutant('nothing is settled at the end', 'sendAll', { drops: 'await journal.settle(' }, 'sequences/reviewed'),
	mutant('Stop leaves an order that is claimed anew', 'sendAnew', { condition: 'this.isOver()', is: false }, 'ledger', 'claimed anew'),
	mutant('what is claimed and not sent stays claimed', 'Claim.release', { returns: '' }, 'sequences/boughtTwice'),

	// How orders go out.
	mutant('nothing ends the run', 'Run.isOver', { returns: 'false' }, 'ledger'),
	mutant('more at a time than a batch', 'sendAll', { condition: 'this.onTheirWay.size < this.size', is: true }, 'purchase'),
	mutant('all orders are claimed at once', 'WINDOW', { value: 'WINDOW', is: '1e9' }, 'dispatch'),
	mutant('a 500 is sent again', 'waitAfter', { condition: 'reason.httpCode !== 429', is: false }, 'matrix/rejected'),
	mutant('a 429 is sent for ever', 'waitAfter', { condition: 'this.waited <= MOST.wait', is: true }, 'matrix/heldUp'),
	mutant('a request without a socket is taken for sent', 'wasNeverSent', { returns: 'false' }, 'proxy'),
	mutant('a 408 is taken for a refusal', 'readAnswer', { value: 'isCertain', is: 'httpCode >= 300 && httpCode < 500' }, 'matrix'),

	// What is on record.
	mutant(
		'what is on record as bought is sent',
		'knowledgeOf',
		{ condition: "taken?.state.kind === 'bought'", is: false },
		'sequences/reviewed',
	),
	mutant(
		'a key that was bought is new',
		'knowledgeOf',
		{ drops: "if (key?.owner === 'same' && key.state === 'bought')" },
		'sequences/lost',
	),
	mutant('a key of another order is new', 'knowledgeOf', { drops: "if (key.state === 'bought') return" }, 'keys'),
	mutant('an uncertain order of another round is sent', 'openElsewhere', { returns: 'undefined' }, 'sequences/boughtTwice'),
	mutant('an order is taken for an equal one with another key', 'Lookup.linkEquals', { returns: '' }, 'lateCalls', 'end comes late'),
	mutant(
		'a retry does not say which key is of which order',
		'List.write',
		{ drops: 'if (isShared) await this.add(' },
		'lateCalls',
		'end comes late',
	),
	mutant('what the same execution has claimed, run twice, is new', 'holdBackBlindly', { drops: 'if (lost.length > 0)' }, 'ranTwice'),
	mutant('what another one was faster to claim is of another try', 'pair', { value: 'before', is: 'new Set<PastOrder>()' }, 'ranTwice'),
	mutant('what was read counts as read for ever', 'refresh', { returns: '' }, 'sequences/boughtTwice'),
	mutant('the database is not asked', 'Lookup.learn', { returns: '' }, 'sequences/boughtTwice'),
	mutant('keys are not looked up', 'readKeys', { returns: '' }, 'keys'),
	mutant('a lost claim is won', 'claimKey', { value: 'isLost', is: 'false' }, 'rivals'),
	mutant('one key for several orders', 'refuseKeysOfSeveralOrders', { returns: '' }, 'sequences/lost'),
	mutant('a retry without a root is new', 'unseen', { returns: '[]' }, 'noToken'),
	mutant('one order that was held back settles all', 'unseen', { returns: 'this.past.orders.length > 0 ? [] : recalled' }, 'noToken'),
	mutant('what was settled is held back again', 'forgetVoid', { condition: 'this.isRootless', is: false }, 'noToken'),
	mutant('an epoch is looked up only with what is there', 'findEpoch', { returns: '' }, 'sequences/refusedLook'),
	mutant('an order is sent after a refused look', 'Run.claim', { condition: 'this.journal.refusal', is: false }, 'sequences/refusedLook'),
	mutant('who has lost a key takes back what it has added at any time', 'Keys.alone', { returns: 'await work()' }, 'keyOwner'),
	mutant('a token that does not last is a root', 'tokenRoot', { condition: 'context.getExecutionId()', is: false }, 'engine2'),
	mutant('what is not recognised is new', 'holdBackWhatIsUnrecognised', { returns: 'Promise.resolve()' }, 'sequences/boughtTwice'),
	mutant('a reference works while its order is on its way', 'judgeOpen', { condition: '!isQuiet', is: false }, 'sequences/boughtTwice'),
	mutant('it is not noticed that a workflow was rearranged', 'isRearranged', { returns: 'false' }, 'sequences/rearranged'),
	mutant(
		'what a namesake has placed is new',
		'holdBackWhatMayBeAnotherCalls',
		{ value: 'ordered', is: 'new Set(others.map(({ name }) => name))' },
		'sequences/rearranged',
	),
	mutant('a node without a key orders for what another one has left out', 'isLeftOutByKey', { returns: 'false' }, 'sequences/chain'),
	mutant("a channel's address is another channel", 'nameOfChannel', { returns: 'channel' }, 'sequences/chain'),
	mutant('a rearranged workflow buys again', 'holdBackWhatMayBeAnotherCalls', { returns: 'Promise.resolve()' }, 'sequences/rearranged'),
	mutant(
		'a renamed node counts on',
		'callOf',
		{ value: 'id', is: 'String(context.getWorkflowDataProxy(0).$runIndex)' },
		'sequences/rearranged',
	),
	mutant('what is confirmed as not bought is an equal one', 'wasSentBefore', { returns: 'false' }, 'sequences/equalKeys'),
	mutant('too many to be told apart are told apart', 'knowledgeOf', { condition: 'one.isOneOfMany', is: false }, 'sequences/manyEqual'),
	mutant(
		'others with the same key are not looked at in the end',
		'sendAll',
		{ condition: '!journal.refusal', is: false },
		'sequences/found',
	),
	mutant('a purchase is not kept', 'Claim.settle', { drops: "this.sent.state = { kind: 'bought'" }, 'sequences/boughtTwice'),
	mutant('a purchase is not told', 'Claim.settle', { drops: "this.book.end(records, 'bought'" }, 'sequences/boughtTwice'),
	mutant('a refusal is not kept', 'Claim.settle', { drops: "this.sent.state = { kind: 'void' }" }, 'sequences/boughtTwice'),
	mutant('a refusal is not told', 'Claim.settle', { drops: "this.book.end(records, 'void')" }, 'sequences/boughtTwice'),
	mutant('what is uncertain is sent', 'judgeOpen', { returns: "{ kind: 'new' as const }" }, 'ledger'),
	mutant('a killed execution was not started by hand', 'wasByHand', { returns: 'false' }, 'sequences/reviewed'),
	mutant('what was bought by hand is not left out', 'isManual', { returns: 'false' }, 'sequences'),

	// Keys.
	mutant('of several claims of a key the first counts', 'Keys.last', { condition: 'await isThere(middle)', is: false }, 'keys'),
	mutant('every key stands for every order', 'Keys.owner', { returns: "'same'" }, 'sequences/combined'),
	mutant('a key is claimed twice', 'Keys.claim', { returns: 'true' }, 'rivals'),
	mutant('a purchase becomes void', 'Keys.settle', { condition: 'await this.rows.count(row)', is: false }, 'keyEnds'),
	mutant(
		'who settles late as bought leaves the key free',
		'Keys.settle',
		{ condition: 'last.number > number', is: false },
		'sequences/reviewed',
	),
	mutant('a refusal of the database is a lost INSERT', 'Rows.insert', { condition: 'this.count(row)', is: false }, 'keyEnds'),

	// Lists.
	mutant('a look leaves a mark', 'recordAndRemove', { drops: 'await this.rows.remove(' }, 'identity/calls'),
	mutant('what a killed reader left counts as settled', 'Probe.ends', { condition: 'there.has(mark)', is: false }, 'identity/calls'),
	mutant('what a rival has claimed is claimed', 'List.write', { value: 'lost', is: '[]' }, 'rivals'),
	mutant('a retry beside its execution does not say so', 'tellOthers', { drops: 'await this.giveUp(' }, 'rivals', 'still runs|in a loop'),
	mutant('a retry beside its execution does not wait', 'tellOthers', { drops: 'await pause(' }, 'rivals', 'still runs|in a loop'),
	mutant('a retry beside its execution is not noticed', 'List.notice', { returns: '' }, 'rivals', 'still runs|in a loop'),
	mutant('a retry beside its execution is forgotten', 'openStores', { drops: 'if (state.isShared' }, 'rivals', 'in a loop|second round'),
	mutant(
		'a slow write beside a retry counts',
		'List.write',
		{ condition: 'this.state.isShared !== isShared', is: false },
		'lateCalls',
		'writes late',
	),
	mutant(
		'a retry goes on where its execution may write late',
		'List.tail',
		{ condition: 'await this.isLeft', is: true },
		'lateCalls',
		'writes late',
	),
	mutant('a lock is waited for, and nobody gives it up', 'Lock.take', { drops: 'await place.giveUp(' }, 'lock'),
	mutant(
		'what was written under a lock that others have given up counts',
		'exclusively',
		{ condition: 'await place.follow', is: false },
		'lateClaims',
		'given up meanwhile',
	),
	mutant('a lock that others have given up is taken', 'Lock.take', { condition: 'await place.follow', is: false }, 'lock'),
	mutant('what a late look leaves behind counts', 'recordUnderMark', { value: 'isCrossed', is: 'false' }, 'lateCalls', 'a look'),
	mutant(
		'a late look leaves as much as it wipes out',
		'recordUnderMark',
		{ value: 'filler', is: '[] as string[]' },
		'lateCalls',
		'as much behind',
	),
	mutant(
		'an execution that is run twice does not notice',
		'List.write',
		{ drops: 'if (!isShared && lost.size > 0)' },
		'lateCalls',
		'run twice',
	),
	mutant('a claim may take for ever', 'Recorder.claim', { condition: 'CLAIMED_WITHIN', is: false }, 'lateClaims'),
	mutant('what could not be read is new', 'Journal.judge', { condition: 'this.mayBeOfOthers', is: false }, 'adviceOnDatabase'),
	mutant('by hand, one order counts twice', 'joinByHand', { returns: 'false' }, 'sequences/byHandTwice'),
	mutant(
		"the order's reference is shown before the item's",
		'shownReference',
		{ value: 'rank', is: '({ name }: RecordId) => String(Number(isOfItem({ name })))' },
		'sequences/mendedAndBack',
	),
	mutant(
		"a key that was added since is taken for the order's",
		'shownReference',
		{ value: 'isKeyed', is: 'key !== undefined' },
		'adviceOnAddedKey',
	),
	mutant('the record of an earlier try is joined', 'mayBeOfOneTry', { returns: 'true' }, 'sequences/mendedAndBack'),
	mutant('a list ends with its first row', 'findTail', { returns: '' }, 'sequences/byHandTwice'),

	// Whose order is whose.
	mutant(
		'an order is taken by its item alone',
		'match',
		{ value: 'sameOrder', is: '(_: Names) => new Set<PastOrder>()' },
		'sequences/byHandTwice',
	),
	mutant('what others bought for an equal order is taken', 'findPastOrders', { value: 'equals', is: 'recalled' }, 'sequences/reviewed'),
	mutant('a mended order is new', 'match', { value: 'sameItem', is: '(_: Names) => new Set<PastOrder>()' }, 'sequences/reviewed'),
	mutant('equal items have no place', 'match', { value: 'samePlace', is: '(_: Names) => new Set<PastOrder>()' }, 'sequences/equalOrders'),
	mutant('one past order is taken twice', 'match', { drops: 'orders.delete(' }, 'sequences/byHandTwice'),
	mutant('a refused number is given again', 'next', { returns: '1' }, 'ledger'),
	mutant('a complete call is not forgotten', 'PastOrders.forgetBought', { returns: '' }, 'ledger'),

	// n8n's database.
	mutant(
		'a twin writes to a list that is not empty any more',
		'List.write',
		{ condition: 'this.parts.length', is: false },
		'lateClaims',
		'n8n runs twice',
	),
	mutant(
		'something is claimed after a write that may still come',
		'Recorder.claim',
		{ drops: 'if (this.refusal)' },
		'sequences/reviewed',
		'refuses one write',
	),
	mutant('no queue within a process', 'oneAtATime', { value: 'turn', is: 'work()' }, 'tool'),
	mutant('no lock between processes', 'exclusively', { condition: 'await place.isShared', is: true }, 'rivals'),
	mutant('a lost lock is not noticed', 'Lock.renew', { condition: 'now > this.until', is: false }, 'lock'),
	mutant('a lock is not renewed', 'Lock.renew', { drops: 'await this.rows.add(' }, 'lock'),
	mutant('another n8n works on the wrong row', 'Rows.on', { condition: 'isRead', is: false }, 'keys'),
	mutant('an entry twice', 'Rows.add', { value: 'each', is: '[...entries]' }, 'rows'),

	// The transport.
	mutant('redirects are followed', 'NO_REDIRECTS', { value: 'NO_REDIRECTS', is: '{}' }, 'purchase'),
	mutant('a 401 is sent twice', 'connect', { value: 'ignoreHttpStatusErrors', is: 'false' }, 'pause'),
	mutant('no end of a slow answer', 'connect', { value: 'abortSignal', is: 'undefined' }, 'wire'),
	mutant("the first item's account pays for all", 'readAccounts', { condition: 'account.data.isFixed', is: true }, 'account'),
	mutant('a 503 of StreamSkill is taken for a proxy', 'answerIn', { value: 'isFromProxy', is: 'request?.socket != null' }, 'proxy'),
	mutant('an answer of any length', 'readBody', { condition: 'MAX_BODY_BYTES', is: false }, 'wire'),
];

const sources = ['credentials', 'nodes']
	.flatMap((folder) => readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)))
	.filter((file) => file.endsWith('.ts'))
	.map((file) => ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true));

/** @returns the file with the change, which must fit in one place of all functions that have the name */
function change({ name, at, change }: Mutant): { file: string; code: string } {
	const scopes = sources.flatMap((source) => collect(source, (one) => (isNamed(one, at) ? one : undefined)));
	const found = scopes.flatMap((scope) => placesIn(scope, change));
	if (found.length !== 1) throw new Error(`${name}: in ${scopes.length} functions ${at}, ${found.length} places fit`);
	const [{ node, text }] = found;
	const { fileName: file, text: code } = node.getSourceFile();
	return { file, code: code.slice(0, node.getStart()) + text + code.slice(node.getEnd()) };
}

/** What is to be replaced in a function, and by what text. */
function placesIn(scope: ts.Node, change: Change): Array<{ node: ts.Node; text: string }> {
	if ('returns' in change) {
		const node = bodyOf(scope);
		return node ? [{ node, text: ts.isBlock(node) ? `{ return ${change.returns}; }` : `(${change.returns})` }] : [];
	}
	if ('drops' in change) {
		const isIt = (one: ts.Node) => (ts.isExpressionStatement(one) || ts.isIfStatement(one)) && one.getText().startsWith(change.drops);
		return collect(scope, (one) => (isIt(one) ? { node: one, text: ';' } : undefined));
	}
	if ('condition' in change) {
		const conditions = collect(scope, (one) => conditionIn(one)).filter((one) => one.getText().includes(change.condition));
		return conditions.map((one) => ({ node: partOf(one, change.condition), text: String(change.is) }));
	}
	return collect(scope, (one) => givenTo(change.value, one)).map((node) => ({ node, text: change.is }));
}

function collect<T>(node: ts.Node, pick: (one: ts.Node) => T | undefined): T[] {
	const found: T[] = [];
	const visit = (one: ts.Node) => {
		const picked = pick(one);
		if (picked !== undefined) found.push(picked);
		ts.forEachChild(one, visit);
	};
	visit(node);
	return found;
}

function givenTo(name: string, node: ts.Node): ts.Expression | undefined {
	if (ts.isPropertyAssignment(node) || ts.isVariableDeclaration(node)) return node.name.getText() === name ? node.initializer : undefined;
	const isAssignment = ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.EqualsToken;
	return isAssignment && ts.isPropertyAccessExpression(node.left) && node.left.name.text === name ? node.right : undefined;
}

function isNamed(node: ts.Node, at: string): boolean {
	const name = nameOf(node);
	return name === at || name?.endsWith(`.${at}`) === true;
}

function nameOf(node: ts.Node): string | undefined {
	if (ts.isMethodDeclaration(node) || ts.isGetAccessor(node)) {
		return ts.isClassDeclaration(node.parent) ? `${node.parent.name?.text}.${node.name.getText()}` : undefined;
	}
	return ts.isFunctionDeclaration(node) || (ts.isVariableDeclaration(node) && ts.isSourceFile(node.parent.parent.parent))
		? node.name?.getText()
		: undefined;
}

function bodyOf(node: ts.Node): ts.Node | undefined {
	if (ts.isVariableDeclaration(node)) return node.initializer && bodyOf(node.initializer);
	return ts.isFunctionLike(node) && 'body' in node ? node.body : undefined;
}

const conditionIn = (node: ts.Node): ts.Expression | undefined =>
	ts.isIfStatement(node) || ts.isWhileStatement(node) ? node.expression : ts.isConditionalExpression(node) ? node.condition : undefined;

/** Of a condition of several parts, the one that has the text. */
function partOf(condition: ts.Expression, text: string): ts.Expression {
	if (!ts.isBinaryExpression(condition)) return condition;
	const { kind } = condition.operatorToken;
	if (kind !== ts.SyntaxKind.AmpersandAmpersandToken && kind !== ts.SyntaxKind.BarBarToken) return condition;
	const part = [condition.left, condition.right].find((one) => one.getText().includes(text));
	return part ? partOf(part, text) : condition;
}

const work = mkdtempSync(join(tmpdir(), 'streamskill-mutants-'));

/** Milliseconds that a run may take: all tests without a change, and one file with it. */
const LIMIT = { unchanged: 1_200_000, changed: 240_000 };

/** @returns the test that fails first, if one does; a run that hangs is noticed as well */
async function failureOf([file, name]: Mutant['tests'], limit: number): Promise<string | undefined> {
	const args = ['node_modules/jest/bin/jest.js', '--bail', '--forceExit', `engine/(${file})`, ...(name ? ['-t', name] : [])];
	// A group of its own: where a change makes the node go round in circles, a worker of jest outlives it.
	const jest = spawn(process.execPath, args, { cwd: work, detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
	const output = text(jest.stderr);
	const endGroup = () => process.kill(-jest.pid!, 'SIGKILL');
	const timer = setTimeout(endGroup, limit);
	const [status] = (await once(jest, 'exit')) as [number | null];
	clearTimeout(timer);
	try {
		endGroup();
	} catch {
		// Nobody is left in it.
	}
	const stderr = await output;
	if (status !== 0) return /● (.*)/.exec(stderr)?.[1] ?? `none of ${file} to its end`;
	if (!/^Tests:.* passed/m.test(stderr)) throw new Error(`No test is called ${file} ${name}`);
	return undefined;
}

try {
	for (const part of ['credentials', 'nodes', 'test', 'tools', 'package.json', 'tsconfig.json', 'jest.config.js'])
		cpSync(part, join(work, part), { recursive: true });
	symlinkSync(resolve('node_modules'), join(work, 'node_modules'));
	// Before the first test, so that a change that fits nowhere shows at once.
	const changed = new Map(mutants.map((one) => [one, change(one)]));

	const tried = mutants.filter(({ name }) => name.includes(process.argv[2] ?? ''));
	const unchanged = tried.length > 0 ? await failureOf([tried.map(({ tests: [file] }) => file).join('|')], LIMIT.unchanged) : undefined;
	if (unchanged !== undefined) throw new Error(`Without a change, a test fails: ${unchanged}`);
	const survivors: string[] = [];
	for (const one of tried) {
		const { file, code } = changed.get(one)!;
		writeFileSync(join(work, file), code);
		const failure = await failureOf(one.tests, LIMIT.changed);
		cpSync(file, join(work, file));
		console.log(failure === undefined ? `Survived: ${one.name}` : `Killed: ${one.name}: ${failure}`);
		if (failure === undefined) survivors.push(one.name);
	}
	console.log(`${survivors.length} survived`);
} finally {
	rmSync(work, { recursive: true, force: true });
}
