import { nothingNew } from '../../tools/n8n/install.mts';

const now = Date.parse('2026-11-25');

test('the nightly run says when npm has had no n8n to try for two weeks', () => {
	expect(nothingNew('2.41.1', '2026-11-20T00:00:00Z', now)).toBeUndefined();
	expect(nothingNew('2.41.1', '2026-09-23T11:04:44Z', now)).toMatch(/^::warning .*n8n 2\.41\.1, of 2026-09-23, .*tries nothing new/);
});
