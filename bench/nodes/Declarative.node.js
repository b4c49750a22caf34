// The same operation as n8n's starter would have it: declarative, nothing around it. Not shipped.
class Declarative {
	description = {
		displayName: 'Declarative',
		name: 'declarative',
		group: ['output'],
		version: 1,
		description: 'Bench only',
		defaults: { name: 'Declarative' },
		inputs: ['main'],
		outputs: ['main'],
		credentials: [{ name: 'streamSkillApi', required: true }],
		requestDefaults: {
			baseURL: '={{$credentials.baseUrl}}',
			headers: { Accept: 'application/json', 'Content-Type': 'application/json' },
		},
		properties: [
			{
				displayName: 'Resource',
				name: 'resource',
				type: 'options',
				noDataExpression: true,
				default: 'purchase',
				options: [{ name: 'Purchase', value: 'purchase' }],
			},
			{
				displayName: 'Operation',
				name: 'operation',
				type: 'options',
				noDataExpression: true,
				default: 'create',
				options: [{ name: 'Create', value: 'create', routing: { request: { method: 'POST', url: '/purchases/create' } } }],
			},
			{
				displayName: 'Tarif ID',
				name: 'tarifId',
				type: 'number',
				default: 1,
				routing: { send: { type: 'body', property: 'tarif.id' } },
			},
			{
				displayName: 'Channel',
				name: 'channel',
				type: 'string',
				default: '',
				routing: { send: { type: 'body', property: 'channel' } },
			},
			{
				displayName: 'Additional Fields',
				name: 'additionalFields',
				type: 'collection',
				default: {},
				options: [
					{
						displayName: 'Quantity',
						name: 'quantity',
						type: 'number',
						default: 1,
						routing: { send: { type: 'body', property: 'tarif.quantity' } },
					},
				],
			},
		],
	};
}
module.exports = { Declarative };
