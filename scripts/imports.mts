// Shows what ships in layers: each file imports only from those below it. Fails where imports go in circles.
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';

interface Imports {
	values: string[];
	/** Of these, nothing is left in JavaScript. */
	types: string[];
}

function readImports(file: string): Imports {
	const imports: Imports = { values: [], types: [] };
	for (const statement of ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest).statements) {
		if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) continue;
		const from = statement.moduleSpecifier;
		if (!from || !ts.isStringLiteral(from) || !from.text.startsWith('.')) continue;
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
const count = (kind: keyof Imports) => [...graph.values()].reduce((sum, imports) => sum + imports[kind].length, 0);
console.log(`${files.length} files, ${height} layers, ${count('values')} imports, ${count('types')} of types only`);
for (const circle of circles) console.error(`In circles: ${circle}`);
if (circles.length > 0) process.exitCode = 1;
