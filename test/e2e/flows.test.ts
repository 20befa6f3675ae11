/** Recipes 8, 14, 18 and 19, and the order: to all of their ends, on the compiled program. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { examples, isBuilt, type Program, Server, startWorker } from "./binary.ts";
import { call, cancel, type JobDocument, submit, waitForEnd, waitUntil } from "./client.ts";

const LIMIT_MS = 60_000;
const workers: Program[] = [];
const server = new Server();

beforeAll(async () => void (await server.start()), LIMIT_MS);
afterEach(async () => {
  for (const worker of workers.splice(0)) await worker.kill();
});
afterAll(() => server.remove());

function work(file: string, environment: Readonly<Record<string, string>> = {}, id = file): void {
  workers.push(startWorker(server, [join(examples, "_workers", `${file}.ts`)], ["--id", id], environment));
}

async function end(endpoint: string, input: object): Promise<JobDocument> {
  return waitForEnd(server, await submit(server, endpoint, input));
}

async function workersThere(...ids: readonly string[]): Promise<void> {
  const until = performance.now() + 20_000;
  for (;;) {
    const { text } = await call(server, "/api/v1/workers");
    const there = (JSON.parse(text) as { worker_id: string }[]).map(({ worker_id: id }) => id);
    if (ids.every((id) => there.includes(id))) return;
    if (performance.now() > until) throw new Error(`${ids.join()} did not come: ${text}`);
    await Bun.sleep(20);
  }
}

describe.skipIf(!isBuilt)("recipe 8, the price", () => {
  test(
    "the cheapest worker does it; where all cost more than allowed it ends at once as too expensive",
    async () => {
      work("08-compression", { WORKER_COST_PER_SECOND: "0.90", WORKER_NAME: "dear" }, "dear");
      work("08-compression", { WORKER_COST_PER_SECOND: "0.02", WORKER_NAME: "cheap" }, "cheap");
      await workersThere("dear", "cheap");
      for (let job = 0; job < 3; job++) {
        expect(await end("jobs/cost_optimized_flow", { text: "aaab" })).toMatchObject({
          status: "finished",
          result: { compressed: "3a1b", worker: "cheap" },
        });
      }
      expect(await end("jobs/cost_optimized_flow", { max_cost: 0.001 })).toMatchObject({
        status: "failed",
        current_state: "too_expensive",
        error: { code: "TOO_EXPENSIVE" },
      });
      const id = await submit(server, "jobs/cost_optimized_flow", { seconds: 30 });
      await waitUntil(server, id, "its task runs", ({ tasks }) => tasks?.[0]?.status === "running");
      await cancel(server, id);
      expect(await waitForEnd(server, id)).toMatchObject({ status: "cancelled", current_state: "cancelled" });
    },
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt)("recipe 14, a flow inside a flow", () => {
  test(
    "the child's outcome and result bring the parent on",
    async () => {
      const job = await end("jobs/main_flow", { raw_text: "make it loud" });
      expect(job).toMatchObject({
        status: "finished",
        current_state: "finished",
        state_history: { outcome: "success", loud_text: "MAKE IT LOUD" },
      });
      expect(Object.keys(job.state_history).some((key) => key.startsWith("sub_job_"))).toBe(true);
    },
    LIMIT_MS,
  );

  test(
    "a child that fails sends its parent to the state for that",
    async () => {
      const job = await end("jobs/main_flow", { raw_text: "" });
      expect(job).toMatchObject({ status: "failed", current_state: "failed" });
      const key = Object.keys(job.state_history).find((name) => name.startsWith("sub_job_")) ?? "";
      expect(job.state_history[key]).toMatchObject({
        outcome: "failure",
        error_message: "there is no text to process",
      });
    },
    LIMIT_MS,
  );

  test(
    "several children lead to one aggregator, also none, and one that fails ends it",
    async () => {
      expect(await end("jobs/anthology", { texts: ["a", "b", "c"] })).toMatchObject({
        status: "finished",
        state_history: { chapters: ["A", "B", "C"] },
      });
      expect(await end("jobs/anthology", {})).toMatchObject({ status: "finished", state_history: { chapters: [] } });
      expect(await end("jobs/anthology", { texts: ["a", ""] })).toMatchObject({ status: "failed" });
    },
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt)("recipe 18, first and last handlers", () => {
  test.each([
    [{ user_id: 7, document_type: "invoice" }, "finished", "cleanup_and_notify_success"],
    [{ user_id: 7, document_type: "letter" }, "finished", "cleanup_and_notify_success"],
    [{ user_id: 7, document_type: "blank" }, "finished", "handle_rejection"],
    [{ user_id: 7, document_type: "broken" }, "quarantined", "failed"],
    [{}, "finished", "invalid_input_failed"],
  ])(
    "%j ends %s in %s",
    async (input, status, state) => {
      work("18-documents");
      const job = await end("jobs/validation", input);
      expect(job).toMatchObject({ status, current_state: state });
      expect(job.state_history["draft"]).toBeUndefined();
    },
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt)("recipe 19, what a worker has", () => {
  test(
    "a task waits while no worker has what it needs, and goes to the one that does",
    async () => {
      work("19-video", {}, "plain");
      work(
        "19-video",
        { GPU_MODEL: "NVIDIA T4", GPU_VRAM_GB: "8", INSTALLED_MODELS: '["stable-diffusion-1.5"]' },
        "small",
      );
      await workersThere("plain", "small");
      const id = await submit(server, "jobs/gpu_flow", { clips: 3 });
      await waitUntil(server, id, "it waits", ({ tasks }) => tasks?.[0]?.status === "queued");

      const environment = { GPU_MODEL: "NVIDIA T4 Tensor Core", GPU_VRAM_GB: "16" };
      work("19-video", { ...environment, INSTALLED_MODELS: '["stable-diffusion-1.5"]' }, "fitting");

      expect(await waitForEnd(server, id)).toMatchObject({
        status: "finished",
        result: { frames: 72, gpu: "NVIDIA T4 Tensor Core" },
      });
      expect(await end("jobs/gpu_flow", { clips: 0 })).toMatchObject({ status: "failed", current_state: "failed" });
    },
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt)("the order, which waits for time and events", () => {
  const paid = (id: string, key = "k") =>
    call(server, `/api/v1/jobs/${id}/event`, {
      method: "POST",
      body: '{"event":"paid","data":{"amount":40}}',
      headers: { "idempotency-key": key },
    });

  test(
    "a payment that was acknowledged survives a kill -9, as do the wait before and the pause after it",
    async () => {
      const id = await submit(server, "jobs/order", { packing_seconds: 3 });
      const waiting = await waitUntil(server, id, "it waits", ({ status }) => status === "waiting_for_event");
      expect(waiting).toMatchObject({ waiting_for: { kind: "event", event: "paid" } });
      await server.kill();
      await server.start();

      expect((await paid(id)).status).toBe(200);
      await server.kill();
      await server.start();
      expect((await paid(id)).status).toBe(200);
      work("order");
      await waitUntil(server, id, "it pauses", ({ status }) => status === "waiting_for_timer");
      await server.kill();
      await server.start();

      const job = await waitForEnd(server, id);
      expect(job).toMatchObject({ status: "finished", current_state: "sent" });
      expect(job.state_history).toMatchObject({ paid: { amount: 40 } });
      expect(Number(job.state_history["offers"])).toBeGreaterThanOrEqual(2);
      const late = await paid(id, "other");
      expect([late.status, late.body["code"]]).toEqual([409, "JOB_TERMINAL"]);
    },
    LIMIT_MS,
  );

  test(
    "nobody pays; too few shops have it; somebody calls it off",
    async () => {
      work("order");
      expect(await end("jobs/order", { payment_seconds: 0.2 })).toMatchObject({ current_state: "expired" });
      const soldOut = await submit(server, "jobs/order", { shut: ["north", "west"] });
      expect((await paid(soldOut)).body["warning"]).toBeUndefined();
      expect(await waitForEnd(server, soldOut)).toMatchObject({ status: "quarantined", current_state: "sold_out" });
      const off = await submit(server, "jobs/order");
      const misspelled = await call(server, `/api/v1/jobs/${off}/event`, { method: "POST", body: '{"event":"payed"}' });
      expect([misspelled.status, misspelled.body["warning"]]).toEqual([
        200,
        expect.stringContaining('no event "payed": did you mean paid?'),
      ]);
      await cancel(server, off);
      expect(await waitForEnd(server, off)).toMatchObject({ status: "cancelled", current_state: "start" });
    },
    LIMIT_MS,
  );
});
