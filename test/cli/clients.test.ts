import { afterEach, describe, expect, test } from "bun:test";
import { play } from "./stage.ts";

let server: Bun.Server<undefined> | undefined;
afterEach(() => void server?.stop(true));

function answering(answer: () => Response): string {
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: ({ url }) => (url.endsWith("/api/admin/clients") ? answer() : new Response("", { status: 500 })),
  });
  return `http://127.0.0.1:${server.port}`;
}

const ANSWER = {
  month: "2026-11",
  resets_at: "2026-12-01T00:00:00.000Z",
  quota_counts: "requests",
  clients: [
    { id: "acme", plan: "premium", monthly_attempts: 100, used: 40, remaining: 60, config: {} },
    { id: "free", plan: null, monthly_attempts: null, used: null, remaining: null, config: {} },
  ],
};

describe("clients list", () => {
  test("shows who there is, and what is left", async () => {
    const url = answering(() => Response.json(ANSWER));
    const { exitCode, out, err } = await play(["clients", "list", "--url", url]);
    expect(out).toBe(
      "CLIENT  PLAN     ATTEMPTS A MONTH  USED  LEFT\nacme    premium  100               40    60\nfree    -        no limit          -     -\n",
    );
    expect(err).toBe("counted: requests, until 2026-12-01T00:00:00.000Z\n");
    expect(exitCode).toBe(0);
  });

  test("--json is the server's answer", async () => {
    const url = answering(() => Response.json(ANSWER));
    const { out, err } = await play(["clients", "list", "--url", url, "--json"]);
    expect([JSON.parse(out), err]).toEqual([ANSWER, ""]);
  });

  test("is for operators: another's token is refused with exit code 4", async () => {
    const url = answering(() =>
      Response.json({ error: "This is for operators only.", code: "FORBIDDEN" }, { status: 403 }),
    );
    const { exitCode, err } = await play(["clients", "list", "--url", url, "--token", "t"]);
    expect([exitCode, err]).toEqual([4, expect.stringContaining("This is for operators only.")]);
  });
});
