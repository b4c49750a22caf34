import type { IDataObject, IExecuteFunctions } from 'n8n-workflow';

import { isTool } from '../../n8n/host';
import { isObject, show, type Field } from './kinds';
import { isLeftOutByKey } from './leftOut';
import { readOrder, type Item, type Reading } from './order';
import type { FieldProblems } from './problems';
import { readSettings } from './settings';
import { BODY, LABELS } from './table';
import { hasGap } from './template';

const LEFT_OUT: FieldProblems = {
	leftOut: [
		'the item has no purchase, since a StreamSkill node before this one has left it out: fill Channel and Idempotency Key from the node that the list comes from',
	],
};

/** Reads what each item of the node's input orders, if any. Nothing of it throws: what cannot be read is invalid. */
export function readItems(context: IExecuteFunctions): Item[] {
	const written = context.getNode().parameters as IDataObject;
	const filled = isTool(context) ? filledReferences(written) : [];
	return context.getInputData().flatMap((input, itemIndex) => {
		const item: Item = { itemIndex, json: input.json, ...readParameters(context, itemIndex, written, filled) };
		if (!isLeftOutByKey(input)) return item;
		if (isWithoutKey(item)) return [];
		return item.reading.kind === 'invalid' ? { ...item, reading: withProblems(item.reading, LEFT_OUT) } : item;
	});
}

type ReadParameters = Omit<Item, 'itemIndex' | 'json'>;

/** Reads an item's parameters once each: every expression takes n8n half a millisecond. */
function readParameters(context: IExecuteFunctions, item: number, written: IDataObject, filled: ReferenceOption[]): ReadParameters {
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
	const given = isObject(options) ? options : {};
	const settings = readSettings(given, failures);
	const channel = evaluate('channel', fail('channel'));
	const refuseGap = (key: string, text: unknown, value: unknown) => {
		if (!hasGap(text, value, (expression) => evaluateAlone(context, expression, item))) return;
		// Of a name, the rest is another name.
		failures[key] = [
			`${LABELS[key]} must not be ${show(value)}: one of its expressions has no value. If that is meant, write all of it as one expression`,
		];
	};
	refuseGap('channel', written.channel, channel);
	refuseGap('idempotencyKey', (written.options as IDataObject | undefined)?.idempotencyKey, given.idempotencyKey);
	const reading = readOrder({
		tarifId: evaluate('tarifId', fail('tarif.id')),
		channel,
		additionalFields: collection('additionalFields'),
		options,
	});
	return {
		reading: withoutModel(filled, withProblems(reading, failures)),
		settings,
		hasDryRun: 'dryRun' in given,
	};
}

/** @returns false where n8n cannot: then it was not taken out of its text as n8n does it */
function evaluateAlone(context: IExecuteFunctions, expression: string, item: number): unknown {
	try {
		return context.evaluateExpression(expression, item);
	} catch {
		return false;
	}
}

const isWithoutKey = ({ reading }: Item) =>
	reading.treatment.idempotencyKey === undefined && !(reading.kind === 'invalid' && 'idempotencyKey' in reading.problems);

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
