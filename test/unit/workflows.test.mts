/** What GitHub runs, and with which rights. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(__dirname, '../../.github/workflows');
const workflows = readdirSync(folder).map((file): [string, string] => [file, readFileSync(join(folder, file), 'utf8')]);

describe.each(workflows)('%s', (_file, text) => {
	test('runs actions by their commit, which nobody can replace', () => {
		const actions = [...text.matchAll(/uses: (?!\.\/)(.+)/g)].map(([, action]) => action);
		expect(actions.filter((action) => !/^[\w/-]+@[0-9a-f]{40} # v[\d.]+$/.test(action))).toEqual([]);
	});

	test('has no job without an end', () => {
		expect(text.match(/timeout-minutes: \d+/g) ?? []).toHaveLength((text.match(/runs-on:/g) ?? []).length);
	});
});

test('where the package can be published, none of its development packages runs', () => {
	const [, publish] = workflows.find(([file]) => file === 'publish.yml')!;
	const [check, job] = publish.split(/^ {2}publish:$/m);
	expect(check).not.toMatch(/id-token|NPM_TOKEN/);
	expect(job).toMatch(/id-token: write/);
	expect(job).not.toMatch(/checkout|npm (ci|install|run)|npx/);
});
