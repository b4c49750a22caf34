/** What docs/troubleshooting.md says of each field that is not valid, and of each credential, done word by word. */
import type { IDataObject } from 'n8n-workflow';

import { followEach, type Cause } from './causes.mts';
import { openShop, TOKEN } from './shop.mts';

const shop = openShop();

const CHANGE = 'Change the named fields';

/** An expression for one of the three items, and what the others have. */
const ofB = (expression: string, others = '$json.channel') => `={{ $json.channel === "b" ? ${expression} : ${others} }}`;

const field = (message: string, wrong: IDataObject, mended?: IDataObject): Cause => ({
	advice: [message, CHANGE],
	wrong: () => ({ parameters: wrong }),
	mend: () => ({ parameters: mended }),
});
const additional = (name: string, expression: string) => ({ additionalFields: { [name]: expression } });
const option = (message: string, wrong: IDataObject, mended?: IDataObject): Cause => ({
	advice: [message, CHANGE],
	wrong: () => ({ options: wrong }),
	mend: () => ({ options: mended }),
});

describe('a field', () => {
	followEach(
		{
			'that is required is blank': field('Tarif ID is required but blank', { tarifId: ofB('""', '1') }),
			'has nothing but invisible characters': field('Channel is required but has nothing but invisible characters', {
				channel: ofB('"\\u200b"'),
			}),
			'is 0 because a form left it blank': field(
				'Quantity must be a whole number from 1 to 10000, not 0',
				additional('quantity', ofB('0', '2')),
				additional('quantity', `={{ ($json.channel === "b" ? 0 : 2) || '' }}`),
			),
			'is neither true nor false': field('Start must be true or false', additional('start', ofB('"perhaps"', '""'))),
			'is none of the choices': field('Language must be one of', additional('lang', ofB('"klingon"', '""'))),
			'is an object': field('Channel must be text', { channel: ofB('{ name: "b" }') }, { channel: ofB('{ name: "b" }.name') }),
			'is a whole object as text': field(
				'which an expression makes of a whole object: choose one of its fields',
				{ channel: ofB('String({ name: "b" })') },
				{ channel: ofB('String({ name: "b" }.name)') },
			),
			'is not there': field("which an expression makes of a field that is not there: check the field's name", {
				channel: ofB('String($json.chanel)'),
			}),
			'has no value': field('which an expression makes of a field without a value: fill it in, or leave the item out', {
				channel: ofB('String(null)'),
			}),
			'has a calculation without a result': field('which an expression makes of a calculation without a result: check the numbers in it', {
				channel: ofB('String(1 * "x")'),
			}),
			'is a number that n8n has rounded': field('which n8n makes of a number with too many digits: read it as text where it comes from', {
				channel: ofB('String(12345678901234567890123)'),
			}),
			'is a long number with white space around it': field(
				'if these are right, remove the white space around them, otherwise read the number as text where it comes from',
				{ channel: ofB('"12345678901234567000\\n"') },
			),
			'has an expression that n8n cannot evaluate': field('Tarif ID: ', { tarifId: ofB('$("Nowhere").first().json.id', '1') }),
			'is wrong in each item': field('Tarif ID must be a whole number of 1 or more', { tarifId: 'abc' }),
		},
		shop,
		shop.sold,
	);
});

describe('an option that protects, and is blank', () => {
	const byChannel = { idempotencyKey: '={{ $json.channel }}' };
	followEach(
		{
			'Idempotency Key, filled': option('Idempotency Key', { idempotencyKey: ofB('""') }, byChannel),
			'Idempotency Key, removed': option('Idempotency Key', { idempotencyKey: ofB('""') }),
			'Dry Run, removed': option('Dry Run', { dryRun: '={{ "" }}' }),
			'Max Purchases, filled': option('Max Purchases', { maxPurchases: '' }, { maxPurchases: 3 }),
			'Repeat Manual Orders, removed': {
				...option('Repeat Manual Orders', { repeatManualOrders: '={{ "" }}' }),
				byHand: 'Then take out of the list what this node has bought',
			},
		},
		shop,
		shop.sold,
	);
});

describe('the credential', () => {
	const refused = (message: string, wrong: () => IDataObject): Cause => ({
		advice: [message, 'Choose or correct the StreamSkill API credential.'],
		wrong: () => ({ credentials: { accessToken: TOKEN, baseUrl: shop.sandbox.url, ...wrong() } as never }),
	});
	const baseUrl = (message: string, url: string) =>
		refused(`The Base URL of the StreamSkill API credential ${message}`, () => ({ baseUrl: url }));

	followEach(
		{
			'has a token with the word Bearer': refused('starts with the word Bearer. Leave that word out: n8n adds it', () => ({
				accessToken: `Bearer ${TOKEN}`,
			})),
			'has a token with a line break': refused('contains a space, a line break or another character that no token has', () => ({
				accessToken: `${TOKEN}\nx`,
			})),
			'has no Base URL': baseUrl('is empty', ' '),
			'has a Base URL with a space': baseUrl('contains a space, a line break or a backslash', 'https://api.stream skill.pro/v1'),
			'has no address': baseUrl('is not a web address', 'streamskill'),
			'has an address of another kind': baseUrl('does not start with https://', 'ftp://127.0.0.1/v1'),
			'has an address with a password': baseUrl('contains a user name or password', 'https://user:x@127.0.0.1/v1'),
			'has an address with a query': baseUrl('contains a query or a fragment', 'https://127.0.0.1/v1?x=1'),
			'has a relative path': baseUrl('contains a relative path', 'https://127.0.0.1/v1/../v2'),
			'would send the token unencrypted': baseUrl('would send the access token unencrypted', 'http://api.streamskill.invalid/v1'),
		},
		shop,
		shop.sold,
	);
});
