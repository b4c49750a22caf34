/** The documents name what there is. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { duplicateKey, notBought, uncertainKey } from '../../nodes/StreamSkill/purchase/errors.ts';
import { LABELS } from '../../nodes/StreamSkill/purchase/labels.ts';
import type { Order } from '../../nodes/StreamSkill/purchase/order.ts';
import { readAnswer, readFailure, type NotBought } from '../../nodes/StreamSkill/purchase/outcome.ts';

const root = join(__dirname, '../..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

const documents = ['README.md', 'docs/README.ru.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'];

/** How GitHub makes the anchor of a heading. */
const anchor = (heading: string) => heading.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-');

describe.each(documents)('%s', (document) => {
	const text = read(document);

	test('its links lead somewhere', () => {
		const anchors = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading]) => `#${anchor(heading)}`);
		const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link).filter((link) => !/^https?:/.test(link));
		const broken = links.filter((link) => (link.startsWith('#') ? !anchors.includes(link) : !existsSync(join(root, dirname(document), link))));
		expect(broken).toEqual([]);
	});

	test('its commands exist', () => {
		const commands = [...text.matchAll(/npm (?:run )?([a-z][a-z0-9:]*)/g)].map(([, name]) => name);
		const npmsOwn = ['install', 'init', 'packs'];
		expect(commands.filter((name) => !(name in scripts) && !npmsOwn.includes(name))).toEqual([]);
	});
});

test.each(['README.md', 'docs/README.ru.md'])('%s names every field of the editor', (document) => {
	const text = read(document);
	expect(Object.values(LABELS).filter((label) => !text.includes(label))).toEqual([]);
});

test.each(['README.md', 'docs/README.ru.md'])('%s has an entry for each message about an order', (document) => {
	const text = read(document);
	const answered = (statusCode: number, body = '') => notBought(readAnswer({ statusCode, headers: {}, body }) as NotBought);
	const broken = (code: string) => notBought(readFailure({ code }));
	const keyed = { idempotencyKey: 'order-7' } as Order;
	const messages = [
		answered(302), answered(401), answered(403), answered(429), answered(500), answered(200, '<html>'),
		broken('ECONNREFUSED'), broken('ECONNRESET'), broken('ERR_CANCELED'),
		uncertainKey(keyed), uncertainKey({} as Order), duplicateKey(keyed), duplicateKey({} as Order),
	].map(({ message }) => message);
	// What is particular to an order is left out in the documents.
	expect(messages.filter((message) => !text.includes(message.split(/[(":\d]| a web page/)[0].trim()))).toEqual([]);
});

test('the README in Russian has the same sections, tables and examples', () => {
	const shape = (file: string) => {
		const text = read(file);
		const count = (pattern: RegExp) => text.match(pattern)?.length ?? 0;
		return {
			headings: [...text.matchAll(/^(#+) /gm)].map(([, level]) => level.length),
			rows: count(/^\|/gm),
			codeBlocks: count(/^```/gm),
			images: count(/!\[/g),
		};
	};
	expect(shape('docs/README.ru.md')).toEqual(shape('README.md'));
});
