import { parse } from 'flatted';
import type { IDataObject, IRunExecutionData } from 'n8n-workflow';

import type { Postgres } from '../tools/n8n/postgres.mts';
import { nameOn } from '../tools/sandbox/purchase.mts';

/** An item that the node reported as failed. */
interface FailedItem {
	channel: string;
	outcome: string;
}

/** What is stored of an execution. */
export interface Execution {
	id: number;
	status: string;
	/** The execution that it retries. */
	retryOf?: number;
	workflowId: string;
	channels: string[];
	/** Purchases that it hands over, by its output or by its error, as channel and ID. */
	handedOver: Array<{ channel: string; id: number }>;
	failed: FailedItem[];
}

const PAGE = 500;

/** Reads all executions that have ended, as n8n has stored them. */
export async function* storedExecutions(postgres: Postgres): AsyncGenerator<Execution> {
	for (let last = 0; ; ) {
		const rows = await postgres.query(
			'SELECT e.id, e.status, COALESCE(e."retryOf", \'\'), e."workflowId", d.data FROM execution_entity e ' +
				`JOIN execution_data d ON d."executionId" = e.id WHERE e.id > ${last} ORDER BY e.id LIMIT ${PAGE}`,
		);
		for (const [id, status, retryOf, workflowId, data] of rows) {
			last = Number(id);
			yield {
				id: last,
				status,
				retryOf: retryOf ? Number(retryOf) : undefined,
				workflowId,
				...contentOf(parse(data) as IRunExecutionData),
			};
		}
		if (rows.length < PAGE) return;
	}
}

function contentOf({ resultData, executionData }: IRunExecutionData): Pick<Execution, 'channels' | 'handedOver' | 'failed'> {
	const { Webhook, StreamSkill } = resultData.runData;
	const started = Webhook?.[0]?.data ?? executionData?.nodeExecutionStack[0]?.data;
	const channels = (started?.main[0]?.[0]?.json.body as { items: string[] } | undefined)?.items ?? [];
	const told = (StreamSkill ?? []).flatMap(({ data }) => (data?.main ?? []).flatMap((items) => (items ?? []).map(({ json }) => json)));
	const isFailed = ({ details }: IDataObject) => details !== undefined;
	// With On Error = Stop both are in the error.
	const { purchases = [], failedItems = [] } = (resultData.error?.context ?? {}) as {
		purchases?: Array<{ purchase: IDataObject }>;
		failedItems?: Array<{ item: number } & IDataObject>;
	};
	return {
		channels,
		handedOver: [...told.filter((json) => !isFailed(json)), ...purchases.map(({ purchase }) => purchase)].map(({ channel, id }) => ({
			channel: nameOn(channel)!,
			id: id as number,
		})),
		failed: [...told.filter(isFailed), ...failedItems].map(({ details }) => {
			const { outcome, order } = details as { outcome: string; order: { channel: string } };
			return { channel: order.channel, outcome };
		}),
	};
}
