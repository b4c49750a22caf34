import type { Call } from '../../n8n/calls';
import { msSince, now } from '../../n8n/moment';
import type { Outcome, Reason } from '../dispatch/outcome';
import type { PastOrder, PastOrders } from './past';
import type { End, RecordId } from './records';
import { CLAIM_LASTS } from './times';
import type { Planned } from './recalled';
import type { ShownReference } from './knowledge';
import { shownReference } from './references';

const ABANDONED: Reason = { kind: 'abandoned' };

/** Where it is told how orders have ended: see `Recorder`. */
interface Book {
	/** @param order what was bought */
	end(records: RecordId[], end: End, order?: string): void;
}

/**
 * The right to send one order, once: all its names are claimed for it. Whoever has it sends the order and says what came
 * of it, or gives it back.
 */
export class Claim {
	private readonly sent: PastOrder;

	private readonly madeAt = now();

	/**
	 * @param call the node's, which the order is of
	 * @param records one under each name of the order
	 */
	constructor(
		readonly planned: Planned,
		call: Call,
		private readonly past: PastOrders,
		private readonly book: Book,
		records: RecordId[],
	) {
		this.sent = { ...planned.names, call: call.id, records, state: { kind: 'unknown', reason: ABANDONED, isSilent: false } };
		planned.taken = this.sent;
	}

	/** To be called before the order is sent: if nothing else follows, nobody knows what came of it. */
	start() {
		this.past.keep(this.sent);
	}

	/** Whether it has waited for too long to be used: others only wait for what is on its way. */
	get isStale(): boolean {
		return msSince(this.madeAt) > CLAIM_LASTS;
	}

	/** To be called with what came of the order. */
	settle(outcome: Outcome) {
		const { records } = this.sent;
		switch (outcome.kind) {
			case 'bought':
				this.sent.state = { kind: 'bought', purchase: outcome.purchase };
				this.book.end(records, 'bought', this.sent.order);
				break;
			case 'rejected':
				this.sent.state = { kind: 'void' };
				this.book.end(records, 'void');
				break;
			case 'unknown':
				this.sent.state = { kind: 'unknown', reason: outcome.reason, isSilent: true };
				this.book.end(records, 'silent');
				break;
		}
	}

	/** To be called if the order is not sent. */
	release() {
		this.sent.state = { kind: 'void' };
		this.book.end(this.sent.records, 'void');
	}

	/** What a person names the order by, if its outcome is unknown. */
	get shown(): ShownReference {
		return shownReference(this.sent.records, this.sent.key);
	}
}
