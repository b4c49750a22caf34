// The declarative node with the credential that n8n's starter would make for it. Not shipped.
const { Declarative } = require('./Declarative.node.js');

class DeclarativeOwn {
	description = {
		...new Declarative().description,
		name: 'declarativeOwn',
		credentials: [{ name: 'benchApi', required: true }],
	};
}
module.exports = { DeclarativeOwn };
