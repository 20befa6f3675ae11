import { afterEach, describe, expect, test } from "bun:test";
import { play } from "./stage.ts";

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly token: string | null;
  readonly idempotencyKey: string | null;
  readonly lastEventId: string | null;
  readonly body: unknown;
}

let server: Bun.Server<undefined> | undefined;
afterEach(() => void server?.stop(true));

/** A server that answers as it is told, one answer after the other for the same request; the last one stays. */
function answering(answers: Readonly<Record<string, readonly (() => Response)[]>>) {
  const seen: Seen[] = [];
  const used = new Map<string, number>();
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const url = new URL(request.url);
      const key = `${request.method} ${url.pathname}`;
      const text = await request.text();
      seen.push({
        method: request.method,
        path: url.pathname + url.search,
        token: request.headers.get("x-client-token"),
        idempotencyKey: request.headers.get("idempotency-key"),
        lastEventId: request.headers.get("last-event-id"),
        body: text === "" ? undefined : JSON.parse(text),
      });
      const list = answers[key] ?? [() => json({ error: "No such path.", code: "NOT_FOUND" }, 404)];
      const turn = used.get(key) ?? 0;
      used.set(key, turn + 1);
      return (list[turn] ?? list.at(-1))?.() ?? new Response("", { status: 500 });
    },
  });
  return { seen, url: `http://127.0.0.1:${server.port}` };
}

const json = (body: unknown, status = 200) => Response.json(body, { status });
const events = (text: string | ReadableStream<Uint8Array>) =>
  new Response(text, { headers: { "content-type": "text/event-stream" } });
const refusal = (status: number, code: string) => () => json({ error: `Sentence about ${code}.`, code }, status);

const running = { id: "j1", blueprint_name: "flow", status: "waiting_for_worker", current_state: "work" };
const finished = { ...running, status: "finished", current_state: "done", result: { total: 3 } };

describe("jobs submit", () => {
  test("what the server warns of is told beside the id", async () => {
    const warning = "the newest version of its file is refused, so the one before runs: flow.ts:1:1: syntax: broken";
    const accepted = () => json({ status: "accepted", job_id: "j1", warning }, 202);
    const { url } = answering({ "POST /api/blueprints/flow/jobs": [accepted] });
    const played = await play(["jobs", "submit", "flow", "--url", url]);
    expect(played).toEqual({ exitCode: 0, out: "j1\n", err: `warning: ${warning}\n` });
  });

  test("a name goes to the blueprint, an endpoint to its path, each as an envelope", async () => {
    const accepted = () => json({ status: "accepted", job_id: "j1" }, 202);
    const { seen, url } = answering({
      "POST /api/blueprints/flow/jobs": [accepted],
      "POST /api/v1/jobs/flow": [accepted],
      "POST /api/v2/jobs/flow": [accepted],
    });
    const flags = ["--url", url, "--token", "t", "--idempotency-key", "k", "--priority", "2.5"];
    expect((await play(["jobs", "submit", "flow", "--input", '{"a":1}', ...flags])).out).toBe("j1\n");
    expect((await play(["jobs", "submit", "jobs/flow", "--url", url])).exitCode).toBe(0);
    expect((await play(["jobs", "submit", "/api/v2/jobs/flow", "--url", url])).exitCode).toBe(0);
    expect(seen[0]).toMatchObject({
      path: "/api/blueprints/flow/jobs",
      token: "t",
      idempotencyKey: "k",
      body: { initial_data: { a: 1 }, priority: 2.5 },
    });
  });

  test("a client, who may not start by name, takes the blueprint's endpoint", async () => {
    const blueprints = [
      { name: "flow", endpoint: "jobs/f", api_version: "v1" },
      { name: "inner", endpoint: null, api_version: "v1" },
    ];
    const { url } = answering({
      "POST /api/blueprints/flow/jobs": [refusal(403, "OPERATORS_ONLY")],
      "POST /api/blueprints/inner/jobs": [refusal(403, "OPERATORS_ONLY")],
      "GET /api/blueprints": [() => json({ blueprints })],
      "POST /api/v1/jobs/f": [() => json({ job_id: "j1" }, 202)],
    });
    expect(await play(["jobs", "submit", "flow", "--url", url])).toMatchObject({ exitCode: 0, out: "j1\n" });
    expect(await play(["jobs", "submit", "inner", "--url", url])).toMatchObject({ exitCode: 4, out: "" });
  });

  test("--input takes a file and standard input", async () => {
    const { seen, url } = answering({ "POST /api/blueprints/flow/jobs": [() => json({ job_id: "j1" }, 202)] });
    await play(["jobs", "submit", "flow", "--input", "@in.json", "--url", url], { files: { "in.json": '{"a":1}' } });
    await play(["jobs", "submit", "flow", "--input", "-", "--url", url], { input: '{"a":2}' });
    expect(seen.map(({ body }) => body)).toEqual([{ initial_data: { a: 1 } }, { initial_data: { a: 2 } }]);
  });

  test("--json prints the 202 body and nothing else", async () => {
    const { url } = answering({
      "POST /api/blueprints/flow/jobs": [() => json({ status: "accepted", job_id: "j1" }, 202)],
    });
    const { out, err } = await play(["jobs", "submit", "flow", "--json", "--url", url]);
    expect(JSON.parse(out)).toEqual({ status: "accepted", job_id: "j1" });
    expect(err).toBe("");
  });

  test.each([
    ["finished", 0],
    ["failed", 1],
    ["cancelled", 1],
    ["quarantined", 1],
  ])("--wait on a job that ends as %s is exit code %i, with the job on standard output", async (status, exitCode) => {
    const { url } = answering({
      "POST /api/blueprints/flow/jobs": [() => json({ job_id: "j1" }, 202)],
      "GET /api/jobs/j1/events": [() => events(`id: 1\nevent: end\ndata: {"status":"${status}"}\n\n`)],
      "GET /api/jobs/j1": [() => json({ ...finished, status })],
    });
    const played = await play(["jobs", "submit", "flow", "--wait", "--json", "--url", url]);
    expect(JSON.parse(played.out)).toEqual({ ...finished, status });
    expect(played.exitCode).toBe(exitCode);
  });
});

describe("what the server refuses", () => {
  test.each([
    [401, 4],
    [403, 4],
    [429, 4],
    [404, 5],
    [409, 1],
    [422, 1],
    [500, 1],
    [503, 1],
    [400, 2],
  ])("%i is exit code %i, with the server's own sentence", async (status, exitCode) => {
    const { url } = answering({ "GET /api/jobs/j1": [refusal(status, "SOME_CODE")] });
    const plain = await play(["jobs", "show", "j1", "--url", url]);
    expect(plain).toMatchObject({ exitCode, out: "" });
    expect(plain.err).toStartWith("error: Sentence about SOME_CODE.");
    const document = await play(["jobs", "show", "j1", "--json", "--url", url]);
    expect(JSON.parse(document.out)).toMatchObject({ code: "SOME_CODE" });
  });

  test("no server at the URL is exit code 3 and says what to do", async () => {
    const { url } = answering({});
    await server?.stop(true);
    const { exitCode, err } = await play(["jobs", "list", "--url", url]);
    expect(err).toContain(`No server answers at ${url}. Start one`);
    expect(err).toContain("orchestrator serve");
    expect(exitCode).toBe(3);
  });

  test.each<[string, unknown, string]>([
    [
      "names that were meant",
      { near: ["thumbnail", "thumb"] },
      "Blueprint not found; did you mean thumbnail or thumb?",
    ],
    ["no such name", { near: [] }, "Blueprint not found."],
    ["what to do", { hint: "send another token" }, "Blueprint not found. send another token."],
    [
      "what is wrong where",
      [{ path: "/a", message: "Expected number" }],
      "Blueprint not found.\n  /a: Expected number",
    ],
    ["things for programs", { id: "x" }, "Blueprint not found."],
  ])("details that hold %s are text for people and stay JSON for programs", async (_, details, text) => {
    const refusing = () => json({ error: "Blueprint not found", code: "BLUEPRINT_NOT_FOUND", details }, 404);
    const { url } = answering({ "POST /api/blueprints/nope/jobs": [refusing] });
    const argv = ["jobs", "submit", "nope", "--url", url];
    expect((await play(argv)).err).toBe(`error: ${text}\n`);
    expect(JSON.parse((await play([...argv, "--json"])).out)).toEqual({
      error: "Blueprint not found",
      code: "BLUEPRINT_NOT_FOUND",
      details,
    });
  });

  test("a missing token is named", async () => {
    const { url } = answering({ "GET /api/jobs/j1": [refusal(401, "TOKEN_MISSING")] });
    expect((await play(["jobs", "show", "j1", "--url", url])).err).toContain("Set --token or CLIENT_TOKEN.");
  });

  test.each([
    ["j1", "Job not found. Give the whole id, 36 characters, as `orchestrator jobs list` shows it."],
    ["01993c6e-7c1a-7000-8000-000000000000", "Job not found. `orchestrator jobs list` shows which there are."],
  ])("a job that is not there, %s, is told with where to look", async (id, text) => {
    const { url } = answering({
      [`GET /api/jobs/${id}`]: [() => json({ error: "Job not found", code: "JOB_NOT_FOUND" }, 404)],
    });
    expect(await play(["jobs", "show", id, "--url", url])).toMatchObject({ err: `error: ${text}\n`, exitCode: 5 });
  });

  test("an answer that is not JSON is no crash", async () => {
    const { url } = answering({ "GET /api/jobs/j1": [() => new Response("<html>", { status: 502 })] });
    expect(await play(["jobs", "show", "j1", "--url", url])).toMatchObject({ exitCode: 1 });
  });
});

describe("jobs watch", () => {
  const stateStarted = `id: 1\nevent: state_started\ndata: {"state":"work","timestamp":"2026-01-01T10:00:00.000Z"}\n\n`;
  const progress = `id: 2\nevent: progress\ndata: {"progress":0.5,"message":"half"}\n\n`;
  const end = `id: 3\nevent: end\ndata: {}\n\n`;

  test("without a terminal it writes plain lines, and the job at its end", async () => {
    const { url } = answering({
      "GET /api/jobs/j1/events": [() => events(`: keep alive\n\n${stateStarted}${progress}${end}`)],
      "GET /api/jobs/j1": [() => json(running), () => json(finished)],
    });
    const { exitCode, out, err } = await play(["jobs", "watch", "j1", "--url", url]);
    expect(err).toBe("10:00:00  state_started  work\nprogress 50 %  half\n");
    expect(out).toContain('result     {"total":3}');
    expect(exitCode).toBe(0);
  });

  test("on a terminal it draws a bar over one line", async () => {
    const { url } = answering({
      "GET /api/jobs/j1/events": [() => events(`${progress}${end}`)],
      "GET /api/jobs/j1": [() => json(running), () => json(finished)],
    });
    const { err } = await play(["jobs", "watch", "j1", "--url", url], { isInteractive: true });
    expect(err).toBe(`\r\u001b[2K${"█".repeat(12)}${"░".repeat(12)}  50 %  half\r\u001b[2K`);
  });

  for (const [what, waiting, said] of [
    ["its time", { kind: "start", until: "2030-01-01T00:00:00.000Z" }, "it begins at 2030-01-01T00:00:00.000Z"],
    [
      "its turn",
      { kind: "turn", max: 2, key: "initial_data.customer", group: "ada", position: 3 },
      "2 of its blueprint run at once for initial_data.customer ada, and it is number 3 of those before the gate",
    ],
    [
      "a pause to end",
      { kind: "paused", position: 1 },
      "its blueprint is paused, until somebody resumes it (`orchestrator blueprints resume`)",
    ],
  ] as const) {
    test(`a job that waits for ${what} before it begins says so, once`, async () => {
      let looks = 0;
      const quiet = Promise.withResolvers<void>();
      const look = () => {
        if (++looks === 3) quiet.resolve();
        return json({ ...running, status: "pending", waiting_for: waiting });
      };
      const { url } = answering({
        "GET /api/jobs/j1/events": [
          () =>
            events(
              new ReadableStream({
                async start(controller) {
                  await quiet.promise;
                  controller.enqueue(new TextEncoder().encode(end));
                  controller.close();
                },
              }),
            ),
        ],
        "GET /api/jobs/j1": [look, look, look, () => json(finished)],
      });
      const { err } = await play(["jobs", "watch", "j1", "--url", url], { pausesMsMax: 10_000 });
      expect(err).toBe(`waiting: ${said}\n`);
    });
  }

  const w1 = { worker_id: "w1", status: "idle", connected: true, reputation_needed: 0.3 };
  test.each([
    [
      "nobody takes its task",
      [
        { ...w1, supported_tasks: ["grow"] },
        { worker_id: "w3", status: "idle", connected: false, current_load: 0, supported_tasks: ["shrink"] },
        { worker_id: "w2", status: "offline", supported_skills: [{ name: "shrink" }] },
      ],
      "no connected worker takes shrink",
    ],
    [
      "the one who would take its task is shut out",
      [{ ...w1, supported_tasks: ["shrink"], reputation: 0.2999 }],
      "no connected worker takes shrink; w1 would, once its reputation is back (see orchestrator workers resume)",
    ],
    [
      "the one who would take its task is drained",
      [
        { ...w1, worker_id: "w2", supported_tasks: ["shrink"], draining: true },
        { ...w1, worker_id: "w3", supported_tasks: ["shrink"], draining: true, connected: false, current_load: 0 },
        { ...w1, supported_tasks: ["shrinks"] },
      ],
      "no connected worker takes shrink; w2 would, but is drained: orchestrator workers resume w2",
    ],
    [
      "its task's name is another than its worker's",
      [{ ...w1, supported_tasks: ["grow", "shrimk"] }],
      "no connected worker takes shrink; did you mean shrimk, which one takes?",
    ],
  ])("a job that is quiet since %s says so, once", async (_, workers, said) => {
    const tasks = [{ type: "shrink", status: "queued" }];
    let looks = 0;
    const quiet = Promise.withResolvers<void>();
    const { url } = answering({
      "GET /api/jobs/j1/events": [
        () =>
          events(
            new ReadableStream({
              async start(controller) {
                await quiet.promise;
                controller.enqueue(new TextEncoder().encode(end));
                controller.close();
              },
            }),
          ),
      ],
      "GET /api/jobs/j1": [...Array.from({ length: 3 }, () => () => json({ ...running, tasks })), () => json(finished)],
      "GET /api/workers": [
        () => {
          if (++looks === 2) quiet.resolve();
          return json(workers);
        },
      ],
    });
    const { err } = await play(["jobs", "watch", "j1", "--url", url], { pausesMsMax: 5_000 });
    expect(err).toBe(`waiting: ${said}\n`);
  });

  test.each([
    ["watch", ["jobs", "watch", "j1"]],
    ["watch --json", ["jobs", "watch", "j1", "--json"]],
    ["submit --wait", ["jobs", "submit", "jobs/one", "--wait"]],
  ])("who leaves %s is told that the job goes on", async (_, argv) => {
    let leave: () => void = () => undefined;
    const { url } = answering({
      "POST /api/v1/jobs/one": [() => json({ status: "accepted", job_id: "j1" }, 202)],
      "GET /api/jobs/j1/events": [
        () => {
          leave();
          return events(new ReadableStream({}));
        },
      ],
      "GET /api/jobs/j1": [() => json(running)],
    });
    const onStop = (stop: () => void) => {
      leave = stop;
      return () => undefined;
    };
    const { exitCode, out, err } = await play([...argv, "--url", url], { onStop });
    expect([exitCode, out]).toEqual([130, ""]);
    expect(err).toEndWith("\nThe job goes on: orchestrator jobs watch j1\n");
  });

  test("progress that comes again as an event of the history is not shown as none", async () => {
    const again = `id: 3\nevent: progress\ndata: {"event_type":"progress","state":"work"}\n\n`;
    const { url } = answering({
      "GET /api/jobs/j1/events": [() => events(progress + again + end)],
      "GET /api/jobs/j1": [() => json(running), () => json(finished)],
    });
    expect((await play(["jobs", "watch", "j1", "--url", url])).err).toBe("progress 50 %  half\n");
  });

  test("what a worker writes cannot steer the terminal", async () => {
    const nasty = `id: 2\nevent: progress\ndata: {"progress":50,"message":"a\\u001b[2Jb"}\n\n`;
    const { url } = answering({
      "GET /api/jobs/j1/events": [() => events(nasty + end)],
      "GET /api/jobs/j1": [() => json(running), () => json(finished)],
    });
    expect((await play(["jobs", "watch", "j1", "--url", url])).err).toBe("progress 50 %  a [2Jb\n");
  });

  test("a restart of the server is sat out: it goes on after the last event that it saw", async () => {
    const { seen, url } = answering({
      "GET /api/jobs/j1/events": [() => events(stateStarted), refusal(503, "STARTING"), () => events(progress + end)],
      "GET /api/jobs/j1": [() => json(running), () => json(running), refusal(503, "STARTING"), () => json(finished)],
    });
    const { exitCode, err } = await play(["jobs", "watch", "j1", "--url", url]);
    expect(seen.filter(({ path }) => path.endsWith("/events")).map(({ lastEventId }) => lastEventId)).toEqual([
      null,
      "1",
      "1",
    ]);
    expect(err).toContain("connection lost, trying again\n");
    expect(err).toEndWith("progress 50 %  half\n");
    expect(exitCode).toBe(0);
  });

  test("progress that was told live is not told again, older, after a restart of the server", async () => {
    const at = (second: number, progress: number, task = "") =>
      `event: progress\ndata: {"progress":${progress},${task}"timestamp":"2026-01-01T00:00:0${second}.000Z"}\n\n`;
    const live = at(1, 0.08, '"task_id":"t",') + at(2, 0.17, '"task_id":"t",');
    const again = `id: 5\n${at(1, 0.08)}id: 6\n${at(2, 0.17)}${at(3, 0.58, '"task_id":"t",')}`;
    const { url } = answering({
      "GET /api/jobs/j1/events": [() => events(live), () => events(again + end)],
      "GET /api/jobs/j1": [() => json(running), () => json(running), () => json(finished)],
    });
    const { err } = await play(["jobs", "watch", "j1", "--url", url]);
    expect(err.match(/progress \d+ %/g)).toEqual(["progress 8 %", "progress 17 %", "progress 58 %"]);
  });

  test("a server that stays away for 30 s ends it with exit code 3", async () => {
    const { url } = answering({
      "GET /api/jobs/j1/events": [
        () => {
          void server?.stop(true);
          return events("");
        },
      ],
      "GET /api/jobs/j1": [() => json(running)],
    });
    const { exitCode, err } = await play(["jobs", "watch", "j1", "--url", url]);
    expect(err).toContain("No server answers");
    expect(exitCode).toBe(3);
  });

  test("an unknown job is exit code 5 at once", async () => {
    const { url } = answering({ "GET /api/jobs/j1": [refusal(404, "JOB_NOT_FOUND")] });
    expect((await play(["jobs", "watch", "j1", "--url", url])).exitCode).toBe(5);
  });

  test("a decision that is asked for is told with how to decide", async () => {
    const data = JSON.stringify({
      wait: { kind: "approval", message: "Post it?", decisions: ["approved", "rejected"] },
    });
    const { url } = answering({
      "GET /api/jobs/j1/events": [() => events(`id: 1\nevent: approval_requested\ndata: ${data}\n\n${end}`)],
      "GET /api/jobs/j1": [() => json(running), () => json(finished)],
    });
    const { err } = await play(["jobs", "watch", "j1", "--url", url]);
    expect(err).toContain("Post it? (approved or rejected)\n");
    expect(err).toContain("waiting: decide with orchestrator jobs decide j1 DECISION, which is approved or rejected\n");
  });

  test("--json prints one event a line", async () => {
    const { url } = answering({
      "GET /api/jobs/j1/events": [() => events(stateStarted + end)],
      "GET /api/jobs/j1": [() => json(running), () => json(finished)],
    });
    const { out } = await play(["jobs", "watch", "j1", "--json", "--url", url]);
    expect(
      out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).event),
    ).toEqual(["state_started", "end"]);
  });
});

describe("jobs list, show, history and cancel", () => {
  test.each([
    ["flow", "no jobs\n"],
    ["flwo", "no jobs, and no blueprint in service is named flwo; did you mean flow?\n"],
  ])("a list of no jobs of %s says whether there is such a blueprint", async (name, said) => {
    const { url } = answering({
      "GET /api/jobs": [() => json({ jobs: [], next_cursor: null })],
      "GET /api/blueprints": [() => json({ blueprints: [{ name: "flow" }] })],
    });
    const { err, exitCode } = await play(["jobs", "list", "--blueprint", name, "--url", url]);
    expect(err).toBe(said);
    expect(exitCode).toBe(0);
  });

  test("list passes the filters and prints a table; the next page is named on standard error", async () => {
    const page = { jobs: [{ ...running, progress: null, created_at: "2026-01-01" }], next_cursor: "c2" };
    const { seen, url } = answering({ "GET /api/jobs": [() => json(page)] });
    const argv = ["jobs", "list", "--status", "failed", "--blueprint", "flow", "--limit", "5", "--cursor", "c1"];
    const { out, err } = await play([...argv, "--url", url]);
    expect(seen[0]?.path).toBe("/api/jobs?limit=5&status=failed&blueprint=flow&cursor=c1");
    expect(out).toBe(
      "ID  BLUEPRINT  STATUS              STATE  PROGRESS  CREATED\nj1  flow       waiting_for_worker  work   -         2026-01-01\n",
    );
    expect(err).toBe("more: --cursor c2\n");
  });

  test("show names the error and the task at hand", async () => {
    const tasks = [{ task_id: "t", type: "simple", status: "running", worker_id: "w1", attempt: 2 }];
    const job = { ...running, error: { code: "PERMANENT_ERROR", message: "No such file." }, tasks };
    const { url } = answering({ "GET /api/jobs/j1": [() => json(job)] });
    const { out } = await play(["jobs", "show", "j1", "--url", url]);
    expect(out).toContain("error      PERMANENT_ERROR: No such file.");
    expect(out).toContain("task       simple, running on w1, attempt 2");
  });

  test("the result is shown without the progress that is kept beside it", async () => {
    const job = { ...finished, result: undefined, state_history: { size: 128, progress_updates: [{ progress: 0.5 }] } };
    const { url } = answering({ "GET /api/jobs/j1": [() => json(job)] });
    expect((await play(["jobs", "show", "j1", "--url", url])).out).toContain('result     {"size":128}\n');
    expect((await play(["jobs", "show", "j1", "--json", "--url", url])).out).toContain("progress_updates");
  });

  test.each([
    [0.03333333333333333, "3 %"],
    [58, "58 %"],
    [0, "0 %"],
    [1, "100 %"],
  ])("a progress of %p is shown in percent, by show and by list", async (progress, text) => {
    const job = { ...running, progress };
    const { url } = answering({
      "GET /api/jobs/j1": [() => json(job)],
      "GET /api/jobs": [() => json({ jobs: [job], next_cursor: null })],
    });
    expect((await play(["jobs", "show", "j1", "--url", url])).out).toContain(`progress   ${text}\n`);
    expect((await play(["jobs", "list", "--url", url])).out).toContain(`  ${text} `);
    expect(JSON.parse((await play(["jobs", "show", "j1", "--json", "--url", url])).out)).toEqual(job);
  });

  const asking = { kind: "approval", integration: "telegram", decisions: ["approved", "rejected"] };
  test.each<[string, object, string]>([
    [
      "that nobody was asked, as no failure of the job",
      { message_status: "failed", last_error: "telegram is not set up" },
      "           nobody was asked: telegram is not set up\n",
    ],
    [
      "that asking is under way",
      { message_status: "pending", last_error: null },
      "           people are being asked\n",
    ],
    [
      "that asking is tried again",
      { message_status: "pending", last_error: "telegram answered 502" },
      "           asking is tried again: telegram answered 502\n",
    ],
    ["nothing where people were asked", { message_status: "sent" }, "DECISION\n"],
  ])("show of a job that waits for a decision says %s", async (_, sent, end) => {
    const waiting = { ...asking, ...sent, decide_with: "orchestrator jobs decide j1 DECISION" };
    const { url } = answering({ "GET /api/jobs/j1": [() => json({ ...running, waiting_for: waiting })] });
    const { out } = await play(["jobs", "show", "j1", "--url", url]);
    expect(out).toContain("waits for  a person's decision\n           integration: telegram\n");
    expect(out).toContain("           decide with: orchestrator jobs decide j1 DECISION\n");
    expect(out).toEndWith(end);
    expect(out).not.toContain("message status");
  });

  test("what is known of the task that failed is shown in a line", async () => {
    const failed = { type: "pay", worker_id: "w1", attempts: 2, progress: 0.5, params: { order: 7 } };
    const { url } = answering({ "GET /api/jobs/j1": [() => json({ ...finished, failed_task: failed })] });
    const { out } = await play(["jobs", "show", "j1", "--url", url]);
    expect(out).toContain('failed     pay on w1, attempts 2, progress 50 %, params {"order":7}\n');
  });

  test("history tells why an attempt failed", async () => {
    const event = {
      event_type: "task_finished",
      attempt_number: 1,
      context_snapshot: { result: { status: "failure", error: { code: "TRANSIENT_ERROR", message: "no answer" } } },
    };
    const { url } = answering({ "GET /api/jobs/j1/history": [() => json({ events: [event], next_cursor: null })] });
    const { out } = await play(["jobs", "history", "j1", "--url", url]);
    expect(out).toContain("attempt 1: TRANSIENT_ERROR: no answer\n");
  });

  test("history reads all pages into one document", async () => {
    const { url } = answering({
      "GET /api/jobs/j1/history": [
        () => json({ events: [{ event_type: "job_created" }], next_cursor: "2" }),
        () => json({ events: [{ event_type: "job_completed" }], next_cursor: null }),
      ],
    });
    const { out } = await play(["jobs", "history", "j1", "--json", "--url", url]);
    expect(JSON.parse(out)).toEqual({ events: [{ event_type: "job_created" }, { event_type: "job_completed" }] });
  });

  test.each([
    ["cancellation_request_sent", "j1  is being cancelled: its task was told to stop\n"],
    ["cancellation_request_accepted", "j1  is being cancelled\n"],
    ["some_newer_word", "j1  some_newer_word\n"],
  ])("cancel says what became of the request: %s", async (status, said) => {
    const { url } = answering({ "POST /api/jobs/j1/cancel": [() => json({ status })] });
    expect(await play(["jobs", "cancel", "j1", "--url", url])).toMatchObject({ exitCode: 0, out: said });
    expect(JSON.parse((await play(["jobs", "cancel", "j1", "--json", "--url", url])).out)).toEqual({ status });
  });

  test("cancel of a job that is over is exit code 1", async () => {
    const { url } = answering({ "POST /api/jobs/j1/cancel": [refusal(409, "JOB_OVER")] });
    expect((await play(["jobs", "cancel", "j1", "--url", url])).exitCode).toBe(1);
  });
});
