import type { IDataObject, IExecuteFunctions } from 'n8n-workflow';

import { isObject, type FieldProblems } from './coerce';
import { LABELS } from './labels';
import { readOrder, type Reading } from './order';
import { BODY, type Field } from './table';
import { isTool } from '../../n8n/host';

/** An input item, with what its parameters order. */
export interface ReadItem {
	/** Its place in the input, from 0. */
	item: number;
	reading: Reading;
	/** The node's Options as evaluated for it, if they are a collection. */
	options?: IDataObject;
}

/** Reads what each item of the node's input orders. Nothing of it throws: what cannot be read is invalid. */
export const readItems = (context: IExecuteFunctions): ReadItem[] =>
	context.getInputData().map((_, item) => readItem(context, item));

/** Reads an item's parameters once each: every expression takes n8n half a millisecond. */
function readItem(context: IExecuteFunctions, item: number): ReadItem {
	const failures: FieldProblems = {};
	/** @param key by which it is named if it cannot be read */
	const parameter = (name: string, key: string): unknown => {
		try {
			return context.getNodeParameter(name, item);
		} catch (error) {
			failures[key] = [`${LABELS[key] ?? key}: ${(error as Error).message}`];
			return undefined;
		}
	};
	/** Reads a collection whole. Where an expression in it fails, each field by itself: one must not hide the others. */
	const collection = (name: string): unknown => {
		const value = parameter(name, name);
		const written = context.getNode().parameters[name];
		if (!(name in failures) || !isObject(written)) return value;
		delete failures[name];
		return Object.fromEntries(Object.keys(written).map((field) => [field, parameter(`${name}.${field}`, keyOf(field))]));
	};

	const options = collection('options');
	const reading = readOrder({
		tarifId: parameter('tarifId', 'tarif.id'),
		channel: parameter('channel', 'channel'),
		additionalFields: collection('additionalFields'),
		options,
	});
	return {
		item,
		reading: withoutModel(context, withProblems(reading, failures)),
		options: isObject(options) ? options : undefined,
	};
}

/** A field's key, by its name in the editor. */
const keyOf = (name: string) => Object.entries<Field>(BODY).find(([, field]) => field.name === name)?.[0] ?? name;

function withProblems(reading: Reading, more: FieldProblems): Reading {
	if (Object.keys(more).length === 0) return reading;
	const problems = reading.kind === 'invalid' ? reading.problems : {};
	return { kind: 'invalid', problems: { ...problems, ...more }, treatment: reading.treatment };
}

/** A model must not confirm anything by itself: in a tool, references are typed in by a person. */
function withoutModel(context: IExecuteFunctions, reading: Reading): Reading {
	if (!isTool(context)) return reading;
	const options = context.getNode().parameters.options as IDataObject | undefined;
	const filled = (['confirmedBought', 'confirmedNotBought'] as const).filter((name) => String(options?.[name] ?? '').startsWith('='));
	if (filled.length === 0) return reading;
	const problems = Object.fromEntries(
		filled.map((name) => [name, [`${LABELS[name]} must be typed in here, not filled by an expression or a model`]]),
	);
	return { kind: 'invalid', problems, treatment: { ...reading.treatment, confirmedBought: [], confirmedNotBought: [] } };
}
