import { isBlank } from './kinds';

/**
 * Whether text with expressions in it, such as `{{ $json.orderNumber }} chatbot`, has nothing in the place of one of them:
 * n8n leaves out what is not there (seen in n8n 2.41.1), and the rest still looks like a value.
 *
 * @param written the parameter as n8n keeps it
 * @param value what it was evaluated to
 * @param evaluate evaluates one of the expressions by itself, which takes n8n half a millisecond. Of one or two, only those
 * are evaluated that may be blank by the value; of more, all are, since to match the value could take longer.
 */
export function hasGap(written: unknown, value: unknown, evaluate: (expression: string) => unknown): boolean {
	if (typeof written !== 'string' || !written.startsWith('=')) return false;
	if (typeof value !== 'string' || isBlank(value)) return false;
	const expressions = written.match(EXPRESSION) ?? [];
	const texts = written.slice(1).split(EXPRESSION).map(escapeRegExp);
	const mayBeBlank = (place: number) => {
		const parts = expressions.map((_, index) => `${texts[index] ?? ''}${index === place ? '\\s*' : '[^]*'}`);
		return new RegExp(`^${parts.join('')}${texts.at(-1) ?? ''}$`).test(value);
	};
	return expressions.some((expression, place) => (expressions.length > 2 || mayBeBlank(place)) && isNothing(evaluate(expression)));
}

const EXPRESSION = /\{\{[^]*?\}\}+/g;

/** What n8n makes no text of. */
const isNothing = (value: unknown) => isBlank(value) || Number.isNaN(value) || (Array.isArray(value) && isBlank(value.join('')));

const escapeRegExp = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
