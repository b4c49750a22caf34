import { missingPackage } from '../../tools/n8n/install.mts';

test.each([
	[
		'npm error code ETARGET\nnpm error notarget No matching version found for @n8n/agents@0.26.2.\nnpm error notarget In most',
		'@n8n/agents@0.26.2',
	],
	["npm error code E404\nnpm error 404\nnpm error 404  '@n8n/gone@^1.0.0' is not in this registry.\nnpm error 404", '@n8n/gone@^1.0.0'],
	["npm error 404\nnpm error 404  The requested resource '@n8n/gone@^1.0.0' could not be found or you do not", '@n8n/gone@^1.0.0'],
	['npm error code ENOTFOUND\nnpm error network request to the registry failed', undefined],
])('what npm says that it lacks: %j', (output, missing) => {
	expect(missingPackage(output)).toBe(missing);
});
