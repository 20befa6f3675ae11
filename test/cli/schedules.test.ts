import { afterEach, describe, expect, test } from "bun:test";
import { relativeTime } from "../../src/cli/relative-time.ts";
import { play } from "./stage.ts";

let server: Bun.Server<undefined> | undefined;
afterEach(() => void server?.stop(true));

function answering(answer: (request: Request) => Response) {
  const seen: string[] = [];
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      const { pathname } = new URL(request.url);
      seen.push(`${request.method} ${pathname} ${request.headers.get("idempotency-key") ?? ""}`.trim());
      return answer(request);
    },
  });
  return { seen, flags: ["--url", `http://127.0.0.1:${server.port}`, "--token", "t"] };
}

const schedule = {
  name: "nightly",
  blueprint: "report",
  timing: "every day at 06:30",
  timezone: "Europe/Berlin",
  enabled: true,
  paused: false,
  next_due: "1970-01-01T02:00:00.000Z",
  last_due: null,
  last_job_id: null,
  last_job_status: null,
  error: null,
};
const list =
  (schedules: readonly object[], fileError: string | null = null) =>
  () =>
    Response.json({ schedules, file: "schedules.toml", file_error: fileError });

describe("schedules list", () => {
  test("shows people when each is due, with relative times, and what is wrong below", async () => {
    const { flags } = answering(
      list(
        [
          schedule,
          { ...schedule, name: "off", enabled: false },
          {
            ...schedule,
            name: "held",
            paused: true,
            last_due: "1969-12-31T23:50:00.000Z",
            last_job_id: "j1",
            last_job_status: "finished",
          },
          { ...schedule, name: "broken", error: "no such blueprint." },
          { ...schedule, name: "busy", left_out: { due: "1969-12-31T23:59:00.000Z", reason: "overlap" } },
          {
            ...schedule,
            name: "again",
            last_due: "1969-12-31T23:59:30.000Z",
            left_out: { due: "1969-12-31T23:59:00.000Z", reason: "missed" },
          },
        ],
        "schedules.toml: [x] is wrong.",
      ),
    );
    const { out, err, exitCode } = await play(["schedules", "list", ...flags]);
    expect(exitCode).toBe(0);
    const lines = out.split("\n").map((line) => line.split(/ {2,}/));
    expect(lines[0]).toEqual(["NAME", "BLUEPRINT", "DUE", "ZONE", "NEXT", "LAST", "LAST JOB"]);
    expect(lines[1]).toEqual(["nightly", "report", "every day at 06:30", "Europe/Berlin", "in 2 h", "-", "-"]);
    expect(lines[2]?.[4]).toBe("switched off");
    expect(lines[3]?.slice(4)).toEqual(["paused", "10 min ago", "j1 finished"]);
    expect(err).toBe(
      "broken: no such blueprint.\n" +
        "busy: the run that was due 1 min ago was left out: the job of the run before was still open\n" +
        "the file as it is now does not serve: schedules.toml: [x] is wrong.\n",
    );
  });

  test("with --json prints the document and nothing else", async () => {
    const { flags } = answering(list([schedule]));
    const { out, err } = await play(["schedules", "list", "--json", ...flags]);
    expect(JSON.parse(out)).toEqual({ schedules: [schedule], file: "schedules.toml", file_error: null });
    expect(err).toBe("");
  });

  test("without any it says where they are written", async () => {
    const { flags } = answering(list([]));
    expect((await play(["schedules", "list", ...flags])).err).toContain("write them in schedules.toml");
  });
});

describe("schedules trigger, pause, resume", () => {
  test("trigger prints the job's id and passes the key on", async () => {
    const { seen, flags } = answering(() => Response.json({ status: "triggered", schedule: "a b", job_id: "j1" }));
    const { out, exitCode } = await play(["schedules", "trigger", "a b", "--idempotency-key", "k", ...flags]);
    expect([out, exitCode]).toEqual(["j1\n", 0]);
    expect(seen).toEqual(["POST /api/admin/schedules/a%20b/trigger k"]);
  });

  test.each([
    ["pause", "paused"],
    ["resume", "resumed"],
  ])("%s says what the schedule is now", async (change, status) => {
    const { seen, flags } = answering(() => Response.json({ status, schedule: "nightly" }));
    expect((await play(["schedules", change, "nightly", ...flags])).out).toBe(`nightly  ${status}\n`);
    expect((await play(["schedules", change, "nightly", "--json", ...flags])).out).toBe(
      `{"status":"${status}","schedule":"nightly"}\n`,
    );
    expect(seen[0]).toBe(`POST /api/admin/schedules/nightly/${change}`);
  });

  test("a name that there is not: exit code 5 and the server's sentence", async () => {
    const error = 'There is no schedule named "x"; did you mean y?';
    const { flags } = answering(() =>
      Response.json({ error, code: "SCHEDULE_NOT_FOUND", details: { near: ["y"] } }, { status: 404 }),
    );
    const { exitCode, err } = await play(["schedules", "pause", "x", ...flags]);
    expect([exitCode, err]).toEqual([5, `error: ${error}\n`]);
  });

  test("without a name: exit code 2", async () => {
    expect((await play(["schedules", "pause"])).exitCode).toBe(2);
  });

  test.each(["list", "trigger", "pause", "resume"])("%s has help with an example", async (command) => {
    const { out, exitCode } = await play(["schedules", command, "--help"]);
    expect(exitCode).toBe(0);
    expect(out).toContain(`$ orchestrator schedules ${command}`);
    expect(out).toContain("--json");
  });
});

test.each([
  ["1970-01-01T00:00:00.400Z", "now"],
  ["1970-01-01T00:00:59.000Z", "in 59 s"],
  ["1970-01-01T00:01:59.000Z", "in 1 min"],
  ["1970-01-03T00:00:00.000Z", "in 2 d"],
  ["1969-12-31T20:00:00.000Z", "4 h ago"],
  ["1970-01-01T01:59:30.000Z", "in 1 h 59 min"],
  ["1969-12-28T20:59:59.000Z", "3 d 3 h ago"],
  ["1970-01-02T00:00:59.000Z", "in 1 d"],
  [null, "-"],
])("%s is %s", (iso, text) => {
  expect(relativeTime(iso, 0)).toBe(text);
});
