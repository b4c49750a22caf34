// Shows what ships in layers: each file imports only from those below it. Fails where imports go in circles or up from
// one room to the next, and where a value of n8n's is used outside the rooms that lean on n8n.
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';

/** From the bottom up: each imports from itself and from those below it. */
const ROOMS = {
	credentials: /^credentials\//,
	n8n: /\/n8n\//,
	order: /\/purchase\/order\//,
	dispatch: /\/purchase\/dispatch\//,
	journal: /\/purchase\/journal\//,
	report: /\/purchase\/report\//,
	operation: /\/purchase\/(?!(order|dispatch|journal|report)\/)/,
	node: /\.node\.ts$/,
};

/** What may use values of n8n's: the rest would run anywhere. */
const LEANS_ON_N8N = [/\.(node|credentials)\.ts$/, ROOMS.n8n, ROOMS.operation, /\/report\/panel\.ts$/];

interface Imports {
	values: string[];
	/** Of these, nothing is left in JavaScript. */
	types: string[];
	usesN8n: boolean;
}

function readImports(file: string): Imports {
	const imports: Imports = { values: [], types: [], usesN8n: false };
	for (const statement of ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest).statements) {
		if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) continue;
		const from = statement.moduleSpecifier;
		if (!from || !ts.isStringLiteral(from)) continue;
		if (from.text === 'n8n-workflow' && !isOfTypes(statement)) imports.usesN8n = true;
		if (!from.text.startsWith('.')) continue;
		(isOfTypes(statement) ? imports.types : imports.values).push(`${join(file, '..', from.text)}.ts`);
	}
	return imports;
}

function isOfTypes(statement: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
	const clause = ts.isImportDeclaration(statement) ? statement.importClause : statement;
	if (clause?.isTypeOnly) return true;
	const names = ts.isImportDeclaration(statement) ? statement.importClause?.namedBindings : statement.exportClause;
	return names !== undefined && 'elements' in names && names.elements.every(({ isTypeOnly }) => isTypeOnly);
}

const files = ts
	.getParsedCommandLineOfConfigFile('tsconfig.json', {}, { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => {} })!
	.fileNames.map((file) => relative('.', file));
const graph = new Map(files.map((file) => [file, readImports(file)]));

const layers = new Map<string, number>();
const circles: string[] = [];

/** @returns one above the highest layer that the file imports from */
function layerOf(file: string, importedBy: string[] = []): number {
	const path = [...importedBy, file];
	if (importedBy.includes(file)) {
		circles.push(path.slice(path.indexOf(file)).join(' -> '));
		return 0;
	}
	if (!layers.has(file)) {
		const { values, types } = graph.get(file)!;
		layers.set(file, 1 + Math.max(0, ...[...values, ...types].map((other) => layerOf(other, path))));
	}
	return layers.get(file)!;
}

const height = Math.max(...files.map((file) => layerOf(file)));
for (let layer = height; layer > 0; layer--) {
	console.log(`Layer ${layer}`);
	for (const file of files.filter((other) => layers.get(other) === layer)) {
		const { values, types } = graph.get(file)!;
		const parts = [file, values.length > 0 && `imports ${values.join(' ')}`, types.length > 0 && `types of ${types.join(' ')}`];
		console.log(`  ${parts.filter(Boolean).join('\n    ')}`);
	}
}
const count = (kind: 'values' | 'types') => [...graph.values()].reduce((sum, imports) => sum + imports[kind].length, 0);
console.log(`${files.length} files, ${height} layers, ${count('values')} imports, ${count('types')} of types only`);

const rooms = Object.values(ROOMS);
const roomOf = (file: string) => rooms.findIndex((room) => room.test(file));
/** More than a reader keeps in mind. */
const MAX_HEIGHT = 8;
const complaints = [
	...(height > MAX_HEIGHT ? [`${height} layers, and ${MAX_HEIGHT} are enough`] : []),
	...circles.map((circle) => `In circles: ${circle}`),
	...files.filter((file) => roomOf(file) === -1).map((file) => `In no room: ${file}`),
	...files.flatMap((file) => {
		const { values, types } = graph.get(file)!;
		return [...values, ...types].filter((other) => roomOf(other) > roomOf(file)).map((other) => `Upwards: ${file} -> ${other}`);
	}),
	...files
		.filter((file) => graph.get(file)!.usesN8n && !LEANS_ON_N8N.some((part) => part.test(file)))
		.map((file) => `A value of n8n-workflow: ${file}`),
];
for (const complaint of complaints) console.error(complaint);
if (complaints.length > 0) process.exitCode = 1;
