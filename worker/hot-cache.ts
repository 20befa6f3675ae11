/** The models that the worker has in memory now; shared by all of its tasks. */
export class HotCache {
  readonly #models = new Set<string>();

  constructor(
    private readonly dependencies: Readonly<Record<string, readonly string[]>>,
    private readonly changed: () => void,
  ) {}

  add(model: string): void {
    if (this.#models.has(model)) return;
    this.#models.add(model);
    this.changed();
  }

  remove(model: string): void {
    if (this.#models.delete(model)) this.changed();
  }

  models(): string[] {
    return [...this.#models];
  }

  /** Tasks all of whose models are here. */
  hotTasks(): string[] {
    return Object.entries(this.dependencies)
      .filter(([, models]) => models.every((model) => this.#models.has(model)))
      .map(([task]) => task);
  }
}
