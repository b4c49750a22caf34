// Changes the run, the stores and the transport where it costs money, one change at a time, and sees whether the
// engine tests notice. `npm run mutants -- lock` tries those only whose names have the word.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

interface Mutant {
	name: string;
	/** In nodes/StreamSkill. */
	file: string;
	from: string;
	to: string;
	/** What should notice: an engine test file, and in it the tests of that name. */
	tests: [file: string, name?: string];
}

const mutants: Mutant[] = [
	// The run.
	{ name: 'more than Max Purchases', file: 'purchase/create.ts', from: 'if (count > limit)', to: 'if (false)', tests: ['ledger'] },
	{ name: 'Dry Run buys', file: 'purchase/create.ts', from: '=> !order.dryRun', to: '=> true', tests: ['ledger'] },
	{ name: 'some are sent although others are no orders', file: 'purchase/create.ts', from: '\tresults.stopIfFailed();\n', to: '', tests: ['purchase'] },
	{ name: 'sent without a look at the database', file: 'purchase/journal/known.ts', from: 'if (this.refusal && orders.length > 0)', to: 'if (false)', tests: ['keys', 'only while it is asked'] },
	{ name: 'a key twice is found too late', file: 'purchase/create.ts', from: "if (way === 'retry') failRepeatedKeys", to: 'if (false) failRepeatedKeys', tests: ['keys'] },
	{ name: 'forgotten although an item failed', file: 'purchase/create.ts', from: 'if (results.failed.length === 0 && output', to: 'if (output', tests: ['ledger'] },
	{ name: 'forgotten although Retry On Fail comes', file: 'purchase/create.ts', from: ' && output[0]?.json.error === undefined', to: '', tests: ['ledger'] },
	{ name: 'a mute tool buys', file: 'purchase/create.ts', from: 'if (isMute(context))', to: 'if (false)', tests: ['tool'] },
	{ name: 'Stop is not heeded', file: 'purchase/dispatch/pool.ts', from: ' || this.stopSignal?.aborted === true', to: '', tests: ['keys|pause|ledger'] },
	{ name: 'a failure does not end a run with On Error = Stop', file: 'purchase/dispatch/pool.ts', from: ' || this.results.mustStop', to: '', tests: ['ledger|purchase'] },
	{ name: '401 does not end the run', file: 'purchase/dispatch/pool.ts', from: 'if (outcome.httpCode === 401)', to: 'if (false)', tests: ['pause|purchase'] },
	{ name: 'more at a time than a batch', file: 'purchase/dispatch/pool.ts', from: 'this.onTheirWay.size < this.settings.batchSize', to: 'true', tests: ['purchase'] },
	{ name: 'all orders are claimed at once', file: 'purchase/dispatch/pool.ts', from: 'Math.max(batchSize, Math.floor((this.answered / Math.max(1, busy)) * WINDOW))', to: '1e9', tests: ['identity', 'at most one batch'] },
	{ name: 'a key is claimed again while it is on its way', file: 'purchase/dispatch/pool.ts', from: 'if (key !== undefined && keys.has(key)) break;', to: '', tests: ['keys'] },
	{ name: 'what is claimed and not sent stays claimed', file: 'purchase/dispatch/pool.ts', from: 'for (const ordered of this.claimed) this.known.release(ordered);', to: '', tests: ['keys'] },
	{ name: 'no second look at what other calls have sent', file: 'purchase/dispatch/pool.ts', from: 'if (other && !this.mayBeSent(ordered, other))', to: 'if (false)', tests: ['tool|keys'] },
	{ name: 'sent while the claim says no', file: 'purchase/dispatch/pool.ts', from: "return decision.kind === 'send';", to: 'return true;', tests: ['keys'] },
	{ name: 'nothing is settled at the end', file: 'purchase/dispatch/pool.ts', from: 'await this.known.settle();', to: '', tests: ['keys|stored'] },
	{ name: 'a 500 is sent again', file: 'purchase/dispatch/attempt.ts', from: 'reason.httpCode !== 429', to: '![429, 500].includes(reason.httpCode)', tests: ['ledger'] },
	{ name: 'a 429 is sent for ever', file: 'purchase/dispatch/attempt.ts', from: ' || tries === RATE_LIMIT.tries', to: '', tests: ['matrix', '429 with no time'] },

	// What is known.
	{ name: 'no claim in the run', file: 'purchase/journal/claims.ts', from: 'if (ofRun.length > 0)', to: 'if (false)', tests: ['stored'] },
	{ name: 'what is claimed by others is new', file: 'purchase/journal/claims.ts', from: 'claims.filter(({ token }) => taken.has(token))', to: '[] as Claim[]', tests: ['identity', 'killed: answered.*two retries at once'] },
	{ name: 'what others have on their way or had refused is bought', file: 'purchase/journal/claims.ts', from: 'token === entry && settled.has(ENTRY.done(entry))', to: 'token === entry', tests: ['identity', 'process sends'] },
	{ name: 'what was bought is not told', file: 'purchase/journal/claims.ts', from: "...of('bought').flatMap(({ done }) => done), ", to: '', tests: ['stored'] },
	{ name: 'a refused number is given again', file: 'purchase/journal/claims.ts', from: '...[...voided].map(ENTRY.void), ', to: '', tests: ['stored'] },
	{ name: 'a key that was bought stays on its way', file: 'purchase/journal/claims.ts', from: "...of('bought').flatMap(({ open }) => open),", to: '', tests: ['stored|keys'] },
	{ name: 'the ledger does not know what is on its way', file: 'purchase/journal/claims.ts', from: "this.remember(claim, identity, { kind: 'unknown', outcome: NO_ANSWER, attempt: claim.attempt });", to: '', tests: ['ledger|tool'] },
	{ name: 'the ledger does not keep a purchase', file: 'purchase/journal/claims.ts', from: "this.remember(claim, identity, { kind: 'bought', purchase: outcome.purchase });", to: ';', tests: ['ledger'] },
	{ name: 'the ledger keeps what was refused', file: 'purchase/journal/claims.ts', from: 'this.ledger.remove(claim.sent!);', to: ';', tests: ['ledger'] },
	{ name: 'a reference works twice at once', file: 'purchase/journal/claims.ts', from: 'token: before ? ENTRY.used(referenceOf(this.scope, before.entry, before.attempt)) : entry', to: 'token: before ? `${Math.random()}` : entry', tests: ['identity', 'confirm at once'] },
	{ name: 'a reference of a key works twice', file: 'purchase/journal/claims.ts', from: 'await row.add([ENTRY.used(reference), claim.entry]);', to: 'await row.add([claim.entry]);', tests: ['keys'] },
	{ name: 'a confirmed order is not settled', file: 'purchase/journal/known.ts', from: 'await row?.add([ENTRY.used(reference), at, ENTRY.atFor(at, what), ENTRY.done(entry), ENTRY.done(at)]);', to: '', tests: ['ledger'] },
	{ name: 'a key that was bought is new', file: 'purchase/journal/claims.ts', from: 'claims.filter(({ entry, open: [open] }) => taken.has(entry) && !taken.has(open))', to: '[] as Claim[]', tests: ['keys'] },
	{ name: 'a key without an answer is bought', file: 'purchase/journal/claims.ts', from: 'const uncertain = claims.filter(({ open: [open] }) => taken.has(open));', to: 'const uncertain: Claim[] = [];', tests: ['keys'] },
	{ name: 'a key that comes again does not count as fresh', file: 'purchase/journal/claims.ts', from: 'await row.remove(keys);\n\t\tawait row.add(keys);', to: '', tests: ['keys'] },
	{ name: 'two orders for the same have one number', file: 'purchase/journal/claims.ts', from: 'const number = (numbers.get(what) ?? 0) + 1;', to: 'const number = 1;', tests: ['ledger|purchase|stored|keys'] },
	{ name: 'nobody has rivals', file: 'purchase/journal/identity.ts', from: "tokenRoot(context) === undefined || context.getMode?.() === 'retry'", to: 'false', tests: ['identity', 'killed: answered.*two retries at once'] },
	{ name: 'every past order reads as bought', file: 'purchase/journal/memory.ts', from: 'isBought: known.has(ENTRY.done(entry))', to: 'isBought: true', tests: ['identity', 'killed: sent.*retry$'] },
	{ name: 'every item that was sent reads as bought', file: 'purchase/journal/memory.ts', from: "known.has(ENTRY.done(at)) ? 'bought' : 'unknown'", to: "'bought'", tests: ['identity', 'killed: sent.*retry$'] },
	{ name: 'a refused order reads as sent', file: 'purchase/journal/memory.ts', from: 'if (known.has(ENTRY.void(entry))) memory.refused.add(entry);\n\t\t\telse memory', to: 'memory', tests: ['identity|stored|dispatch|keys'] },
	{ name: 'a look leaves a mark', file: 'purchase/journal/memory.ts', from: 'await row.remove(looked.filter((entry) => !known.has(entry)));', to: '', tests: ['identity', 'killed: sent.*retry of a retry'] },
	{ name: 'what a killed reader left counts as settled', file: 'purchase/journal/memory.ts', from: 'if (!known.has(ENTRY.reading)) return known;', to: 'return known;', tests: ['identity', 'its retry at each call'] },

	// The rows of n8n's database.
	{ name: 'no lock between processes', file: 'n8n/rows.ts', from: 'const until = this.isShared ? await this.lock() : Infinity;', to: 'const until = Infinity;', tests: ['lock|identity', 'lock|killed: answered.*two retries at once'] },
	{ name: 'no queue within a process', file: 'n8n/rows.ts', from: '(queues.get(name) ?? Promise.resolve()).then(work, work)', to: 'work()', tests: ['tool'] },
	{ name: 'a lost lock is not noticed', file: 'n8n/rows.ts', from: 'if (Date.now() > until) throw', to: 'if (false) throw', tests: ['lock|keys'] },
	{ name: "a lock of others is broken at once", file: 'n8n/rows.ts', from: 'Date.now() - ownedSince > patience', to: 'true', tests: ['lock'] },
	{ name: "the lock of others is cleared with one's own", file: 'n8n/rows.ts', from: 'if (this.isShared && Date.now() <= until)', to: 'if (this.isShared)', tests: ['lock|keys'] },
	{ name: 'another n8n works on the wrong row', file: 'n8n/rows.ts', from: 'if (!isRead) throw new UnknownN8n();', to: '', tests: ['keys'] },
	{ name: 'an entry twice', file: 'n8n/rows.ts', from: '[...new Set(entries)]', to: 'entries', tests: ['tool'] },
	{ name: 'two runs have one ledger', file: 'purchase/journal/ledger.ts', from: 'String(runIndex - firstRun)', to: "'0'", tests: ['ledger'] },
	{ name: 'a retry of a killed one begins with another run', file: 'purchase/journal/ledger.ts', from: 'String(runIndex - firstRun)', to: 'String(runIndex)', tests: ['identity', 'killed: answered.*retry twice'] },

	// The transport.
	{ name: 'redirects are followed', file: 'n8n/http.ts', from: 'disableFollowRedirect: true', to: 'disableFollowRedirect: false', tests: ['purchase|wire'] },
	{ name: 'a 401 is sent twice', file: 'n8n/http.ts', from: 'ignoreHttpStatusErrors: { ignore: true, except: SERVER_ERRORS }', to: 'ignoreHttpStatusErrors: false', tests: ['wire|purchase|pause'] },
	{ name: 'Stop cuts an order on its way', file: 'n8n/http.ts', from: "} as IExecuteFunctions;", to: 'getExecutionCancelSignal: () => context.getExecutionCancelSignal() } as IExecuteFunctions;', tests: ['keys|pause|ledger', 'Stop|stop'] },
	{ name: 'a 503 of StreamSkill is taken for a proxy', file: 'n8n/http.ts', from: ' && !request.socket.encrypted', to: '', tests: ['proxy'] },
	{ name: "the first item's account pays for all", file: 'n8n/http.ts', from: 'isSame ? account : await readAccount(context, itemIndex)', to: 'account', tests: ['account'] },
	{ name: 'an account by turns is taken for one account', file: 'n8n/http.ts', from: ', await readAccount(context, beyond + 1)', to: '', tests: ['account'] },
	{ name: 'a request without a socket is taken for sent', file: 'purchase/dispatch/outcome.ts', from: '\tsocket === null ||\n', to: '', tests: ['proxy'] },
	{ name: 'no end of a slow answer', file: 'n8n/http.ts', from: 'abortSignal: AbortSignal.timeout(timeout),', to: '', tests: ['wire|ledger'] },
	{ name: 'an answer of any length', file: 'n8n/http.ts', from: 'if (bytes > MAX_BODY_BYTES) break;', to: '', tests: ['wire'] },
	{ name: 'an answer that breaks off is none', file: 'n8n/http.ts', from: '} catch {\n\t\t// What', to: '} catch (error) {\n\t\tthrow error;\n\t\t// What', tests: ['wire|network'] },
];

const work = mkdtempSync(join(tmpdir(), 'streamskill-mutants-'));
try {
	for (const part of ['credentials', 'nodes', 'test', 'tools', 'package.json', 'tsconfig.json', 'jest.config.js']) cpSync(part, join(work, part), { recursive: true });
	symlinkSync(resolve('node_modules'), join(work, 'node_modules'));
	const survivors = mutants.filter(({ name }) => name.includes(process.argv[2] ?? '')).filter((mutant) => {
		const path = join(work, 'nodes/StreamSkill', mutant.file);
		const code = readFileSync(path, 'utf8');
		if (code.split(mutant.from).length !== 2) throw new Error(`${mutant.name}: ${mutant.file} does not have it once: ${mutant.from}`);
		writeFileSync(path, code.replace(mutant.from, () => mutant.to));
		const [file, name] = mutant.tests;
		// A run that hangs is noticed as well.
		const { status, stderr } = spawnSync(process.execPath, ['node_modules/jest/bin/jest.js', '--bail', `engine/(${file})`, ...(name ? ['-t', name] : [])], { cwd: work, timeout: 300_000, encoding: 'utf8' });
		writeFileSync(path, code);
		if (status === 0 && !/^Tests:.* passed/m.test(stderr)) throw new Error(`${mutant.name}: no test is called that`);
		console.log(`${status === 0 ? 'Survived' : 'Killed'}: ${mutant.name}`);
		return status === 0;
	});
	console.log(`${survivors.length} survived`);
} finally {
	rmSync(work, { recursive: true, force: true });
}
