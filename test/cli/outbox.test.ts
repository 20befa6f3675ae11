import { afterEach, describe, expect, test } from "bun:test";
import { play } from "./stage.ts";

let server: Bun.Server<undefined> | undefined;
afterEach(() => void server?.stop(true));

function answering(answer: object, status = 200) {
  const seen: string[] = [];
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      const { pathname, search } = new URL(request.url);
      seen.push(`${request.method} ${pathname}${search}`);
      return Response.json(answer, { status });
    },
  });
  return { seen, flags: ["--url", `http://127.0.0.1:${server.port}`, "--token", "t"] };
}

const message = {
  event_id: "e1",
  job_id: "j1",
  kind: "webhook",
  destination: "hooks.example",
  attempts: 36,
  error: "hooks.example answered 500",
  since: "1969-12-31T00:00:00.000Z",
  failed_at: "1969-12-31T23:50:00.000Z",
};

describe("outbox list", () => {
  test("shows what was given up, and says what else there is", async () => {
    const { seen, flags } = answering({ waiting: 3, failed: 9, messages: [message], next_cursor: "e1" });
    const { out, err, exitCode } = await play(["outbox", "list", "--limit", "1", ...flags]);
    expect(exitCode).toBe(0);
    expect(seen).toEqual(["GET /api/admin/outbox?failed=true&limit=1"]);
    const lines = out.split("\n").map((line) => line.split(/ {2,}/));
    expect(lines[0]).toEqual(["ID", "KIND", "JOB", "TO", "TRIES", "GIVEN UP", "ERROR"]);
    expect(lines[1]).toEqual([
      "e1",
      "webhook",
      "j1",
      "hooks.example",
      "36",
      "10 min ago",
      "hooks.example answered 500",
    ]);
    expect(err).toBe("3 wait to be delivered, 9 were given up\nthere are more: --cursor e1\n");
  });

  test("gives programs the answer as it came", async () => {
    const answer = { waiting: 0, failed: 0, messages: [], next_cursor: null };
    const { flags } = answering(answer);
    const { out, err } = await play(["outbox", "list", "--json", ...flags]);
    expect([JSON.parse(out), err]).toEqual([answer, ""]);
  });
});

describe("what was given up", () => {
  test.each([
    [["retry", "e/1"], "POST /api/admin/outbox/e%2F1/retry", expect.stringContaining("1 to be tried again: ")],
    [["retry", "--all"], "POST /api/admin/outbox/retry", expect.stringContaining("1 to be tried again: ")],
    [["discard", "e1"], "POST /api/admin/outbox/e1/discard", "1 thrown away\n"],
    [["discard", "--all"], "POST /api/admin/outbox/discard", "1 thrown away\n"],
  ])("is changed by %p", async (argv, request, said) => {
    const { seen, flags } = answering({ status: "ok", messages: 1 });
    const { out, exitCode } = await play(["outbox", ...argv, ...flags]);
    expect([exitCode, seen, out]).toEqual([0, [request], said]);
  });

  for (const argv of [["retry"], ["discard"], ["retry", "e1", "--all"]]) {
    test(`is left alone when it is not said which, or both: ${argv.join(" ")}`, async () => {
      const { seen, flags } = answering({});
      const { exitCode, err } = await play(["outbox", ...argv, ...flags]);
      expect([exitCode, seen]).toEqual([2, []]);
      expect(err).toContain("--all");
    });
  }

  test("and is not there any more is said so", async () => {
    const { flags } = answering({ error: "No message with this id was given up.", code: "OUTBOX_ROW_NOT_FOUND" }, 404);
    const { exitCode, err } = await play(["outbox", "retry", "e1", ...flags]);
    expect([exitCode, err]).toEqual([5, expect.stringContaining("No message with this id")]);
  });
});
