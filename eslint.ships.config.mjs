// What ships, with type information, which n8n's own rules in eslint.config.mjs do without.
import tseslint from 'typescript-eslint';

export default tseslint.config({
	files: ['{credentials,nodes}/**/*.ts'],
	extends: [tseslint.configs.strictTypeChecked],
	languageOptions: { parserOptions: { project: './tsconfig.json' } },
	rules: {
		// A kind that nobody handles must not get on, least of all to a default that buys. A default of `never` is fine.
		'@typescript-eslint/switch-exhaustiveness-check': 'error',
		'@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
		'@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
		// n8n's interfaces ask for promises, and what is async rejects where it would throw.
		'@typescript-eslint/require-await': 'off',
	},
});
