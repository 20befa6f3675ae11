/** How many tasks may run at once: in all, and under each named limit. */
export interface TaskLimits {
  readonly total: number;
  /** Limit's name to how many. */
  readonly limits: Readonly<Record<string, number>>;
  /** Task to the name of its limit; tasks without one are limited by the total alone. */
  readonly limitOfTask: Readonly<Record<string, string>>;
}

export class Slots {
  #used = 0;
  readonly #usedByLimit = new Map<string, number>();

  constructor(private readonly limits: TaskLimits) {}

  get free(): number {
    return this.limits.total - this.#used;
  }

  get used(): number {
    return this.#used;
  }

  has(task: string): boolean {
    if (this.#used >= this.limits.total) return false;
    const limit = this.limits.limitOfTask[task];
    return limit === undefined || this.#count(limit) < (this.limits.limits[limit] ?? Infinity);
  }

  take(task: string): void {
    this.#change(task, 1);
  }

  give(task: string): void {
    this.#change(task, -1);
  }

  #change(task: string, by: number): void {
    this.#used += by;
    const limit = this.limits.limitOfTask[task];
    if (limit !== undefined) this.#usedByLimit.set(limit, this.#count(limit) + by);
  }

  #count(limit: string): number {
    return this.#usedByLimit.get(limit) ?? 0;
  }
}
