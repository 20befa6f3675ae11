/**
 * What becomes of answers that come too late or twice, and of workers whose clock is wrong: over HTTP by hand, over
 * our stream by hand, and from the worker program with its own clock moved.
 */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { eventually, isBuilt, Server, startWorker, TOKENS } from "./binary.ts";
import { call, submit, waitForEnd, waitUntil } from "./client.ts";
import { SHORT_TIMES } from "./crash/campaign.ts";

const LIMIT_MS = 60_000;
const ROUNDS = 3;
const OFF_MS = 600_000;
const MINUTE_MS = 60_000;

interface Task {
  readonly job_id: string;
  readonly task_id: string;
  readonly attempt: number;
  readonly params: { readonly number: number };
}

interface Answer {
  readonly status: string;
  readonly reason?: string;
}

/** A worker that is driven by hand. */
interface Hand {
  /** The next task that is given to it. */
  next(): Promise<Task>;
  answer(task: Task, data: object): Promise<Answer>;
  close(): void;
}

/** What it says about the time. */
function stampOf(offMs: number): object {
  const atMs = Date.now() + offMs;
  return { timestamp: atMs / 1_000, picked_up_at: new Date(atMs).toISOString(), last_heartbeat: atMs / 1_000 };
}

async function byHttp(server: Server, id: string, offMs = 0): Promise<Hand> {
  const headers = { "x-worker-token": TOKENS.worker };
  const post = (path: string, body: object) =>
    call(server, path, { method: "POST", headers, body: JSON.stringify({ ...body, ...stampOf(offMs) }) });
  const registered = await post("/_worker/workers/register", {
    worker_id: id,
    supported_tasks: ["count"],
    max_concurrent_tasks: 10,
  });
  expect(registered.status).toBe(200);
  return {
    async next() {
      for (;;) {
        const { status, body } = await call(server, `/_worker/workers/${id}/tasks/next`, { headers });
        if (status === 200) return body as unknown as Task;
      }
    },
    async answer({ job_id, task_id }, data) {
      const body = { job_id, task_id, worker_id: id, status: "success", data };
      const answer = await post("/_worker/tasks/result", body);
      expect(answer.status).toBe(200);
      return answer.body as unknown as Answer;
    },
    close: () => undefined,
  };
}

async function byStream(server: Server, id: string, offMs = 0): Promise<Hand> {
  const url = `${server.url.replace("http", "ws")}/_worker/stream`;
  const socket = new WebSocket(url, { headers: { "X-Worker-Token": TOKENS.worker } } as never);
  const tasks: Task[] = [];
  const answers = new Map<number, Answer>();
  let isWelcome = false;
  let sequence = 0;
  const say = (frame: object) => socket.send(JSON.stringify([{ ...frame, ...stampOf(offMs) }]));
  socket.addEventListener("open", () => {
    const registration = { worker_id: id, supported_tasks: ["count"], max_concurrent_tasks: 10, ...stampOf(offMs) };
    say({ type: "hello", session: `session-${id}`, registration, running: [] });
  });
  socket.addEventListener("message", ({ data }) => {
    const frames = JSON.parse(String(data)) as readonly ({ type: string; task: Task; seq: number } & Answer)[];
    for (const frame of frames) {
      if (frame.type === "welcome") isWelcome = true;
      if (frame.type === "task") tasks.push(frame.task);
      if (frame.type === "ack") answers.set(frame.seq, frame);
    }
  });
  await eventually(`worker ${id} is welcome`, 10_000, async () => isWelcome);
  return {
    async next() {
      await eventually("a task comes", 20_000, async () => tasks.length > 0);
      const task = tasks.shift();
      if (!task) throw new Error("a task that came is gone");
      return task;
    },
    async answer({ job_id, task_id }, data) {
      const seq = ++sequence;
      say({ type: "result", seq, job_id, task_id, status: "success", data });
      await eventually("the result is answered", 10_000, async () => answers.has(seq));
      return answers.get(seq) ?? { status: "none" };
    },
    close: () => socket.close(),
  };
}

async function withServer(play: (server: Server) => Promise<void>): Promise<void> {
  const server = new Server({ blueprints: join(import.meta.dir, "crash", "blueprints"), environment: SHORT_TIMES });
  await server.start();
  try {
    await play(server);
  } finally {
    await server.remove();
  }
}

interface HistoryEvent {
  readonly event_type: string;
  readonly timestamp: string;
  readonly worker_id?: string | null;
  readonly attempt?: number | null;
}

async function eventsOf(server: Server, id: string): Promise<readonly HistoryEvent[]> {
  return JSON.parse((await call(server, `/api/v1/jobs/${id}/history`)).text) as readonly HistoryEvent[];
}

async function resultsOf(server: Server, id: string): Promise<number> {
  return (await eventsOf(server, id)).filter((event) => event.event_type === "task_finished").length;
}

describe.skipIf(!isBuilt).each([
  ["HTTP", byHttp],
  ["the stream", byStream],
] as const)("a worker over %s", (_, connect) => {
  test.concurrent(
    "that answers when its time is over changes nothing, and the attempt after it counts",
    () =>
      withServer(async (server) => {
        const hand = await connect(server, "late");
        const ids = await Promise.all(
          Array.from({ length: ROUNDS }, () => submit(server, "jobs/counting", { steps: 1 })),
        );
        const firsts = await takeAll(hand, ids.length);
        // Its time is 4 s: each of them comes once more, to the same worker, while the first is still in hand.
        const seconds = await takeAll(hand, ids.length);
        for (const id of ids) {
          const [first, second] = [of(firsts, id), of(seconds, id)];
          expect([first.attempt, second.attempt]).toEqual([1, 2]);
          expect(await hand.answer(first, { number: 77, attempt: 1 })).toMatchObject({
            status: "ignored",
            reason: "stale_task",
          });
          expect((await hand.answer(second, { number: 0, attempt: 2 })).status).toBe("result_accepted_success");
          const job = await waitForEnd(server, id);
          expect([job.status, job.state_history["counted"], job.state_history["attempts_max"]]).toEqual([
            "finished",
            [0],
            2,
          ]);
          expect((await hand.answer(first, { number: 77, attempt: 1 })).status).toBe("ignored");
          expect(await resultsOf(server, id)).toBe(2);
        }
        hand.close();
      }),
    LIMIT_MS,
  );

  test.concurrent(
    "that answers twice is counted once, whatever it says the second time and whenever",
    () =>
      withServer(async (server) => {
        const hand = await connect(server, "twice");
        for (let round = 0; round < ROUNDS; round++) {
          const id = await submit(server, "jobs/counting", { steps: 2 });
          const first = await hand.next();
          const answers = await Promise.all([
            hand.answer(first, { number: 0, attempt: 1 }),
            hand.answer(first, { number: round === 0 ? 0 : 77, attempt: 1 }),
          ]);
          expect(answers.map(({ status }) => status).toSorted()).toEqual(["ignored", "result_accepted_success"]);
          const second = await hand.next();
          expect((await hand.answer(first, { number: 78, attempt: 1 })).status).toBe("ignored");
          expect((await hand.answer(second, { number: 1, attempt: 1 })).status).toBe("result_accepted_success");
          const job = await waitForEnd(server, id);
          expect((await hand.answer(second, { number: 79, attempt: 1 })).status).toBe("ignored");
          const [winner] = job.state_history["counted"] as number[];
          expect(job.state_history["counted"]).toEqual([winner, 1]);
          expect([0, 77]).toContain(winner ?? -1);
          expect(job.state_history["attempts_max"]).toBe(1);
          expect(await resultsOf(server, id)).toBe(2);
        }
        hand.close();
      }),
    LIMIT_MS,
  );

  test.concurrent(
    "that answers again after the server was killed and started is told that it was counted",
    () =>
      withServer(async (server) => {
        const before = await connect(server, "again");
        const id = await submit(server, "jobs/counting", { steps: 1 });
        const task = await before.next();
        expect((await before.answer(task, { number: 0, attempt: 1 })).status).toBe("result_accepted_success");
        before.close();
        await server.kill();
        await server.start();
        const hand = await connect(server, "again");
        expect((await hand.answer(task, { number: 77, attempt: 1 })).status).toBe("ignored");
        const job = await waitForEnd(server, id);
        expect([job.status, job.state_history["counted"]]).toEqual(["finished", [0]]);
        expect(await resultsOf(server, id)).toBe(1);
        hand.close();
      }),
    LIMIT_MS,
  );

  for (const offMs of [-OFF_MS, OFF_MS]) {
    test.concurrent(
      `whose clock is 10 minutes ${offMs < 0 ? "slow" : "fast"} loses nothing, and no date is its own`,
      () =>
        withServer(async (server) => {
          const sinceMs = Date.now();
          const hand = await connect(server, "off", offMs);
          for (let round = 0; round < ROUNDS; round++) {
            const id = await submit(server, "jobs/counting", { steps: 2 });
            for (let number = 0; number < 2; number++) {
              const task = await hand.next();
              expect(task.attempt).toBe(1);
              await hand.answer(task, { number, attempt: task.attempt });
            }
            const job = await waitForEnd(server, id);
            expect([job.status, job.state_history["counted"]]).toEqual(["finished", [0, 1]]);
            await expectOwnDates(server, id, sinceMs);
          }
          hand.close();
        }),
      LIMIT_MS,
    );
  }
});

describe.skipIf(!isBuilt)("the worker program", () => {
  for (const transport of ["ws", "poll"]) {
    test.concurrent(
      `does its tasks by ${transport} while its clock is 10 minutes off and jumps by 20`,
      () =>
        withServer(async (server) => {
          const sinceMs = Date.now();
          const file = join(import.meta.dir, "workers", "wrong-clock.ts");
          const flags = ["--id", `off-${transport}`, "--transport", transport];
          const worker = startWorker(server, [file], flags, { HEARTBEAT_INTERVAL: "1" });
          const ids = await Promise.all(
            Array.from({ length: ROUNDS }, () => submit(server, "jobs/counting", { steps: 4, ms: 300 })),
          );
          for (const id of ids) {
            const job = await waitForEnd(server, id, 30_000);
            expect([job.status, job.state_history["counted"], job.state_history["attempts_max"]]).toEqual([
              "finished",
              [0, 1, 2, 3],
              1,
            ]);
            await expectOwnDates(server, id, sinceMs);
          }
          expect(worker.hasEnded).toBe(false);
          await worker.kill();
        }),
      LIMIT_MS,
    );

    test.concurrent(
      `that is killed with its clock 10 minutes off is replaced as any other, by ${transport}`,
      () =>
        withServer(async (server) => {
          const file = join(import.meta.dir, "workers", "wrong-clock.ts");
          const start = (id: string) =>
            startWorker(server, [file], ["--id", id, "--transport", transport], { HEARTBEAT_INTERVAL: "1" });
          const first = start("first");
          const id = await submit(server, "jobs/counting", { steps: 1, ms: 1_500 });
          await waitUntil(server, id, "its task runs", (job) => job.tasks?.[0]?.status === "running");
          await first.kill();
          const second = start("second");
          const job = await waitForEnd(server, id, 30_000);
          expect([job.status, job.state_history["counted"], job.state_history["attempts_max"]]).toEqual([
            "finished",
            [0],
            2,
          ]);
          await second.kill();
        }),
      LIMIT_MS,
    );
  }
});

async function expectOwnDates(server: Server, id: string, sinceMs: number): Promise<void> {
  const dates = (await eventsOf(server, id)).map(({ timestamp }) => Date.parse(timestamp));
  expect(dates.length).toBeGreaterThan(3);
  for (const atMs of dates) {
    expect(atMs).toBeGreaterThan(sinceMs - MINUTE_MS);
    expect(atMs).toBeLessThan(Date.now() + MINUTE_MS);
  }
}

async function takeAll(hand: Hand, count: number): Promise<readonly Task[]> {
  const tasks: Task[] = [];
  while (tasks.length < count) tasks.push(await hand.next());
  return tasks;
}

function of(tasks: readonly Task[], jobId: string): Task {
  const task = tasks.find((one) => one.job_id === jobId);
  if (!task) throw new Error(`no task of job ${jobId} came`);
  return task;
}
