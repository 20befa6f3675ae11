import { afterEach, describe, expect, test } from "bun:test";
import { play } from "./stage.ts";

interface Seen {
  readonly path: string;
  readonly key: string | null;
  readonly body: unknown;
}

let server: Bun.Server<undefined> | undefined;
afterEach(() => void server?.stop(true));

/** Answers each request with the next of these; the last one stays. */
function answering(...answers: readonly (readonly [body: object, status?: number])[]) {
  const seen: Seen[] = [];
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const key = request.headers.get("idempotency-key");
      seen.push({ path: new URL(request.url).pathname, key, body: await request.json() });
      const [body, status = 200] = answers[seen.length - 1] ?? answers.at(-1) ?? [{}];
      return Response.json(body, { status });
    },
  });
  return { seen, where: ["--url", `http://127.0.0.1:${server.port}`, "--token", "t"] };
}

describe("commands that send something to a job", () => {
  test("approve, reject and decide send the word, the comment and the key", async () => {
    const { seen, where } = answering([{ status: "decision_accepted", job_id: "j1" }]);
    const told = await play(["jobs", "approve", "j1", "--comment", "fine", "--idempotency-key", "k", ...where]);
    await play(["jobs", "reject", "j1", ...where]);
    await play(["jobs", "decide", "j1", "needs_work", ...where]);
    expect(told).toMatchObject({ exitCode: 0, out: "j1  approved\n" });
    expect(seen).toEqual([
      { path: "/api/jobs/j1/decision", key: "k", body: { decision: "approved", comment: "fine" } },
      { path: "/api/jobs/j1/decision", key: null, body: { decision: "rejected" } },
      { path: "/api/jobs/j1/decision", key: null, body: { decision: "needs_work" } },
    ]);
  });

  test("a rerun from a state that there is not names those there are", async () => {
    const error = 'Blueprint flow has no state "nostate".';
    const { where } = answering([{ error, code: "UNKNOWN_STATE", details: { states: ["start", "work"] } }, 422]);
    const told = await play(["jobs", "rerun", "j1", "--from", "nostate", ...where]);
    expect(told).toMatchObject({ exitCode: 1, err: `error: ${error} Its states: start, work.\n` });
  });

  test("the help of rerun says that the new job remembers nothing", async () => {
    expect((await play(["jobs", "rerun", "--help"])).out).toContain("stateHistory is empty, also with --from");
  });

  test("a decision that is refused is exit code 1 with the sentence", async () => {
    const { where } = answering([{ error: "Job is not in a state that can be approved.", code: "X" }, 409]);
    const told = await play(["jobs", "approve", "j1", "--json", ...where]);
    expect(told.exitCode).toBe(1);
    expect(JSON.parse(told.out)).toMatchObject({ code: "X" });
    expect(told.err).toContain("not in a state that can be approved");
  });

  test("event sends its data, from a file too; data that is no JSON is sent nowhere", async () => {
    const { seen, where } = answering([{ status: "event_accepted", job_id: "j1" }]);
    await play(["jobs", "event", "j1", "paid", "--data", '[1,"a"]', ...where]);
    await play(["jobs", "event", "j1", "paid", "--data", "@d.json", ...where], { files: { "d.json": '{"a":1}' } });
    await play(["jobs", "event", "j1", "paid", ...where]);
    const wrong = await play(["jobs", "event", "j1", "paid", "--data", "{", ...where]);
    expect(seen.map(({ body }) => body)).toEqual([
      { event: "paid", data: [1, "a"] },
      { event: "paid", data: { a: 1 } },
      { event: "paid", data: null },
    ]);
    expect(wrong).toMatchObject({ exitCode: 2 });
    expect(wrong.err).toContain("--data cannot be used");
  });

  test("event passes on the warning of a name that nobody waits for: to standard error, or as a field", async () => {
    const warning = 'Blueprint "b" waits for no event "payed": did you mean paid?';
    const answers: [object][] = [1, 2].map(() => [{ status: "event_accepted", job_id: "j1", warning }]);
    const { where } = answering(...answers);
    const told = await play(["jobs", "event", "j1", "payed", ...where]);
    expect(told).toMatchObject({ exitCode: 0, err: `warning: ${warning}\n` });
    expect(told.out).toContain("event payed is with the job");
    const json = await play(["jobs", "event", "j1", "payed", "--json", ...where]);
    expect([JSON.parse(json.out).warning, json.err]).toEqual([warning, ""]);
  });

  test("rerun prints the new job's id", async () => {
    const { seen, where } = answering([{ status: "accepted", job_id: "j2", rerun_of: "j1" }]);
    const told = await play(["jobs", "rerun", "j1", "--from", "second", "--input", '{"a":1}', ...where]);
    expect(told.out).toBe("j2\n");
    expect(seen[0]).toMatchObject({ body: { from_state: "second", initial_data: { a: 1 } } });
  });
});

describe("cancel and retry of many", () => {
  test("go page after page and say how many they were", async () => {
    const { seen, where } = answering(
      [{ job_ids: ["a"], skipped: [], next_cursor: "c" }],
      [{ job_ids: ["b"], skipped: [], next_cursor: null }],
    );
    const told = await play(["jobs", "cancel", "--blueprint", "flow", ...where]);
    expect(told).toMatchObject({ exitCode: 0, out: "a\nb\n" });
    expect(told.err).toContain("2 jobs are being cancelled");
    expect(seen[1]).toMatchObject({ path: "/api/jobs/cancel", body: { blueprint: "flow", cursor: "c" } });
  });

  test("say which were refused, with exit code 1", async () => {
    const { where } = answering([{ job_ids: [], skipped: [{ job_id: "a", error: "It is over." }], next_cursor: null }]);
    const told = await play(["jobs", "retry", "--status", "failed", ...where]);
    expect(told.exitCode).toBe(1);
    expect(told.err).toContain("a: It is over.");
  });

  test("a dry run asks for one", async () => {
    const { seen, where } = answering([{ dry_run: true, job_ids: ["a"], skipped: [], next_cursor: null }]);
    const told = await play(["jobs", "retry", "--status", "failed", "--dry-run", "--json", ...where]);
    expect(seen[0]).toMatchObject({ body: { dry_run: true } });
    expect(JSON.parse(told.out)).toEqual({ dry_run: true, job_ids: ["a"], skipped: [] });
  });

  test("need an id or a filter, and not both", async () => {
    for (const argv of [
      ["jobs", "cancel"],
      ["jobs", "cancel", "j1", "--status", "failed"],
      ["jobs", "retry", "--dry-run"],
    ]) {
      expect(await play(argv)).toMatchObject({ exitCode: 2 });
    }
  });
});
