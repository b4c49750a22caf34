import { parseArgs } from 'node:util';
import { startSandbox } from './sandbox.mts';

const usage = 'Usage: npm run sandbox -- [--port N]    (default 4010; 0 takes a free port)';

function portFrom(args: string[]): number {
	const { values } = parseArgs({ args, options: { port: { type: 'string', default: '4010' } } });
	const port = Number(values.port || NaN);
	if (!Number.isInteger(port) || port < 0 || port > 65535) throw new Error(`Not a port: ${values.port}`);
	return port;
}

async function main(): Promise<void> {
	const sandbox = await startSandbox({ port: portFrom(process.argv.slice(2)) });
	const order = '{"tarif":{"id":1},"channel":"twitch"}';
	const rule = '{"match":{"channel":"twitch"},"times":1,"fault":{"kind":"status","status":503,"bought":true}}';
	console.log(`StreamSkill sandbox: nothing here costs money. Ctrl+C ends it.

  Base URL      ${sandbox.url}
  Access token  ${sandbox.token}

  Buy           curl -H 'Authorization: Bearer ${sandbox.token}' --json '${order}' ${sandbox.url}/purchases/create
  Purchases     curl ${sandbox.origin}/_sandbox/purchases
  Requests      curl ${sandbox.origin}/_sandbox/requests
  Misbehave     curl --json '${rule}' ${sandbox.origin}/_sandbox/faults
  Forget all    curl -X DELETE ${sandbox.origin}/_sandbox

  All faults are in tools/sandbox/faults.mts.`);

	for (const signal of ['SIGINT', 'SIGTERM'] as const) {
		process.once(signal, () => void sandbox.close());
	}
}

main().catch((error: NodeJS.ErrnoException & { port?: number }) => {
	console.error(
		error.code === 'EADDRINUSE'
			? `Port ${error.port} is taken. Take another one with --port N, or any free one with --port 0.`
			: `${error.message}\n${usage}`,
	);
	process.exitCode = 1;
});
