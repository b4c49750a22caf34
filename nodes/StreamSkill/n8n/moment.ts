/** A moment by both clocks: that on the wall may be put back, the other one stands still while the machine sleeps. */
export interface Moment {
	/** Milliseconds since 1970. */
	wall: number;
	/** Milliseconds since the process began. */
	monotonic: number;
}

export const now = (): Moment => ({ wall: Date.now(), monotonic: performance.now() });

/** @returns how many milliseconds may have passed since a moment, which may be of another process: by the clock that shows more */
export const msSince = ({ wall, monotonic }: Moment): number =>
	Math.max(Math.abs(Date.now() - wall), Math.abs(performance.now() - monotonic));
