/** Time, as the rest of the program sees it. A simulated one can drift, jump and stand still. */
export interface Clock {
  /** Wall time, milliseconds since 1970. May jump. */
  nowMs(): number;
  /** Never goes back; its zero means nothing. */
  monotonicMs(): number;
}

/** Takes back what was asked for. Calling it twice, or too late, does nothing. */
export type Cancel = () => void;

export interface Timers {
  /** Runs once after the delay. Fractions and negative delays count as zero. */
  after(delayMs: number, run: () => void): Cancel;
}

export interface Scheduler {
  /** Runs when the work at hand has ended, before the program waits for the outside. */
  soon(run: () => void): void;
  /** Runs after what has already arrived from the outside was read: the place for a flush. */
  afterInput(run: () => void): void;
}
