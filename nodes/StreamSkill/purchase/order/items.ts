import type { IDataObject, IExecuteFunctions } from 'n8n-workflow';

import { isTool } from '../../n8n/host';
import { isObject, show, type Field } from './kinds';
import { readOrder, type Item, type Reading } from './order';
import type { FieldProblems } from './problems';
import { readSettings } from './settings';
import { BODY, LABELS } from './table';
import { hasGap } from './template';

/** Reads what each item of the node's input orders. Nothing of it throws: what cannot be read is invalid. */
export function readItems(context: IExecuteFunctions): Item[] {
	const written = context.getNode().parameters as IDataObject;
	const filled = isTool(context) ? filledReferences(written) : [];
	return context.getInputData().map((_, item) => readItem(context, item, written, filled));
}

/** Reads an item's parameters once each: every expression takes n8n half a millisecond. */
function readItem(context: IExecuteFunctions, item: number, written: IDataObject, filled: ReferenceOption[]): Item {
	const failures: FieldProblems = {};
	/** @param otherwise is asked where it cannot be evaluated */
	const evaluate = (name: string, otherwise: (error: Error) => unknown): unknown => {
		try {
			return context.getNodeParameter(name, item);
		} catch (error) {
			return otherwise(error as Error);
		}
	};
	const fail = (key: string) => (error: Error) => {
		failures[key] = [`${LABELS[key] ?? key}: ${error.message}`];
	};
	/** Where an expression in a collection fails, each field is read by itself: one must not hide the others. */
	const collection = (name: string) =>
		evaluate(name, (error) => {
			const fields = written[name];
			if (isObject(fields))
				return Object.fromEntries(Object.keys(fields).map((field) => [field, evaluate(`${name}.${field}`, fail(keyOf(field)))]));
			fail(name)(error);
			return undefined;
		});

	const options = collection('options');
	const settings = readSettings(isObject(options) ? options : {}, failures);
	const channel = evaluate('channel', fail('channel'));
	refuseGap('channel', written.channel, channel, failures);
	if (isObject(options) && isObject(written.options))
		refuseGap('idempotencyKey', written.options.idempotencyKey, options.idempotencyKey, failures);
	const reading = readOrder({
		tarifId: evaluate('tarifId', fail('tarif.id')),
		channel,
		additionalFields: collection('additionalFields'),
		options,
	});
	return {
		itemIndex: item,
		reading: withoutModel(filled, withProblems(reading, failures)),
		settings,
		options: isObject(options) ? options : undefined,
	};
}

/** Of a name, the rest is another name. */
function refuseGap(key: string, written: unknown, value: unknown, failures: FieldProblems) {
	if (hasGap(written, value)) failures[key] = [`${LABELS[key]} must not be ${show(value)}: one of its expressions has no value`];
}

/** A field's key, by its name in the editor. */
const keyOf = (name: string) => Object.entries<Field>(BODY).find(([, field]) => field.name === name)?.[0] ?? name;

function withProblems(reading: Reading, more: FieldProblems): Reading {
	if (Object.keys(more).length === 0) return reading;
	const problems = reading.kind === 'invalid' ? reading.problems : {};
	return { kind: 'invalid', problems: { ...problems, ...more }, treatment: reading.treatment };
}

const isExpression = (value: unknown) => typeof value === 'string' && value.startsWith('=');

const REFERENCE_OPTIONS = ['confirmedBought', 'confirmedNotBought'] as const;
type ReferenceOption = (typeof REFERENCE_OPTIONS)[number];

/** The references that an expression or a model fills in, instead of a person. */
function filledReferences({ options }: IDataObject): ReferenceOption[] {
	return REFERENCE_OPTIONS.filter((name) => isObject(options) && isExpression(options[name]));
}

/** A model must not confirm anything by itself: in a tool, references are typed in by a person. */
function withoutModel(filled: ReferenceOption[], reading: Reading): Reading {
	if (filled.length === 0) return reading;
	const problems = Object.fromEntries(
		filled.map((name) => [name, [`${LABELS[name]} must be typed in here, not filled by an expression or a model`]]),
	);
	return { kind: 'invalid', problems, treatment: { ...reading.treatment, confirmedBought: [], confirmedNotBought: [] } };
}
