import { startSandbox, type Sandbox } from '../sandbox/sandbox.mts';
import { initEngine, run } from './engine.mts';

let sandbox: Sandbox;
const credentials = () => ({ accessToken: sandbox.token, baseUrl: sandbox.url });

beforeAll(async () => {
	await initEngine();
	sandbox = await startSandbox();
});
afterAll(async () => await sandbox.close());
beforeEach(() => sandbox.reset());

test('buys', async () => {
	const { success, error } = await run({ credentials: credentials(), items: [{ c: 'a' }, { c: 'b' }], node: { parameters: { tarifId: 1, channel: '={{ $json.c }}' } } });
	console.log(error, JSON.stringify(success), sandbox.requests);
});
