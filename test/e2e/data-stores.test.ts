/** Data stores on the compiled program: exact with many at once, and over its death. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, isBuilt, Server, TOKENS } from "./binary.ts";
import { call, isTerminal, type JobDocument, submit, waitForEnd } from "./client.ts";

const LIMIT_MS = 60_000;
const blueprints = join(import.meta.dir, "blueprints", "stores.ts");

async function stored(server: Server, blueprint: string, store: string): Promise<Record<string, unknown>> {
  const headers = { "x-client-token": TOKENS.operator };
  const answer = await call(server, `/api/v1/blueprints/${blueprint}/stores/${store}`, { headers });
  expect(answer.status).toBe(200);
  const entries = answer.body["entries"] as { key: string; value: unknown }[];
  return Object.fromEntries(entries.map(({ key, value }) => [key, value]));
}

/** Every job of the blueprint that is on disk, once all of them have ended. */
async function ended(server: Server, blueprint: string): Promise<readonly JobDocument[]> {
  let jobs: readonly JobDocument[] = [];
  await eventually(`all jobs of ${blueprint} end`, LIMIT_MS, async () => {
    jobs = await list(server, blueprint);
    return jobs.every(({ status }) => isTerminal(status));
  });
  return jobs;
}

async function list(server: Server, blueprint: string): Promise<readonly JobDocument[]> {
  const jobs: JobDocument[] = [];
  for (let cursor = ""; ;) {
    const page = await call(server, `/api/v1/jobs?blueprint=${blueprint}&limit=1000${cursor}`);
    jobs.push(...(page.body["jobs"] as JobDocument[]));
    if (page.body["next_cursor"] === null) return jobs;
    cursor = `&cursor=${String(page.body["next_cursor"])}`;
  }
}

async function numbersOf(server: Server, ids: readonly string[]): Promise<number[]> {
  const jobs = await Promise.all(ids.map((id) => waitForEnd(server, id, LIMIT_MS)));
  for (const { status } of jobs) expect(status).toBe("finished");
  return jobs.map(({ state_history: history }) => Number(history["number"])).toSorted((a, b) => a - b);
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

describe.skipIf(!isBuilt)("a data store of the compiled program", () => {
  const server = new Server({ blueprints });
  const runs = join(server.dataDir, "..", "runs.txt");
  beforeAll(async () => void (await server.start()), LIMIT_MS);
  afterAll(() => server.remove());

  test(
    "counts 300 jobs at once exactly, with some hundred runs of the handler",
    async () => {
      const ids = await Promise.all(upTo(300).map(() => submit(server, "jobs/numbered", { runs })));
      expect(await numbersOf(server, ids)).toEqual(upTo(300));
      expect(await stored(server, "numbered", "counter")).toEqual({ total: 300 });
      expect(readFileSync(runs, "utf8").length).toBeLessThan(1_000);
    },
    LIMIT_MS,
  );

  test(
    "counts exactly what is on disk over kill -9, again and again",
    async () => {
      const acknowledged: string[] = [];
      for (let round = 0; round < 3; round++) {
        const before = acknowledged.length;
        const submitting = upTo(400).map(async () => {
          // What is not acknowledged may be there or not.
          const id = await submit(server, "jobs/numbered", { runs }).catch(() => undefined);
          if (id !== undefined) acknowledged.push(id);
        });
        await eventually("some are acknowledged", LIMIT_MS, async () => acknowledged.length > before + 50);
        await server.kill();
        await Promise.all(submitting);
        await server.start();
      }
      const jobs = await ended(server, "numbered");
      const known = new Set(jobs.map(({ id }) => id));
      expect(acknowledged.filter((id) => !known.has(id))).toEqual([]);
      expect(await numbersOf(server, [...known])).toEqual(upTo(jobs.length));
      expect(await stored(server, "numbered", "counter")).toEqual({ total: jobs.length });
    },
    2 * LIMIT_MS,
  );

  test(
    "is not held up by jobs that touch two stores in both orders",
    async () => {
      const turns = upTo(200).map((number) => submit(server, "jobs/transfer", { turned: number % 4 === 0 }));
      const ids = await Promise.all(turns);
      for (const id of ids) expect((await waitForEnd(server, id, LIMIT_MS)).status).toBe("finished");
      expect(await stored(server, "transfer", "left")).toEqual({ money: 900 });
      expect(await stored(server, "transfer", "right")).toEqual({ money: 1_100 });
    },
    LIMIT_MS,
  );

  test(
    "is not held up by a handler that takes its thread down after it touched it",
    async () => {
      const all = upTo(40).map((number) => submit(server, "jobs/deadly", { dies: number === 20 }));
      const ids = await Promise.all(all);
      const jobs = await Promise.all(ids.map((id) => waitForEnd(server, id, LIMIT_MS)));
      expect(jobs.filter(({ status }) => status === "finished").length).toBe(39);
      expect(await stored(server, "deadly", "counter")).toEqual({ total: 39 });
    },
    LIMIT_MS,
  );
});
