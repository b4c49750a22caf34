/** The documents name what there is. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { StreamSkillApi } from '../../credentials/StreamSkillApi.credentials.ts';
import { LABELS } from '../../nodes/StreamSkill/purchase/order/table.ts';
import { BODY, ORDER_OPTIONS, RUN_OPTIONS } from '../../nodes/StreamSkill/purchase/order/table.ts';
import { describe as say } from '../../nodes/StreamSkill/purchase/report/messages.ts';
import { summarise, type Tally } from '../../nodes/StreamSkill/purchase/report/summary.ts';
import { failures, heldBack, keyed, obstacles, orderOf, uncertain } from './failures.mts';

const root = join(__dirname, '../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const { homepage, scripts, version } = JSON.parse(read('package.json')) as {
	homepage: string;
	scripts: Record<string, string>;
	version: string;
};

const documents = [
	...readdirSync(root),
	...readdirSync(join(root, 'docs')).map((file) => `docs/${file}`),
	'examples/README.md',
	'nodes/StreamSkill/purchase/journal/README.md',
].filter((file) => file.endsWith('.md'));

/** How GitHub makes the anchors of a document's headings. */
const anchors = (document: string) =>
	[...read(document).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
		heading
			.toLowerCase()
			.replace(/[^\p{L}\p{N} _-]/gu, '')
			.replaceAll(' ', '-'),
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
		const npmsOwn = ['install', 'uninstall', 'init', 'pack', 'packs', 'publish', 'token', 'trusts'];
		expect(commands.filter((name) => !(name in scripts) && !npmsOwn.includes(name))).toEqual([]);
	});
});

test('README.md has a row for each field and option', () => {
	const text = read('README.md');
	const labels = Object.values({ ...BODY, ...ORDER_OPTIONS, ...RUN_OPTIONS }).map(({ label }) => label);
	expect(labels.filter((label) => !new RegExp(`^\\| \\*{0,2}${label}\\*{0,2} .*\\|`, 'm').test(text))).toEqual([]);
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
	(readdirSync(join(root, folder), { recursive: true }) as string[])
		.filter((file) => file.endsWith('.ts'))
		.flatMap((file) =>
			[
				...read(join(folder, file)).matchAll(
					/(?:message: |message = |error = |Error\(|Refusal\(|super\(|logger\.\w+\(|getNode\(\),)\s*(?:'([^']+)'|`([^`]+)`)/g,
				),
			].map(([, quoted, template]) => quoted ?? template),
		),
);

describe('docs/troubleshooting.md has an entry for each message', () => {
	const text = read('docs/troubleshooting.md');
	const missing = (messages: string[]) => messages.flatMap(pieces).filter((piece) => !text.includes(piece));

	test.each(Object.entries(failures))('about %s', (name, failure) => {
		// The texts of fields are in the sources.
		if (failure.kind === 'invalid') return;
		// An answer always says what it has instead of a purchase.
		if (name === 'a 2xx that is not told (uncertain)') return;
		expect(missing([say(failure, orderOf()), say(failure, keyed)])).toEqual([]);
	});

	test('about several orders', () => {
		expect(missing([say({ kind: 'heldBack', obstacle: { ...obstacles.limit, placed: 0 } })])).toEqual([]);
	});

	test('in a hint', () => {
		const leftOut: Tally['leftOut'] = ['key', 'earlier', 'editor', 'confirmed', 'nodeBefore'];
		const failed = [uncertain(), heldBack('stopped'), ...Object.values(failures)];
		const hint = summarise({ purchases: [{ id: 1 }], handedBack: 1, leftOut, previewed: 2, failed });
		expect(missing(hint.split(/\. /))).toEqual([]);
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
	const { resources } = JSON.parse(read('nodes/StreamSkill/StreamSkill.node.json')) as {
		resources: Record<string, Array<{ url: string }>>;
	};
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
