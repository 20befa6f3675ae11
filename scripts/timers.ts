/**
 * How late timers fire when very many are due: `bun run timers --jobs 100000 --seconds 60`.
 * Parks jobs in the compiled server, each until a moment of its own within the given time, stops it
 * and starts it again in between, and reads from the jobs themselves when each went on.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { isBuilt, Server, temporaryFolder } from "../test/e2e/binary.ts";
import { call } from "../test/e2e/client.ts";
import { readCommandLine, wholeNumber } from "./command-line.ts";

const BATCH = 5_000;
const PAGE = 1_000;
const LEAD_MS = 45_000;
const PATIENCE_MS = 180_000;

/** Notes how late it went on. */
const BLUEPRINT = `import { Blueprint } from "orchestrator";
const alarm = new Blueprint({ name: "alarm", apiEndpoint: "alarm" });
alarm.handlerFor("start", { isStart: true }, ({ initialData }, actions) => {
  actions.waitFor({ until: initialData.until, then: "rung" });
});
alarm.handlerFor("rung", { isEnd: true }, ({ initialData, stateHistory }) => {
  stateHistory.late = Date.now() - Date.parse(initialData.until);
});
export default alarm;
`;

const HELP = `How late timers fire when very many are due, the server started again in between.

Usage: bun run timers [--jobs N] [--seconds S]

  --jobs N     so many, each with a moment of its own (100000)
  --seconds S  all within so many seconds (60)

Example: bun run timers --jobs 20000 --seconds 10`;

const values = readCommandLine(HELP, {
  jobs: { type: "string", default: "100000" },
  seconds: { type: "string", default: "60" },
});
const jobs = wholeNumber("jobs", values.jobs);
const spreadMs = wholeNumber("seconds", values.seconds) * 1000;
if (!isBuilt) process.exit(2);

const folder = temporaryFolder();
writeFileSync(join(folder.path, "alarm.ts"), BLUEPRINT);
const server = new Server({ blueprints: folder.path });
try {
  await server.start();
  const beganMs = performance.now();
  const firstMs = Date.now() + LEAD_MS + jobs / 5;
  for (let made = 0; made < jobs; made += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, jobs - made) }, (_, index) => {
      // Not in the order of their creation: the moments of each batch lie all over the time.
      const place = ((made + index) * 7_919) % jobs;
      return { initial_data: { until: new Date(firstMs + (place / jobs) * spreadMs).toISOString() } };
    });
    const { status, text } = await call(server, "/api/v1/alarm/batch", {
      method: "POST",
      body: JSON.stringify({ jobs: batch }),
    });
    if (status !== 202) throw new Error(`a batch was answered ${status}: ${text}`);
  }
  await waitForCount("waiting_for_timer", jobs);
  console.log(`${jobs} jobs parked in ${((performance.now() - beganMs) / 1000).toFixed(1)} s`);
  await server.stop();
  await server.start();
  console.log(`started again ${((firstMs - Date.now()) / 1000).toFixed(1)} s before the first is due`);
  await waitForCount("finished", jobs);
  const late = await lateness();
  const at = (share: number) => late[Math.min(late.length - 1, Math.floor(late.length * share))] ?? 0;
  console.log(
    `${late.length} rang within ${spreadMs / 1000} s of each other; late by p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms, least ${at(0)} ms`,
  );
} finally {
  await server.remove();
  folder.remove();
}

async function waitForCount(status: string, wanted: number): Promise<void> {
  const untilMs = Date.now() + PATIENCE_MS + spreadMs;
  for (;;) {
    const { body } = await call(server, "/api/v1/dashboard");
    const count = (body["jobs"] as Record<string, number> | undefined)?.[status] ?? 0;
    if (count >= wanted) return;
    if (Date.now() > untilMs) throw new Error(`only ${count} of ${wanted} jobs are ${status}`);
    await Bun.sleep(250);
  }
}

async function lateness(): Promise<number[]> {
  const late: number[] = [];
  let cursor = "";
  do {
    const page = await call(server, `/api/v1/jobs?limit=${PAGE}${cursor === "" ? "" : `&cursor=${cursor}`}`);
    const ids = (page.body["jobs"] as { id: string }[]).map(({ id }) => id);
    const read = await Promise.all(ids.map((id) => call(server, `/api/v1/jobs/${id}?fields=state_history`)));
    for (const { body } of read) late.push(Number((body["state_history"] as { late?: number }).late));
    cursor = typeof page.body["next_cursor"] === "string" ? page.body["next_cursor"] : "";
  } while (cursor !== "");
  return late.toSorted((one, other) => one - other);
}
