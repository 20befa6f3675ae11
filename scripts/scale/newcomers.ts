/**
 * Jobs that go on coming whatever becomes of the server, ahead of all that wait there. Each creation is sent under
 * its key until it is acknowledged; how long the delivery took counts from the request that was.
 */
import { percentile } from "../bench/load/workloads.ts";

export interface NewcomersOptions {
  readonly url: string;
  readonly clientToken: string;
  readonly kinds: readonly string[];
  /** A second, of each kind. */
  readonly rate: number;
  /** When the task of each job came to a worker for the first time. */
  readonly gotMs: ReadonlyMap<string, number>;
}

export interface Deliveries {
  readonly jobs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Asked {
  readonly askedMs: number;
  readonly phase: string;
}

const AHEAD = 100;
const AGAIN_MS = 200;

export class Newcomers {
  readonly #asked = new Map<string, Asked>();
  readonly #coming: Promise<void>;
  #isOver = false;
  /** What those that are sent from now on are counted under. */
  phase = "before";

  constructor(readonly options: NewcomersOptions) {
    this.#coming = Promise.all(options.kinds.map((kind) => this.#comeOn(kind))).then(() => undefined);
  }

  get ids(): readonly string[] {
    return [...this.#asked.keys()];
  }

  /** Resolves when all that were sent are acknowledged. */
  async end(): Promise<void> {
    this.#isOver = true;
    await this.#coming;
  }

  deliveries(phase: string): Deliveries {
    const times = [...this.#asked].flatMap(([id, asked]) => {
      const gotMs = this.options.gotMs.get(id);
      return asked.phase === phase && gotMs !== undefined ? Math.max(0, gotMs - asked.askedMs) : [];
    });
    const ascending = times.toSorted((a, b) => a - b);
    return { jobs: times.length, p50Ms: percentile(ascending, 0.5), p99Ms: percentile(ascending, 0.99) };
  }

  async #comeOn(kind: string): Promise<void> {
    const beganMs = performance.now();
    const open: Promise<void>[] = [];
    for (let number = 0; !this.#isOver; number++) {
      const waitMs = beganMs + (number * 1_000) / this.options.rate - performance.now();
      if (waitMs > 0) await Bun.sleep(waitMs);
      open.push(this.#create(kind, `newcomer-${kind}-${number}`));
    }
    await Promise.all(open);
  }

  async #create(kind: string, key: string): Promise<void> {
    const { url, clientToken } = this.options;
    const headers = { "x-client-token": clientToken, "content-type": "application/json", "idempotency-key": key };
    const body = JSON.stringify({ initial_data: {}, priority: AHEAD });
    for (;;) {
      const asked = { askedMs: performance.now(), phase: this.phase };
      const answer = await fetch(`${url}/api/v1/scale/${kind}`, { method: "POST", headers, body }).catch(
        () => undefined,
      );
      const text = await answer?.text().catch(() => undefined);
      if (answer?.status === 202 && text !== undefined) {
        this.#asked.set((JSON.parse(text) as { job_id: string }).job_id, asked);
        return;
      }
      await Bun.sleep(AGAIN_MS * (0.5 + Math.random()));
    }
  }
}
