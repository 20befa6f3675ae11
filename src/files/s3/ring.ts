/**
 * Memory for parts of files, used again and again: fresh memory for each part would pile up faster
 * than it is collected.
 */
export class Ring {
  readonly #buffers: Uint8Array[] = [];
  #turn = 0;

  /** `count` of them may be in use at the same time, each of at most so many bytes. */
  constructor(
    private readonly bytes: number,
    private readonly count: number,
  ) {}

  /** Whoever has had it `count` turns ago needs it no more. */
  next(length = this.bytes): Uint8Array {
    const index = this.#turn++ % this.count;
    const buffer = (this.#buffers[index] ??= new Uint8Array(this.bytes));
    return buffer.subarray(0, length);
  }
}
