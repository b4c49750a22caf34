/**
 * Checks a token that is going to be sent in a header, where n8n's HTTP client drops some characters and
 * breaks off at others.
 *
 * @param text the credential's Access Token, as typed
 * @returns the token without white space around it, as copying and pasting leaves it
 * @throws Error that says what is wrong with it, without repeating it
 */
export function checkedAccessToken(text: unknown): string {
	const token = typeof text === 'string' ? text.trim() : '';
	if (/^[\x21-\x7e]+$/.test(token)) return token;
	const reason = token === '' ? 'is empty' : 'contains a space, a line break or another character that no token has';
	throw new Error(`The Access Token of the StreamSkill API credential ${reason}. Copy it again from your StreamSkill account`);
}
