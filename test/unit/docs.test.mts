/** The documents name what there is. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import type { INode } from 'n8n-workflow';

import { StreamSkillApi } from '../../credentials/StreamSkillApi.credentials.ts';
import { duplicate, invalidOrder, rejected, runError, uncertain } from '../../nodes/StreamSkill/purchase/report/errors.ts';
import { LABELS } from '../../nodes/StreamSkill/purchase/order/labels.ts';
import type { Order } from '../../nodes/StreamSkill/purchase/order/order.ts';
import { readAnswer, readFailure, type NotBought } from '../../nodes/StreamSkill/purchase/dispatch/outcome.ts';

const root = join(__dirname, '../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const { homepage, scripts, version } = JSON.parse(read('package.json')) as { homepage: string; scripts: Record<string, string>; version: string };

const documents = [...readdirSync(root), ...readdirSync(join(root, 'docs')).map((file) => `docs/${file}`), 'examples/README.md', 'nodes/StreamSkill/purchase/journal/README.md']
	.filter((file) => file.endsWith('.md'));

/** How GitHub makes the anchors of a document's headings. */
const anchors = (document: string) =>
	[...read(document).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
		heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-'),
	);

describe.each(documents)('%s', (document) => {
	const text = read(document);

	test('its links lead somewhere', () => {
		const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link).filter((link) => !/^https?:/.test(link));
		const broken = links.filter((link) => {
			const [path, anchor] = link.split('#');
			const file = path === '' ? document : join(dirname(document), path);
			return !existsSync(join(root, file)) || (anchor !== undefined && !anchors(file).includes(anchor));
		});
		expect(broken).toEqual([]);
	});

	test('its commands exist', () => {
		const commands = [...text.matchAll(/npm (?:run )?([a-z][a-z0-9:]*)/g)].map(([, name]) => name);
		const npmsOwn = ['install', 'init', 'pack', 'packs', 'publish', 'token', 'trusts'];
		expect(commands.filter((name) => !(name in scripts) && !npmsOwn.includes(name))).toEqual([]);
	});
});

test('README.md names every field of the editor', () => {
	const text = read('README.md');
	expect(Object.values(LABELS).filter((label) => !text.includes(label))).toEqual([]);
});

/** Of the first sentence of a message, the pieces that are the same for every order. */
const pieces = (message: string) =>
	message
		.split(/: |\. |\.$/)[0]
		.split(/\$\{[^}]*\}|"[^"]*"|\([^)]*\)?|\d+|,/)
		.map((piece) => piece.trim())
		.filter((piece) => piece.length >= 12);

/** Messages that stand in the sources as they are. */
const written = ['nodes/StreamSkill', 'credentials'].flatMap((folder) =>
	(readdirSync(join(root, folder), { recursive: true }) as string[]).filter((file) => file.endsWith('.ts')).flatMap((file) =>
		[...read(join(folder, file)).matchAll(/(?:heldBack\(|message: |message = |Error\(|super\(|logger\.\w+\(|getNode\(\),)\s*(?:'([^']+)'|`([^`]+)`)/g)].map(
			([, quoted, template]) => quoted ?? template,
		),
	),
);

describe('docs/troubleshooting.md has an entry for each message', () => {
	const text = read('docs/troubleshooting.md');
	const missing = (messages: string[]) => messages.flatMap(pieces).filter((piece) => !text.includes(piece));

	test('about an order', () => {
		const answered = (statusCode: number, body = '') => readAnswer({ statusCode, headers: {}, body }) as NotBought;
		const broken = (code: string) => readFailure({ code });
		const keyed = { idempotencyKey: 'order-7' } as Order;
		const refused = [answered(302), answered(401), answered(403), answered(422), answered(429), broken('ECONNREFUSED')];
		const lost = [answered(200), answered(408), answered(500), broken('ECONNRESET'), broken('ERR_CANCELED')];
		const invalid = ['tarif.id', 'channel'].map((field, item) => ({ item, failure: invalidOrder({ [field]: ['?'] }, 'retry') }));
		const messages = [
			...refused.map((outcome) => rejected(outcome, 'retry')),
			...lost.map((outcome) => uncertain('K7QM-3XPA', 'retry', undefined, outcome)),
			uncertain('K7QM-3XPA', 'retry'), uncertain('K7QM-3XPA', 'retry', keyed),
			duplicate(), duplicate(keyed, 'key'),
			runError({} as INode, invalid, []),
		].map(({ message }) => message.replace('an empty answer', '…'));
		expect(missing(messages)).toEqual([]);
	});

	test('that stands in the sources as it is', () => {
		expect(written.length).toBeGreaterThan(10);
		expect(missing(written)).toEqual([]);
	});

	test('of the Test button', () => {
		const { rules = [] } = new StreamSkillApi().test;
		expect(missing(rules.map(({ properties }) => properties.message))).toEqual([]);
	});
});

test('the compose file pins this version', () => {
	expect(read('docs/docker-compose.yml')).toContain(`n8n-nodes-streamskill@${version}`);
});

test('the Docs links of the node and the credential lead to the README and the troubleshooting of this project', () => {
	const { resources } = JSON.parse(read('nodes/StreamSkill/StreamSkill.node.json')) as { resources: Record<string, Array<{ url: string }>> };
	const credentials = `${homepage}#credentials`;
	expect(anchors('README.md')).toContain('credentials');
	expect(new StreamSkillApi().documentationUrl).toBe(credentials);
	expect(resources).toMatchObject({
		// n8n adds a query behind it, so it has no anchor (editor-ui: useNodeDocsUrl).
		primaryDocumentation: [{ url: homepage }],
		credentialDocumentation: [{ url: credentials }],
		generic: [{ url: `${homepage}/blob/HEAD/docs/troubleshooting.md` }],
	});
});
