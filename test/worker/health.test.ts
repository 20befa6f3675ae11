import { afterEach, describe, expect, test } from "bun:test";
import { Worker } from "../../worker/index.ts";
import { type Health, serveHealth } from "../../worker/health.ts";
import { FakeOrchestrator } from "./support/fake-orchestrator.ts";
import { runWorker } from "./support/running.ts";

const open: Array<{ stop(): Promise<void> }> = [];
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one.stop();
});

function health(isDraining = () => false): Health {
  const served = serveHealth(0, isDraining);
  open.push(served);
  return served;
}

const ask = (port: number, path = "/health", method = "GET") => fetch(`http://127.0.0.1:${port}${path}`, { method });

describe("the health of a worker", () => {
  test("is OK as long as it takes tasks, and unavailable once it drains", async () => {
    let draining = false;
    const { port } = health(() => draining);
    const well = await ask(port);
    draining = true;

    expect([well.status, await well.text()]).toEqual([200, "OK"]);
    expect((await ask(port)).status).toBe(503);
  });

  test("nothing else is to be had there", async () => {
    const { port } = health();

    expect((await ask(port, "/")).status).toBe(404);
    expect((await ask(port, "/health", "POST")).status).toBe(405);
  });

  test("a worker with WORKER_PORT answers, also while its orchestrator is away", async () => {
    const fake = new FakeOrchestrator().start();
    await fake.stop();
    const running = runWorker(
      new Worker().task("a", () => undefined),
      fake,
      { environment: { WORKER_PORT: "0" } },
    );
    open.push(running);
    const { fields } = await running.line("worker started");

    expect((await ask(Number(Reflect.get(fields, "health_port")))).status).toBe(200);
  });

  test("a port that somebody else has is named with its variable", async () => {
    const { port } = health();
    const fake = new FakeOrchestrator().start();
    open.push(fake);
    const environment = { WORKER_PORT: String(port) };
    const running = runWorker(
      new Worker().task("a", () => undefined),
      fake,
      { environment },
    );

    expect(running.ended).rejects.toThrow("WORKER_PORT");
  });
});
