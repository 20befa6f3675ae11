import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Blueprint } from "../../src/blueprint/index.ts";
import { World } from "../support/engine.ts";
import { StreamWorker, transient } from "../support/worker.ts";

const URI = "s3://work/jobs/1/t/movie.mp4";
const FACTS = { uri: URI, size: 9, etag: "e" };

const flow = new Blueprint({ name: "flow" });
flow.handlerFor("start", { isStart: true }, (_context, actions) =>
  actions.dispatchTask({ taskType: "work", params: { first: true }, transitions: { success: "again" } }),
);
flow.handlerFor("again", ({ stateHistory }, actions) =>
  actions.dispatchTask({
    taskType: "work",
    params: { video: stateHistory["movie"], n: 1 },
    transitions: { success: "done" },
  }),
);
flow.handlerFor("done", { isEnd: true }, () => undefined);

let world: World | undefined;
afterEach(async () => {
  await world?.stop();
  world = undefined;
});
test("what a worker tells of its files reaches the next task with the file, and its next attempts", async () => {
  const folder = mkdtempSync(join(tmpdir(), "file-facts-"));
  const w = await World.start({ blueprints: [flow], folder });
  world = w;
  const worker = await new StreamWorker(w, "w", { tasks: ["work"] }).connect();
  await w.create("flow");
  expect(worker.last.params_metadata).toBeNull();
  await worker.answer({ data: { movie: URI }, metadata: { movie: FACTS, more: 1 } });
  expect(worker.last).toMatchObject({ params: { video: URI }, params_metadata: { video: FACTS } });
  await worker.answer(transient);
  await w.pass(5_000, 500);
  expect(worker.last).toMatchObject({ attempt: 2, params_metadata: { video: FACTS } });
  rmSync(folder, { recursive: true, force: true });
});
