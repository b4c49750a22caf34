// n8n's own request helper in a loop with nothing around it: what no node can be faster than. Not shipped.
class Floor {
	description = {
		displayName: 'Floor',
		name: 'floor',
		group: ['output'],
		version: 1,
		description: 'Bench only',
		defaults: { name: 'Floor' },
		inputs: ['main'],
		outputs: ['main'],
		credentials: [{ name: 'streamSkillApi', required: true }],
		properties: [
			// One evaluated expression an item, as any node needs for its channel.
			{ displayName: 'Channel', name: 'channel', type: 'string', default: '' },
			{ displayName: 'Batch Size', name: 'batchSize', type: 'number', default: 1 },
		],
	};

	async execute() {
		const data = await this.getCredentials('streamSkillApi');
		const credentialsDecrypted = { id: '', name: '', type: 'streamSkillApi', data };
		const items = this.getInputData();
		const size = this.getNodeParameter('batchSize', 0);
		const output = [];
		for (let start = 0; start < items.length; start += size) {
			const batch = items.slice(start, start + size).map(async (_, i) => {
				const body = { tarif: { id: 1, quantity: 100 }, channel: this.getNodeParameter('channel', start + i) };
				const json = await this.helpers.httpRequestWithAuthentication.call(
					this,
					'streamSkillApi',
					{ method: 'POST', url: `${data.baseUrl}/purchases/create`, body, json: true },
					{ credentialsDecrypted },
				);
				return { json, pairedItem: { item: start + i } };
			});
			output.push(...(await Promise.all(batch)));
		}
		return [output];
	}
}
module.exports = { Floor };
