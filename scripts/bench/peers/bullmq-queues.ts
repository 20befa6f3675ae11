/** How the workloads are put to BullMQ: which queues there are, and what is added to them. */
import { FlowProducer, Queue, QueueEvents } from "bullmq";
import type { Flow } from "../load/door.ts";

export const connection = { host: "127.0.0.1", port: Number(process.env["REDIS_PORT"]) };

/** Jobs of one step; the last of three steps; steps before a last one; the gathering behind many steps. */
export const QUEUES = { one: "one", three: "three", inner: "inner", fan: "fan" } as const;
export type QueueName = keyof typeof QUEUES;

const STEP = "step";

export interface Jobs {
  /** Resolves with the job's id when Redis has answered that it is stored. */
  add(flow: Flow, data: object): Promise<string>;
  addMany(datas: readonly object[]): Promise<void>;
  addFan(steps: number): Promise<string>;
  finished(): Promise<number>;
  /** Resolves when a job that was added here has ended well. */
  ended(queue: QueueName, id: string): Promise<void>;
  close(): Promise<void>;
}

export function openJobs(): Jobs {
  const one = new Queue(QUEUES.one, { connection });
  const three = new Queue(QUEUES.three, { connection });
  const fan = new Queue(QUEUES.fan, { connection });
  const queues = { one, three, fan };
  const flows = new FlowProducer({ connection });
  const endings = new Map<string, Endings>();

  async function endingsOf(name: QueueName): Promise<Endings> {
    let known = endings.get(name);
    if (!known) endings.set(name, (known = new Endings(name)));
    await known.ready;
    return known;
  }

  return {
    async add(flow, data) {
      if (flow === "one") return idOf(await one.add(STEP, data));
      // A job that is to begin when another has ended is that one's parent.
      const first = { name: STEP, queueName: QUEUES.inner, data };
      const second = { name: STEP, queueName: QUEUES.inner, data, children: [first] };
      const { job } = await flows.add({ name: STEP, queueName: QUEUES.three, data, children: [second] });
      return idOf(job);
    },
    async addMany(datas) {
      await one.addBulk(datas.map((data) => ({ name: STEP, data })));
    },
    async addFan(steps) {
      const children = Array.from({ length: steps }, (_, index) => ({
        name: STEP,
        queueName: QUEUES.inner,
        data: { index },
      }));
      const { job } = await flows.add({ name: "gather", queueName: QUEUES.fan, data: {}, children });
      return idOf(job);
    },
    async finished() {
      const [ones, threes] = await Promise.all([one.getCompletedCount(), three.getCompletedCount()]);
      return ones + threes;
    },
    async ended(name, id) {
      const known = await endingsOf(name);
      const queue = name === "inner" ? undefined : queues[name];
      await known.of(id, async () => (await queue?.getJobState(id)) ?? "unknown");
    },
    async close() {
      const all = [one, three, fan, flows, ...[...endings.values()].map((known) => known.events)];
      await Promise.all(all.map((part) => part.close()));
    },
  };
}

function idOf({ id }: { readonly id?: string | undefined }): string {
  if (id === undefined) throw new Error("a job without an id");
  return id;
}

const RECENT_MAX = 10_000;

/** Events cost both sides of Redis something: they are read from the first time that somebody waits. */
class Endings {
  readonly events: QueueEvents;
  readonly ready: Promise<void>;
  /** Undefined: it ended well. */
  readonly #recent = new Map<string, string | undefined>();
  readonly #waiting = new Map<string, (failure: string | undefined) => void>();
  #isNew = true;

  constructor(name: QueueName) {
    this.events = new QueueEvents(QUEUES[name], { connection });
    this.events.on("completed", ({ jobId }) => this.#ended(jobId, undefined));
    this.events.on("failed", ({ jobId, failedReason }) => this.#ended(jobId, failedReason));
    this.ready = this.events.waitUntilReady().then(() => undefined);
  }

  async of(id: string, state: () => Promise<string>): Promise<void> {
    const ended = new Promise<string | undefined>((resolve) => {
      if (this.#recent.has(id)) resolve(this.#recent.get(id));
      else this.#waiting.set(id, resolve);
    });
    // What ended before the first event was read is not told.
    if (this.#isNew) {
      this.#isNew = false;
      if ((await state()) === "completed") this.#ended(id, undefined);
    }
    const failure = await ended;
    if (failure !== undefined) throw new Error(`job ${id} failed: ${failure}`);
  }

  #ended(id: string, failure: string | undefined): void {
    const resolve = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (resolve) return resolve(failure);
    this.#recent.set(id, failure);
    const [oldest] = this.#recent.keys();
    if (this.#recent.size > RECENT_MAX && oldest !== undefined) this.#recent.delete(oldest);
  }
}
