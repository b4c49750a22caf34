/** n8n's own Chat, in which a person gives StreamSkill to a model as a tool. n8n deletes the workflow of each message. */
import { randomUUID } from 'node:crypto';

import { until } from '../../tools/until.mts';
import { startChatModel, type ChatModel } from './chatModel.mts';
import { startWorld, version, type World } from './world.mts';

let world: World;
let model: ChatModel;
beforeAll(async () => void ([world, model] = await Promise.all([startWorld(), startChatModel()])));
afterAll(async () => {
	await world?.close();
	await model?.close();
});

// n8n 1.x has another REST API for it.
(version.startsWith('1.') ? test.skip : test)('nothing is bought there, and the model is told why', async () => {
	const { rest } = world.n8n;
	const { id, name } = await rest.createCredential({ name: 'Chat model', type: 'openAiApi', data: { apiKey: 'scripted', url: model.url } });
	await rest.request('PUT', '/rest/chat/enabled', { enabled: true });
	await rest.request('POST', '/rest/chat/settings', {
		payload: {
			provider: 'openai',
			enabled: true,
			credentialId: null,
			allowedModels: [],
			responsesApiEnabled: false,
			createdAt: new Date().toISOString(),
			updatedAt: null,
		},
	});
	await rest.request('POST', '/rest/chat/tools', {
		definition: {
			id: randomUUID(),
			name: 'Buy promotion',
			type: 'n8n-nodes-streamskill.streamSkillTool',
			typeVersion: 1,
			position: [0, 0],
			parameters: {
				resource: 'purchase',
				operation: 'create',
				tarifId: "={{ $fromAI('Tarif_ID', '', 'number') }}",
				channel: "={{ $fromAI('Channel', '', 'string') }}",
				additionalFields: {},
				options: {},
			},
			credentials: { streamSkillApi: { id: world.credential.id, name: world.credential.name } },
		},
	});
	model.script('buy', [[{ Tarif_ID: 1, Channel: 'a' }]]);
	await rest.request('POST', '/rest/chat/conversations/send', {
		messageId: randomUUID(),
		sessionId: randomUUID(),
		message: 'buy',
		model: { provider: 'openai', model: 'scripted' },
		previousMessageId: null,
		credentials: { openAiApi: { id, name } },
		attachments: [],
	});
	const [told] = await until(async () => {
		const results = model.results('buy');
		return results.length > 0 && results;
	}, 'What the model is told');
	expect(told).toContain('Nothing was bought now: n8n does not keep here what was ordered before');
	expect(told).toContain('Use the AI Agent node in a workflow instead.');
	expect(world.sandbox.requests).toEqual([]);
});
