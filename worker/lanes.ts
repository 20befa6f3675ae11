/** Runs jobs in the order in which they come, so many at once. */
export class Lanes<Item> {
  #queue: Item[] = [];
  #busy = 0;

  constructor(
    private readonly lanes: number,
    private readonly run: (item: Item) => Promise<void>,
  ) {}

  add(item: Item): void {
    this.#queue.push(item);
    if (this.#busy < this.lanes) void this.#work();
  }

  async #work(): Promise<void> {
    this.#busy += 1;
    for (let item = this.#queue.shift(); item !== undefined; item = this.#queue.shift()) await this.run(item);
    this.#busy -= 1;
  }
}
