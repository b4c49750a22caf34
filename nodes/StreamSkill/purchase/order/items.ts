import type { IDataObject, IExecuteFunctions } from 'n8n-workflow';

import { isObject, type FieldProblems, type Parsed } from './coerce';
import { LABELS } from './labels';
import { readOrder, readTreatment, type Order, type Treatment } from './order';
import { isTool } from '../../n8n/host';

/** An input item, with what its parameters order. */
export interface Item {
	/** Its place in the input, from 0. */
	itemIndex: number;
	reading: Parsed<Order>;
	treatment: Treatment;
	/** The node's Options as evaluated for it, if they are a collection. */
	options?: IDataObject;
}

/** Reads what each item of the node's input orders. Nothing of it throws: what cannot be read is invalid. */
export const readItems = (context: IExecuteFunctions): Item[] =>
	context.getInputData().map((_, item) => readItem(context, item));

/** Reads an item's parameters once each: every expression takes n8n half a millisecond. */
function readItem(context: IExecuteFunctions, item: number): Item {
	let field = '';
	const parameter = (name: string, label: string) => {
		field = label;
		return context.getNodeParameter(name, item);
	};
	let options: IDataObject | undefined;
	try {
		const given = parameter('options', 'options');
		if (isObject(given)) options = given;
		const reading = readOrder({
			tarifId: parameter('tarifId', 'tarif.id'),
			channel: parameter('channel', 'channel'),
			additionalFields: parameter('additionalFields', 'additionalFields'),
			options: given,
		});
		return { itemIndex: item, reading: confirmedByModel(context) ?? reading, treatment: readTreatment(options), options };
	} catch (error) {
		const problems = { [field]: [`${LABELS[field]}: ${(error as Error).message}`] };
		return { itemIndex: item, reading: { kind: 'invalid', problems }, treatment: readTreatment(options), options };
	}
}

/** A model must not confirm anything by itself: in a tool, references are typed in by a person. */
function confirmedByModel(context: IExecuteFunctions): Parsed<Order> | undefined {
	if (!isTool(context)) return undefined;
	const options = context.getNode().parameters.options as IDataObject | undefined;
	const filled = (['confirmedBought', 'confirmedNotBought'] as const).filter((name) => String(options?.[name] ?? '').startsWith('='));
	if (filled.length === 0) return undefined;
	const problem = (name: string) => [name, [`${LABELS[name]} must be typed in here, not filled by an expression or a model`]];
	return { kind: 'invalid', problems: Object.fromEntries(filled.map(problem)) as FieldProblems };
}
