import type { IExecuteFunctions, INodeParameters } from 'n8n-workflow';

import { readItems } from '../../nodes/StreamSkill/purchase/order/items.ts';

/** Items whose Options are these, whatever they are. */
const itemsWith = (options: unknown[]) =>
	readItems({
		getNode: () => ({ type: 'streamSkill', parameters: {} }),
		getInputData: () => options.map(() => ({ json: {} })),
		getNodeParameter: (name: string, item: number) => ({ tarifId: 1, channel: 'a', additionalFields: {}, options: options[item] })[name],
	} as unknown as IExecuteFunctions);

test.each(['none', 5, true, [1]])('Options that are %j are invalid, and hold for nothing', (options) => {
	const [wrong, right] = itemsWith([options, { timeout: 1 }]);
	expect(wrong).toMatchObject({
		reading: { kind: 'invalid', problems: { options: [expect.stringMatching(/^Options must be a collection of fields, not /)] } },
		hasDryRun: false,
	});
	expect(right).toMatchObject({ reading: { kind: 'valid' }, settings: { timeout: 1 } });
});

test.each(['', ' ', null, undefined])('Options that are %j are none', (options) => {
	expect(itemsWith([options])).toMatchObject([{ reading: { kind: 'valid' }, hasDryRun: false }]);
});

/** An item with these parameters; what is `fails` cannot be evaluated, and takes its whole collection with it. */
const itemOf = (given: INodeParameters, type = 'streamSkill') => {
	const parameters: INodeParameters = { tarifId: 1, channel: 'a', additionalFields: {}, options: {}, ...given };
	return readItems({
		getNode: () => ({ type, parameters }),
		getInputData: () => [{ json: {} }],
		getNodeParameter: (name: string) => {
			const value = name.split('.').reduce<unknown>((value, part) => (value as INodeParameters)[part], parameters);
			if (JSON.stringify(value).includes('"fails"')) throw new Error('it cannot be evaluated');
			return value;
		},
	} as unknown as IExecuteFunctions)[0];
};

test('an expression that fails is named by its label, and hides nothing else', () => {
	const { reading, settings } = itemOf({
		tarifId: 'fails',
		channel: 'undefined',
		additionalFields: { quantity: 'fails', interval: 10, start: 'maybe' },
		options: { idempotencyKey: 'fails', confirmedBought: 'K7QM-3XPA', onDuplicate: 'fail', timeout: 5000 },
	});
	expect(reading).toMatchObject({
		kind: 'invalid',
		problems: {
			'tarif.id': ['Tarif ID: it cannot be evaluated'],
			channel: [expect.stringMatching(/^Channel must not be "undefined"/)],
			'tarif.quantity': ['Quantity: it cannot be evaluated'],
			start: [expect.stringMatching(/^Start must be true or false/)],
			idempotencyKey: ['Idempotency Key: it cannot be evaluated'],
		},
		treatment: { confirmedBought: ['K7QM-3XPA'], onDuplicate: 'fail' },
	});
	expect(Object.keys((reading as { problems: object }).problems)).toHaveLength(5);
	expect(settings).toMatchObject({ timeout: 5000 });
});

test.each(['idempotencyKey', 'dryRun', 'maxPurchases'])('a protection that cannot be evaluated (%s) is not taken for none', (name) => {
	expect(itemOf({ options: { [name]: 'fails' } }).reading).toMatchObject({ kind: 'invalid', problems: { [name]: [expect.any(String)] } });
});

test('a model confirms nothing, but for what a person typed', () => {
	const { reading } = itemOf({ options: { confirmedBought: '=K7QM-3XPA', confirmedNotBought: 'K7QM-3XPB' } }, 'streamSkillTool');
	expect(reading).toMatchObject({
		kind: 'invalid',
		problems: { confirmedBought: ['Confirmed Bought must be typed in here, not filled by an expression or a model'] },
		treatment: { confirmedBought: [], confirmedNotBought: [] },
	});
	expect(itemOf({ options: { confirmedBought: 'K7QM-3XPA' } }, 'streamSkillTool').reading).toMatchObject({
		kind: 'valid',
		order: { confirmedBought: ['K7QM-3XPA'] },
	});
});
