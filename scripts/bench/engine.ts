/**
 * The engine alone: no network, no threads, nothing on disk. `bun scripts/bench/engine.ts [jobs]`
 * says what the actors and the store's SQL cost for jobs of one step.
 */
import { createEngine, ENGINE_DEFAULTS } from "../../actors/tree.ts";
import type { WorkerLink } from "../../actors/orchestrator.ts";
import { Blueprint, definitionOf } from "../../src/blueprint/index.ts";
import type { Catalog, Manifest } from "../../src/catalog/port.ts";
import { createInlineRunner } from "../../src/handlers/index.ts";
import { createActorSystem } from "../../src/runtime/system.ts";
import { openSqliteStorage } from "../../src/storage/sqlite/index.ts";
import { createRealSystem } from "../../src/system/real.ts";

const jobs = Number(process.argv[2] ?? 60_000);
const AT_ONCE = 200;

const blueprint = new Blueprint({ name: "one" })
  .handlerFor("start", { isStart: true }, (context, actions) => {
    actions.dispatchTask({ taskType: "step", params: context.initialData, transitions: { success: "finished" } });
  })
  .handlerFor("finished", { isEnd: true }, () => undefined);
const definition = definitionOf(blueprint);
const manifest: Manifest = {
  name: "one",
  hash: "1",
  file: "one.ts",
  apiVersion: "",
  start: "start",
  states: [],
  edges: [],
};
const catalog: Catalog = {
  current: () => manifest,
  byPath: () => manifest,
  pinned: async () => manifest,
  list: () => [manifest],
  findings: () => [],
  refused: () => [],
  onChange: () => () => undefined,
};

const system = createRealSystem({
  write: (line) => console.error(line.level, line.message, line.fields),
  level: "warn",
});
const storage = await openSqliteStorage({
  ...system,
  folder: ":memory:",
  programVersion: "bench",
  onFatal: console.error,
});
const runner = createInlineRunner({
  system,
  host: { jobState: async () => undefined },
  blueprint: () => ({ definition }),
});
const engine = createEngine({
  system,
  storage,
  catalog,
  runner,
  sender: { send: async () => ({ type: "delivered" }) },
  actors: createActorSystem({ ...system }),
  settings: ENGINE_DEFAULTS,
});
await engine.start();

let done = 0;
const finished = Promise.withResolvers<void>();
const link: WorkerLink = {
  kind: "stream",
  task(payload) {
    const { job_id: jobId, task_id: taskId } = JSON.parse(payload) as { job_id: string; task_id: string };
    queueMicrotask(async () => {
      await engine.workers.result({
        jobId,
        taskId,
        workerId: "w",
        status: "success",
        data: '{"ok":true}',
        raw: '{"status":"success","data":{"ok":true}}',
      });
      if (++done === jobs) finished.resolve();
    });
    return true;
  },
  cancel: () => true,
  close: () => undefined,
};
const registration = { worker_id: "w", supported_tasks: ["step"], max_concurrent_tasks: 500 };
await engine.workers.connect("w", link, { session: "s", registration, running: [] });

const client = { id: "bench", config: {} };
const initialData = JSON.stringify({ customer: "customer-1234567890", note: "x".repeat(140), amount: 12.5 });
let sent = 0;
const beganMs = performance.now();
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    while (sent < jobs) {
      sent += 1;
      await engine.jobs.create(client, [{ blueprint: "one", initialData }]);
    }
  }),
);
await finished.promise;
console.log(`${Math.round(jobs / ((performance.now() - beganMs) / 1000))} jobs a second`);
await engine.stop();
await storage.close();
