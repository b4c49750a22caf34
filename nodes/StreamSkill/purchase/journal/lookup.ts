import { NAME } from '../../n8n/stored';
import { groupBy } from './groups';
import { sideBySide } from './keys';
import type { Link, List, Wanted } from './list';
import { chainsOf } from './names';
import type { PastOrder } from './past';
import type { Recalled } from './recalled';
import { isByHand, isOfEditor, isOfItem, type FoundRecord, type RecordId } from './records';
import { CLAIMED_WITHIN, CLAIM_LASTS } from './times';
import { referenceOf } from './references';
import type { Stores } from './stores';

/** Of how many orders it is asked which of as many items or keys they are of. Beyond, all that they may be of is held back. */
const MOST_ASKED = 50;

/** What an item has bought that none of the list orders now. */
const ANOTHER_ORDER = 'another';

/** Reads what n8n's database has of orders. Every method throws a DatabaseRefusal when that refuses. */
export class Lookup {
	/**
	 * @param hasNotBought whether an order may be sent once more, so that nobody may be left who waits for its answer
	 * @param timeout milliseconds that an answer is waited for
	 */
	constructor(
		private readonly stores: Stores,
		private readonly hasNotBought: boolean,
		private readonly timeout: number,
	) {}

	/** Reads what is there under the names of these orders into the execution's own data. */
	async learn(recalled: Recalled[]) {
		const { past, unread, own, isRetry, saysByHand } = this.stores;
		if (saysByHand) await own?.sayByHand();
		for (const list of unread) {
			if (list === own && isRetry && !list.isShared) await list.share();
			await this.refresh(list);
			const hasLostData = list === own && past.isNew && !past.knows(list.scope);
			const isEmpty = await list.isEmpty();
			// The lists that this adds are gone through here as well.
			if (hasLostData && (isRetry || !isEmpty) && (await list.wasByHand())) this.stores.joinEditor();
			if (isEmpty) continue;
			if (hasLostData && !isRetry) await list.share();
			// Whoever could still get an answer has written to the list before this execution does. A killed one has stopped.
			if (this.hasNotBought) past.isQuiet[list.scope] ??= await list.isQuiet(CLAIMED_WITHIN + CLAIM_LASTS + this.timeout);
			await this.learnFrom(list, recalled);
			if (hasLostData) past.lost = 'unmet';
		}
	}

	/** Reads the records of these orders that nobody has seen yet. */
	private async learnFrom(list: List, recalled: Recalled[]) {
		const { past } = this.stores;
		const chains = recalled.flatMap(({ names }) => chainsOf(names, list));
		const wanted = new Map<string, Wanted>();
		for (const { name, order } of chains) {
			const count = (wanted.get(name)?.count ?? 0) + 1;
			wanted.set(name, { from: past.used(list.scope, name) + 1, count, order });
		}
		const found = await list.look(wanted);
		const untold = new Set(await this.findExchanged(list, found));
		for (const one of recalled) if (one.names.item !== undefined && untold.has(NAME.item(one.names.item))) one.isOneOfMany = true;
		const names = new Map(chains.map(({ name, of }) => [name, of]));
		const kept = new Set(recalled.flatMap(({ item, names: { order } }) => (item.reading.treatment.repeatManualOrders ? [] : order)));
		const isRepeated = ({ scope, state, name }: FoundRecord) =>
			isOfEditor({ scope }) && state === 'bought' && !kept.has(names.get(name)?.order);
		// An item's record may join that of its order, which is to be known first.
		const inSequence = found.sort((a, b) => Number(isOfItem(a)) - Number(isOfItem(b)));
		past.learn(
			inSequence.map((record) => {
				const isMended = isOfItem(record) && record.state === 'bought' && wanted.get(record.name)?.order !== undefined;
				const { order = isMended ? ANOTHER_ORDER : undefined } = names.get(record.order ?? '') ?? {};
				return {
					record: isRepeated(record) ? { ...record, state: 'void' } : record,
					names: { ...names.get(record.name), ...(order !== undefined && { order }) },
				};
			}),
		);
	}

	/** @returns the records of what this execution has sent of these orders, in whatever call, unless they are void */
	async sentBefore(recalled: Recalled[]): Promise<FoundRecord[]> {
		const { past, own } = this.stores;
		if (!own) return [];
		const wanted = new Map<string, Wanted>();
		for (const { names } of recalled) {
			if (names.order === undefined) continue;
			const name = NAME.order(names.order);
			const count = past.used(own.scope, name);
			if (count > 0) wanted.set(name, { from: 1, count });
		}
		return (await own.look(wanted)).filter(({ state }) => state !== 'void');
	}

	/**
	 * Rows may have exchanged their orders since: then an item's record is of an order that another row has now.
	 *
	 * @returns the names of the items of which it cannot be told, since there are too many
	 */
	private async findExchanged(list: List, found: FoundRecord[]): Promise<string[]> {
		const bought = found.filter(({ state }) => state === 'bought');
		const strange = bought.filter((record) => isOfItem(record) && record.order === undefined);
		if (strange.length === 0) return [];
		const taken = new Set(bought.map(({ order }) => order));
		const others = new Set(bought.flatMap((record) => (isOfItem(record) || taken.has(record.name) ? [] : record.name)));
		if (others.size > MOST_ASKED) return strange.map(({ name }) => name);
		for (const name of others) {
			const open = strange.filter(({ order }) => order === undefined);
			await list.markOrder(open, name);
		}
		return [];
	}

	/** What was unknown when the execution's data was stored may be settled by now. */
	private async refresh(list: List) {
		const open = this.stores.past.orders.filter(({ state }) => state.kind === 'unknown');
		// Equal orders may have exchanged their records, and others claim one in vain: that of the item is its own.
		const recordOf = ({ records }: PastOrder) => {
			const own = records.filter(({ scope }) => scope === list.scope);
			return own.find(isOfItem) ?? own[0];
		};
		const records = open.flatMap((order) => recordOf(order) ?? []);
		const states = new Map((await list.states(records)).map((record) => [referenceOf(record), record.state]));
		for (const order of open) {
			const record = recordOf(order);
			const state = record && states.get(referenceOf(record));
			if (state === 'bought' || state === 'void') order.state = { kind: state };
			else if (state === 'silent' && order.state.kind === 'unknown') order.state.isSilent = true;
		}
	}

	/** Reads the last record of each order's Idempotency Key, and for which order that was claimed. */
	async readKeys(recalled: Recalled[]) {
		const { keys, past } = this.stores;
		if (!keys) return;
		for (const order of past.orders) if (order.state.kind === 'unknown') await this.refreshKeys(order);
		const found = await keys.look(recalled.flatMap(({ names }) => names.key ?? []));
		await sideBySide(recalled, async (one) => {
			const { order, key } = one.names;
			const before = one.key;
			const record = key === undefined ? undefined : found.get(key);
			if (!record || record.state === 'void' || order === undefined) {
				one.key = record;
				return;
			}
			// A claim is for one order for ever, so that is asked once, and not of what was sent by this execution itself.
			const isThis = ({ scope, number }: RecordId) => scope === record.scope && number === record.number;
			const isOwn = past.orders.some((other) => other.key === key && other.order === order && other.records.some(isThis));
			const owner = before?.number === record.number && before.owner !== 'unclear' ? before.owner : undefined;
			one.key = { ...record, owner: isOwn ? 'same' : (owner ?? (await keys.owner(record, order))) };
		});
	}

	/** Another execution, which has the same key, may have settled it as bought. */
	private async refreshKeys(order: PastOrder) {
		const { keys } = this.stores;
		// A void one says nothing of the order: it may have been claimed in vain, while somebody else had the order by its other names.
		for (const record of order.records) {
			if (record.scope === keys?.scope && (await keys.state(record)) === 'bought') order.state = { kind: 'bought' };
		}
	}

	/**
	 * Tells which of several equal orders was claimed with which key. Their states do not tell: what becomes of an order is
	 * said under each of its names, one after the other.
	 *
	 * @returns the names of those orders that are too many to ask
	 */
	async linkEquals(recalled: Recalled[]): Promise<ReadonlySet<string>> {
		const { keys, past } = this.stores;
		const unlinked = new Set<string>();
		if (!keys) return unlinked;
		const open = groupBy(past.orders.filter(isWithoutKey), ({ order }) => order);
		const pairs: Array<{ taken: PastOrder; key: RecordId }> = [];
		for (const [order, group] of groupBy(recalled, ({ names }) => names.order)) {
			const orders = open.get(order) ?? [];
			if (order === undefined || orders.length === 0) continue;
			const [taken, one] = [orders[0], group[0]];
			if (orders.length + group.length === 2) {
				// Of one that was bought by hand, the key tells whether it outranks that.
				if (taken && one?.key && isByHand(taken)) pairs.push({ taken, key: one.key });
				continue;
			}
			const claims = await keys.look(group.flatMap(({ names }) => names.key ?? []));
			const isTooMany = claims.size * orders.length > MOST_ASKED ** 2;
			if (isTooMany || orders.length > MOST_ASKED) unlinked.add(order);
			// By hand, what was bought is left out, whichever key it had.
			if (isTooMany && !orders.every(({ records }) => records.every(isOfEditor))) for (const one of group) one.isOneOfMany = true;
			else for (const taken of orders.slice(0, MOST_ASKED)) pairs.push(...[...claims.values()].map((key) => ({ taken, key })));
		}
		await this.link(pairs);
		return unlinked;
	}

	/** Adds to uncertain orders the keys that were claimed with them. */
	async joinKeys(recalled: Recalled[]) {
		const isOpen = (order?: PastOrder): order is PastOrder => order?.state.kind === 'unknown' && isWithoutKey(order);
		await this.link(recalled.flatMap(({ taken, key }) => (key && isOpen(taken) ? [{ taken, key }] : [])));
	}

	/** Adds keys to those orders that they were claimed with. */
	private async link(pairs: Array<{ taken: PastOrder; key: RecordId }>) {
		const { keys, unread } = this.stores;
		if (!keys || pairs.length === 0) return;
		for (const list of unread) {
			const takenBy = new Map<Link, PastOrder>();
			for (const { taken, key } of pairs) {
				const record = taken.records.find((one) => one.scope === list.scope && !isOfItem(one));
				// A key is claimed anew once its last claim is void.
				for (let { number } = key; record && number > 0; number--) takenBy.set({ key: keys.record(key.name, number), record }, taken);
			}
			const found = await list.findLinks([...takenBy.keys()]);
			for (const [link, taken] of takenBy) {
				if (!found.has(link) || !isWithoutKey(taken) || (await keys.state(link.key)) === 'void') continue;
				taken.key = link.key.name;
				taken.records.push(link.key);
				if (taken.state.kind === 'unknown') await this.refreshKeys(taken);
			}
		}
	}
}

const isWithoutKey = ({ key, state }: PastOrder) => key === undefined && state.kind !== 'void';
