import type { ServerResponse } from 'node:http';
import { Readable, pipeline } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { errorBody, send } from './answers.mts';
import type { AnswerFault } from './faults.mts';
import type { Purchase } from './purchase.mts';

const page = '<!doctype html><title>Sandbox</title><h1>One moment, please</h1>';

/** Answers wrongly, or not at all. `purchase` is there if one was made. */
export function misbehave(fault: AnswerFault, res: ServerResponse, purchase?: Purchase): void {
	switch (fault.kind) {
		case 'status':
			return send(res, fault.status, fault.body ?? (fault.status < 300 && purchase ? purchase : errorBody(fault.status)), fault.headers);
		case 'hang':
			return;
		case 'reset':
			res.socket?.resetAndDestroy();
			return;
		case 'html':
			return send(res, 200, page);
		case 'cutOff':
			return cutOff(fault.how, res, JSON.stringify(purchase));
		case 'noId':
			return send(res, 200, { ...purchase, id: undefined });
		case 'empty':
			return send(res, 200, '', { 'content-type': 'application/json; charset=UTF-8' });
		case 'body':
			return send(res, 200, fault.text, { 'content-type': fault.contentType });
		case 'endless':
			res.writeHead(200, { 'content-type': 'application/json; charset=UTF-8' });
			pipeline(Readable.from(endlessJson()), res, () => {});
	}
}

/** Either a whole answer whose JSON stops half-way, or an answer of which half never comes. */
function cutOff(how: 'truncated-text' | 'closed-early', res: ServerResponse, json: string): void {
	const half = json.slice(0, json.length / 2);
	const type = 'application/json; charset=UTF-8';
	if (how === 'truncated-text') return send(res, 200, half, { 'content-type': type });
	res.writeHead(200, { 'content-type': type, 'content-length': Buffer.byteLength(json) });
	res.write(half, () => res.destroy());
}

async function* endlessJson() {
	yield '{"id":1,"comment":"';
	const chunk = 'x'.repeat(16 * 1024);
	for (;;) {
		yield chunk;
		// A client in this process needs its turn, too.
		await setImmediate();
	}
}
