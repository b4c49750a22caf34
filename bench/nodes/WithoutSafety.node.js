// The shipped node, of which n8n remembers nothing: what it keeps in the execution and in n8n's database is
// replaced at the door, in the functions that n8n gives it for that. All of its own code runs, so this cannot
// fall behind it. Not shipped.
const { StreamSkill } = require('n8n-nodes-streamskill');

class WithoutSafety {
	description = { ...new StreamSkill().description, name: 'withoutSafety' };

	async execute() {
		const { node } = this;
		const answer = (value) => async () => {
			// n8n reads it, and the node looks whether it does.
			void node.id;
			return value;
		};
		const helpers = {
			...this.helpers,
			checkProcessedAndRecord: answer({ new: [], processed: [] }),
			removeProcessed: answer(),
			clearAllProcessedItems: answer(),
			getProcessedDataCount: answer(0),
		};
		const context = Object.create(this, { helpers: { value: helpers }, getContext: { value: () => ({}) } });
		return await new StreamSkill().execute.call(context);
	}
}
module.exports = { WithoutSafety };
