import { afterEach, describe, expect, test } from "bun:test";
import { play } from "./stage.ts";

let server: Bun.Server<undefined> | undefined;
afterEach(() => void server?.stop(true));

function answering(answer: (request: Request) => Response | Promise<Response>) {
  const seen: string[] = [];
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const body = request.method === "POST" ? await request.clone().text() : "";
      seen.push(`${request.method} ${pathname}${search} ${body}`.trim());
      return answer(request);
    },
  });
  return { seen, flags: ["--url", `http://127.0.0.1:${server.port}`, "--token", "t"] };
}

const blueprint = {
  name: "simple",
  version: "0123456789abcdef0123",
  file: "simple.ts",
  endpoint: "jobs/simple",
  api_version: "v1",
  input_schema: null,
  states: 2,
  concurrency: { max: 3, key: "initial_data.customer" },
  paused: false,
  paused_since: null,
  at_gate: { inside: 1, waiting: 4 },
};

describe("blueprints list", () => {
  test("shows limits, who runs and waits, and pauses", async () => {
    const held = { ...blueprint, name: "held", endpoint: null, concurrency: null, paused: true };
    const { flags } = answering(() =>
      Response.json({ blueprints: [blueprint, { ...held, paused_since: "1969-12-31T23:55:00.000Z" }] }),
    );
    const { out, exitCode } = await play(["blueprints", "list", ...flags]);
    expect(exitCode).toBe(0);
    expect(out.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
      ["NAME", "ENDPOINT", "STATES", "AT ONCE", "RUNNING", "WAITING", "PAUSED", "VERSION"],
      ["simple", "v1/jobs/simple", "2", "3 per initial_data.customer", "1", "4", "-", "0123456789ab"],
      ["held", "-", "2", "-", "1", "4", "5 min ago", "0123456789ab"],
      [""],
    ]);
  });

  test("says below which files were refused", async () => {
    const text = "blueprints/zz.ts:3:5: syntax: close the bracket (the version before serves on: zz)";
    const { flags } = answering(() => Response.json({ blueprints: [blueprint], refused: [{ text }] }));
    const { err, exitCode } = await play(["blueprints", "list", ...flags]);
    expect(err).toBe(`refused: ${text}\n`);
    expect(exitCode).toBe(0);
  });

  test("with --json gives the server's document", async () => {
    const { flags } = answering(() => Response.json({ blueprints: [blueprint] }));
    const { out } = await play(["blueprints", "list", "--json", ...flags]);
    expect(JSON.parse(out)).toEqual({ blueprints: [blueprint] });
  });
});

describe("blueprints show", () => {
  test("says where each state leads", async () => {
    const states = [
      { name: "start", is_start: true, is_end: false, is_aggregator: false },
      { name: "done", is_start: false, is_end: true, is_aggregator: false },
    ];
    const transitions = [{ from: "start", to: "done", label: "success" }];
    const { flags, seen } = answering(() => Response.json({ ...blueprint, state_names: states, transitions }));
    const { out } = await play(["blueprints", "show", "a b", ...flags]);
    expect(seen).toEqual(["GET /api/blueprints/a%20b"]);
    expect(out).toContain("at once    3 per initial_data.customer\nat gate    1 running, 4 waiting\n");
    expect(out).toContain("state      start: start, success → done\nstate      done: end\n");
  });
});

describe("blueprints pause and resume", () => {
  for (const change of ["pause", "resume"]) {
    test(`${change} says what became of it`, async () => {
      const { flags, seen } = answering(() => Response.json({ status: `${change}d`, blueprint: "simple" }));
      const { out, exitCode } = await play(["blueprints", change, "simple", ...flags]);
      expect([out, exitCode]).toEqual([`simple  ${change}d\n`, 0]);
      expect(seen).toEqual([`POST /api/admin/blueprints/simple/${change} {}`]);
    });
  }

  test("of one that is not there ends with 5", async () => {
    const { flags } = answering(() =>
      Response.json({ error: "No blueprint named x is in service.", code: "BLUEPRINT_NOT_FOUND" }, { status: 404 }),
    );
    const { err, exitCode } = await play(["blueprints", "pause", "x", ...flags]);
    expect([err, exitCode]).toEqual(["error: No blueprint named x is in service.\n", 5]);
  });

  test("without a name is wrong use", async () => {
    expect((await play(["blueprints", "pause"])).exitCode).toBe(2);
  });
});

describe("jobs submit", () => {
  test("sends when it begins, its key and its tags", async () => {
    const { flags, seen } = answering(() => Response.json({ status: "accepted", job_id: "j1" }, { status: 202 }));
    const argv = ["--start-at", "2030-01-01T00:00:00Z", "--unique-key", "k", "--tag", "a", "--tag", "b"];
    const { out } = await play(["jobs", "submit", "jobs/simple", ...argv, ...flags]);
    expect(out).toBe("j1\n");
    expect(seen).toEqual([
      'POST /api/v1/jobs/simple {"initial_data":{},"start_at":"2030-01-01T00:00:00Z","unique_key":"k","tags":["a","b"]}',
    ]);
  });

  test("says when the key's job was there already", async () => {
    const { flags } = answering(() => Response.json({ status: "accepted", job_id: "j0", existing: true }));
    const { out, err, exitCode } = await play(["jobs", "submit", "jobs/simple", "--unique-key", "k", ...flags]);
    expect([out, err, exitCode]).toEqual(["j0\n", "a job with this unique key is not over: no other was made\n", 0]);
  });

  test("refuses a time without a zone before it asks anybody", async () => {
    const { err, exitCode } = await play(["jobs", "submit", "jobs/simple", "--start-at", "2030-01-01T00:00:00"]);
    expect(exitCode).toBe(2);
    expect(err).toContain("a moment with its zone");
  });
});

describe("jobs list", () => {
  test("asks for all tags", async () => {
    const { flags, seen } = answering(() => Response.json({ jobs: [], next_cursor: null }));
    await play(["jobs", "list", "--tag", "a", "--tag", "b c", ...flags]);
    expect(seen).toEqual(["GET /api/jobs?limit=20&tag=a&tag=b+c"]);
  });
});

describe("jobs migrate", () => {
  const answer = { status: "migrated", job_id: "j1", dry_run: false, from: "0123456789abcdef", to: "fedcba9876543210" };

  test("sends the version and what the states are called there", async () => {
    const { flags, seen } = answering(() => Response.json({ ...answer, current_state: "review" }));
    const argv = ["jobs", "migrate", "j1", "--to", "current", "--map", "check=review", "ship=send", ...flags];
    const { out, exitCode } = await play(argv);
    expect(seen).toEqual([
      'POST /api/jobs/j1/migrate {"to":"current","states":{"check":"review","ship":"send"},"dry_run":false}',
    ]);
    expect([out, exitCode]).toEqual(["j1  migrated, 0123456789ab to fedcba987654, in state review\n", 0]);
  });

  test("tries it", async () => {
    const { flags } = answering(() => Response.json({ ...answer, dry_run: true, current_state: "review" }));
    const { out } = await play(["jobs", "migrate", "j1", "--to", "current", "--dry-run", ...flags]);
    expect(out).toStartWith("j1  would be migrated");
  });

  test("says when there is nothing to do", async () => {
    const { flags } = answering(() => Response.json({ ...answer, status: "unchanged", current_state: "review" }));
    const { out, exitCode } = await play(["jobs", "migrate", "j1", "--to", "current", ...flags]);
    expect([out, exitCode]).toEqual(["j1  is of version fedcba987654 already\n", 0]);
  });

  test("takes all that filters name, page after page, and ends with 1 where some do not fit", async () => {
    const pages = [
      { job_ids: ["a"], unchanged: [], skipped: [], next_cursor: "c" },
      { job_ids: [], unchanged: [], skipped: [{ job_id: "b", error: "It does not fit." }], next_cursor: null },
    ];
    const { flags, seen } = answering(() => Response.json(pages.shift()));
    const argv = ["jobs", "migrate", "--blueprint", "order", "--tag", "x", "--to", "current", ...flags];
    const { out, err, exitCode } = await play(argv);
    const body = '"blueprint":"order","tag":["x"],"to":"current","states":{},"dry_run":false,"limit":500';
    expect(seen).toEqual([`POST /api/jobs/migrate {${body}}`, `POST /api/jobs/migrate {${body},"cursor":"c"}`]);
    expect([out, err, exitCode]).toEqual(["a\n", "b: It does not fit.\n1 job is of that version now, 1 refused\n", 1]);
  });

  for (const [what, argv, said] of [
    ["without a version", ["j1"], "--to"],
    ["with a map that is none", ["j1", "--to", "current", "--map", "check"], "old=new"],
    ["without id and filters", ["--to", "current"], "Give the id of a job"],
    ["with an id and filters", ["j1", "--to", "current", "--blueprint", "b"], "either the id of one job, or filters"],
  ] as const) {
    test(`${what} is wrong use`, async () => {
      const { err, exitCode } = await play(["jobs", "migrate", ...argv]);
      expect(exitCode).toBe(2);
      expect(err).toContain(said);
    });
  }
});
