import { NodeApiError, NodeOperationError, type INode } from 'n8n-workflow';

import type { Recourse } from '../../nodes/StreamSkill/n8n/host.ts';
import type { Reason } from '../../nodes/StreamSkill/purchase/dispatch/outcome.ts';
import { outcomeOf, type Failure } from '../../nodes/StreamSkill/purchase/report/failure.ts';
import { advise, describe as say } from '../../nodes/StreamSkill/purchase/report/messages.ts';
import { errorJson, escapeHtml, runError, type EndedRun, type FailedItem } from '../../nodes/StreamSkill/purchase/report/panel.ts';
import { failures, heldBack, invalid, keyed, mended, orderOf, refused, rejections, uncertain, uncertainties, unread } from './failures.mts';

const node = { id: '1', name: 'StreamSkill', type: 'streamSkill', typeVersion: 1, position: [0, 0], parameters: {} } as INode;

const item = (itemIndex: number, failure: FailedItem['failure'], order = orderOf(`channel-${itemIndex}`)): FailedItem => ({
	itemIndex,
	failure,
	order,
	treatment: order,
});
const purchase = (itemIndex: number, id: number) => ({ itemIndex, purchase: { id }, order: orderOf(`channel-${itemIndex}`) });

const ended = (run: Partial<EndedRun>, recourse: Recourse = 'retry') =>
	runError(node, { failed: [], purchases: [], leftOut: [], remarks: [], itemRemarks: [], notTried: [], ...run }, recourse);

/** The paragraphs of what is shown under an error. */
const paragraphs = (run: Partial<EndedRun>, recourse?: Recourse) => ended(run, recourse).description!.split('<br><br>');

describe('an error item', () => {
	test.each(Object.entries(failures))('tells of %s what happened, what to do, and what a workflow can branch on', (_, failure) => {
		const { error, message, details, ...more } = errorJson({ itemIndex: 0, failure, order: keyed, treatment: keyed }, 'anew');
		expect(more).toEqual({});
		expect(error).toBe(say(failure, keyed));
		expect(message).toBe(advise(failure, 'anew'));
		expect(details).toMatchObject({ outcome: outcomeOf(failure), order: { tarif: { id: 7 }, channel: 'a' }, idempotencyKey: 'order-7' });
		expect(details as object).toEqual(JSON.parse(JSON.stringify(details)));
	});

	test.each<[string, string]>([
		['an invalid order', 'invalid'],
		['a 422', 'rejected'],
		['a 500 (uncertain)', 'unknown'],
		['bought before: key', 'duplicate'],
		['a key that comes again', 'duplicate'],
		['a key of another order: list', 'conflict'],
		['held back: limit', 'notSent'],
		['held back: stopped', 'notSent'],
	])('of %s has the outcome %s', (name, outcome) => {
		expect(outcomeOf(failures[name])).toBe(outcome);
	});

	test('has the status and the reference where there are any', () => {
		const details = (failure: FailedItem['failure']) => errorJson({ itemIndex: 0, failure }, 'anew').details;
		expect(details(uncertain(uncertainties['a 500']))).toEqual({ outcome: 'unknown', httpCode: 500, reference: 'K7QM-3XPA' });
		expect(details({ kind: 'rejected', reason: { kind: 'proxy', httpCode: 503 } })).toEqual({ outcome: 'rejected', httpCode: 503 });
		expect(details(uncertain({ kind: 'timeout' }))).toEqual({ outcome: 'unknown', reference: 'K7QM-3XPA' });
		expect(details(heldBack('stopped'))).toEqual({ outcome: 'notSent' });
		expect(details(heldBack('token'))).toEqual({ outcome: 'notSent', httpCode: 401 });
	});

	test("has what is wrong with each field: the API's word, or else the node's own", () => {
		const problems = { channel: ['Channel is required but blank'] };
		expect(errorJson({ itemIndex: 0, failure: refused({ lang: ['No'] }) }, 'anew').details).toMatchObject({ errors: { lang: ['No'] } });
		expect(errorJson({ itemIndex: 0, failure: { kind: 'invalid', problems }, problems }, 'anew').details).toEqual({
			outcome: 'invalid',
			errors: problems,
		});
		expect(errorJson({ itemIndex: 0, failure: uncertain(), problems, treatment: keyed }, 'anew').details).toMatchObject({
			outcome: 'unknown',
			errors: problems,
			idempotencyKey: 'order-7',
		});
	});

	test('keeps the order as it was', () => {
		const order = orderOf();
		const { details } = errorJson({ itemIndex: 0, failure: invalid, order }, 'anew');
		expect((details as { order: object }).order).not.toBe(order.body);
	});
});

describe('the title of an error names what needs a person first', () => {
	const rejected = item(1, refused({ lang: ['No'] }));
	const lost = item(3, uncertain(uncertainties['a timeout']));

	test.each<[string, FailedItem[], string]>([
		['the order that was refused', [rejected], 'Channel channel-1, tarif 7: Language: No'],
		[
			'an uncertain one before others',
			[rejected, lost],
			'Channel channel-3, tarif 7: StreamSkill did not answer in time: the order may have been bought (reference K7QM-3XPA)',
		],
		['the first of several', [item(0, refused({ start: ['x'] })), rejected], 'Channel channel-0, tarif 7: Start: x'],
		['an item that is no order', [{ itemIndex: 2, failure: invalid }], say(invalid)],
		[
			'several that are no orders, by their number',
			[
				{ itemIndex: 2, failure: invalid },
				{ itemIndex: 4, failure: { kind: 'invalid', problems: { channel: ['Channel is required but blank'] } } },
			],
			'2 items are not valid orders',
		],
		[
			'several that are no orders for the same reason',
			[
				{ itemIndex: 2, failure: invalid },
				{ itemIndex: 4, failure: invalid },
			],
			say(invalid),
		],
		['not their number where one failed otherwise', [{ itemIndex: 2, failure: invalid }, rejected], say(invalid)],
		['what keeps all back, without an order', [item(0, heldBack('limit')), item(1, heldBack('limit'))], say(heldBack('limit'))],
		[
			'an uncertain one that is no order by now',
			[{ itemIndex: 2, failure: uncertain(), problems: { channel: ['Channel is required but blank'] } }],
			'This order was sent before, and its answer is not known: the order may have been bought (reference K7QM-3XPA)',
		],
	])('%s', (_, failed, title) => {
		const error = ended({ failed });
		expect(error.message).toBe(title);
		const [first] = failed.filter((one) => one.failure.kind === 'unknown').concat(failed);
		expect(error.context.itemIndex).toBe(first.itemIndex);
	});

	test('an item that went well cannot end a run', () => {
		expect(() => ended({})).toThrow('a run without a failed item does not end with an error');
	});
});

describe('the text of an error', () => {
	test('tells what a purchase was for, where its item orders something else by now', () => {
		const [bought] = paragraphs({
			failed: [item(9, uncertain())],
			purchases: [
				{ itemIndex: 0, purchase: { id: 1, channel: 'a', tarif: 7 }, order: orderOf('a') },
				{ itemIndex: 1, purchase: { id: 2, channel: 'b', tarif: 3 }, order: orderOf('c') },
				{ itemIndex: 2, purchase: { id: 3, channel: 'd', tarif: { id: 7 } } },
				{ itemIndex: 3, purchase: { id: 4, channel: 'https://www.twitch.tv/Twitch', tarif: 7 }, order: orderOf('twitch') },
				{ itemIndex: 4, purchase: { id: 5, channel: 'https://www.twitch.tv/twitch', tarif: 7 }, order: orderOf('h') },
			],
		});
		expect(bought.split('<br>').slice(1)).toEqual([
			'Item 0, channel a, tarif 7: ID 1',
			'Item 1, channel c, tarif 7: ID 2 (for channel b, tarif 3)',
			'Item 2: ID 3 (for channel d)',
			'Item 3, channel twitch, tarif 7: ID 4',
			'Item 4, channel h, tarif 7: ID 5 (for channel https://www.twitch.tv/twitch)',
		]);
	});

	test('has each order in one of its groups, by channel and tarif, then the one next step', () => {
		expect(
			paragraphs(
				{
					purchases: [purchase(0, 71), purchase(2, 72)],
					failed: [
						item(1, refused({ lang: ['No'] })),
						item(5, unread),
						item(3, uncertain(uncertainties['a timeout']), orderOf('channel-3', { idempotencyKey: 'k' })),
					],
					notTried: [{ itemIndex: 4, order: orderOf('channel-4') }],
					remarks: ['The reference XXXX-XXXX did nothing'],
				},
				'editor',
			),
		).toEqual([
			'<strong>Bought</strong><br>Item 0, channel channel-0, tarif 7: ID 71<br>Item 2, channel channel-2, tarif 7: ID 72',
			'<strong>May have been bought</strong><br>Item 3, channel channel-3, tarif 7: StreamSkill did not answer in time: the order may have been bought (reference K7QM-3XPA)',
			'<strong>Not sent now</strong><br>Item 5, channel channel-5, tarif 7: n8n could not look up whether the order was sent before: SQLITE_BUSY: database is locked',
			'<strong>Not bought</strong><br>Item 1, channel channel-1, tarif 7: Language: No',
			'<strong>Not tried</strong><br>Item 4, channel channel-4, tarif 7',
			'The reference XXXX-XXXX did nothing.',
			'Wait a few minutes, then check whether the order is in your StreamSkill account, with the time when it was sent. If it is there, add K7QM-3XPA to the option Confirmed Bought. If it is not, add it to Confirmed Not Bought. Change the order as the message says. Wait until n8n can use its database. Then execute the workflow again today.',
		]);
	});

	test('has no group that is empty', () => {
		expect(paragraphs({ failed: [item(0, heldBack('limit'))] })).toEqual([
			expect.stringMatching(
				/^<strong>Not bought<.strong><br>Item 0, channel channel-0, tarif 7: With 3 more, this node would place 5 orders in this execution/,
			),
			expect.stringMatching(/^If all of them are meant to be bought, raise the limit\. Then save the workflow, open the Executions tab/),
		]);
	});

	test('says of an order that was bought before not that it was not bought', () => {
		const [first, second] = paragraphs(
			{ failed: [item(0, { kind: 'duplicate', because: 'editor' }), item(1, refused({ lang: ['No'] }))] },
			'editor',
		);
		expect(first).toBe(
			'<strong>Not bought again</strong><br>Item 0, channel channel-0, tarif 7: This order was bought by hand before, today or yesterday',
		);
		expect(second).toMatch(/^<strong>Not bought<.strong><br>Item 1, /);
	});

	test('names several references once, to copy, and each with its order', () => {
		const text = paragraphs({ failed: [item(0, uncertain()), item(1, uncertain(undefined, { reference: 'ABCD-EFGH' }))] });
		expect(text[0]).toMatch(/Item 0, .*\(reference K7QM-3XPA\)<br>Item 1, .*\(reference ABCD-EFGH\)$/);
		expect(text.slice(1)).toEqual([
			'References: K7QM-3XPA ABCD-EFGH',
			expect.stringMatching(
				/^Wait a few minutes, then check whether each order that may have been bought is in your StreamSkill account, with the time when it was sent\. If it is there, add its reference to the option Confirmed Bought\. If it is not, add it to Confirmed Not Bought\. Then /,
			),
		]);
	});

	test('speaks of each of several uncertain orders, also where no reference helps', () => {
		const failed = [item(0, uncertain()), item(1, uncertain(undefined, { reference: 'ABCD-EFGH' }))];
		expect(paragraphs({ failed }, 'rest').at(-1)).toMatch(
			/^Wait a few minutes, then check whether each order that may have been bought is in your StreamSkill account, with the time when it was sent\. If it is there, nothing more is to be bought for it\. If it is not, it is one of the rows that are left\. Then /,
		);
	});

	test('speaks of the key only where all that are uncertain have one, and of another order only where all are', () => {
		const [plain, withKey, ofOther] = [
			uncertain(),
			uncertain(undefined, { isKeyed: true }),
			{ ...uncertain(undefined, { isKeyed: true }), isOther: true } as Failure,
		];
		const steps = (...all: Failure[]) => paragraphs({ failed: all.map((failure, place) => item(place, failure)) }, 'rest').at(-1);
		expect(steps(withKey, withKey)).toMatch(/whether the order is .* add K7QM-3XPA to the option Confirmed Bought/);
		expect(steps(ofOther, ofOther)).toMatch(/whether the other order is .* add K7QM-3XPA to the option Confirmed Bought/);
		expect(steps(withKey, ofOther)).toMatch(/whether the order is /);
		expect(steps(plain, withKey)).toMatch(
			/If it is there, nothing more is to be bought for it\. If it is not, it is one of the rows that are left/,
		);
	});

	test('tells to look for what was sent if the fields of one may have been changed', () => {
		const steps = (...all: Failure[]) => paragraphs({ failed: all.map((failure, place) => item(place, failure)) }).at(-1);
		expect(steps(uncertain(), mended)).toContain('If its fields have been changed since it was sent, look for it as it was.');
		expect(steps(uncertain(), uncertain())).not.toContain('changed since');
	});

	test('names a reference once that several items share', () => {
		expect(paragraphs({ failed: [item(0, uncertain()), item(1, uncertain())] }).slice(1)).toEqual([
			expect.stringMatching(
				/^Wait a few minutes, then check whether the order is in your StreamSkill account, with the time when it was sent\. If it is there, add K7QM-3XPA to/,
			),
		]);
	});

	test('says what to do about each of several refusals', () => {
		const failed = [item(0, { kind: 'rejected', reason: rejections['a 403'] }), item(1, refused({ lang: ['No'] }))];
		expect(paragraphs({ failed }).at(-1)).toMatch(
			/^Check that your StreamSkill account may place this order, .*\. Change the order as the message says\. Then /,
		);
	});

	test('says of an uncertain order that is invalid by now what is wrong with it', () => {
		expect(
			paragraphs({ failed: [{ itemIndex: 2, failure: uncertain(), problems: { channel: ['Channel is required but blank'] } }] })[0],
		).toMatch(/<br>Item 2: This order was sent before, .* \(reference K7QM-3XPA\); Channel is required but blank$/);
	});

	test('says each sentence once, however many items need it', () => {
		const steps = paragraphs({ failed: [0, 1, 2].map((i) => item(i, refused({ lang: ['No'] }))).concat(item(3, heldBack('token'))) }).at(
			-1,
		)!;
		const sentences = steps.split('. ');
		expect(new Set(sentences).size).toBe(sentences.length);
		expect(steps).toMatch(
			/^Change the order as the message says\. Check the Access Token in the StreamSkill API credential\. Then save the workflow, open/,
		);
		expect(steps.match(/Then /g)).toHaveLength(1);
	});

	test('cuts long lists, which are whole in the data', () => {
		const many = Array.from({ length: 1000 }, (_, i) => i);
		const error = ended({
			failed: many.map((i) => ({ itemIndex: i, failure: invalid })),
			purchases: many.map((i) => purchase(i, 5000 + i)),
			notTried: many.slice(0, 50).map((itemIndex) => ({ itemIndex })),
		});
		expect(error.message).toBe(say(invalid));
		expect(error.description!.length).toBeLessThan(12_000);
		expect(error.description!.match(/… and 950 more/g)).toHaveLength(2);
		expect(error.description!.match(/… and/g)).toHaveLength(2);
		expect(error.description!.match(/Item 49\b/g)).toHaveLength(3);
		expect(error.context.purchases).toHaveLength(1000);
		expect(error.context.failedItems).toHaveLength(1000);
	});
});

describe('the error of a run', () => {
	test('hands over what was bought, and what failed, as data', () => {
		const failed = [item(1, refused({ lang: ['No'] })), item(2, uncertain())];
		const { context } = ended({ failed, purchases: [purchase(0, 71)] });
		expect(context.purchases).toEqual([{ item: 0, purchase: { id: 71 } }]);
		expect(context.failedItems).toEqual(failed.map((one) => ({ item: one.itemIndex, ...errorJson(one, 'retry') })));
	});

	test('hands over what was not tried, and with each failed item what a person is told besides', () => {
		const failed = [item(1, refused({ lang: ['No'] }))];
		const order = orderOf();
		const { context } = ended({ failed, notTried: [{ itemIndex: 2, order }, { itemIndex: 3 }], itemRemarks: ['Look'] });
		expect(context.notTried).toEqual([{ item: 2, order: order.body }, { item: 3 }]);
		expect(context.failedItems).toMatchObject([{ message: expect.stringMatching(/ Look\.$/) as unknown }]);
	});

	test.each(['refused', 'noneInList'] as const)(
		'says one way to go on where one order is not recognised (%s), and another one is uncertain',
		(why) => {
			const unrecognised = item(1, { kind: 'heldBack', obstacle: { kind: 'unrecognised', why } });
			const { description } = ended({ failed: [unrecognised, item(2, uncertain())] });
			expect(description).toContain('If it is not, it is one of the rows that are left.');
			expect(description).not.toMatch(/Confirmed Bought|currently saved workflow/);
		},
	);

	test.each([401, 422, 500, 503])('has the status where there is one: %d', (httpCode) => {
		const reason: Reason = { kind: 'status', httpCode };
		const failure: Failure = httpCode < 500 ? { kind: 'rejected', reason } : uncertain(reason);
		const error = ended({ failed: [item(2, failure)] });
		expect(error).toBeInstanceOf(NodeApiError);
		expect(error).toMatchObject({ httpCode: String(httpCode), context: { itemIndex: 2 } });
	});

	test('is of the node where there is none', () => {
		for (const failure of [invalid, heldBack('limit'), uncertain({ kind: 'timeout' })])
			expect(ended({ failed: [item(0, failure)] })).toBeInstanceOf(NodeOperationError);
	});

	/** What Node.js calls failures, as far as n8n has texts of its own for them. */
	const codes = [
		'ECONNREFUSED',
		'ECONNRESET',
		'ENOTFOUND',
		'ETIMEDOUT',
		'EADDRNOTAVAIL',
		'ECONNABORTED',
		'EHOSTUNREACH',
		'EAI_AGAIN',
		'ENOENT',
		'EACCES',
		'EPERM',
		'GETADDRINFO',
	];
	test.each(codes)('keeps our words about %s: n8n would advise to turn on Retry On Fail', (code) => {
		const said = { kind: 'status' as const, httpCode: 400, apiMessage: `Upstream: ${code}` };
		for (const reason of [{ kind: 'network' as const, code }, said]) {
			const failed = item(0, { kind: 'rejected', reason });
			const { message, description } = ended({ failed: [failed] });
			expect(message).toBe(`Channel channel-0, tarif 7: ${say(failed.failure)}`);
			expect(message).toContain(code);
			expect(description).toMatch(/^<strong>Not bought<.strong><br>Item 0, .*"Retry with currently saved workflow"/);
		}
	});
});

// n8n shows a description as HTML, and a message as text (editor-ui: NodeErrorView.vue).
describe('what comes from outside is text, not HTML', () => {
	const link = '<a href="https://example.com">x & y</a>';
	const order = orderOf(link, { idempotencyKey: link });
	const failed: FailedItem[] = [
		{ itemIndex: 0, failure: { kind: 'invalid', problems: { 'tarif.quantity': [`Quantity must be a whole number, not "${link}"`] } } },
		{ itemIndex: 1, failure: refused({ '<b>': [link] }), order },
		{ itemIndex: 2, failure: { kind: 'duplicate', because: 'key' }, order, treatment: order },
	];

	test('in the description of a run that ended', () => {
		const { description } = ended({
			failed: [...failed, { itemIndex: 4, failure: uncertain(), order }],
			purchases: [{ itemIndex: 3, purchase: { id: link }, order }],
			notTried: [{ itemIndex: 5, order }],
			remarks: [`The reference ${link} did nothing`],
		});
		expect(description!.replace(/<br>|<.?strong>/g, '')).not.toMatch(/[<>]/);
		expect(description).toContain('Quantity must be a whole number, not "&lt;a href="https://example.com"&gt;x &amp; y&lt;/a&gt;"');
		expect(description).toContain('&lt;b&gt;: &lt;a ');
	});

	test('while messages, error items and the data of the error stay as they are', () => {
		const { message, context } = ended({ failed: failed.slice(1) });
		expect(message).toBe(`Channel ${link}, tarif 7: <b>: ${link}`);
		expect(context.failedItems).toEqual(failed.slice(1).map((one) => ({ item: one.itemIndex, ...errorJson(one, 'retry') })));
		expect(errorJson(failed[2], 'retry').error).toContain(link);
	});

	test('every sign of it', () => {
		expect(escapeHtml('<b>&amp;</b> & <i>')).toBe('&lt;b&gt;&amp;amp;&lt;/b&gt; &amp; &lt;i&gt;');
	});
});

test.each(Object.keys(rejections))('%s is named in the title and in the list', (name) => {
	const failed = [item(0, { kind: 'rejected', reason: rejections[name] })];
	const error = ended({ failed });
	expect(error.message).toBe(`Channel channel-0, tarif 7: ${say(failed[0].failure)}`);
	expect(error.description).toContain(`Item 0, channel channel-0, tarif 7: ${say(failed[0].failure)}`);
});
