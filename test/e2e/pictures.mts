import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** By the name of a picture: the example that it shows, as that was then. */
export type Pictures = Record<string, { example: string; sha256: string }>;

const LIST = 'pictures.json';

export const readPictures = (folder: string): Pictures => {
	const list = join(folder, LIST);
	return existsSync(list) ? (JSON.parse(readFileSync(list, 'utf8')) as Pictures) : {};
};

/** What an example is, apart from its white space. */
export const digestOf = (example: string) =>
	createHash('sha256')
		.update(JSON.stringify(JSON.parse(readFileSync(join('examples', example), 'utf8'))))
		.digest('hex');

/** Notes which example a new picture shows, so that a test can tell when the picture is out of date. */
export function recordPicture(folder: string, name: string, example: string) {
	const pictures = { ...readPictures(folder), [`${name}.png`]: { example, sha256: digestOf(example) } };
	writeFileSync(join(folder, LIST), `${JSON.stringify(pictures, null, 2)}\n`);
}
