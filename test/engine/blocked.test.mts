/** n8n's protection against requests to its own network, which is off by default. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@n8n/backend-common';
import { Container } from '@n8n/di';

import { followEach } from './causes.mts';
import { openShop, TOKEN, type Orders } from './shop.mts';

/** n8n 1.x has no such protection, nor the package that it is in. */
const canBlock = existsSync(join(require.resolve('n8n-core'), '../../../@n8n/backend-network'));
process.env.N8N_SSRF_PROTECTION_ENABLED = 'true';
afterAll(() => {
	restart();
	for (const name of ['N8N_SSRF_PROTECTION_ENABLED', 'N8N_SSRF_ALLOWED_HOSTNAMES']) delete process.env[name];
});

const shop = openShop();

/** n8n reads its environment once, when it is first asked for. */
function restart(allowed = '') {
	process.env.N8N_SSRF_ALLOWED_HOSTNAMES = allowed;
	const logger = Container.get(Logger);
	Container.reset();
	Container.set(Logger, logger);
}

const named = (): Orders => ({ credentials: { accessToken: TOKEN, baseUrl: shop.sandbox.url.replace('127.0.0.1', 'localhost') } });

const BLOCKED = 'StreamSkill could not be reached (blocked by n8n)';
const LET_THROUGH =
	'Check the Base URL in the StreamSkill API credential. If it is right, ask whoever runs n8n to let its host through, with the environment variable N8N_SSRF_ALLOWED_HOSTNAMES.';

(canBlock ? describe : describe.skip)('an address that n8n blocks', () => {
	beforeEach(() => restart());

	test('nothing was sent', async () => {
		const { success } = await shop.order(['a'], { onError: 'continueRegularOutput' });
		expect(success[0].json).toMatchObject({ error: BLOCKED, details: { outcome: 'rejected' } });
		expect(shop.sent()).toEqual({});
	});

	followEach(
		{
			'is not that of StreamSkill': {
				advice: [BLOCKED, LET_THROUGH],
				disturb: () => restart('localhost'),
				mend: named,
			},
			'is that of StreamSkill, and n8n lets its host through': {
				advice: [BLOCKED, LET_THROUGH],
				wrong: named,
				mend: () => {
					restart('localhost');
					return named();
				},
			},
		},
		shop,
		shop.sold,
	);
});
