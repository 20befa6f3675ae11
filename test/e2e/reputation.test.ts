/** Bad results cost a worker its tasks, and time gives them back; on the compiled program. */
import { afterAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { eventually, isBuilt, type Program, Server, startWorker, temporaryFolder, TOKENS } from "./binary.ts";
import { call, submit, waitForEnd, waitUntil } from "./client.ts";

const LIMIT_MS = 60_000;
const blueprints = join(import.meta.dir, "blueprints");
const studio = join(import.meta.dir, "workers", "studio.ts");

const folder = temporaryFolder();
const dataDir = join(folder.path, "data");
const strict = { REPUTATION_PENALTY_TASK_FAILURE: "0.25", REPUTATION_MIN_THRESHOLD: "0.3" };
const severe = new Server({
  blueprints,
  dataDir,
  environment: { ...strict, REPUTATION_RECOVERY_PER_HOUR: "0", LOG_LEVEL: "debug" },
});
/** A tenth of all a second. */
const mild = new Server({
  blueprints,
  dataDir,
  port: severe.port,
  environment: { ...strict, REPUTATION_RECOVERY_PER_HOUR: "360" },
});

const workers = new Map<string, Program>();
afterAll(async () => {
  for (const worker of workers.values()) await worker.kill();
  await severe.remove();
  await mild.remove();
  folder.remove();
});

async function hire(server: Server, id: string, cost: number): Promise<void> {
  const environment = { PAINTER: id, WORKER_COST_PER_SECOND: String(cost) };
  workers.set(id, startWorker(server, [studio], ["--id", id], environment));
  await eventually(`${id} is there`, 20_000, async () => (await look(server, id))?.["connected"] === true);
}

async function look(server: Server, id: string): Promise<Record<string, unknown> | undefined> {
  const { text } = await call(server, "/api/workers", { headers: { "x-client-token": TOKENS.operator } });
  return (JSON.parse(text) as Record<string, unknown>[]).find((worker) => worker["worker_id"] === id);
}

const reputationOf = async (server: Server, id: string) => Number((await look(server, id))?.["reputation"]);

async function paintedBy(server: Server, spoil?: string): Promise<unknown> {
  const job = await waitForEnd(server, await submit(server, "jobs/painting", spoil === undefined ? {} : { spoil }));
  return job.state_history["by"] ?? job.status;
}

describe.skipIf(!isBuilt)("a worker whose results are bad", () => {
  test(
    "loses tasks to a dearer one, then gets none, keeps that over a restart, and is let in again by time",
    async () => {
      await severe.start();
      await hire(severe, "cheap", 0.8);
      await hire(severe, "dear", 1);
      expect(await paintedBy(severe)).toBe("cheap");

      // 0.8 for 0.75 of a reputation is more than 1 for a whole one.
      expect(await paintedBy(severe, "cheap")).toBe("quarantined");
      expect(await reputationOf(severe, "cheap")).toBe(0.75);
      expect(await paintedBy(severe)).toBe("dear");

      await workers.get("dear")?.kill("SIGTERM");
      expect(await paintedBy(severe, "cheap")).toBe("quarantined");
      expect(await paintedBy(severe, "cheap")).toBe("quarantined");
      expect(await look(severe, "cheap")).toMatchObject({ reputation: 0.25, reputation_needed: 0.3, status: "idle" });
      const waiting = await submit(severe, "jobs/painting");
      await waitUntil(severe, waiting, "it waits", ({ status }) => status === "waiting_for_worker");
      await eventually("the log says so", 5_000, async () => severe.log.includes("A worker gets no tasks for a while"));

      await hire(severe, "dear", 1);
      expect((await waitForEnd(severe, waiting)).state_history["by"]).toBe("dear");

      expect(await severe.stop()).toBe(0);
      await mild.start();
      await eventually("cheap is back", 20_000, async () => (await look(mild, "cheap"))?.["connected"] === true);
      await eventually("and trusted as before", 20_000, async () => (await reputationOf(mild, "cheap")) === 1);
      await eventually("dear is back", 20_000, async () => (await look(mild, "dear"))?.["connected"] === true);
      expect(await paintedBy(mild)).toBe("cheap");
    },
    LIMIT_MS,
  );

  test(
    "is forgotten by no crash, but for the last seconds, and is let in at once by an operator",
    async () => {
      await paintedBy(mild, "cheap");
      await mild.stop();
      await severe.start();
      await eventually("cheap is back", 20_000, async () => (await look(severe, "cheap"))?.["connected"] === true);
      await workers.get("dear")?.kill("SIGTERM");
      const before = severe.log.length;
      while ((await reputationOf(severe, "cheap")) >= 0.3) await paintedBy(severe, "cheap");
      const low = await reputationOf(severe, "cheap");
      const written = `"reputations":{"cheap":${low}}`;
      await eventually("it is written", 10_000, async () => severe.log.slice(before).includes(written));
      await severe.kill();
      await severe.start();
      await eventually("cheap is back", 20_000, async () => (await look(severe, "cheap"))?.["connected"] === true);
      expect(await reputationOf(severe, "cheap")).toBe(low);

      const waiting = await submit(severe, "jobs/painting");
      const headers = { "x-client-token": TOKENS.operator };
      const resumed = await call(severe, "/api/admin/workers/cheap/resume", { method: "POST", headers });
      expect(resumed.status).toBe(200);
      expect((await waitForEnd(severe, waiting)).state_history["by"]).toBe("cheap");
      expect(await reputationOf(severe, "cheap")).toBe(1);
    },
    LIMIT_MS,
  );
});
