// npm run setup:n8n [-- VERSION …]: installs versions of n8n ahead of the tests that need them.
import { giveUp } from '../tools/giveUp.mts';
import { DEFAULT_N8N, ensureN8n } from '../tools/n8n/install.mts';

const versions = process.argv.slice(2);
for (const version of versions.length > 0 ? versions : [DEFAULT_N8N]) await ensureN8n(version).catch(giveUp);
