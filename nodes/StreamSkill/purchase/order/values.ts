/** The ranges of the API's integer fields (API document: schemas CartObject and TarifObject). */
export const RANGES = {
	'tarif.id': { min: 1, max: Number.MAX_SAFE_INTEGER },
	'tarif.quantity': { min: 1, max: 10000 },
	'tarif.duration': { min: 1, max: 24 },
	interval: { min: 1, max: 86400 },
};

/**
 * The ranges of the options that are numbers. A batch size of -1 is all items at once and 0 is one,
 * as in n8n's HTTP Request node.
 */
export const OPTION_RANGES = {
	batchSize: { min: -1, max: Number.MAX_SAFE_INTEGER },
	batchInterval: { min: 0, max: 3_600_000 },
	maxPurchases: { min: 1, max: Number.MAX_SAFE_INTEGER },
	timeout: { min: 1, max: 3_600_000 },
};

/** What `expand` can turn into objects in the answer, with its names (API document: parameter expandPurchase). */
export const EXPANDABLE = { api: 'API', chatbot: 'Chatbot', parent: 'Parent', tarif: 'Tarif' };

/** The languages of the API's messages with their names (API document: schema LanguageObject). */
export const RESPONSE_LANGUAGES = { en: 'English', ru: 'Russian' };

/** The stream languages of AI chatbots with their names (API document: CartObject.lang). */
export const STREAM_LANGUAGES: Record<string, string> = {
	auto: 'Auto',
	ar: 'Arabic',
	bg: 'Bulgarian',
	ca: 'Catalan',
	zh: 'Chinese',
	'zh-hk': 'Chinese (Hong Kong)',
	cs: 'Czech',
	da: 'Danish',
	nl: 'Dutch',
	en: 'English',
	tl: 'Filipino',
	fi: 'Finnish',
	fr: 'French',
	de: 'German',
	el: 'Greek',
	hi: 'Hindi',
	hu: 'Hungarian',
	id: 'Indonesian',
	it: 'Italian',
	ja: 'Japanese',
	ko: 'Korean',
	ms: 'Malay',
	no: 'Norwegian',
	pl: 'Polish',
	pt: 'Portuguese',
	ro: 'Romanian',
	ru: 'Russian',
	sk: 'Slovak',
	es: 'Spanish',
	sv: 'Swedish',
	th: 'Thai',
	tr: 'Turkish',
	uk: 'Ukrainian',
	vi: 'Vietnamese',
	other: 'Other',
};
