/** Jobs that wait before they begin, and jobs that change their version, on the compiled program under `kill -9`. */
import { afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, isBuilt, run, Server, temporaryFolder, TOKENS } from "./binary.ts";
import { call, read, waitForEnd } from "./client.ts";

const LIMIT_MS = 90_000;
const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

/** Waits a moment inside, so that there is somebody in and somebody before the gate. */
const LIMITED = `
import { Blueprint } from "orchestrator";
export default new Blueprint({ name: "limited", apiEndpoint: "jobs/limited", concurrency: { max: 2, key: "initial_data.customer" } })
  .handlerFor("start", { isStart: true }, (_context, { waitFor }) => waitFor({ seconds: 0.3, then: "done" }))
  .handlerFor("done", { isEnd: true }, () => {});
`;

const parked = (state: string, on: string) => `
import { Blueprint } from "orchestrator";
export default new Blueprint({ name: "parked", apiEndpoint: "jobs/parked" })
  .handlerFor("start", { isStart: true }, (_context, { transitionTo }) => transitionTo("${state}"))
  .handlerFor("${state}", (_context, { waitForEvent }) =>
    waitForEvent({ event: "go", timeoutSeconds: 600, transitions: { received: "${on}", timeout: "failed" } }))
  .handlerFor("${on}", { isEnd: true }, () => {})
  .handlerFor("failed", { isEnd: true }, () => {});
`;

async function serve(files: Readonly<Record<string, string>>): Promise<{ server: Server; folder: string }> {
  const made = temporaryFolder();
  cleanups.push(made.remove);
  const folder = join(made.path, "blueprints");
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const server = new Server({ blueprints: folder });
  cleanups.push(() => server.remove());
  await server.start();
  return { server, folder };
}

const operator = { "x-client-token": TOKENS.operator };

/** A command of an operator's; what it prints as JSON. */
async function command(server: Server, ...argv: readonly string[]) {
  const { exitCode, out, err } = await run([...argv, "--url", server.url, "--token", TOKENS.operator, "--json"]);
  expect(`${exitCode} ${err}`).toStartWith("0 ");
  return JSON.parse(out) as Record<string, unknown>;
}

async function create(server: Server, endpoint: string, body: object) {
  const { status, body: answer } = await call(server, `/api/v1/jobs/${endpoint}`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  return { status, id: String(answer["job_id"]), existing: answer["existing"] };
}

async function countOf(server: Server, query: string): Promise<number> {
  const { body } = await call(server, `/api/v1/jobs?limit=1000&${query}`);
  return (body["jobs"] as unknown[]).length;
}

describe.skipIf(!isBuilt)("a limit", () => {
  test(
    "holds and loses nobody while the server is killed again and again",
    async () => {
      const { server } = await serve({ "limited.ts": LIMITED });
      const jobs = Array.from({ length: 24 }, (_, index) => ({
        initial_data: { customer: index % 2 === 0 ? "ada" : "bob" },
        tags: ["crash", `c${index % 2}`],
      }));
      const { status, body } = await call(server, "/api/v1/jobs/limited/batch", {
        method: "POST",
        body: JSON.stringify({ jobs }),
      });
      expect(status).toBe(202);
      const ids = (body["jobs"] as { job_id: string }[]).map(({ job_id: id }) => id);

      let most = 0;
      const look = async (): Promise<number> => {
        for (const customer of ["c0", "c1"]) {
          const inside = await countOf(server, `tag=${customer}&tag=crash&status=waiting_for_timer`);
          most = Math.max(most, inside);
        }
        return countOf(server, "tag=crash&status=finished");
      };
      for (const enough of [4, 10, 16]) {
        await eventually(`${enough} have finished`, 30_000, async () => (await look()) >= enough);
        await server.kill();
        await server.start();
      }
      await eventually("all have finished", 30_000, async () => (await look()) === ids.length);
      expect(most).toBeGreaterThan(0);
      expect(most).toBeLessThanOrEqual(2);
      expect(server.log).not.toContain("nothing that would move it");
    },
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt)("a paused blueprint", () => {
  test(
    "takes jobs and begins none, also after a kill, until it is resumed",
    async () => {
      const { server } = await serve({ "limited.ts": LIMITED });
      expect(await command(server, "blueprints", "pause", "limited")).toEqual({
        status: "paused",
        blueprint: "limited",
      });
      const { id, status } = await create(server, "limited", { initial_data: {} });
      expect(status).toBe(202);
      await server.kill();
      await server.start();
      const shown = await command(server, "blueprints", "show", "limited");
      expect(shown).toMatchObject({ paused: true, at_gate: { inside: 0, waiting: 1 } });
      const job = (await command(server, "jobs", "show", id)) as { status: string; waiting_for: object };
      expect(job.status).toBe("pending");
      expect(job.waiting_for).toMatchObject({ kind: "paused", position: 1 });
      await command(server, "blueprints", "resume", "limited");
      expect(await waitForEnd(server, id)).toMatchObject({ status: "finished" });
    },
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt)("a unique key and a later start", () => {
  test(
    "outlive a kill: one job, begun at its time",
    async () => {
      const { server } = await serve({ "limited.ts": LIMITED });
      const startAt = new Date(Date.now() + 4_000).toISOString();
      const body = { initial_data: {}, unique_key: "monthly", start_at: startAt };
      const first = await create(server, "limited", body);
      await server.kill();
      await server.start();
      const answers = await Promise.all(Array.from({ length: 20 }, () => create(server, "limited", body)));
      for (const answer of answers) expect(answer).toEqual({ status: 200, id: first.id, existing: true });
      const { body: waiting } = await call(server, `/api/v1/jobs/${first.id}`);
      expect(waiting).toMatchObject({
        status: "pending",
        start_at: startAt,
        waiting_for: { kind: "start", until: startAt },
      });
      const ended = await waitForEnd(server, first.id);
      expect(ended.status).toBe("finished");
      expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(startAt));
      const second = await create(server, "limited", { initial_data: {}, unique_key: "monthly" });
      expect([second.status, second.existing]).toEqual([202, undefined]);
    },
    LIMIT_MS,
  );
});

describe.skipIf(!isBuilt)("a job that is parked", () => {
  test(
    "goes to the version that its file became, and is refused as it is where that does not fit",
    async () => {
      const { server, folder } = await serve({ "parked.ts": parked("listen", "heard") });
      const { id } = await create(server, "parked", { initial_data: {}, tags: ["move"] });
      const before = (await command(server, "blueprints", "show", "parked"))["version"];
      await eventually("it waits", 10_000, async () => (await countOf(server, "status=waiting_for_event")) === 1);
      writeFileSync(join(folder, "parked.ts"), parked("attend", "told"));
      await eventually("the new version serves", 20_000, async () => {
        return (await command(server, "blueprints", "show", "parked"))["version"] !== before;
      });

      const refused = await call(server, `/api/v1/jobs/${id}/migrate`, {
        method: "POST",
        headers: operator,
        body: '{"to":"current"}',
      });
      expect([refused.status, refused.body["code"]]).toEqual([409, "MIGRATION_MISFIT"]);
      expect(refused.text).toContain('{"state":"listen"');
      const map = ["--map", "listen=attend", "--map", "heard=told"];
      const tried = await command(server, "jobs", "migrate", "--tag", "move", "--to", "current", "--dry-run", ...map);
      expect(tried).toEqual({ dry_run: true, job_ids: [id], skipped: [] });
      expect(await read(server, id)).toMatchObject({ current_state: "listen" });

      expect(await command(server, "jobs", "migrate", id, "--to", "current", ...map)).toMatchObject({
        status: "migrated",
        from: before,
        current_state: "attend",
      });
      await server.kill();
      await server.start();
      await command(server, "jobs", "event", id, "go");
      expect(await waitForEnd(server, id)).toMatchObject({ status: "finished", current_state: "told" });
    },
    LIMIT_MS,
  );
});
