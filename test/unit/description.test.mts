import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NodeHelpers } from 'n8n-workflow';

import { Workflow, type INodeParameters } from 'n8n-workflow';

import { StreamSkillApi } from '../../credentials/StreamSkillApi.credentials.ts';
import { LABELS } from '../../nodes/StreamSkill/purchase/order/table.ts';
import { readOrder } from '../../nodes/StreamSkill/purchase/order/order.ts';
import { readSettings } from '../../nodes/StreamSkill/purchase/order/settings.ts';
import { StreamSkill } from '../../nodes/StreamSkill/StreamSkill.node.ts';

/** A parameter in the editor, or a choice of one. */
interface Field {
	name: string;
	displayName: string;
	type: string;
	default: unknown;
	description?: string;
	builderHint?: { propertyHint: string };
	placeholder?: string;
	required?: boolean;
	typeOptions?: object;
	options?: Field[];
	values?: Field[];
	value?: string;
}

const root = join(__dirname, '../..');
const nodeFolder = join(root, 'nodes/StreamSkill');
const json = (...path: string[]) => JSON.parse(readFileSync(join(...path), 'utf8')) as Record<string, unknown>;

const { description } = new StreamSkill();
const properties = description.properties as unknown as Field[];

/** The parameters within one: those of a collection, or the groups of a fixed one with theirs. */
const inside = ({ type, options, values }: Field): Field[] =>
	values ?? (type === 'collection' || type === 'fixedCollection' ? options! : []);

const allFields = (fields: Field[]): Field[] => fields.flatMap((field) => [field, ...allFields(inside(field))]);

const find = (name: string): Field => allFields(properties).find((field) => field.name === name)!;

test('the names that are saved in workflows', () => {
	const names = (fields: Field[]): object =>
		Object.fromEntries(fields.map((field) => [field.name, inside(field).length > 0 ? names(inside(field)) : field.type]));

	expect(description).toMatchObject({ name: 'streamSkill', version: 1 });
	expect(names(properties)).toEqual({
		resource: 'options',
		operation: 'options',
		tarifId: 'number',
		channel: 'string',
		additionalFields: {
			comment: 'string',
			duration: 'number',
			interval: 'number',
			lang: 'options',
			quantity: 'number',
			start: 'boolean',
		},
		options: {
			acceptLanguage: 'options',
			batching: { batch: { batchSize: 'number', batchInterval: 'number' } },
			dryRun: 'boolean',
			expand: 'multiOptions',
			idempotencyKey: 'string',
			maxPurchases: 'number',
			onDuplicate: 'options',
			repeatManualOrders: 'boolean',
			confirmedBought: 'string',
			confirmedNotBought: 'string',
			timeout: 'number',
		},
	});
});

test.each([
	['resource', ['purchase']],
	['operation', ['create']],
	['acceptLanguage', ['en', 'ru']],
	['expand', ['api', 'chatbot', 'parent', 'tarif']],
	['onDuplicate', ['skip', 'fail']],
	['lang', 'auto en ru uk de es fr it pt pl tr ar zh ja ko hi th vi id ms tl ca da nl no ro sk fi sv cs el bg hu zh-hk other'.split(' ')],
])('%s offers what the API takes', (name, values) => {
	const offered = find(name).options!;
	expect(offered.map(({ value }) => value).sort()).toEqual([...values].sort());
	expect(new Set(offered.map((option) => option.name)).size).toBe(values.length);
});

test.each([
	['tarifId', 'tarif.id', 'Tarif ID'],
	['channel', 'channel', 'Channel'],
	['additionalFields', 'additionalFields', 'Additional Fields'],
	['comment', 'comment', 'Comment'],
	['duration', 'tarif.duration', 'Duration'],
	['interval', 'interval', 'Interval'],
	['lang', 'lang', 'Language'],
	['quantity', 'tarif.quantity', 'Quantity'],
	['start', 'start', 'Start'],
	['options', 'options', 'Options'],
	['batchSize', 'batchSize', 'Items per Batch'],
	['batchInterval', 'batchInterval', 'Batch Interval (Ms)'],
	['dryRun', 'dryRun', 'Dry Run'],
	['expand', 'expand', 'Expand'],
	['idempotencyKey', 'idempotencyKey', 'Idempotency Key'],
	['onDuplicate', 'onDuplicate', 'If Already Purchased'],
	['maxPurchases', 'maxPurchases', 'Max Purchases'],
	['repeatManualOrders', 'repeatManualOrders', 'Repeat Manual Orders'],
	['confirmedBought', 'confirmedBought', 'Confirmed Bought'],
	['confirmedNotBought', 'confirmedNotBought', 'Confirmed Not Bought'],
	['acceptLanguage', 'acceptLanguage', 'Response Language'],
	['timeout', 'timeout', 'Timeout'],
])('%s is labelled the same in the editor and in messages', (name, apiName, label) => {
	expect(find(name).displayName).toBe(label);
	expect(LABELS[apiName]).toBe(label);
});

test.each([
	['tarifId', { minValue: 1, numberPrecision: 0 }],
	['quantity', { minValue: 1, maxValue: 10000, numberPrecision: 0 }],
	['duration', { minValue: 1, maxValue: 24, numberPrecision: 0 }],
	['interval', { minValue: 1, maxValue: 86400, numberPrecision: 0 }],
])('%s has the range of the API document', (name, range) => {
	expect(find(name).typeOptions).toEqual(range);
});

const numbers = inside(find('additionalFields')).filter(({ type }) => type === 'number');
test.each(numbers)('$name says what it orders when it is added and left as it is', ({ default: added, description }) => {
	expect(description).toContain(`Added and left as it is, it orders ${String(added)}.`);
});

describe.each(allFields(properties).map((field): [string, Field] => [field.name, field]))("%s keeps to n8n's rules", (_, field) => {
	test('on words', () => {
		const { displayName, description = '', type, placeholder = '' } = field;
		expect(displayName).toMatch(/^[A-Z(]/);
		if (type === 'boolean') expect(description).toMatch(/^Whether /);
		if (!['collection', 'fixedCollection'].includes(type) && placeholder) expect(placeholder).toMatch(/^e\.g\. /);
		// A description has a full stop if it has several sentences.
		expect(description.endsWith('.')).toBe(/\. [A-Z]/.test(description));
	});
});

test.each(['additionalFields', 'options'])('%s are sorted by label', (name) => {
	const labels = inside(find(name)).map(({ displayName }) => displayName);
	expect(labels).toEqual([...labels].sort((a, b) => a.localeCompare(b)));
});

test('a parameter called "name" would be mistaken by n8n for its own', () => {
	expect(allFields(properties).map(({ name }) => name)).not.toContain('name');
});

describe('before the first execution, the open node says that an order is paid', () => {
	const [hint, ...others] = description.hints!;
	const nodeType = new StreamSkill();
	/** As n8n's editor decides whether it shows a hint (editor-ui: useNodeHelpers, getNodeHints). */
	const isShown = (parameters: INodeParameters) => {
		const node = { id: '1', name: 'StreamSkill', type: 'streamSkill', typeVersion: 1, position: [0, 0] as [number, number], parameters };
		const nodeTypes = { getByName: () => nodeType, getByNameAndVersion: () => nodeType, getKnownTypes: () => ({}) };
		const workflow = new Workflow({ nodes: [node], connections: {}, active: false, nodeTypes });
		return workflow.expression.getSimpleParameterValue(workflow.nodes.StreamSkill, hint.displayCondition, 'internal', {});
	};
	const order = { resource: 'purchase', operation: 'create', tarifId: 1, channel: 'a' };

	test('and how to see it first', () => {
		expect(hint).toMatchObject({ location: 'outputPane', whenToDisplay: 'beforeExecution' });
		expect(hint.message).toMatch(/real, paid order.*Dry Run/);
		expect(others).toEqual([]);
	});

	test.each<[string, INodeParameters, boolean]>([
		['a new node', {}, true],
		['a node with other options', { ...order, options: { expand: ['tarif'] } }, true],
		['Dry Run turned off', { ...order, options: { dryRun: false } }, true],
		['Dry Run turned on', { ...order, options: { dryRun: true } }, false],
		['Dry Run by an expression, which may be false for an item', { ...order, options: { dryRun: '={{ 1 === 1 }}' } }, true],
		['Custom API Call', { ...order, operation: '__CUSTOM_API_CALL__' }, false],
	])('%s: %j', (_name, parameters, shown) => {
		expect(isShown(parameters)).toBe(shown);
	});
});

test.each(['tarifId', 'channel'])('%s must be filled in, and nothing is filled in for you', (name) => {
	expect(find(name)).toMatchObject({ required: true, default: '' });
});

describe('a field that was added and left as it is', () => {
	const good = { tarifId: 1, channel: 'twitch', additionalFields: {}, options: {} };
	const added = (name: string) => inside(find(name)).map((field): [string, object] => [field.name, { [field.name]: field.default }]);

	test.each(added('additionalFields'))('%s is valid', (_, additionalFields) => {
		expect(readOrder({ ...good, additionalFields: { ...additionalFields } })).toHaveProperty('order');
	});

	test.each(added('options').filter(([name]) => name !== 'idempotencyKey'))('%s is valid', (_, options) => {
		expect(readOrder({ ...good, options: { ...options } })).toHaveProperty('order');
		const problems = {};
		readSettings({ ...options }, problems);
		expect(problems).toEqual({});
	});

	test('the Idempotency Key wants to be filled in', () => {
		expect(readOrder({ ...good, options: { idempotencyKey: find('idempotencyKey').default } })).toHaveProperty('problems');
	});
});

describe("what n8n's AI workflow builder reads", () => {
	const { searchHint = '' } = description.builderHint ?? {};

	test('the node spends money: Dry Run until the user asks to buy, a key for each order, a human review', () => {
		expect(searchHint).toMatch(/real order that is paid at once/);
		expect(searchHint).toMatch(/options\.dryRun true; remove it only when the user asks to buy/);
		expect(searchHint).toMatch(/options\.idempotencyKey from the input/);
		expect(searchHint).toMatch(/human review/);
	});

	test('it names options by the names that workflows have', () => {
		const named = [...searchHint.matchAll(/options\.(\w+)/g)].map(([, name]) => name);
		expect(inside(find('options')).map(({ name }) => name)).toEqual(expect.arrayContaining(named));
	});

	test.each([
		['tarifId', /^Ask the user\./],
		['channel', /^Ask the user\./],
		['idempotencyKey', /the same whenever the same order comes again\. Never random, never the current time\./],
		// It reads that the default is `true`, which holds only once the option is added.
		['dryRun', /^Left out, it is off, and the node buys/],
		['maxPurchases', /^Left out, there is no limit/],
	])('%s', (name, hint) => {
		expect(find(name).builderHint?.propertyHint).toMatch(hint);
	});

	// n8n does not load a node that has one there (n8n-core: validate-node-description.js).
	test.each(['resource', 'operation'])('nothing of %s', (name) => {
		expect(find(name)).not.toHaveProperty('builderHint');
	});
});

test('the credential', () => {
	const credential = new StreamSkillApi();
	expect(description.credentials).toEqual([{ name: 'streamSkillApi', required: true }]);
	expect(credential.name).toBe('streamSkillApi');
	expect(credential.properties).toMatchObject([
		{ name: 'accessToken', displayName: 'Access Token', typeOptions: { password: true }, required: true, default: '' },
		{ name: 'baseUrl', displayName: 'Base URL', default: 'https://api.streamskill.pro/v1' },
		// n8n's own name and values, so that its HTTP Request node goes by it.
		{ name: 'allowedHttpRequestDomains', options: [{ value: 'none' }, { value: 'all' }], default: 'none' },
		{ name: 'isFixed', type: 'hidden' },
	]);
});

test.each<[string, object, true | undefined]>([
	['neither field is an expression', { accessToken: 'token', baseUrl: 'https://example.com/v1' }, true],
	['nothing but the token was saved', { accessToken: 'token' }, true],
	['the token is an expression', { accessToken: '={{ $json.token }}' }, undefined],
	['the address is an expression', { accessToken: 'token', baseUrl: '={{ $json.url }}' }, undefined],
	['it was fixed when it was saved first', { accessToken: '=token', isFixed: true }, undefined],
])('n8n tells whether the credential is the same for all items: %s', (_, saved, isFixed) => {
	const { properties } = new StreamSkillApi();
	expect(NodeHelpers.getNodeParameters(properties, { ...saved }, true, false, null, null)?.isFixed).toBe(isFixed);
});

test("nothing is shown by a regex, which throws where n8n's time for it is over", () => {
	expect(JSON.stringify([description.properties, new StreamSkillApi().properties])).not.toContain('"regex":');
});

test('the output preview has what a purchase has in the API document', () => {
	const schema = json(nodeFolder, '__schema__/v1.0.0/purchase/create.json') as {
		type: string;
		properties: Record<string, { type: string }>;
	};
	expect(schema.type).toBe('object');
	expect(Object.entries(schema.properties).map(([name, { type }]) => `${name} ${type}`)).toEqual([
		'id integer',
		'price number',
		'currency string',
		'created_at integer',
		'order_type string',
		'channel string',
		'status string',
		'service string',
		'parent boolean',
		'api boolean',
		'chatbot boolean',
		'tarif integer',
	]);
});

test('the codex is the one of this node', () => {
	const codex = json(nodeFolder, 'StreamSkill.node.json');
	expect(codex).toMatchObject({ node: `n8n-nodes-streamskill.${description.name}`, nodeVersion: '1.0', codexVersion: '1.0' });
	expect(codex.categories).not.toHaveLength(0);
	expect(codex.alias).toContain('purchase');
});

test.each([
	['node', description.icon, nodeFolder],
	['credential', new StreamSkillApi().icon, join(root, 'credentials')],
])('the %s has an icon for light and one for dark', (_, icon, folder) => {
	const { light, dark } = icon as { light: string; dark: string };
	const images = [light, dark].map((file) => readFileSync(join(folder, file.replace(/^file:/, '')), 'utf8'));
	for (const image of images) expect(image).toMatch(/^<svg [^>]*viewBox/);
	expect(images[0]).not.toBe(images[1]);
});
