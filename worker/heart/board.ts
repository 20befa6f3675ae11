/**
 * What a worker runs, in memory that its heart reads from another thread: also while a handler
 * blocks the thread that wrote it. A slot is taken once its length is written, free with length 0.
 */
const HEAD = 2;
const SLOT_BYTES = 512;
/** How long the id is, whose task it is, how long the name is. */
const SLOT_HEAD_BYTES = 6;
const TEXT_BYTES = SLOT_BYTES - SLOT_HEAD_BYTES;
const ASCII_MAX = 0x7f;

export interface BoardEntry {
  readonly taskId: string;
  /** The name of the task, for people: cut off where the slot ends. */
  readonly type: string;
  /** The place of its orchestrator. */
  readonly origin: number;
}

/** The writing side. Tasks beyond the slots are not shown. */
export class Board {
  readonly memory: SharedArrayBuffer;
  readonly #head: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #shorts: Uint16Array;
  readonly #placeOf = new Map<string, number>();
  readonly #free: number[];
  readonly #encoder = new TextEncoder();

  constructor(
    slots: number,
    private readonly placeOfOrigin: (origin: object) => number,
  ) {
    this.memory = new SharedArrayBuffer(HEAD * 4 + slots * SLOT_BYTES);
    this.#head = new Int32Array(this.memory, 0, HEAD);
    this.#bytes = new Uint8Array(this.memory);
    this.#shorts = new Uint16Array(this.memory);
    this.#free = Array.from({ length: slots }, (_, slot) => slots - 1 - slot);
  }

  add(taskId: string, type: string, origin: object): void {
    const slot = this.#free.pop();
    if (slot === undefined) return;
    const at = HEAD * 4 + slot * SLOT_BYTES;
    const begin = at + SLOT_HEAD_BYTES;
    const end = begin + TEXT_BYTES;
    const idEnd = this.#write(taskId, begin, end);
    if (idEnd === undefined) {
      this.#free.push(slot);
      return;
    }
    const typeEnd = this.#write(type, idEnd, end) ?? this.#writePart(type, idEnd, end);
    this.#placeOf.set(taskId, slot);
    this.#shorts[at / 2 + 1] = this.placeOfOrigin(origin);
    this.#shorts[at / 2 + 2] = typeEnd - idEnd;
    Atomics.store(this.#shorts, at / 2, idEnd - begin);
  }

  /** Where it ends; undefined where it does not fit. Letter by letter: ids and names are short, and nearly always ASCII. */
  #write(text: string, begin: number, end: number): number | undefined {
    if (begin + text.length > end) return undefined;
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code > ASCII_MAX) return this.#encode(text, begin, end);
      this.#bytes[begin + index] = code;
    }
    return begin + text.length;
  }

  #encode(text: string, begin: number, end: number): number | undefined {
    const { read, written } = this.#encoder.encodeInto(text, this.#bytes.subarray(begin, end));
    return read < text.length ? undefined : begin + written;
  }

  /** As much of it as fits. */
  #writePart(text: string, begin: number, end: number): number {
    return begin + this.#encoder.encodeInto(text, this.#bytes.subarray(begin, end)).written;
  }

  remove(taskId: string): void {
    const slot = this.#placeOf.get(taskId);
    if (slot === undefined) return;
    this.#placeOf.delete(taskId);
    this.#free.push(slot);
    Atomics.store(this.#shorts, (HEAD * 4 + slot * SLOT_BYTES) / 2, 0);
  }

  /** The writing thread turns: it is not blocked. */
  turn(): void {
    Atomics.add(this.#head, 0, 1);
  }

  /** How often somebody else has spoken for this thread. */
  get standIns(): number {
    return Atomics.load(this.#head, 1);
  }
}

/** The reading side. */
export class BoardReader {
  readonly #head: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #shorts: Uint16Array;
  readonly #decoder = new TextDecoder();

  constructor(memory: SharedArrayBuffer) {
    this.#head = new Int32Array(memory, 0, HEAD);
    this.#bytes = new Uint8Array(memory);
    this.#shorts = new Uint16Array(memory);
  }

  get turns(): number {
    return Atomics.load(this.#head, 0);
  }

  stoodIn(): void {
    Atomics.add(this.#head, 1, 1);
  }

  entries(): BoardEntry[] {
    const found: BoardEntry[] = [];
    for (let at = HEAD * 4; at < this.#bytes.length; at += SLOT_BYTES) {
      const length = Atomics.load(this.#shorts, at / 2);
      if (length === 0) continue;
      const [origin = 0, typeLength = 0] = this.#shorts.subarray(at / 2 + 1, at / 2 + 3);
      const begin = at + SLOT_HEAD_BYTES;
      found.push({
        taskId: this.#text(begin, length),
        type: this.#text(begin + length, typeLength),
        origin,
      });
    }
    return found;
  }

  #text(begin: number, length: number): string {
    // A decoder reads no shared memory.
    return this.#decoder.decode(this.#bytes.slice(begin, begin + length));
  }
}
