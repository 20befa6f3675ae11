/**
 * Jobs that time has to wake. Those due soon are in memory; the store is asked for the next
 * stretch ahead of time, so that a million sleeping jobs cost no memory.
 */
import type { JobReader, OpenJob } from "../../src/storage/port.ts";
import type { Cancel, Timers } from "../../src/system/clock.ts";
import type { SteadyClock } from "../../src/system/steady.ts";
import { messageOf } from "../../src/system/errors.ts";
import type { Log } from "../../src/system/log.ts";
import { Heap } from "../dispatcher/heap.ts";

interface Wake {
  readonly jobId: string;
  readonly atMs: number;
}

const STRETCH_MS = 30_000;
const PAGE = 1_000;
const RETRY_MS = 1_000;
/** Jobs woken in one go: where a hundred thousand are due at once, each is to have its turn before memory is full of them. */
const AT_ONCE = 500;
const BETWEEN_MS = 25;
/** No timer is trusted for longer than this. */
const LOOK_MS = 1_000;

export class Wakes {
  readonly #soon = new Heap<Wake>((a, b) => a.atMs - b.atMs);
  #horizonMs = Number.NEGATIVE_INFINITY;
  #timer: { cancel: Cancel; atMs: number } | undefined;
  #loading = false;
  #stopped = false;

  constructor(
    readonly reader: JobReader,
    readonly clock: SteadyClock,
    readonly timers: Timers,
    readonly log: Log,
    readonly wake: (jobId: string) => void,
  ) {}

  start(): void {
    void this.#load();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** Known from a commit: only what is due before the next look at the store has to be remembered. */
  set(jobId: string, atMs: number): void {
    if (atMs > this.#horizonMs) return;
    this.#soon.push({ jobId, atMs });
    this.#arm();
  }

  async #load(): Promise<void> {
    if (this.#loading || this.#stopped) return;
    this.#loading = true;
    const fromMs = this.#horizonMs;
    const toMs = this.clock.nowMs() + 2 * STRETCH_MS;
    // From here on commits remember what falls before the new horizon; the store gives what was there already.
    this.#horizonMs = toMs;
    try {
      await this.#read(fromMs, toMs);
    } catch (error) {
      this.#horizonMs = fromMs;
      this.log.warn("The store did not say which jobs are due; asking again.", { error: messageOf(error) });
      this.timers.after(RETRY_MS, () => void this.#load());
    }
    this.#loading = false;
    this.#arm();
  }

  async #read(fromMs: number, toMs: number): Promise<void> {
    let last: OpenJob | undefined;
    do {
      const page = await this.reader.wakes(fromMs, toMs, PAGE, last);
      for (const { id, wakeAtMs } of page) if (wakeAtMs !== undefined) this.#soon.push({ jobId: id, atMs: wakeAtMs });
      last = page.length === PAGE ? page.at(-1) : undefined;
    } while (last);
  }

  #arm(leastMs = 0): void {
    if (this.#stopped) return;
    const nowMs = this.clock.nowMs();
    const next = this.#soon.peek()?.atMs ?? Number.POSITIVE_INFINITY;
    const atMs = Math.min(Math.max(next, nowMs + leastMs), nowMs + LOOK_MS);
    if (this.#timer && this.#timer.atMs <= atMs) return;
    this.#timer?.cancel();
    this.#timer = { atMs, cancel: this.timers.after(atMs - nowMs, () => this.#fire()) };
  }

  #fire(): void {
    this.#timer = undefined;
    const nowMs = this.clock.nowMs();
    let woken = 0;
    for (let wake = this.#soon.peek(); wake && wake.atMs <= nowMs && woken < AT_ONCE; wake = this.#soon.peek()) {
      this.#soon.pop();
      this.wake(wake.jobId);
      woken += 1;
    }
    if (nowMs > this.#horizonMs - STRETCH_MS) void this.#load();
    this.#arm(woken === AT_ONCE ? BETWEEN_MS : 0);
  }
}
