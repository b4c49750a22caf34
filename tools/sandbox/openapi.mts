import type { middleware } from 'express-openapi-validator';

type ApiSpec = Parameters<typeof middleware>[0]['apiSpec'];

/** The languages that the API answers in. */
export const languages = ['en', 'ru'] as const;

/** The fields of a purchase that a caller may ask to see in full. */
export const expandable = ['tarif', 'parent', 'api', 'chatbot'] as const;

const currencies = ['usd', 'rub'];
const services = ['twitch', 'trovo', 'kick', 'youtube'];
const statuses = ['created', 'awaiting', 'working', 'stopped', 'completed', 'failed', 'deleted', 'refunded'];

/** What `lang` may be: `auto`, 33 languages, `other`. */
export const streamLanguages = [
	'auto',
	'en',
	'ru',
	'uk',
	'de',
	'es',
	'fr',
	'it',
	'pt',
	'pl',
	'tr',
	'ar',
	'zh',
	'ja',
	'ko',
	'hi',
	'th',
	'vi',
	'id',
	'ms',
	'tl',
	'ca',
	'da',
	'nl',
	'no',
	'ro',
	'sk',
	'fi',
	'sv',
	'cs',
	'el',
	'bg',
	'hu',
	'zh-hk',
	'other',
];

/**
 * The StreamSkill API as an OpenAPI 3.0 description: the facts of the published one in our words.
 * Assumed, because the published one does not say: `additionalProperties: false`, a body that is
 * required, a channel that is not blank, and `expand` as a comma-separated list (the published
 * schema is a single value; only its description and example show several).
 */
export const openapi: Exclude<ApiSpec, string> = {
	openapi: '3.0.0',
	info: { title: 'StreamSkill, as the sandbox plays it', version: '1.0.0' },
	servers: [{ url: 'https://api.streamskill.pro/v1' }],
	security: [{ bearerAuth: [] }],
	paths: {
		'/purchases/create': {
			post: {
				summary: 'Buy one tarif for one channel',
				parameters: [
					{
						name: 'Accept-Language',
						in: 'header',
						schema: { type: 'string', enum: [...languages], default: 'en' },
					},
					{
						name: 'expand',
						in: 'query',
						style: 'form',
						explode: false,
						schema: { type: 'array', items: { type: 'string', enum: [...expandable] } },
					},
				],
				requestBody: {
					required: true,
					content: { 'application/json': { schema: { $ref: '#/components/schemas/Order' } } },
				},
				responses: {
					200: {
						description: 'Bought',
						content: { 'application/json': { schema: { $ref: '#/components/schemas/Purchase' } } },
					},
					401: { description: 'The token is missing or wrong' },
					422: { description: 'The order is refused, with the reasons per field' },
				},
			},
		},
	},
	components: {
		securitySchemes: { bearerAuth: { type: 'http', scheme: 'bearer' } },
		schemas: {
			Order: {
				type: 'object',
				required: ['tarif', 'channel'],
				additionalProperties: false,
				properties: {
					tarif: { $ref: '#/components/schemas/Tarif' },
					channel: { type: 'string', pattern: '\\S', description: 'A channel, or a video or clip id' },
					interval: { type: 'integer', minimum: 1, maximum: 86400 },
					lang: { type: 'string', enum: streamLanguages, default: 'auto', description: 'For AI chatbots only' },
					comment: { type: 'string', default: '' },
					start: { type: 'boolean', default: false, description: 'Start at once, where the tarif can' },
				},
			},
			Tarif: {
				type: 'object',
				required: ['id'],
				additionalProperties: false,
				properties: {
					id: { type: 'integer', minimum: 1 },
					quantity: { type: 'integer', minimum: 1, maximum: 10000 },
					duration: { type: 'integer', minimum: 1, maximum: 24, default: 1 },
				},
			},
			Purchase: {
				type: 'object',
				properties: {
					id: { type: 'integer', minimum: 1 },
					price: { type: 'number' },
					currency: { type: 'string', enum: currencies },
					created_at: { type: 'integer', format: 'int64', description: 'Unix time in seconds' },
					order_type: { type: 'string', example: 'twitch_viewers' },
					channel: { type: 'string' },
					status: { type: 'string', enum: statuses },
					service: { type: 'string', enum: services },
					parent: { type: 'boolean', default: false },
					api: { type: 'boolean' },
					chatbot: { type: 'boolean', default: false },
					tarif: { type: 'integer', minimum: 1 },
				},
			},
		},
	},
};
