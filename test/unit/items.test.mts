import type { IExecuteFunctions } from 'n8n-workflow';

import { readItems } from '../../nodes/StreamSkill/purchase/order/items.ts';

/** Items whose Options are these, whatever they are. */
const itemsWith = (options: unknown[]) =>
	readItems({
		getNode: () => ({ type: 'streamSkill', parameters: {} }),
		getInputData: () => options.map(() => ({ json: {} })),
		getNodeParameter: (name: string, item: number) => ({ tarifId: 1, channel: 'a', additionalFields: {}, options: options[item] })[name],
	} as unknown as IExecuteFunctions);

test.each(['none', 5, true, [1]])('Options that are %j are invalid, and hold for nothing', (options) => {
	const [wrong, right] = itemsWith([options, { maxPurchases: 1 }]);
	expect(wrong).toMatchObject({
		reading: { kind: 'invalid', problems: { options: [expect.stringMatching(/^Options must be a collection of fields, not /)] } },
		options: undefined,
	});
	expect(right).toMatchObject({ reading: { kind: 'valid' }, options: { maxPurchases: 1 } });
});

test.each(['', ' ', null, undefined])('Options that are %j are none', (options) => {
	expect(itemsWith([options])).toMatchObject([{ reading: { kind: 'valid' }, options: undefined }]);
});
