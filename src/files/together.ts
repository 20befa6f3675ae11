/** Several at once, but not all. */

export interface InOrder<Item, Result> {
  readonly items: (signal: AbortSignal) => AsyncIterable<Item>;
  /** So many are begun before the oldest has ended. */
  readonly limit: number;
  readonly begin: (item: Item, signal: AbortSignal) => Promise<Result>;
  /** In the order of the items, one after the other. */
  readonly take: (result: Result) => Promise<void> | void;
}

/** The first failure ends the others; when it rejects, none of them runs any more. */
export async function inOrder<Item, Result>(signal: AbortSignal, work: InOrder<Item, Result>): Promise<void> {
  const failed = new AbortController();
  const inner = AbortSignal.any([signal, failed.signal]);
  const underWay: Promise<Result>[] = [];
  const takeOldest = async () => {
    const oldest = underWay.shift();
    if (oldest) await work.take(await oldest);
  };
  try {
    for await (const item of work.items(inner)) {
      if (underWay.length >= work.limit) await takeOldest();
      const begun = work.begin(item, inner);
      // It is awaited when its turn comes: until then a failure is nobody's surprise.
      begun.catch(() => undefined);
      underWay.push(begun);
    }
    while (underWay.length > 0) await takeOldest();
  } catch (error) {
    failed.abort(error);
    await Promise.allSettled(underWay);
    throw error;
  }
}

/** At most so many at once; the others wait in line. */
export class Gate {
  #free: number;
  readonly #line: Array<() => void> = [];

  constructor(limit: number) {
    this.#free = limit;
  }

  /** Whoever gives up leaves the line. */
  async run<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(signal);
    try {
      return await work();
    } finally {
      const next = this.#line.shift();
      if (next) next();
      else this.#free += 1;
    }
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const turn = Promise.withResolvers<void>();
    const leave = () => {
      const place = this.#line.indexOf(turn.resolve);
      if (place !== -1) this.#line.splice(place, 1);
      turn.reject(signal.reason);
    };
    this.#line.push(turn.resolve);
    signal.addEventListener("abort", leave, { once: true });
    if (signal.aborted) leave();
    try {
      await turn.promise;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }
}
