const RealDate = Date;
const realNow = performance.now.bind(performance);
let passed = 0;

/** Lets time pass for everything that looks at a clock, and for no timer. */
export function passTime(ms: number) {
	setForward(ms);
	performance.now = () => realNow() + passed;
}

/** As if it were so much later, with nothing that goes on meanwhile: only the clock on the wall shows it. */
export function setForward(ms: number) {
	passed += ms;
	globalThis.Date = class extends RealDate {
		constructor(...args: [] | ConstructorParameters<typeof Date>) {
			if (args.length === 0) super(RealDate.now() + passed);
			else super(...args);
		}
		static now = () => RealDate.now() + passed;
	} as DateConstructor;
}

export const DAY = 24 * 60 * 60 * 1000;

/** How long it takes a person to look something up: by then, nobody is left who could still get an answer. */
export const LOOK_UP_TIME = 5 * 60_000;

/** To be called after a test that has let time pass. */
export function resetClock() {
	passed = 0;
	globalThis.Date = RealDate;
	performance.now = realNow;
}
