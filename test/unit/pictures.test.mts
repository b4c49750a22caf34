/** The pictures in the documents show the examples as they are. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { digestOf, readPictures } from '../e2e/pictures.mts';

const pictures = readdirSync('docs').filter((file) => file.endsWith('.png'));
const recorded = readPictures('docs');

test('each picture is shown by a document', () => {
	const documents = [
		'README.md',
		'examples/README.md',
		...readdirSync('docs')
			.filter((file) => file.endsWith('.md'))
			.map((file) => join('docs', file)),
	];
	const texts = documents.map((file) => readFileSync(file, 'utf8')).join('\n');
	expect(pictures.filter((picture) => !texts.includes(`/${picture}`) && !texts.includes(`(${picture})`))).toEqual([]);
});

// A picture that is out of date is made anew by `STREAMSKILL_PICTURES=docs npm run test:e2e -- examples`.
test('each picture of an example shows it as it is now', () => {
	// The editor test makes it, of a workflow of its own.
	const shown = pictures.filter((picture) => picture !== 'node.png');
	expect(Object.keys(recorded).sort()).toEqual(shown.sort());
	expect(Object.values(recorded).filter(({ example, sha256 }) => sha256 !== digestOf(example))).toEqual([]);
});
