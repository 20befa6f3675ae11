/**
 * Who may go on in a data store that many want at once. Runs that only hope that nobody else
 * commits meanwhile would be dropped again and again: once one was, they go one by one for a while,
 * and those that were dropped go first.
 */
const HOT_COMMITS = 1_000;

export class Line<Run> {
  #holder: Run | undefined;
  readonly #first = new Set<Run>();
  readonly #others = new Set<Run>();
  #commitsLeft = 0;

  /** It is taken at the first touch. */
  get isHot(): boolean {
    return this.#commitsLeft > 0;
  }

  get isFree(): boolean {
    return this.#holder === undefined;
  }

  /** A run was dropped. */
  heat(): void {
    this.#commitsLeft = HOT_COMMITS;
  }

  committed(): void {
    if (this.#commitsLeft > 0) this.#commitsLeft -= 1;
  }

  /** False: another has it. Nobody waits for one that is free. */
  take(run: Run): boolean {
    this.#holder ??= run;
    return this.#holder === run;
  }

  wait(run: Run, isFirst: boolean): void {
    (isFirst ? this.#first : this.#others).add(run);
  }

  /** Gives it up, or the place in it. Answers with who holds it now, if that has changed. */
  leave(run: Run): Run | undefined {
    this.#first.delete(run);
    this.#others.delete(run);
    if (this.#holder !== run) return undefined;
    this.#holder = nextOf(this.#first) ?? nextOf(this.#others);
    return this.#holder;
  }
}

function nextOf<Run>(runs: Set<Run>): Run | undefined {
  const next = runs.values().next().value;
  if (next !== undefined) runs.delete(next);
  return next;
}
