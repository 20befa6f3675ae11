import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Caller } from "../../src/protocol/process.ts";
import type { TaskPayload } from "../../src/protocol/worker.ts";
import { oneTask } from "../support/blueprints.ts";
import { World, type WorldOptions } from "../support/engine.ts";
import { resultOf, StreamWorker } from "../support/worker.ts";

let world: World | undefined;
let folder: string | undefined;
async function start(options: Partial<WorldOptions> = {}): Promise<World> {
  folder = mkdtempSync(join(tmpdir(), "avtomatika-engine-"));
  world = await World.start({ folder, blueprints: [oneTask("simple", { retry: QUICK })], ...options });
  return world;
}
afterEach(async () => {
  await world?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  world = folder = undefined;
});

const QUICK = { maxAttempts: 4, backoffSeconds: 1, maxBackoffSeconds: 1 };
/** So long a stream may take to come back, and so often who polls is asked to say what it runs. */
const RECONNECT_MS = 5_000;
const ID = "w";

/** A process of our SDK that polls: it says which it is. */
class PollProcess {
  readonly got: TaskPayload[] = [];
  running: TaskPayload[] = [];
  cancelled: readonly string[] = [];
  #connection = 0;

  constructor(
    readonly world: World,
    readonly session: string,
  ) {}

  get caller(): Caller {
    return { session: this.session, connection: this.#connection };
  }

  async register(running = this.running): Promise<this> {
    this.#connection += 1;
    await this.registerAs(this.caller, running);
    return this;
  }

  async registerAs(caller: Caller, running: readonly TaskPayload[]): Promise<void> {
    const inHand = running.map(({ job_id, task_id }) => ({ job_id, task_id }));
    const body = { worker_id: ID, supported_tasks: ["t"] };
    const { workers } = this.world.engine;
    this.cancelled = (await this.world.done(workers.register(body, { ...caller, running: inHand }))).cancelled;
  }

  /** `isLost`: its answer does not arrive. */
  async poll(isLost = false): Promise<void> {
    const { signal } = new AbortController();
    void this.world.engine.workers.poll(ID, 30_000, signal, this.caller).then((text) => {
      if (text === undefined || isLost) return;
      const task = JSON.parse(text) as TaskPayload;
      this.got.push(task);
      this.running.push(task);
    });
    await this.world.time.settle();
  }

  async beat(): Promise<void> {
    await this.world.done(this.world.engine.workers.heartbeat(ID, this.#report, undefined, this.caller));
  }

  /** From another thread, which does not know which process it is in. */
  async heartBeats(): Promise<void> {
    await this.world.done(this.world.engine.workers.heartbeat(ID, this.#report));
  }

  get #report() {
    return { current_tasks: this.running.map(({ task_id }) => task_id) };
  }

  get last(): TaskPayload {
    const task = this.got.at(-1);
    if (!task) throw new Error(`process ${this.session} has got no task`);
    return task;
  }

  answer(task = this.last) {
    this.running = this.running.filter((one) => one !== task);
    return this.world.done(this.world.engine.workers.result(resultOf(ID, task)));
  }
}

/** A process of the id `w` that runs a task. */
async function busy(w: World, session: string): Promise<PollProcess> {
  const process = await new PollProcess(w, session).register();
  await process.poll();
  await w.create("simple");
  expect(process.got).toHaveLength(1);
  await w.pass(500);
  await process.beat();
  return process;
}

const ACCEPTED = { status: "result_accepted_success" } as const;

describe("a process that polls and was killed", () => {
  test("loses its task soon after another of its id has come, and with it an attempt, as one with a stream does", async () => {
    const w = await start();
    const killed = await busy(w, "killed");
    await w.pass(20_000, 1_000);

    const next = await new PollProcess(w, "next").register();
    await next.poll();
    await w.pass(RECONNECT_MS, 500);
    expect(next.got).toHaveLength(0);
    await w.pass(RECONNECT_MS + 3_000, 500);

    expect(next.got).toMatchObject([{ job_id: killed.last.job_id, attempt: 2 }]);
    expect(await killed.answer()).toMatchObject({ status: "ignored", reason: "stale_task" });
    expect(await next.answer()).toEqual(ACCEPTED);
  });

  test("loses it too when the other one has a stream", async () => {
    const w = await start();
    const killed = await busy(w, "killed");

    const next = await new StreamWorker(w, ID, { session: "next" }).connect();
    await w.pass(2 * RECONNECT_MS + 3_000, 500);

    expect(next.got).toMatchObject([{ job_id: killed.last.job_id, attempt: 2 }]);
  });

  test("loses what it had ended, and kept, to the process that has found it: that one hands it in", async () => {
    const w = await start();
    const killed = await busy(w, "killed");

    const next = new PollProcess(w, "next");
    await next.register(killed.running);
    await w.pass(60_000, 1_000);

    expect(next.cancelled).toEqual([]);
    expect(await next.answer(killed.last)).toEqual(ACCEPTED);
  });
});

describe("a process that polls beside others of its id", () => {
  test("keeps its task as long as it says that it runs it, whoever comes and goes", async () => {
    const w = await start();
    const first = await busy(w, "first");

    for (let round = 0; round < 20; round++) {
      const other = await new PollProcess(w, `other-${round}`).register();
      await other.beat();
      await w.pass(RECONNECT_MS, 500);
      await first.beat();
    }

    expect(await first.answer()).toEqual(ACCEPTED);
  });

  test("keeps it while a handler blocks its thread and its heart speaks for it", async () => {
    const w = await start();
    const blocked = await busy(w, "blocked");

    for (let beats = 0; beats < 4; beats++) {
      await blocked.heartBeats();
      await new PollProcess(w, `other-${beats}`).register();
      await w.pass(15_000, 1_000);
    }

    expect(await blocked.answer()).toEqual(ACCEPTED);
  });

  test("keeps it where it does not say which process it is, as workers of other kinds", async () => {
    const w = await start({ settings: { workerTimeoutMs: 60_000 } });
    await w.done(w.engine.workers.register({ worker_id: ID, supported_tasks: ["t"] }));
    let task: TaskPayload | undefined;
    void w.engine.workers.poll(ID, 30_000, new AbortController().signal).then((text) => {
      task = JSON.parse(text ?? "{}") as TaskPayload;
    });
    await w.create("simple");

    await new PollProcess(w, "other").register();
    await w.pass(40_000, 1_000);

    if (!task) throw new Error("a task was expected");
    expect(await w.done(w.engine.workers.result(resultOf(ID, task)))).toEqual(ACCEPTED);
  });
});

describe("a task that is handed to a process that polls", () => {
  test("and did not reach it goes back as soon as that says so for long enough, and no attempt is burned", async () => {
    const w = await start();
    const process = await new PollProcess(w, "p").register();
    await process.poll(true);
    const id = await w.create("simple");
    await process.poll();
    // What reached it in the meantime would be told by then.
    for (let beats = 0; beats < 2; beats++) {
      await process.beat();
      await w.pass(RECONNECT_MS, 500);
    }
    expect(process.got).toHaveLength(0);
    await w.pass(500);
    await process.beat();
    await w.pass(500);

    expect(process.got).toMatchObject([{ job_id: id, attempt: 1 }]);
  });

  test("and did not reach it before it was killed burns no attempt either", async () => {
    const w = await start();
    const process = await new PollProcess(w, "p").register();
    await process.poll(true);
    const id = await w.create("simple");
    await w.pass(500);
    await process.beat();

    const next = await new PollProcess(w, "next").register();
    await next.poll();
    await w.pass(2 * RECONNECT_MS + 1_500, 500);

    expect(next.got).toMatchObject([{ job_id: id, attempt: 1 }]);
  });

  test("and that it has said to run is not taken back where a later report leaves it out", async () => {
    const w = await start();
    const process = await busy(w, "p");
    const { last } = process;
    process.running = [];
    for (let beats = 0; beats < 6; beats++) {
      await w.pass(RECONNECT_MS, 500);
      await process.beat();
    }

    expect(await process.answer(last)).toEqual(ACCEPTED);
  });
});

describe("a process that registers anew", () => {
  test("without a task that went out over its last connection gives it back at once, and no attempt is burned", async () => {
    const w = await start();
    const process = await new PollProcess(w, "p").register();
    await process.poll(true);
    const id = await w.create("simple");
    await w.pass(500);

    await process.register();
    await process.poll();
    await w.pass(500);

    expect(process.got).toMatchObject([{ job_id: id, attempt: 1 }]);
    expect(await process.answer()).toEqual(ACCEPTED);
  });

  test("gets nothing over the polls that it has left behind", async () => {
    const w = await start();
    const process = await new PollProcess(w, "p").register();
    await process.poll(true);
    const left = process.caller;
    await process.register();
    // One that was under way while it registered.
    let isAnswered = false;
    void w.engine.workers.poll(ID, 30_000, new AbortController().signal, left).then((text) => {
      isAnswered = text === undefined;
    });
    await w.time.settle();
    expect(isAnswered).toBe(true);

    const id = await w.create("simple");
    await w.pass(1_000);
    await process.poll();

    expect(process.got).toMatchObject([{ job_id: id, attempt: 1 }]);
  });

  test("takes nothing back that came after it, where its registration comes late or twice", async () => {
    const w = await start();
    const process = await new PollProcess(w, "p").register();
    const first = process.caller;
    await process.register();
    const second = process.caller;
    await process.poll();
    await w.create("simple");

    await process.registerAs(second, []);
    await process.registerAs(first, []);
    let isAnswered = false;
    void w.engine.workers.poll(ID, 30_000, new AbortController().signal, first).then(() => {
      isAnswered = true;
    });
    await w.time.settle();
    expect(isAnswered).toBe(true);
    await w.pass(20_000, 1_000);

    expect(await process.answer()).toEqual(ACCEPTED);
  });

  test("says nothing of what has come by its stream, where the registration was under way before that one", async () => {
    const w = await start();
    const stream = await new StreamWorker(w, ID, { session: "p" }).connect();
    const id = await w.create("simple");
    await new PollProcess(w, "p").register(stream.running);

    await w.done(w.engine.jobs.cancel(undefined, id));
    await w.time.settle();

    expect(stream.cancels).toEqual([stream.last.task_id]);
  });

  test("hears what of all that it has in hand is over", async () => {
    const w = await start();
    const process = await busy(w, "p");
    const task = process.last;
    await process.answer();

    await process.register([task]);

    expect(process.cancelled).toEqual([task.task_id]);
  });

  test("after it had a stream has its task there, and takes it back to the next stream", async () => {
    const w = await start();
    const stream = await new StreamWorker(w, ID, { session: "p" }).connect();
    await w.create("simple");
    await stream.disconnect();

    const process = new PollProcess(w, "p");
    await process.register(stream.running);
    await w.pass(60_000, 1_000);
    await stream.connect();
    expect(stream.cancelled).toEqual([]);
    await w.pass(60_000, 1_000);

    expect(stream.got).toHaveLength(1);
    expect(await stream.answer()).toEqual(ACCEPTED);
  });

  test("by a stream without what it polled last gives that back at once", async () => {
    const w = await start();
    const process = await new PollProcess(w, "p").register();
    await process.poll(true);
    const id = await w.create("simple");

    const stream = await new StreamWorker(w, ID, { session: "p" }).connect();
    await w.pass(500);

    expect(stream.got).toMatchObject([{ job_id: id, attempt: 1 }]);
  });
});

describe("after a restart of the server a process that polls", () => {
  test("keeps what it still runs, and what it runs no more is handed out again soon", async () => {
    const w = await start();
    const process = await busy(w, "p");
    await process.poll();
    await w.create("simple");
    await w.pass(500);
    const [kept, lost] = process.got;
    if (!kept || !lost) throw new Error("two tasks were expected");

    await w.restart();
    process.running = [kept];
    await process.register();
    await process.poll();
    await w.pass(RECONNECT_MS + 2_000, 500);

    expect(process.cancelled).toEqual([]);
    expect(process.got.slice(2)).toMatchObject([{ job_id: lost.job_id, attempt: 1 }]);
    await w.pass(60_000, 1_000);
    expect(await process.answer(kept)).toEqual(ACCEPTED);
    expect(await process.answer()).toEqual(ACCEPTED);
  });

  test("keeps a task whose hand-out was not on disk when the server died", async () => {
    const w = await start();
    const process = await new PollProcess(w, "p").register();
    await process.poll();
    await w.create("simple");

    await w.restart();
    await process.register();
    await w.pass(30_000, 1_000);

    expect(process.cancelled).toEqual([]);
    expect(await process.answer()).toEqual(ACCEPTED);
  });

  test("that has been killed as well loses its task soon where the server finds it after the next one has come", async () => {
    const w = await start();
    const killed = await busy(w, "killed");
    let isUnread = true;
    w.refuseRead = (name) => (name === "waitingJobs" && isUnread ? new Error("not now") : undefined);

    await w.restart();
    const next = await new PollProcess(w, "next").register();
    isUnread = false;
    await next.poll();
    await w.pass(RECONNECT_MS + 3_000, 500);

    expect(next.got).toMatchObject([{ job_id: killed.last.job_id, attempt: 1 }]);
  });

  test("that has been killed as well loses its task soon to the next one", async () => {
    const w = await start();
    const killed = await busy(w, "killed");

    await w.restart();
    const next = await new PollProcess(w, "next").register();
    await next.poll();
    await w.pass(RECONNECT_MS + 2_000, 500);

    expect(next.got).toMatchObject([{ job_id: killed.last.job_id, attempt: 1 }]);
  });
});
