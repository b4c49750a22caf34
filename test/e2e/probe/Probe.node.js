// Runs what a test wants to know of n8n within n8n. Not shipped.
class Probe {
	description = {
		displayName: 'Probe',
		name: 'probe',
		group: ['output'],
		version: 1,
		description: 'Tests only',
		defaults: { name: 'Probe' },
		usableAsTool: true,
		inputs: ['main'],
		outputs: ['main'],
		credentials: [{ name: 'streamSkillApi', required: true }],
		properties: [{ displayName: 'Code', name: 'code', type: 'string', noDataExpression: true, default: '' }],
	};

	async execute() {
		const look = new Function(`return (${this.getNodeParameter('code', 0)})`)();
		return [await look(this)];
	}
}
module.exports = { Probe };
