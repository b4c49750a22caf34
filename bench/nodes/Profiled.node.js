// The shipped node, with V8's profiler running. Not shipped.
const { Session } = require('node:inspector/promises');
const { writeFile } = require('node:fs/promises');
const { StreamSkill } = require('n8n-nodes-streamskill');

class Profiled {
	description = { ...new StreamSkill().description, name: 'profiled' };

	async execute() {
		const session = new Session();
		session.connect();
		await session.post('Profiler.enable');
		await session.post('Profiler.setSamplingInterval', { interval: 200 });
		await session.post('Profiler.start');
		const output = await new StreamSkill().execute.call(this);
		const { profile } = await session.post('Profiler.stop');
		session.disconnect();
		await writeFile(process.env.STREAMSKILL_BENCH_PROFILE, JSON.stringify(profile));
		return output;
	}
}
module.exports = { Profiled };
