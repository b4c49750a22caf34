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
const { scripts, version } = JSON.parse(read('package.json')) as { scripts: Record<string, string>; version: string };

const documents = [...readdirSync(root), ...readdirSync(join(root, 'docs')).map((file) => `docs/${file}`), 'examples/README.md']
	.filter((file) => file.endsWith('.md'));

/** Each document that there is in Russian as well. */
const translated: Array<[string, string]> = documents
	.filter((file) => file.endsWith('.ru.md'))
	.map((russian) => [russian === 'docs/README.ru.md' ? 'README.md' : russian.replace('.ru.md', '.md'), russian]);

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
		const npmsOwn = ['install', 'init', 'packs', 'publish', 'token', 'trusts'];
		expect(commands.filter((name) => !(name in scripts) && !npmsOwn.includes(name))).toEqual([]);
	});
});

test.each(['README.md', 'docs/README.ru.md'])('%s names every field of the editor', (document) => {
	const text = read(document);
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

describe.each(['docs/troubleshooting.md', 'docs/troubleshooting.ru.md'])('%s has an entry for each message', (document) => {
	const text = read(document);
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

test.each(translated)('%s has the same sections, tables and examples in Russian', (english, russian) => {
	const shape = (file: string) => {
		const text = read(file);
		const count = (pattern: RegExp) => text.match(pattern)?.length ?? 0;
		return {
			headings: [...text.matchAll(/^(#+) /gm)].map(([, level]) => level.length),
			rows: count(/^\|/gm),
			points: count(/^(-|\d\.) /gm),
			codeBlocks: count(/^```/gm),
			images: count(/!\[/g),
		};
	};
	expect(shape(russian)).toEqual(shape(english));
});

test('the compose file pins this version', () => {
	expect(read('docs/docker-compose.yml')).toContain(`n8n-nodes-streamskill@${version}`);
});
