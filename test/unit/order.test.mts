import { orderRequest, readOrder, whatIsOrdered, type Order, type Treatment } from '../../nodes/StreamSkill/purchase/order/order.ts';
import type { Field } from '../../nodes/StreamSkill/purchase/order/kinds.ts';
import { BODY } from '../../nodes/StreamSkill/purchase/order/table.ts';

interface Given {
	tarifId?: unknown;
	channel?: unknown;
	additionalFields?: Record<string, unknown>;
	options?: Record<string, unknown>;
}

/** A good order but for what is given. */
const read = (given: Given) => readOrder({ tarifId: 1, channel: 'twitch', additionalFields: {}, options: {}, ...given });

function orderOf(given: Given): Order {
	const result = read(given);
	if (result.kind === 'invalid') throw new Error(JSON.stringify(result.problems));
	return result.order;
}

function problemsOf(given: Given): Record<string, string[]> {
	const result = read(given);
	return result.kind === 'invalid' ? result.problems : {};
}

/** What a good order is when nothing optional is filled in. */
const plainOrder = {
	body: { tarif: { id: 1 }, channel: 'twitch' },
	onDuplicate: 'skip',
	confirmedBought: [],
	confirmedNotBought: [],
	dryRun: false,
	repeatManualOrders: false,
};

const inFields =
	(name: string) =>
	(value: unknown): Given => ({ additionalFields: { [name]: value } });
const inOptions =
	(name: string) =>
	(value: unknown): Given => ({ options: { [name]: value } });

/** The API's fields by its own name, as the editor labels them, and where the editor keeps their values. */
const tarifId = { field: 'tarif.id', label: 'Tarif ID', give: (value: unknown): Given => ({ tarifId: value }) };
const quantity = { field: 'tarif.quantity', label: 'Quantity', give: inFields('quantity') };
const duration = { field: 'tarif.duration', label: 'Duration', give: inFields('duration') };
const channel = { field: 'channel', label: 'Channel', give: (value: unknown): Given => ({ channel: value }) };
const interval = { field: 'interval', label: 'Interval', give: inFields('interval') };
const lang = { field: 'lang', label: 'Language', give: inFields('lang') };
const comment = { field: 'comment', label: 'Comment', give: inFields('comment') };
const start = { field: 'start', label: 'Start', give: inFields('start') };
const expand = { field: 'expand', label: 'Expand', give: inOptions('expand') };
const acceptLanguage = { field: 'acceptLanguage', label: 'Response Language', give: inOptions('acceptLanguage') };
const idempotencyKey = { field: 'idempotencyKey', label: 'Idempotency Key', give: inOptions('idempotencyKey') };
const onDuplicate = { field: 'onDuplicate', label: 'If Already Purchased', give: inOptions('onDuplicate') };
const maxPurchases = { field: 'maxPurchases', label: 'Max Purchases', give: inOptions('maxPurchases') };
const repeatManualOrders = { field: 'repeatManualOrders', label: 'Repeat Manual Orders', give: inOptions('repeatManualOrders') };
const dryRun = { field: 'dryRun', label: 'Dry Run', give: inOptions('dryRun') };

const blanks = ['', '  ', '\t\n', '\u00a0', null, undefined];

test('an order with nothing optional', () => {
	expect(orderOf({})).toStrictEqual(plainOrder);
});

test('an order with everything', () => {
	const given = {
		tarifId: '12',
		channel: ' shroud ',
		additionalFields: { comment: 'Hi', duration: '24', interval: 10, lang: 'en', quantity: '1000', start: 'true' },
		options: {
			acceptLanguage: 'ru',
			batching: { batch: { batchSize: 5, batchInterval: 0 } },
			dryRun: true,
			expand: ['tarif', 'api'],
			idempotencyKey: ' order-7 ',
			maxPurchases: 10,
			onDuplicate: 'fail',
			repeatManualOrders: 'true',
			confirmedBought: 'k7qm-3xpa, ABCD EFGH',
			confirmedNotBought: ['WXYZ3469', 'K7QM-3XPB'],
			timeout: 1000,
		},
	};
	expect(orderOf(given)).toStrictEqual({
		body: {
			tarif: { id: 12, quantity: 1000, duration: 24 },
			channel: 'shroud',
			interval: 10,
			lang: 'en',
			comment: 'Hi',
			start: true,
		},
		expand: 'tarif,api',
		acceptLanguage: 'ru',
		idempotencyKey: 'order-7',
		onDuplicate: 'fail',
		confirmedBought: ['K7QM-3XPA', 'ABCD', 'EFGH'],
		confirmedNotBought: ['WXYZ-3469', 'K7QM-3XPB'],
		dryRun: true,
		repeatManualOrders: true,
		maxPurchases: 10,
	});
});

describe.each([
	{ ...tarifId, max: 9007199254740991, range: /\b1 or more\b/, body: (n: number) => ({ tarif: { id: n } }) },
	{ ...quantity, max: 10000, range: /\b1 to 10000\b/, body: (n: number) => ({ tarif: { quantity: n } }) },
	{ ...duration, max: 24, range: /\b1 to 24\b/, body: (n: number) => ({ tarif: { duration: n } }) },
	{ ...interval, max: 86400, range: /\b1 to 86400\b/, body: (n: number) => ({ interval: n }) },
])('$label', ({ field, label, give, max, range, body }) => {
	test.each([
		[1, 1],
		['1', 1],
		[' 7 ', 7],
		['\t8\r\n', 8],
		['+5', 5],
		['007', 7],
		[24.0, 24],
		[max, max],
		[String(max), max],
	])('%j is %j', (value, number) => {
		expect(orderOf(give(value)).body).toMatchObject(body(number));
	});

	test.each([
		[0, '0'],
		[-1, '-1'],
		[max + 1, String(max + 1)],
		[1e300, '1e+300'],
		['0', '"0"'],
		['-1', '"-1"'],
		['99999999999999999999', '"99999999999999999999"'],
		[10.5, '10.5'],
		['10.5', '"10.5"'],
		['10.0', '"10.0"'],
		['1e3', '"1e3"'],
		['0x10', '"0x10"'],
		['1,000', '"1,000"'],
		['1 000', '"1 000"'],
		['abc', '"abc"'],
		['５', '"５"'],
		[NaN, 'NaN'],
		[Infinity, 'Infinity'],
		[-Infinity, '-Infinity'],
		[true, 'true'],
		[false, 'false'],
		[{}, '{}'],
		[{ id: 5 }, '{"id":5}'],
		[[], '[]'],
		[[5], '[5]'],
		[0n, '0'],
	])('%p is refused as %s', (value, shown) => {
		const problems = problemsOf(give(value));
		expect(problems).toEqual({ [field]: [expect.any(String)] });
		const [sentence] = problems[field];
		expect(sentence).toMatch(new RegExp(`^${label} `));
		expect(sentence).toMatch(range);
		expect(sentence.endsWith(`not ${shown}`) ? shown : sentence).toBe(shown);
	});

	const cyclic: Record<string, unknown> = {};
	cyclic.self = cyclic;
	test.each([
		['an object within itself', cyclic],
		['a function', () => 5],
		['a symbol', Symbol('five')],
		['an endless text', 'x'.repeat(100_000)],
		['a deep list', JSON.parse('['.repeat(50_000) + ']'.repeat(50_000))],
	])('%s is refused in a short sentence with the range', (_, value) => {
		const [sentence] = problemsOf(give(value))[field];
		expect(sentence).toMatch(new RegExp(`^${label} `));
		expect(sentence).toMatch(range);
		expect(sentence.length).toBeLessThan(300);
	});
});

test('a large number is a Tarif ID but no Quantity, Duration or Interval', () => {
	expect(orderOf(tarifId.give(1e9)).body.tarif.id).toBe(1_000_000_000);
	const additionalFields = { quantity: 1e9, duration: '1000000000', interval: 1e9 };
	expect(Object.keys(problemsOf({ additionalFields })).sort()).toEqual(['interval', 'tarif.duration', 'tarif.quantity']);
});

describe.each([
	{ ...start, of: (order: Order) => order.body.start },
	{ ...dryRun, of: (order: Order) => order.dryRun },
	{ ...repeatManualOrders, of: (order: Order) => order.repeatManualOrders },
])('$label', ({ field, label, give, of }) => {
	test.each([
		[true, true],
		['true', true],
		['TRUE', true],
		[' True\n', true],
		[1, true],
		['1', true],
		[false, false],
		['false', false],
		['FALSE', false],
		[0, false],
		['0', false],
	])('%j is %j', (value, truth) => {
		expect(of(orderOf(give(value)))).toBe(truth);
	});

	test.each([
		['yes', '"yes"'],
		['no', '"no"'],
		['on', '"on"'],
		['truee', '"truee"'],
		[2, '2'],
		[-1, '-1'],
		[NaN, 'NaN'],
		[{}, '{}'],
		[[], '[]'],
		[[true], '[true]'],
	])('%p is refused', (value, shown) => {
		expect(problemsOf(give(value))).toEqual({ [field]: [`${label} must be true or false, not ${shown}`] });
	});
});

describe.each([
	{ ...channel, of: (order: Order) => order.body.channel },
	{ ...comment, of: (order: Order) => order.body.comment },
	{ ...idempotencyKey, of: (order: Order) => order.idempotencyKey },
])('$label', ({ field, label, give, of }) => {
	test.each([
		['twitch', 'twitch'],
		['https://www.twitch.tv/twitch?x=1&y=ü', 'https://www.twitch.tv/twitch?x=1&y=ü'],
		['канал 📺', 'канал 📺'],
		['false', 'false'],
		['0', '0'],
		[0, '0'],
		[1234567890, '1234567890'],
		['__proto__', '__proto__'],
	])('%j is %j', (value, text) => {
		expect(of(orderOf(give(value)))).toBe(text);
	});

	test.each([
		[true, 'true'],
		[false, 'false'],
		[{ name: 'twitch' }, '{"name":"twitch"}'],
		[['twitch'], '["twitch"]'],
		[[], '[]'],
		[NaN, 'NaN'],
		[Infinity, 'Infinity'],
	])('%p is refused', (value, shown) => {
		expect(problemsOf(give(value))).toEqual({ [field]: [`${label} must be text, not ${shown}`] });
	});
});

test.each([' twitch ', '\ttwitch\r\n', '\u00a0twitch\u00a0'])('blanks around a channel are dropped: %j', (value) => {
	expect(orderOf(channel.give(value)).body.channel).toBe('twitch');
});

test('a comment keeps its line breaks', () => {
	expect(orderOf(comment.give('first\nsecond')).body.comment).toBe('first\nsecond');
});

describe('blank values', () => {
	test.each([tarifId, channel].flatMap((field) => blanks.map((blank) => ({ ...field, blank }))))(
		'$label is required: $blank',
		({ field, label, give, blank }) => {
			expect(problemsOf(give(blank))).toEqual({ [field]: [`${label} is required but blank`] });
		},
	);

	test.each(
		[quantity, duration, interval, lang, comment, start, expand, acceptLanguage, onDuplicate].flatMap((field) =>
			blanks.map((blank) => ({ ...field, blank })),
		),
	)('$label is left out: $blank', ({ give, blank }) => {
		expect(orderOf(give(blank))).toStrictEqual(plainOrder);
	});
});

describe('Language', () => {
	// From the API document (CartObject.lang).
	const languages =
		'auto en ru uk de es fr it pt pl tr ar zh ja ko hi th vi id ms tl ca da nl no ro sk fi sv cs el bg hu zh-hk other'.split(' ');

	test.each(languages)('%s', (language) => {
		expect(orderOf(lang.give(language)).body.lang).toBe(language);
		expect(orderOf(lang.give(` ${language}\n`)).body.lang).toBe(language);
	});

	test.each(['EN', 'english', 'zh-HK', 'zh_hk', 'xx', 'en,ru', 'constructor', 'toString', '__proto__', false, 0, ['en'], { en: 1 }])(
		'%j is refused',
		(value) => {
			const problems = problemsOf(lang.give(value));
			expect(Object.keys(problems)).toEqual(['lang']);
			const [sentence] = problems.lang;
			expect(sentence).toMatch(/^Language /);
			expect(sentence).toContain(JSON.stringify(value));
			for (const language of languages) expect(sentence).toContain(language);
		},
	);
});

describe('Response Language', () => {
	test.each(['en', 'ru'])('%s', (language) => {
		expect(orderOf(acceptLanguage.give(language)).acceptLanguage).toBe(language);
	});

	test.each(['de', 'EN', 'en-US', 'en, ru', 'en\r\nX-Other: 1', 1, true, ['en']])('%j is refused', (value) => {
		const problems = problemsOf(acceptLanguage.give(value));
		expect(Object.keys(problems)).toEqual(['acceptLanguage']);
		expect(problems.acceptLanguage[0]).toMatch(/^Response Language .*en, ru/);
	});
});

describe('If Already Purchased', () => {
	test.each(['skip', 'fail'])('%s', (choice) => {
		expect(orderOf(onDuplicate.give(choice)).onDuplicate).toBe(choice);
	});

	test.each(['buy', 'Skip', 'true', true, 0, {}])('%j is refused', (value) => {
		const problems = problemsOf(onDuplicate.give(value));
		expect(Object.keys(problems)).toEqual(['onDuplicate']);
		expect(problems.onDuplicate[0]).toMatch(/^If Already Purchased .*skip, fail/);
	});
});

describe('Expand', () => {
	test.each([
		[['tarif'], 'tarif'],
		[['tarif', 'parent'], 'tarif,parent'],
		[['api', 'chatbot', 'parent', 'tarif'], 'api,chatbot,parent,tarif'],
		[['tarif', '', null, undefined, ' '], 'tarif'],
		[['tarif', 'api', 'tarif'], 'tarif,api'],
		[[' tarif '], 'tarif'],
		['tarif', 'tarif'],
		['tarif,parent', 'tarif,parent'],
		[' tarif , parent ,, ', 'tarif,parent'],
		['api,api,api', 'api'],
	])('%j is sent as %j', (value, sent) => {
		expect(orderOf(expand.give(value)).expand).toBe(sent);
	});

	test.each([[[]], [['', null]], [','], [' , ']])('%j is left out', (value) => {
		expect(orderOf(expand.give(value))).toStrictEqual(plainOrder);
	});

	test.each([
		[['tarif', 'user']],
		['tarif,user'],
		['tarif parent'],
		['Tarif'],
		['tarif&admin=1'],
		['ta\nrif'],
		['tarif\r\nX-Other: 1'],
		['tarif\0'],
		['constructor'],
		[['tarif,parent']],
		[[['tarif']]],
		[[5]],
		[5],
		[true],
		[{}],
		[{ 0: 'tarif', length: 1 }],
	])('%j is refused', (value) => {
		const problems = problemsOf(expand.give(value));
		expect(Object.keys(problems)).toEqual(['expand']);
		expect(problems.expand[0]).toMatch(/^Expand must be /);
	});

	test('a wrong value is named with the right ones', () => {
		const [sentence] = problemsOf(expand.give('tarif,user')).expand;
		for (const word of ['tarif', 'parent', 'api', 'chatbot', '"user"']) expect(sentence).toContain(word);
	});
});

test('all problems of an item are told at once', () => {
	const problems = problemsOf({
		tarifId: '',
		channel: null,
		additionalFields: { comment: {}, duration: 25, interval: 0, lang: 'xx', quantity: 10001, start: 'maybe' },
		options: { acceptLanguage: 'xx', dryRun: 'x', expand: 'x', idempotencyKey: '', onDuplicate: 'x', confirmedBought: {} },
	});
	expect(
		Object.values(problems)
			.flat()
			.map((sentence) => sentence.split(/ (?:must|is)/)[0])
			.sort(),
	).toEqual([
		'Channel',
		'Comment',
		'Confirmed Bought',
		'Dry Run',
		'Duration',
		'Expand',
		'Idempotency Key',
		'If Already Purchased',
		'Interval',
		'Language',
		'Quantity',
		'Response Language',
		'Start',
		'Tarif ID',
	]);
});

describe('a collection that an expression turned into something else', () => {
	test.each(['{"quantity": 1000}', 'abc', 5, true, ['x']])('%j is not just ignored', (value) => {
		expect(Object.values(problemsOf({ additionalFields: value as never })).join()).toContain('Additional Fields');
		expect(Object.values(problemsOf({ options: value as never })).join()).toContain('Options');
	});

	test.each([null, undefined, '', ' '])('%j is an empty one', (value) => {
		expect(orderOf({ additionalFields: value as never, options: value as never })).toStrictEqual(plainOrder);
	});
});

describe.each([dryRun, maxPurchases, repeatManualOrders, idempotencyKey])('$label that was added protects', ({ field, label, give }) => {
	test.each(blanks)('so it is no order where it is blank: %j', (blank) => {
		expect(problemsOf(give(blank))).toEqual({ [field]: [`${label} is required but blank`] });
	});
});

test.each([
	[1, 1],
	['100', 100],
])('Max Purchases %j is %j', (value, limit) => {
	expect(orderOf(maxPurchases.give(value)).maxPurchases).toBe(limit);
});

test.each([
	[0, '0'],
	[-1, '-1'],
	['many', '"many"'],
	[NaN, 'NaN'],
	[true, 'true'],
	[1.5, '1.5'],
])('Max Purchases %p is refused', (value, shown) => {
	expect(problemsOf(maxPurchases.give(value))).toEqual({
		maxPurchases: [`Max Purchases must be a whole number of 1 or more, not ${shown}`],
	});
});

test.each([channel, comment, idempotencyKey])('$label: a number too large to be exact is not taken for text', ({ field, label, give }) => {
	expect(problemsOf(give(Number('12345678901234567890')))[field][0]).toMatch(new RegExp(`^${label} must be text, not 12345678901234567`));
	expect(read(give('12345678901234567890'))).toHaveProperty('order');
});

test.each(['twitch\nkick', 'twitch\r\nkick', 'twitch\u2028kick'])(
	'a channel of several lines (%j) is refused: a cell has several',
	(value) => {
		expect(problemsOf(channel.give(value))).toEqual({
			channel: [`Channel must not be ${JSON.stringify(value)}, which is several lines of text: give each item one of them`],
		});
		expect(read(channel.give('twitch\n')).kind).toBe('valid');
		expect(read(idempotencyKey.give(value)).kind).toBe('valid');
	},
);

describe.each([channel, idempotencyKey])('$label: text that only a mishap makes', ({ field, label, give }) => {
	test.each([
		['[object Object]', 'choose one of its fields'],
		['order-[object Object]', 'choose one of its fields'],
		['[object Array]', 'choose one of its fields'],
		['undefined', "check the field's name"],
		[' undefined\n', "check the field's name"],
		['https://www.twitch.tv/undefined', "check the field's name"],
		['null', 'leave the item out'],
		['https://www.twitch.tv/null', 'leave the item out'],
		['NaN', 'check the numbers in it'],
		['#N/A', 'mend it there'],
		['https://www.twitch.tv/#N/A', 'mend it there'],
		['https://www.youtube.com/watch?v=undefined', "check the field's name"],
		['https://www.twitch.tv/undefined/videos', "check the field's name"],
		['https://www.youtube.com/@null', 'fill it in'],
		['#DIV/0!', 'mend it there'],
		['Invalid DateTime', 'check the field that it reads'],
		['Invalid Date', 'check the field that it reads'],
		['9007199254740993\n', 'read the number as text'],
		[' 12345678901234567000', 'read the number as text'],
		['1.2345678901234568e+21', 'read it as text'],
		['1e+21\n', 'read it as text'],
	])('%j is refused, with what to do', (value, advice) => {
		const problems = problemsOf(give(value));
		expect(Object.keys(problems)).toEqual([field]);
		expect(problems[field]).toHaveLength(1);
		expect(problems[field][0]).toMatch(new RegExp(`^${label} must not be `));
		expect(problems[field][0]).toContain(JSON.stringify(value));
		expect(problems[field][0]).toContain(advice);
	});

	test.each(['\u200b', '\ufeff\u200b', ' \u00ad ', '\u2060', '\u3164', '\u2800', '\u0000', '\u200d\ufe0f'])(
		'nothing but what nobody sees (%j) is refused',
		(value) => {
			const [sentence] = problemsOf(give(value))[field];
			expect(sentence).toMatch(
				new RegExp(`^${label} is required but has nothing but invisible characters \\("(\\\\u[0-9a-f]{4})+"\\): type it anew$`),
			);
		},
	);

	test.each([
		'12345678901234567890',
		'nullable',
		'NaNcy',
		'dev_null',
		'Undefined',
		'9007199254740991 ',
		'12345678901234567890abc ',
		'a [object] b',
		'1e21',
	])("%j is somebody's, and taken", (value) => {
		expect(read(give(value)).kind).toBe('valid');
	});
});

test.each(['undefined chatbot', '2026-11-27-undefined', 'order_undefined', 'order#null', 'a null', 'NaN:1', 'Invalid DateTime a'])(
	'an Idempotency Key with a part that is not there is that of many orders: %j',
	(value) => {
		const [sentence] = problemsOf(idempotencyKey.give(value)).idempotencyKey;
		expect(sentence).toMatch(
			/^Idempotency Key must not be ".+": its "\w+( DateTime)?" looks like what an expression makes of a value that is not there$/,
		);
	},
);

test.each(['null-17', 'undefined_fan', 'undefined chatbot'])('%j is a channel', (value) => {
	expect(read(channel.give(value)).kind).toBe('valid');
});

test.each(['2026-11-27 dev_null', '2026-11-27 https://www.youtube.com/@dev-null', 'nullable 1', 'undefinedness'])(
	'%j is an Idempotency Key',
	(value) => {
		expect(read(idempotencyKey.give(value)).kind).toBe('valid');
	},
);

test('the sentence about invisible characters is short, however many there are', () => {
	expect(problemsOf(channel.give('\u200b'.repeat(5000))).channel[0].length).toBeLessThan(200);
});

test.each(['\u200btwitch', 'twitch\u200b\n', '\ufeff twitch', '\u202atwitch\u202c'])(
	'what nobody sees around a channel or a key is dropped: %j',
	(value) => {
		expect(orderOf(channel.give(value)).body.channel).toBe('twitch');
		expect(orderOf(idempotencyKey.give(value)).idempotencyKey).toBe('twitch');
	},
);

describe('a Comment', () => {
	test.each(['null', 'undefined', 'NaN', '12345678901234567000\n', 'a\u200bb'])('may say %j, which a person may have written', (value) => {
		expect(orderOf(comment.give(value)).body.comment).toBe(value);
	});

	test('does not say [object Object], which nobody wrote', () => {
		expect(problemsOf(comment.give('For [object Object]'))).toEqual({
			comment: ['Comment must not be "For [object Object]", which an expression makes of a whole object: choose one of its fields'],
		});
	});

	test('of nothing that can be seen is left out', () => {
		expect(orderOf(comment.give('\u200b'))).toStrictEqual(plainOrder);
	});
});

describe('how an item that is no order is to be treated', () => {
	const treatmentOf = (options: Record<string, unknown>): Treatment => {
		const reading = read({ channel: '', options });
		expect(reading.kind).toBe('invalid');
		return reading.treatment;
	};

	test('is what its options say', () => {
		expect(
			treatmentOf({
				confirmedBought: 'K7QM-3XPA',
				confirmedNotBought: 'K7QM-3XPB',
				dryRun: true,
				idempotencyKey: 'k',
				maxPurchases: 3,
				onDuplicate: 'fail',
				repeatManualOrders: true,
			}),
		).toEqual({
			confirmedBought: ['K7QM-3XPA'],
			confirmedNotBought: ['K7QM-3XPB'],
			dryRun: true,
			idempotencyKey: 'k',
			maxPurchases: 3,
			onDuplicate: 'fail',
			repeatManualOrders: true,
		});
	});

	test('is what holds without an option that cannot be read', () => {
		expect(
			treatmentOf({
				confirmedBought: 'K7QM-3XPA',
				dryRun: 'x',
				idempotencyKey: '',
				maxPurchases: 0,
				onDuplicate: 'x',
				repeatManualOrders: 'x',
			}),
		).toEqual({
			confirmedBought: ['K7QM-3XPA'],
			confirmedNotBought: [],
			dryRun: false,
			onDuplicate: 'skip',
			repeatManualOrders: false,
		});
	});
});

describe('what is ordered', () => {
	const ordered = (given: Given) => whatIsOrdered(orderOf(given).body);
	const plain = ordered({});

	test('is a text that never changes: what is on record goes by it', () => {
		expect(plain).toBe('[["channel","twitch"],["tarif.id",1]]');
		const additionalFields = { comment: 'Hi', duration: 24, interval: 10, lang: 'en', quantity: 1000, start: true };
		// Each field is there: whether it makes another order decides about money.
		const optional = Object.entries<Field>(BODY).flatMap(([key, { name = key, required }]) => (required ? [] : name));
		expect(Object.keys(additionalFields).sort()).toEqual(optional.sort());
		expect(ordered({ additionalFields })).toBe(
			'[["channel","twitch"],["interval",10],["lang","en"],["start",true],["tarif.duration",24],["tarif.id",1],["tarif.quantity",1000]]',
		);
	});

	test.each([
		['a comment', { additionalFields: { comment: 'Hi' } }],
		['what is said in another way', { tarifId: ' 1 ', channel: ' twitch\n' }],
		['a blank field', { additionalFields: { quantity: '' } }],
		['an option', { options: { expand: 'tarif', idempotencyKey: 'k' } }],
		["the address of the channel's page", { channel: 'https://www.twitch.tv/twitch' }],
		['its address as people write it', { channel: 'twitch.tv/twitch/' }],
		['the case of its name', { channel: 'Twitch' }],
		['an address of old', { channel: 'HTTP://twitch.tv/twitch' }],
		['its page on Trovo', { channel: 'https://trovo.live/s/twitch' }],
		['its handle', { channel: '@twitch' }],
		['the page of its handle', { channel: 'https://www.youtube.com/@twitch' }],
		['the page of its ID', { channel: 'https://www.youtube.com/channel/twitch' }],
		["a video's page", { channel: 'https://www.twitch.tv/videos/twitch' }],
		["a video's page on YouTube", { channel: 'https://www.youtube.com/watch?v=twitch' }],
	])('does not differ by %s', (_, given) => {
		expect(ordered(given)).toBe(plain);
	});

	test.each([
		['the tarif', { tarifId: 2 }],
		['the channel', { channel: 'twitcher' }],
		['a page of the channel', { channel: 'https://www.twitch.tv/twitch/videos' }],
		['what an address asks for', { channel: 'https://www.twitch.tv/?v=twitch' }],
		['what an address asks for besides', { channel: 'https://www.twitch.tv/twitch?v=1' }],
		['what the address of a video asks for besides', { channel: 'https://www.youtube.com/watch?v=twitch&t=1' }],
		['a page of a handle', { channel: 'https://www.youtube.com/@a/twitch' }],
		['an address within a text', { channel: 'watch https://www.twitch.tv/twitch' }],
		['a name that is no address', { channel: 'tv/twitch' }],
		...[{ duration: 1 }, { interval: 1 }, { lang: 'auto' }, { quantity: 1 }, { start: false }].map((additionalFields): [string, Given] => [
			JSON.stringify(additionalFields),
			{ additionalFields },
		]),
	])('differs by %s', (_, given) => {
		expect(ordered(given)).not.toBe(plain);
	});
});

describe('the request', () => {
	const requestOf = (given: Given) => orderRequest(orderOf(given), 'https://api.example/v1');
	const json = { Accept: 'application/json', 'Content-Type': 'application/json' };

	test('has nothing that nobody chose', () => {
		expect(requestOf({})).toStrictEqual({
			method: 'POST',
			url: 'https://api.example/v1/purchases/create',
			qs: {},
			headers: json,
			body: plainOrder.body,
		});
	});

	test('asks for details and a language', () => {
		expect(requestOf({ options: { expand: ['tarif', 'api'], acceptLanguage: 'ru' } })).toMatchObject({
			qs: { expand: 'tarif,api' },
			headers: { ...json, 'Accept-Language': 'ru' },
		});
	});
});
