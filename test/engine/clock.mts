import { AsyncLocalStorage } from 'node:async_hooks';

const RealDate = Date;
const realNow = performance.now.bind(performance);
const shared = { passed: 0 };
const own = new AsyncLocalStorage<typeof shared>();
const clock = () => own.getStore() ?? shared;

/** Does work that has a clock of its own: what is done side by side does not let time pass for one another. */
export const inOwnTime = async <T,>(work: () => Promise<T>): Promise<T> => await own.run({ ...clock() }, work);

/** Lets time pass for everything that looks at a clock, and for no timer. */
export function passTime(ms: number) {
	setForward(ms);
	performance.now = () => realNow() + clock().passed;
}

/** As if it were so much later, with nothing that goes on meanwhile: only the clock on the wall shows it. */
export function setForward(ms: number) {
	clock().passed += ms;
	globalThis.Date = class extends RealDate {
		constructor(...args: [] | ConstructorParameters<typeof Date>) {
			if (args.length === 0) super(RealDate.now() + clock().passed);
			else super(...args);
		}
		static now = () => RealDate.now() + clock().passed;
	} as DateConstructor;
}

export const DAY = 24 * 60 * 60 * 1000;

/** How long it takes a person to look something up: by then, nobody is left who could still get an answer. */
export const LOOK_UP_TIME = 5 * 60_000;

/** To be called after a test that has let time pass. */
export function resetClock() {
	shared.passed = 0;
	globalThis.Date = RealDate;
	performance.now = realNow;
}
