/** A worker that knows nothing of our SDK: the first published generation's protocol, spoken by Python's standard library. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { isBuilt, Server, TOKENS } from "./binary.ts";
import { cancel, submit, waitForEnd, waitUntil } from "./client.ts";

const LIMIT_MS = 60_000;
const SCRIPT = join(import.meta.dir, "python", "old_worker.py");
const python = Bun.which("python3");
if (python === null) console.warn("python3 is not on this machine: the test of a worker in Python is left out.");

interface Said {
  readonly event: string;
  readonly [fact: string]: unknown;
}

/** The script, and the lines in which it says what it saw. */
class OldWorker {
  readonly said: Said[] = [];
  readonly #child;
  readonly #read: Promise<void>;
  #changed = Promise.withResolvers<void>();

  constructor(server: Server, tasks: number) {
    this.#child = Bun.spawn([python ?? "python3", SCRIPT, server.url, TOKENS.worker, "old-1", String(tasks)], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "" },
    });
    this.#read = this.#follow();
  }

  async saw(what: string, fits: (said: Said) => boolean): Promise<Said> {
    const late = Bun.sleep(15_000).then(() => "late" as const);
    for (;;) {
      const found = this.said.find(fits);
      if (found) return found;
      if ((await Promise.race([this.#changed.promise, late])) === "late") {
        throw new Error(`The worker did not see ${what}. It said:\n${JSON.stringify(this.said, null, 1)}`);
      }
    }
  }

  all(event: string): Said[] {
    return this.said.filter((said) => said.event === event);
  }

  async end(): Promise<number> {
    await this.#read;
    return await this.#child.exited;
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  async #follow(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of this.#child.stdout) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      this.said.push(...lines.map((line) => JSON.parse(line) as Said));
      this.#changed.resolve();
      this.#changed = Promise.withResolvers<void>();
    }
  }
}

describe.skipIf(!isBuilt || python === null)("a worker of the first generation", () => {
  const server = new Server({ blueprints: join(import.meta.dir, "blueprints") });
  let worker: OldWorker;
  beforeAll(async () => {
    await server.start();
    worker = new OldWorker(server, 2);
  }, LIMIT_MS);
  afterAll(async () => {
    worker.kill();
    await server.remove();
  });

  test(
    "announces itself, and each heartbeat is answered with all that is known of it",
    async () => {
      await worker.saw(
        "the last heartbeat",
        ({ event, body }) => event === "heartbeat" && statusOf(body) === "ttl_refreshed",
      );
      expect(worker.all("socket")).toMatchObject([{ status: 101, accepted: true }]);
      expect(worker.all("registered")).toMatchObject([{ status: 200, body: { status: "registered" } }]);
      const [unknown, first, cost] = worker.all("heartbeat");
      expect(unknown).toMatchObject({ status: 404, body: { error: "Worker not found" } });
      expect(first).toMatchObject({
        status: 200,
        body: { worker_type: "old-cpu", hot_cache: ["model-a"], status: "idle" },
      });
      // One field alone, on the path that the cookbook names: nothing else is lost.
      expect(cost).toMatchObject({
        path: "/status",
        sent: { cost_per_second: 0.5 },
        body: { cost_per_second: 0.5, worker_type: "old-cpu", hot_cache: ["model-a"] },
      });
    },
    LIMIT_MS,
  );

  test(
    "takes a task by poll and drives its job to the end with a nested result; the same result again changes nothing",
    async () => {
      const job = await waitForEnd(server, await submit(server, "jobs/old_echo", { task: "old_echo", text: "hello" }));

      expect(job).toMatchObject({ status: "finished", current_state: "finished", state_history: { echo: "hello" } });
      const again = await worker.saw("the answer to its second result", ({ event }) => event === "result again");
      expect(worker.all("task")[0]).toMatchObject({
        body: { job_id: job.id, type: "old_echo", params: { text: "hello" }, priority: 0, tracing_context: {} },
      });
      expect(worker.all("result")[0]).toMatchObject({ status: 200, body: { status: "result_accepted_success" } });
      expect(again).toMatchObject({ status: 200, body: { status: "ignored", reason: expect.any(String) } });
    },
    LIMIT_MS,
  );

  test(
    "reports progress over its socket and is told there to cancel, with both spellings of the key",
    async () => {
      const id = await submit(server, "jobs/old_echo", { task: "old_slow" });
      await waitUntil(server, id, "its progress", ({ progress }) => progress === 0.25);
      expect((await cancel(server, id)).status).toBe(200);

      const job = await waitForEnd(server, id);
      expect(job).toMatchObject({ status: "cancelled", current_state: "task_cancelled" });
      expect(job.state_history["progress_updates"]).toMatchObject([{ progress: 0.25, message: "a quarter" }]);
      const told = await worker.saw("the cancellation", ({ event }) => event === "message");
      expect(told["body"]).toMatchObject({ command: "cancel_task", type: "cancel_task", job_id: id });
      const handedIn = await worker.saw(
        "the answer to its last result",
        ({ event, sent }) => event === "result" && isOf(sent, id),
      );
      expect(handedIn).toMatchObject({ body: { status: "result_accepted_cancelled" } });
      expect(await worker.end()).toBe(0);
    },
    LIMIT_MS,
  );
});

function isOf(sent: unknown, jobId: string): boolean {
  return typeof sent === "object" && sent !== null && "job_id" in sent && sent.job_id === jobId;
}

function statusOf(body: unknown): unknown {
  return typeof body === "object" && body !== null && "status" in body ? body.status : undefined;
}
