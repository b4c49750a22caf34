import type { IDataObject } from 'n8n-workflow';

import type { Because } from '../journal/knowledge';
import type { Failure } from './failure';

/** What became of an item. */
export type Result =
	/** In this run, or handed back from an earlier try. */
	| { kind: 'bought'; purchase: IDataObject; isNew: boolean }
	/** Bought before, and left out. */
	| { kind: 'leftOut'; because: Because }
	| { kind: 'failed'; failure: Failure }
	/** What a Dry Run shows of it. */
	| { kind: 'previewed'; preview: IDataObject; wouldBeSent: boolean };
