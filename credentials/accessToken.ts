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
	const refuse = (reason: string, advice = 'Copy it again from your StreamSkill account, or correct the expression that fills it') =>
		new Error(`The Access Token of the StreamSkill API credential ${reason}. ${advice}`);

	if (token === '') throw refuse('is empty');
	if (/^bearer\s/i.test(token)) throw refuse('starts with the word Bearer', 'Leave that word out: n8n adds it');
	if (!/^[\x21-\x7e]+$/.test(token)) {
		throw refuse('contains a space, a line break or another character that no token has');
	}
	return token;
}
