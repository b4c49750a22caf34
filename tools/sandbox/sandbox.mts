import express, { type ErrorRequestHandler, type Request, type RequestHandler } from 'express';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { ZodError } from 'zod';
import { errorBody, send, validationBody, type FieldErrors } from './answers.mts';
import type { Certificate } from './certificate.mts';
import { contract, fieldErrors } from './contract.mts';
import { FaultRules, type AnswerFault, type FaultRule } from './faults.mts';
import { fieldMessage, type Language } from './messages.mts';
import { misbehave } from './misbehave.mts';
import { expandPurchase, makePurchase, tarifExists, type Expandable, type Order, type Purchase } from './purchase.mts';

export { faults, type Fault, type FaultRule } from './faults.mts';
export type { Order, Purchase } from './purchase.mts';

/** A request as it arrived. `body` is parsed JSON, or the text if it is none. */
export interface RecordedRequest {
	/** Milliseconds since 1970. */
	at: number;
	method: string;
	path: string;
	query: Record<string, unknown>;
	headers: IncomingHttpHeaders;
	body: unknown;
	/** What was answered; missing while, or because, nothing was. */
	status?: number;
}

/** A purchase and the order body that led to it, without defaults filled in. */
export interface RecordedPurchase {
	purchase: Purchase;
	order: Order;
}

/** A running sandbox. */
export interface Sandbox {
	/** The API's base URL, `http(s)://127.0.0.1:PORT/v1`. */
	url: string;
	origin: string;
	port: number;
	token: string;
	/** Everything that was bought, also when its answer got lost. Live. */
	purchases: RecordedPurchase[];
	/** Everything that was asked of the API, recorded before anything else happens to it. Live. */
	requests: RecordedRequest[];
	/** The most requests to the API that were ever open at the same time. */
	readonly maxInFlight: number;
	/** Adds a fault rule. */
	fault(rule: FaultRule): void;
	/** Forgets the fault rules. */
	behave(): void;
	/** Forgets purchases, requests and faults, and cuts what is still open. */
	reset(): void;
	/** Ends the sandbox and every open connection. */
	close(): Promise<void>;
}

/** What goes with a request on its way through the sandbox. */
interface Exchange {
	record: RecordedRequest;
	/** A misbehaviour that waits for the purchase. */
	fault?: AnswerFault;
	/** Why there is no readable body. */
	bodyError?: { status: number; message: string };
}

const host = '127.0.0.1';
const createPath = '/v1/purchases/create';
const bodyLimit = '1mb';

interface SandboxOptions {
	/** 0 takes a free one. */
	port?: number;
	token?: string;
	/** Makes it speak HTTPS. */
	certificate?: Certificate;
}

/** Starts a StreamSkill API on 127.0.0.1. */
export async function startSandbox({ port = 0, token = 'sandbox-token', certificate }: SandboxOptions = {}): Promise<Sandbox> {
	const purchases: RecordedPurchase[] = [];
	const requests: RecordedRequest[] = [];
	const rules = new FaultRules();
	const open = new Set<ServerResponse>();
	const exchanges = new WeakMap<Request, Exchange>();
	let maxInFlight = 0;
	// What waits for its turn and wakes up in another epoch is forgotten.
	let epoch = 0;

	function reset() {
		epoch++;
		for (const res of open) res.destroy();
		rules.clear();
		purchases.length = 0;
		requests.length = 0;
		maxInFlight = 0;
	}

	const readText = express.text({ type: () => true, limit: bodyLimit });

	const receive: RequestHandler = (req, res, next) => {
		const record: RecordedRequest = {
			at: Date.now(),
			method: req.method,
			path: req.path,
			query: { ...req.query },
			headers: { ...req.headers },
			body: undefined,
		};
		open.add(res);
		maxInFlight = Math.max(maxInFlight, open.size);
		const done = () => {
			open.delete(res);
			if (res.headersSent) record.status = res.statusCode;
		};
		res.once('finish', done).once('close', done);
		// Node's fetch sends this of its own accord, and it asks for nothing.
		if (req.headers['accept-language'] === '*') delete req.headers['accept-language'];

		readText(req, res, (error?: unknown) => {
			const text = typeof req.body === 'string' ? req.body : '';
			const exchange: Exchange = { record, bodyError: error as Exchange['bodyError'] };
			try {
				record.body = text === '' ? undefined : JSON.parse(text);
				// Parsed again, because the validator fills in defaults. Assumed: no body is an empty order.
				req.body = error ? undefined : (JSON.parse(text || '{}') as unknown);
			} catch {
				record.body = text;
				req.body = undefined;
				exchange.bodyError = { status: 400, message: 'The request body is not JSON.' };
			}
			requests.push(record);
			exchanges.set(req, exchange);
			next();
		});
	};

	const disturb: RequestHandler = async (req, res, next) => {
		const exchange = exchanges.get(req)!;
		const { delay, fault } = rules.choose(exchange.record.body);
		if (delay) {
			const before = epoch;
			await setTimeout(delay, undefined, { ref: false });
			if (epoch !== before) return;
		}
		if (fault && !fault.bought) return misbehave(fault, res);
		exchange.fault = fault;
		next();
	};

	const buy: RequestHandler = (req, res) => {
		const { record, fault } = exchanges.get(req)!;
		const unknown = unknownTarif(req);
		if (unknown) return send(res, 422, validationBody(unknown));
		const order = record.body as Order;
		const made = makePurchase(purchases.length + 1, order);
		const purchase = expandPurchase(made, (req.query.expand ?? []) as Expandable[]);
		purchases.push({ purchase, order });
		if (fault) misbehave(fault, res, purchase);
		else send(res, 200, purchase);
	};

	const refuse: ErrorRequestHandler = (failure: { status?: number }, req, res, next) => {
		if (res.headersSent) return next(failure);
		const errors = fieldErrors(failure, languageOf(req));
		const bodyError = exchanges.get(req)?.bodyError;
		if (errors && bodyError) return send(res, bodyError.status, errorBody(bodyError.status, bodyError.message));
		if (errors) return send(res, 422, validationBody({ ...unknownTarif(req), ...errors }));
		// Assumed: a method that the documents do not mention is as unknown as a path.
		const status = failure.status === 405 ? 404 : (failure.status ?? 500);
		send(res, status, errorBody(status));
	};

	const control = express.Router();
	control.use(express.json({ limit: bodyLimit }));
	control.get('/purchases', (_req, res) => send(res, 200, purchases));
	control.get('/requests', (_req, res) => send(res, 200, requests));
	control.post('/faults', (req, res) => {
		rules.add(req.body);
		send(res, 204, '');
	});
	control.delete('/', (_req, res) => {
		reset();
		send(res, 204, '');
	});
	control.use((_req, res) => send(res, 404, { error: 'The sandbox has no such control.' }));
	const refuseControl: ErrorRequestHandler = (failure: Error, _req, res, next) => {
		if (res.headersSent) return next(failure);
		send(res, 400, { error: failure instanceof ZodError ? failure.issues : failure.message });
	};

	const app = express();
	app.locals.token = token;
	app.disable('x-powered-by').enable('strict routing').enable('case sensitive routing');
	app.use('/_sandbox', control, refuseControl);
	app.use(receive);
	app.post(createPath, disturb);
	app.use(contract);
	app.post(createPath, buy);
	app.use((_req, res) => send(res, 404, errorBody(404)));
	app.use(refuse);

	const server = certificate ? createTlsServer({ ...certificate, minVersion: 'TLSv1.3' }, app) : createServer(app);
	// On a busy machine, a client may send on a connection that is just being closed for being idle.
	server.keepAliveTimeout = 120_000;
	server.listen(port, host);
	await once(server, 'listening');
	const origin = `${certificate ? 'https' : 'http'}://${host}:${(server.address() as AddressInfo).port}`;

	return {
		url: `${origin}/v1`,
		origin,
		port: (server.address() as AddressInfo).port,
		token,
		purchases,
		requests,
		get maxInFlight() {
			return maxInFlight;
		},
		fault: (rule) => rules.add(rule),
		behave: () => rules.clear(),
		reset,
		async close() {
			epoch++;
			const closed = new Promise((resolve) => server.close(resolve));
			server.closeAllConnections();
			await closed;
		},
	};
}

// Assumed: a language that the API does not know gets English, like none.
function languageOf({ headers }: Request): Language {
	return headers['accept-language'] === 'ru' ? 'ru' : 'en';
}

/** The complaint about a tarif that does not exist: the one 422 that the documents show. */
function unknownTarif(req: Request): FieldErrors | undefined {
	const { tarif } = (req.body ?? {}) as Partial<Order>;
	if (!Number.isInteger(tarif?.id) || tarifExists(tarif!.id)) return undefined;
	return { 'tarif.id': [fieldMessage(languageOf(req), 'tarifNotFound')] };
}
