import { afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, isBuilt, run, Server, temporaryFolder, TOKENS } from "./binary.ts";
import { call } from "./client.ts";

const LIMIT_MS = 90_000;
const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

/** Ends at once; keeps what it is told of who started it. */
const TICK = `
import { Blueprint } from "orchestrator";
const tick = new Blueprint({ name: "tick" });
tick.handlerFor("start", { isStart: true }, (context, actions) => {
  context.stateHistory["config"] = context.client.config;
  actions.transitionTo("finished");
});
tick.handlerFor("finished", { isEnd: true }, () => undefined);
export default tick;
`;

function stage(schedules: string) {
  const folder = temporaryFolder();
  cleanups.push(folder.remove);
  const blueprints = join(folder.path, "blueprints");
  const file = join(folder.path, "schedules.toml");
  const dataDir = join(folder.path, "data");
  mkdirSync(blueprints);
  writeFileSync(join(blueprints, "tick.ts"), TICK);
  writeFileSync(file, schedules);
  const server = new Server({ blueprints, dataDir, environment: { SCHEDULES_CONFIG_PATH: file } });
  cleanups.push(() => server.remove());
  return { server, file, folder: folder.path, blueprints, dataDir };
}

const asOperator = { headers: { "x-client-token": TOKENS.operator } };

interface Listed {
  readonly name: string;
  readonly paused: boolean;
  readonly last_job_status: string | null;
  readonly error: string | null;
}

async function schedulesOf(server: Server): Promise<readonly Listed[]> {
  const answer = await call(server, "/api/v1/admin/schedules", asOperator);
  expect(answer.status).toBe(200);
  return answer.body["schedules"] as Listed[];
}

/** Due times that have jobs, as moments, oldest first. */
async function dueTimes(server: Server, schedule: string): Promise<readonly number[]> {
  const list = await call(server, "/api/v1/jobs?limit=1000", asOperator);
  const jobs = list.body["jobs"] as readonly { readonly id: string; readonly created_at: string }[];
  const configs = await Promise.all(
    jobs.map(async ({ id }) => {
      const job = await call(server, `/api/v1/jobs/${id}`, asOperator);
      const history = job.body["state_history"] as { readonly config?: Readonly<Record<string, string>> };
      return history.config ?? {};
    }),
  );
  const own = configs.filter(({ source, due_at: due }) => source === `scheduler:${schedule}` && due !== undefined);
  return own.map(({ due_at: due }) => Date.parse(due ?? "")).toSorted((one, other) => one - other);
}

function gapsOf(due: readonly number[]): readonly number[] {
  return due.slice(1).map((ms, index) => ms - (due[index] ?? 0));
}

describe.skipIf(!isBuilt)("schedules on the compiled program", () => {
  test(
    "published bug: a restart forgets schedules and reminders (kill -9 again and again: no due time is lost, none runs twice)",
    async () => {
      const { server } = stage(`
        [steady]
        blueprint = "tick"
        interval_seconds = 1
        missed = "all"

        [held]
        blueprint = "tick"
        interval_seconds = 1
      `);
      await server.start();
      expect((await call(server, "/api/v1/admin/schedules/held/pause", { method: "POST", ...asOperator })).status).toBe(
        200,
      );
      const held = (await dueTimes(server, "held")).length;
      for (let round = 0; round < 6; round++) {
        await Bun.sleep(300 + round * 250);
        await server.kill();
        await Bun.sleep(round * 300);
        await server.start();
      }
      let due: readonly number[] = [];
      await eventually("every second has its job, up to now", 15_000, async () => {
        due = await dueTimes(server, "steady");
        return due.length > 8 && Date.now() - (due.at(-1) ?? 0) < 1_500 && gapsOf(due).every((gap) => gap === 1_000);
      }).catch((error: unknown) => {
        throw new Error(`${String(error)}: between them were ${gapsOf(due).join(", ")} ms`, { cause: error });
      });
      expect((await dueTimes(server, "held")).length).toBe(held);
      expect((await schedulesOf(server)).map(({ name, paused }) => [name, paused])).toEqual([
        ["steady", false],
        ["held", true],
      ]);
    },
    LIMIT_MS,
  );

  test(
    "what was due while the server was away is left out where that is the policy",
    async () => {
      const { server } = stage('[s]\nblueprint = "tick"\ninterval_seconds = 1\nmissed = "skip"');
      await server.start();
      await eventually("it runs", 10_000, async () => (await dueTimes(server, "s")).length >= 2);
      await server.kill();
      await Bun.sleep(4_000);
      await server.start();
      await eventually("it runs again", 10_000, async () => (await dueTimes(server, "s")).length >= 4);
      const due = await dueTimes(server, "s");
      const gaps = gapsOf(due);
      expect(Math.max(...gaps)).toBeGreaterThanOrEqual(3_000);
      expect(gaps.filter((gap) => gap <= 0)).toEqual([]);
    },
    LIMIT_MS,
  );

  test(
    "a frozen server catches up within seconds, once for each due time",
    async () => {
      const { server } = stage('[s]\nblueprint = "tick"\ninterval_seconds = 1\nmissed = "all"');
      await server.start();
      await eventually("it runs", 10_000, async () => (await dueTimes(server, "s")).length >= 2);
      server.freeze();
      await Bun.sleep(4_000);
      server.thaw();
      await eventually("all are made up for", 5_000, async () => {
        const due = await dueTimes(server, "s");
        const [first = 0, last = 0] = [due[0], due.at(-1)];
        return Date.now() - last < 1_500 && due.length === (last - first) / 1_000 + 1;
      });
    },
    LIMIT_MS,
  );

  test(
    "the file is read while it serves: what is added runs, what is broken is refused and told",
    async () => {
      const { server, file } = stage('[one]\nblueprint = "tick"\ndaily_at = "00:00"');
      await server.start();
      writeFileSync(
        file,
        '[one]\nblueprint = "tick"\ndaily_at = "00:00"\n[two]\nblueprint = "tick"\ninterval_seconds = 1',
      );
      await eventually("the new one runs", 10_000, async () => (await dueTimes(server, "two")).length >= 2);
      writeFileSync(file, "[two\n");
      await eventually("the broken one is told", 10_000, async () => {
        const answer = await call(server, "/api/v1/admin/schedules", asOperator);
        return String(answer.body["file_error"]).includes("schedules.toml:1:");
      });
      const before = (await dueTimes(server, "two")).length;
      await eventually("it goes on", 5_000, async () => (await dueTimes(server, "two")).length > before);
      expect(server.log).toContain("they go on as they were");
    },
    LIMIT_MS,
  );

  test(
    "the command line lists, triggers, pauses and resumes by the local door",
    async () => {
      const { server, folder } = stage(
        '[nightly]\nblueprint = "tick"\ncron = "30 2 * * *"\ntimezone = "Europe/Berlin"',
      );
      await server.start();
      const cli = (...argv: readonly string[]) =>
        run(["schedules", ...argv, "--data-dir", server.dataDir], { cwd: folder });
      const triggered = await cli("trigger", "nightly");
      expect(triggered).toMatchObject({ exitCode: 0, err: "" });
      const id = triggered.out.trim();
      expect((await call(server, `/api/v1/jobs/${id}`, asOperator)).body["blueprint_name"]).toBe("tick");
      // A client sees none of them.
      expect((await call(server, `/api/v1/jobs/${id}`)).status).toBe(404);
      expect((await cli("pause", "nightly")).out).toBe("nightly  paused\n");
      const listed = await cli("list");
      expect(listed.out).toMatch(/nightly +tick +cron 30 2 \* \* \* +Europe\/Berlin +paused/);
      expect(JSON.parse((await cli("list", "--json")).out).schedules[0]).toMatchObject({
        last_job_id: id,
        paused: true,
      });
      expect((await cli("resume", "nightly")).exitCode).toBe(0);
      expect((await cli("list")).out).toMatch(/in \d+ (?:h|min|s)/);
      const unknown = await cli("pause", "nightli");
      expect(unknown).toMatchObject({ exitCode: 5, out: "" });
      expect(unknown.err).toContain("did you mean nightly?");
      const asClient = await run(["schedules", "list", "--url", server.url, "--token", TOKENS.client], { cwd: folder });
      expect(asClient.exitCode).toBe(4);
    },
    LIMIT_MS,
  );

  test(
    "a thousand schedules start their jobs in the second that they are due, and a list of them comes whole through a pipe",
    async () => {
      const every = (index: number) => `["a schedule with a name that is long enough ${index}"]\nblueprint = "tick"\n`;
      const tables = Array.from({ length: 1_000 }, (_, index) => `${every(index)}interval_seconds = 86400\n`);
      const { server } = stage(tables.join(""));
      await server.start();
      await eventually("each has run", 5_000, async () => {
        const schedules = await schedulesOf(server);
        return schedules.every(({ last_job_status: status }) => status === "finished");
      });
      const { out } = await run(["schedules", "list", "--json", "--data-dir", server.dataDir]);
      expect(out.length).toBeGreaterThan(300_000);
      expect(JSON.parse(out).schedules).toHaveLength(1_000);
    },
    LIMIT_MS,
  );

  for (const [wrong, schedules, words] of [
    [
      "a wrong zone",
      '[a]\nblueprint = "tick"\ndaily_at = "02:30"\ntimezone = "Europe/Berln"',
      ["[a]", "timezone", "Europe/Berlin?"],
    ],
    [
      "two timings",
      '[a]\nblueprint = "tick"\ndaily_at = "02:30"\ninterval_seconds = 5',
      ["[a]", "daily_at", "interval_seconds"],
    ],
    ["no timing", '[a]\nblueprint = "tick"', ["[a]", "daily_at"]],
    ["an unknown blueprint", '[a]\nblueprint = "tock"\ndaily_at = "02:30"', ["[a]", "blueprint", "tock", "tick?"]],
    ["an unknown key", '[a]\nblueprint = "tick"\ndaily_at = "02:30"\ntimezon = "UTC"', ["[a]", "timezon", "timezone?"]],
    ["a bad cron", '[a]\nblueprint = "tick"\ncron = "61 * * * *"', ["[a]", "cron", "61"]],
    ["a bad time", '[a]\nblueprint = "tick"\ndaily_at = "25:00"', ["[a]", "daily_at", "25:00"]],
    ["no TOML", "[a", ["schedules.toml:1:"]],
  ] as const) {
    test(
      `${wrong} ends the start with exit code 2 and names file, table and key`,
      async () => {
        const { folder, blueprints } = stage(schedules);
        // Without a setting it is read from the working folder.
        const ended = await run(["serve", "--port", "0", "--data-dir", "data", "--blueprints", blueprints], {
          cwd: folder,
        });
        expect(ended.exitCode).toBe(2);
        const said = ended.err.split("\n").find((line) => line.startsWith("error: "));
        for (const word of ["schedules.toml", ...words]) expect(said).toContain(word);
      },
      LIMIT_MS,
    );
  }

  test(
    "a path that is set and leads nowhere ends the start; one job of `run` looks at no schedules",
    async () => {
      const { folder, blueprints } = stage("[broken");
      const where = ["--port", "0", "--data-dir", "data", "--blueprints", blueprints];
      const nowhere = await run(["serve", ...where], {
        cwd: folder,
        environment: { SCHEDULES_CONFIG_PATH: "/nowhere/schedules.toml" },
      });
      expect(nowhere.exitCode).toBe(2);
      expect(nowhere.err).toContain("/nowhere/schedules.toml");
      expect((await run(["run", join(blueprints, "tick.ts")], { cwd: folder })).exitCode).toBe(0);
    },
    LIMIT_MS,
  );
});
