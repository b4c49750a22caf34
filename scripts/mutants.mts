// Changes the code where it costs money, one change at a time, and sees whether the engine tests notice. A change is
// made to the syntax tree, by the name of a function, so that it survives most redesigns.
// `npm run mutants -- lock` tries those only whose names have the word.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
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
	/** In nodes/StreamSkill. */
	file: string;
	/** A function, a method as `Class.method`, or a constant; blank for the whole file. */
	at: string;
	change: Change;
	/** What should notice: an engine test file, and in it the tests of that name. */
	tests: [file: string, name?: string];
}

const mutant = (name: string, place: string, change: Change, ...tests: Mutant['tests']): Mutant => {
	const [file, at = ''] = place.split('#');
	return { name, file, at, change, tests };
};

const [CREATE, DISPATCH, JOURNAL] = ['purchase/create.ts#Run', 'purchase/dispatch', 'purchase/journal'];

const mutants: Mutant[] = [
	// The run.
	mutant('more than Max Purchases', 'purchase/create.ts#limitOf', { returns: 'Infinity' }, 'ledger'),
	mutant('a model buys more than Max Purchases', `${CREATE}.obstacleToSending`, { condition: 'limit < Infinity', is: false }, 'tool'),
	mutant(
		'a model orders again what has no answer',
		`${CREATE}.obstacleToSending`,
		{ condition: 'reference !== undefined', is: false },
		'tool',
	),
	mutant('a model that is told nothing buys', 'n8n/host.ts#dropsOutput', { returns: 'false' }, 'tool'),
	mutant('an evaluation buys', 'n8n/host.ts#isEvaluation', { returns: 'false' }, 'options|purchase|ledger'),
	mutant('some are sent although others are no orders', 'purchase/report/report.ts#Report.stopIfFailed', { returns: '' }, 'purchase'),
	mutant('sent although the database refused to look', `${CREATE}.obstacleTo`, { condition: 'journal.refusal', is: false }, 'keys'),
	mutant('a key twice is found too late', `${CREATE}.refuseRepeatedKeys`, { returns: '' }, 'keys'),
	mutant('401 does not end the run', `${CREATE}.send`, { condition: 'connection.isAllRefused', is: false }, 'account'),
	mutant('a refused token is sent again', `${CREATE}.obstacleToSending`, { condition: 'connection.isRefused', is: false }, 'account'),
	mutant('an order is sent before it is kept', 'purchase/journal/claim.ts#Claim.start', { returns: '' }, 'ledger|tool|sequences'),
	mutant('nothing is settled at the end', `${CREATE}.sendAll`, { drops: 'await journal.settle(' }, 'keys|stored|sequences'),
	mutant('what is claimed and not sent stays claimed', 'purchase/journal/claim.ts#Claim.release', { returns: '' }, 'keys|sequences'),

	// How orders go out.
	mutant('nothing ends the run', `${DISPATCH}/dispatch.ts#Queue.isOver`, { returns: 'false' }, 'keys|pause|ledger|purchase'),
	mutant(
		'more at a time than a batch',
		`${DISPATCH}/dispatch.ts#Queue.sendAll`,
		{ condition: 'this.onTheirWay.size < this.size', is: true },
		'purchase|dispatch',
	),
	mutant('all orders are claimed at once', `${DISPATCH}/dispatch.ts`, { value: 'WINDOW', is: '1e9' }, 'identity|dispatch'),
	mutant('a 500 is sent again', `${DISPATCH}/attempt.ts#sendOrder`, { condition: 'reason.httpCode !== 429', is: false }, 'ledger|matrix'),
	mutant(
		'a 429 is sent for ever',
		`${DISPATCH}/attempt.ts#sendOrder`,
		{ condition: 'waited > RATE_LIMIT.wait', is: false },
		'matrix|pause',
	),
	mutant('a request without a socket is taken for sent', `${DISPATCH}/outcome.ts#wasNeverSent`, { returns: 'false' }, 'proxy|network'),
	mutant(
		'a 408 is taken for a refusal',
		`${DISPATCH}/outcome.ts#readAnswer`,
		{ value: 'isCertain', is: 'httpCode >= 300 && httpCode < 500' },
		'matrix',
	),

	// What is on record.
	mutant(
		'what is on record as bought is sent',
		`${JOURNAL}/journal.ts#Journal.knowledgeOf`,
		{ condition: "taken?.state.kind === 'bought'", is: false },
		'sequences|ledger',
	),
	mutant(
		'a key that was bought is new',
		`${JOURNAL}/journal.ts#Journal.knowledgeOf`,
		{ condition: "stateOfKey(key) === 'bought'", is: false },
		'keys',
	),
	mutant(
		'a key of another order is new',
		`${JOURNAL}/journal.ts#Journal.knowledgeOf`,
		{ condition: "key.state === 'bought'", is: false },
		'keys',
	),
	mutant(
		'an uncertain order of another round is sent',
		`${JOURNAL}/journal.ts#Journal.openElsewhere`,
		{ returns: 'undefined' },
		'sequences|tool',
	),
	mutant('what was read counts as read for ever', `${JOURNAL}/journal.ts#Journal.refresh`, { returns: '' }, 'identity|sequences|rivals'),
	mutant('the database is not asked', `${JOURNAL}/journal.ts#Journal.learn`, { returns: '' }, 'sequences|identity'),
	mutant('keys are not looked up', `${JOURNAL}/journal.ts#Journal.readKeys`, { returns: '' }, 'keys'),
	mutant('a lost claim is won', `${JOURNAL}/journal.ts#Journal.claimKey`, { value: 'isLost', is: 'false' }, 'keys|rivals'),
	mutant('one key for several orders', `${JOURNAL}/journal.ts#refuseKeysOfSeveralOrders`, { returns: '' }, 'sequences|keys'),
	mutant('a retry without a root is new', `${JOURNAL}/journal.ts#Journal.isBlind`, { returns: 'false' }, 'noToken'),
	mutant('what is not recognised is new', `${JOURNAL}/journal.ts#Journal.recognisesNone`, { returns: 'false' }, 'sequences'),
	mutant('a reference works while its order is on its way', `${JOURNAL}/journal.ts#Journal.isQuiet`, { returns: 'true' }, 'sequences'),
	mutant('a purchase is not kept', `${JOURNAL}/claim.ts#Claim.settle`, { drops: "this.sent.state = { kind: 'bought'" }, 'ledger|sequences'),
	mutant('a purchase is not told', `${JOURNAL}/claim.ts#Claim.settle`, { drops: "this.book.end(records, 'bought')" }, 'keys|sequences'),
	mutant('a refusal is not kept', `${JOURNAL}/claim.ts#Claim.settle`, { drops: "this.sent.state = { kind: 'void' }" }, 'ledger|sequences'),
	mutant('a refusal is not told', `${JOURNAL}/claim.ts#Claim.settle`, { drops: "this.book.end(records, 'void')" }, 'keys|sequences'),
	mutant('what is uncertain is sent', `${JOURNAL}/journal.ts#Journal.judgeOpen`, { returns: "{ kind: 'new' as const }" }, 'ledger'),
	mutant('what was bought by hand is not left out', 'n8n/host.ts#isManual', { returns: 'false' }, 'sequences'),

	// Keys.
	mutant(
		'of several claims of a key the first counts',
		`${JOURNAL}/keys.ts#Keys.last`,
		{ condition: 'await isThere(middle)', is: false },
		'keys|sequences',
	),
	mutant('every key stands for every order', `${JOURNAL}/keys.ts#Keys.owner`, { returns: "'same'" }, 'keys|sequences'),
	mutant('a key is claimed twice', `${JOURNAL}/keys.ts#Keys.claim`, { returns: 'true' }, 'keys|rivals'),
	mutant(
		'a purchase becomes void',
		`${JOURNAL}/keys.ts#Keys.settle`,
		{ condition: 'await this.rows.count(row)', is: false },
		'keys|sequences',
	),
	mutant(
		'who settles late as bought leaves the key free',
		`${JOURNAL}/keys.ts#Keys.settle`,
		{ condition: 'last.number > number', is: false },
		'sequences|keys',
	),
	mutant(
		'a lost INSERT is a refusal of the database',
		`${JOURNAL}/keys.ts#Keys.insert`,
		{ condition: 'this.rows.count(row)', is: false },
		'keys|rivals',
	),

	// Lists.
	mutant('a look leaves a mark', `${JOURNAL}/list.ts#List.probe`, { drops: 'await this.rows.remove(' }, 'sequences|identity'),
	mutant(
		'what a killed reader left counts as settled',
		`${JOURNAL}/list.ts#List.probe`,
		{ condition: 'ENTRY.reading', is: true },
		'identity|rivals',
	),
	mutant('a list ends with its first row', `${JOURNAL}/list.ts#List.findEnd`, { returns: '' }, 'sequences|stored'),

	// Whose order is whose.
	mutant(
		'an order is taken by its item alone',
		`${JOURNAL}/match.ts#match`,
		{ value: 'sameOrder', is: '(_: Names) => [] as PastOrder[]' },
		'sequences|ledger',
	),
	mutant(
		'a mended order is new',
		`${JOURNAL}/match.ts#match`,
		{ value: 'sameItem', is: '(_: Names) => [] as PastOrder[]' },
		'sequences|ledger',
	),
	mutant('one past order is taken twice', `${JOURNAL}/match.ts#match`, { drops: 'free.delete(' }, 'sequences|sameOrder'),
	mutant('a refused number is given again', `${JOURNAL}/past.ts#PastOrders.next`, { returns: '1' }, 'ledger|purchase|sequences'),
	mutant('a complete call is not forgotten', `${JOURNAL}/past.ts#PastOrders.close`, { returns: '' }, 'ledger|stored'),

	// n8n's database.
	mutant('no queue within a process', 'n8n/lock.ts#oneAtATime', { value: 'turn', is: 'work()' }, 'tool|rivals'),
	mutant('no lock between processes', 'n8n/lock.ts#exclusively', { condition: '!isShared', is: true }, 'lock|rivals'),
	mutant('a lost lock is not noticed', 'n8n/lock.ts#Lock.renew', { condition: 'now > this.until', is: false }, 'lock'),
	mutant('a lock is not renewed', 'n8n/lock.ts#Lock.renew', { drops: 'await this.rows.add(' }, 'lock'),
	mutant("the lock of others is cleared with one's own", 'n8n/lock.ts#Lock.release', { condition: 'this.until', is: true }, 'lock'),
	mutant('another n8n works on the wrong row', 'n8n/rows.ts#Rows.on', { condition: 'isRead', is: false }, 'keys'),
	mutant('an entry twice', 'n8n/rows.ts#Rows.add', { value: 'each', is: '[...entries]' }, 'tool|sequences'),

	// The transport.
	mutant('redirects are followed', 'n8n/http.ts#connect', { value: 'disableFollowRedirect', is: 'false' }, 'purchase|wire'),
	mutant('a 401 is sent twice', 'n8n/http.ts#connect', { value: 'ignoreHttpStatusErrors', is: 'false' }, 'wire|purchase|pause'),
	mutant('no end of a slow answer', 'n8n/http.ts#connect', { value: 'abortSignal', is: 'undefined' }, 'wire|ledger'),
	mutant("the first item's account pays for all", 'n8n/http.ts#readAccounts', { condition: 'account.data.isFixed', is: true }, 'account'),
	mutant(
		'a 503 of StreamSkill is taken for a proxy',
		'n8n/http.ts#answerIn',
		{ value: 'isFromProxy', is: 'request?.socket != null' },
		'proxy',
	),
	mutant('an answer of any length', 'n8n/http.ts#readBody', { condition: 'MAX_BODY_BYTES', is: false }, 'wire'),
];

/** @returns the code with the change, which must fit in one place */
function change(code: string, { name, file, at, change }: Mutant): string {
	const source = ts.createSourceFile(file, code, ts.ScriptTarget.Latest, true);
	const only = <T,>(found: T[], what: string): T => {
		if (found.length !== 1) throw new Error(`${name}: ${file} has ${found.length} times ${what}`);
		return found[0];
	};
	const scope =
		at === ''
			? source
			: only(
					collect(source, (one) => (nameOf(one) === at ? one : undefined)),
					at,
				);
	const replace = (node: ts.Node, text: string) => code.slice(0, node.getStart()) + text + code.slice(node.getEnd());
	if ('returns' in change) {
		const body = bodyOf(scope);
		if (!body) throw new Error(`${name}: ${at} is no function`);
		return replace(body, ts.isBlock(body) ? `{ return ${change.returns}; }` : `(${change.returns})`);
	}
	if ('drops' in change) {
		const { drops } = change;
		const isIt = (one: ts.Node) => ts.isExpressionStatement(one) && one.getText().startsWith(drops);
		return replace(
			only(
				collect(scope, (one) => (isIt(one) ? one : undefined)),
				drops,
			),
			';',
		);
	}
	if ('condition' in change) {
		const { condition } = change;
		const found = collect(scope, (one) => conditionIn(one)).filter((one) => one.getText().includes(condition));
		return replace(partOf(only(found, condition), condition), String(change.is));
	}
	const { value } = change;
	return replace(
		only(
			collect(scope, (one) => givenTo(value, one)),
			value,
		),
		change.is,
	);
}

function collect<T>(node: ts.Node, pick: (one: ts.Node) => T | undefined): T[] {
	const found: T[] = [];
	const visit = (one: ts.Node) => {
		const picked = pick(one);
		if (picked !== undefined) found.push(picked);
		ts.forEachChild(one, visit);
	};
	ts.forEachChild(node, visit);
	return found;
}

function givenTo(name: string, node: ts.Node): ts.Expression | undefined {
	if (ts.isPropertyAssignment(node) || ts.isVariableDeclaration(node)) return node.name.getText() === name ? node.initializer : undefined;
	const isAssignment = ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.EqualsToken;
	return isAssignment && ts.isPropertyAccessExpression(node.left) && node.left.name.text === name ? node.right : undefined;
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

/** @returns whether the tests pass; a run that hangs is noticed as well */
function passes([file, name]: Mutant['tests']): boolean {
	const args = ['node_modules/jest/bin/jest.js', '--bail', '--forceExit', `engine/(${file})`, ...(name ? ['-t', name] : [])];
	const { status, stderr } = spawnSync(process.execPath, args, { cwd: work, timeout: 600_000, encoding: 'utf8' });
	if (status === 0 && !/^Tests:.* passed/m.test(stderr)) throw new Error(`No test is called ${file} ${name}`);
	return status === 0;
}

try {
	for (const part of ['credentials', 'nodes', 'test', 'tools', 'package.json', 'tsconfig.json', 'jest.config.js'])
		cpSync(part, join(work, part), { recursive: true });
	symlinkSync(resolve('node_modules'), join(work, 'node_modules'));
	const pathOf = ({ file }: Mutant) => join(work, 'nodes/StreamSkill', file);
	// Before the first test, so that a change that fits nowhere shows at once.
	const changed = new Map(mutants.map((one) => [one, change(readFileSync(pathOf(one), 'utf8'), one)]));

	const passUnchanged = new Map<string, boolean>();
	const survivors: string[] = [];
	for (const one of mutants.filter(({ name }) => name.includes(process.argv[2] ?? ''))) {
		const key = one.tests.join(' ');
		if (!passUnchanged.has(key)) passUnchanged.set(key, passes(one.tests));
		if (!passUnchanged.get(key)) {
			console.log(`Not tried: ${one.name}: its tests (${key}) fail without it`);
			continue;
		}
		const code = readFileSync(pathOf(one), 'utf8');
		writeFileSync(pathOf(one), changed.get(one)!);
		const survives = passes(one.tests);
		writeFileSync(pathOf(one), code);
		console.log(`${survives ? 'Survived' : 'Killed'}: ${one.name}`);
		if (survives) survivors.push(one.name);
	}
	console.log(`${survivors.length} survived`);
} finally {
	rmSync(work, { recursive: true, force: true });
}
