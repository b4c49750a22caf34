/** n8n's protection against requests to its own network, which is off by default. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { openShop } from './shop.mts';

/** n8n 1.x has no such protection, nor the package that it is in. */
const canBlock = existsSync(join(require.resolve('n8n-core'), '../../../@n8n/backend-network'));
process.env.N8N_SSRF_PROTECTION_ENABLED = 'true';

const shop = openShop();

(canBlock ? test : test.skip)('an address that n8n blocks: nothing was sent', async () => {
	const { success } = await shop.order(['a'], { onError: 'continueRegularOutput' });
	expect(success[0].json).toMatchObject({
		error: 'StreamSkill could not be reached (blocked by n8n)',
		details: { outcome: 'rejected' },
	});
	expect(shop.sent()).toEqual({});
});
