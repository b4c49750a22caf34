/** Ends a command by saying what is in its way, without a stack. */
export function giveUp(error: Error): never {
	console.error(`\n${error.message}`);
	process.exit(1);
}
