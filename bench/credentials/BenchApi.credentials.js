// The credential as n8n's starter would have it: an expression makes the header, for each request anew. Not shipped.
class BenchApi {
	name = 'benchApi';
	displayName = 'Bench API';
	properties = [
		{ displayName: 'Access Token', name: 'accessToken', type: 'string', typeOptions: { password: true }, default: '' },
		{ displayName: 'Base URL', name: 'baseUrl', type: 'string', default: '' },
	];
	authenticate = {
		type: 'generic',
		properties: { headers: { Authorization: '=Bearer {{$credentials.accessToken}}' } },
	};
}
module.exports = { BenchApi };
