import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { run } from '../n8n/npm.mts';

export interface Certificate {
	key: string;
	cert: string;
}

/** Makes a certificate for this machine, which is its own authority; it is `cert.pem` in the given folder. Needs OpenSSL. */
export async function makeCertificate(cwd: string): Promise<Certificate> {
	const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'key.pem'];
	const subject = ['-subj', '/CN=StreamSkill sandbox', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
	await run('openssl', ['req', '-x509', ...newKey, ...subject, '-days', '2', '-out', 'cert.pem'], { cwd });
	const read = async (file: string) => await readFile(join(cwd, file), 'utf8');
	return { key: await read('key.pem'), cert: await read('cert.pem') };
}
