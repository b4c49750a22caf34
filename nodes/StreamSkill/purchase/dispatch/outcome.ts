import type { IDataObject } from 'n8n-workflow';

import type { FieldProblems } from '../order/problems';

/** `rejected`: certainly not bought. `unknown`: may have been bought. */
export interface NotBought {
	kind: 'rejected' | 'unknown';
	reason: Reason;
}

export type Reason =
	| Status
	/** A proxy answered in StreamSkill's place: it did not connect. */
	| { kind: 'proxy'; httpCode: number }
	/** The connection was not made, or broke. */
	| { kind: 'network'; code: string }
	| { kind: 'timeout' }
	/** n8n refuses to send requests to this address. */
	| { kind: 'blocked' }
	/** A failure that nothing tells more of. */
	| { kind: 'unrecognised' }
	/** Nobody has waited for the answer: it was sent, or was about to be, when its execution ended. */
	| { kind: 'abandoned' }
	/** Nothing tells whether the execution that is retried sent it. */
	| { kind: 'untold' };

/** What StreamSkill answered. */
export interface Status {
	kind: 'status';
	httpCode: number;
	/** What a 2xx or 303 had instead of a purchase, or what the API said of a rejection. */
	apiMessage?: string;
	/** The API's field errors, by its name of the field. */
	fieldErrors?: FieldProblems;
	/** For a 429: how long the API asks to wait, if it says so. */
	retryAfterMs?: number;
}

export type Outcome =
	/** The API made the purchase and said so. */
	{ kind: 'bought'; purchase: IDataObject } | NotBought;
