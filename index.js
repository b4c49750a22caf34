module.exports = {
	...require('./dist/credentials/StreamSkillApi.credentials.js'),
	...require('./dist/nodes/StreamSkill/StreamSkill.node.js'),
};
