// Tests and tools. What ships is linted by n8n's own configuration in eslint.config.mjs,
// which n8n's strict mode does not let anyone change.
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

export default tseslint.config(
	{ ignores: ['dist', 'node_modules', '**/*.ts'] },
	js.configs.recommended,
	{
		files: ['**/*.mts'],
		extends: [tseslint.configs.recommendedTypeChecked],
		languageOptions: { parserOptions: { project: './test/tsconfig.json' } },
		rules: {
			'@typescript-eslint/no-floating-promises': 'error',
			'@typescript-eslint/require-await': 'off',
			// jest's expect.any() and its like are of type any.
			'@typescript-eslint/no-unsafe-assignment': 'off',
		},
	},
	{
		files: ['**/*.{js,mjs}'],
		languageOptions: {
			globals: { process: 'readonly', require: 'readonly', module: 'readonly', exports: 'readonly', console: 'readonly' },
		},
	},
);
