/** No name has as many characters, and to try all ways to take one apart would take long. */
const MOST = 500;

/**
 * Whether text with expressions in it, such as `{{ $json.orderNumber }} chatbot`, has nothing in the place of one of them:
 * n8n leaves out what is not there (seen in n8n 2.41.1), and the rest still looks like a value.
 *
 * @param written the parameter as n8n keeps it
 * @param value what it was evaluated to
 */
export function hasGap(written: unknown, value: unknown): boolean {
	if (typeof written !== 'string' || !written.startsWith('=')) return false;
	if (typeof value !== 'string' || value.length > MOST || !value.trim()) return false;
	const texts = written.slice(1).split(/\{\{[^]*?\}\}+/);
	const isJoinedBy = (part: string) => new RegExp(`^${texts.map(escapeRegExp).join(part)}$`).test(value);
	// What does not fit at all was not taken apart as n8n does it.
	return isJoinedBy('([^]*)') && !isJoinedBy('(\\s*\\S[^]*)');
}

const escapeRegExp = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
