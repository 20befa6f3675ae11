import { describe, expect, test } from "bun:test";
import type { Manifest } from "../../src/catalog/port.ts";
import { asClient, asOperator, createDoors, request } from "./doors.ts";
import { createFake, job, manifest } from "./fake-orchestrator.ts";
import { runScenarios } from "./scenarios.ts";

const ID = job().id;
const at = (action: string) => ({ method: "POST", path: `/api/v1/jobs/${ID}/${action}`, headers: asClient });
const withJob = (over: Parameters<typeof job>[0] = {}) => ({
  prepare: (fake: ReturnType<typeof createFake>) => void fake.jobs.set(ID, job(over)),
});

const waiting = manifest({
  hash: "waiting",
  states: [
    {
      name: "start",
      isStart: true,
      isEnd: false,
      isAggregator: false,
      acts: [{ action: "waitForEvent", subject: "paid" }],
    },
  ],
});

function withoutEndpoint(of: Manifest): Manifest {
  const { endpoint: _, ...rest } = of;
  return rest;
}
const inner = withoutEndpoint(manifest({ name: job().blueprint }));
const asking = manifest({
  name: job().blueprint,
  states: [
    { name: "start", isStart: true, isEnd: false, isAggregator: false, acts: [{ action: "awaitHumanApproval" }] },
    { name: "pay", isStart: false, isEnd: false, isAggregator: false },
  ],
});

const hiding = manifest({
  name: job().blueprint,
  states: [
    { name: "start", isStart: true, isEnd: false, isAggregator: false, isOpen: true, isHidden: true },
    { name: "pay", isStart: false, isEnd: false, isAggregator: false },
  ],
});
const computing = manifest({
  name: job().blueprint,
  states: [
    { name: "start", isStart: true, isEnd: false, isAggregator: false, isOpen: true },
    { name: "pay", isStart: false, isEnd: false, isAggregator: false },
  ],
});

describe("an event for a job", () => {
  runScenarios([
    {
      name: "reaches it with its data and the key that it was sent with",
      ...at("event"),
      ...withJob(),
      headers: { ...asClient, "idempotency-key": "k" },
      body: { event: "paid", data: { amount: 12 } },
      status: 200,
      has: ['"status":"event_accepted"', ID],
      after: (fake) =>
        expect(fake.told.asked).toEqual([{ what: "event", id: ID, event: "paid", data: '{"amount":12}', key: "k" }]),
    },
    {
      name: "of a name that the blueprint does not wait for is taken, with a warning",
      ...at("event"),
      ...withJob({ hash: "waiting" }),
      fake: () => createFake([waiting]),
      body: { event: "payed" },
      status: 200,
      has: ['"status":"event_accepted"', '"warning":"', "did you mean paid?"],
      after: (fake) => expect(fake.told.asked).toMatchObject([{ what: "event", event: "payed" }]),
    },
    {
      name: "is taken without a warning where nobody can tell what it waits for",
      ...at("event"),
      ...withJob({ hash: "of a version whose bundle cannot be restored" }),
      fake: () => {
        const fake = createFake([]);
        const pinned = () => Promise.reject(new Error("no space left on the device"));
        return { ...fake, orchestrator: { ...fake.orchestrator, catalog: { ...fake.orchestrator.catalog, pinned } } };
      },
      body: { event: "paid" },
      status: 200,
      has: ['"status":"event_accepted"'],
      lacks: ["warning"],
    },
    {
      name: "of a name that it waits for is taken without",
      ...at("event"),
      ...withJob({ hash: "waiting" }),
      fake: () => createFake([waiting]),
      body: { event: "paid" },
      status: 200,
      lacks: ["warning"],
    },
    {
      name: "of the name that this job waits for now is taken without a warning",
      ...at("event"),
      ...withJob({ hash: "waiting", pause: { kind: "event", event: "order-17", transitions: {}, sinceMs: 0 } }),
      fake: () => createFake([waiting]),
      body: { event: "order-17" },
      status: 200,
      lacks: ["warning"],
    },
    {
      name: "without data carries null",
      ...at("event"),
      ...withJob(),
      body: { event: "paid" },
      status: 200,
      after: (fake) => expect(fake.told.asked).toMatchObject([{ data: "null" }]),
    },
    {
      name: "without a name is refused, and says what a name looks like",
      ...at("event"),
      ...withJob(),
      body: {},
      status: 422,
      has: ['"code":"INVALID_BODY"', "event must be a text", "paid"],
      after: (fake) => expect(fake.told.asked).toEqual([]),
    },
    { name: "that is no JSON is refused", ...at("event"), ...withJob(), body: "{", status: 400, has: ["INVALID_JSON"] },
    {
      name: "for somebody else's job finds none",
      ...at("event"),
      ...withJob({ client: { id: "x", config: {} } }),
      body: { event: "a" },
      status: 404,
      has: ["JOB_NOT_FOUND"],
    },
    {
      name: "without a token is refused",
      ...at("event"),
      ...withJob(),
      headers: {},
      body: { event: "a" },
      status: 401,
    },
  ]);
});

describe("a decision for a job", () => {
  runScenarios([
    {
      name: "reaches it with who decided and the comment",
      ...at("decision"),
      ...withJob(),
      body: { decision: "approved", comment: "fine" },
      status: 200,
      has: ['"status":"decision_accepted"'],
      after: (fake) =>
        expect(fake.told.asked).toMatchObject([
          { what: "decide", decision: "approved", comment: "fine", by: "default", through: "api" },
        ]),
    },
    {
      name: "of an operator is told as that",
      ...at("decision"),
      ...withJob(),
      headers: asOperator,
      body: { decision: "approved" },
      status: 200,
      after: (fake) => expect(fake.told.asked).toMatchObject([{ by: "operator" }]),
    },
    {
      name: "that is none is refused",
      ...at("decision"),
      ...withJob(),
      body: {},
      status: 400,
      has: ["decision is required in body"],
    },
    {
      name: "with a comment that is no text is refused",
      ...at("decision"),
      ...withJob(),
      body: { decision: "approved", comment: 5 },
      status: 400,
      has: ["comment must be a text"],
    },
    {
      name: "with an endless comment is refused, and not cut off in silence",
      ...at("decision"),
      ...withJob(),
      body: { decision: "approved", comment: "x".repeat(5_000) },
      status: 400,
      has: ["at most 4000 characters"],
      after: (fake) => expect(fake.told.asked).toEqual([]),
    },
  ]);
});

describe("a retry and a rerun", () => {
  runScenarios([
    {
      name: "a retry needs no body",
      ...at("retry"),
      ...withJob({ status: "failed" }),
      status: 200,
      has: ['"status":"retry_accepted"', ID],
    },
    {
      name: "a rerun answers with the new job's id",
      ...at("rerun"),
      ...withJob(),
      body: { from_state: "second", initial_data: { a: 1 } },
      status: 200,
      has: ['"job_id":"job-again"', `"rerun_of":"${ID}"`],
      after: (fake) =>
        expect(fake.told.asked).toMatchObject([{ what: "rerun", fromState: "second", initialData: '{"a":1}' }]),
    },
    {
      name: "a rerun with an input that the blueprint does not take is refused with the place",
      ...at("rerun"),
      ...withJob(),
      fake: () =>
        createFake([
          manifest({
            name: job().blueprint,
            inputSchema: { type: "object", required: ["url"], properties: { url: { type: "string" } } },
          }),
        ]),
      body: { initial_data: {} },
      status: 422,
      has: ["/initial_data/url"],
      after: (fake) => expect(fake.told.asked).toEqual([]),
    },
    {
      name: "a rerun of a blueprint without an endpoint is for operators",
      ...at("rerun"),
      ...withJob(),
      fake: () => createFake([inner]),
      body: {},
      status: 403,
      has: ["FORBIDDEN", "has no endpoint"],
      after: (fake) => expect(fake.told.asked).toEqual([]),
    },
    {
      name: "a rerun from the middle of a blueprint that asks people is for operators",
      ...at("rerun"),
      ...withJob(),
      fake: () => createFake([asking]),
      body: { from_state: "pay" },
      status: 403,
      has: ["FORBIDDEN", "asks people to decide", 'a start at \\"pay\\"'],
      after: (fake) => expect(fake.told.asked).toEqual([]),
    },
    {
      name: "so is one of a blueprint that may ask people in code that is not read",
      ...at("rerun"),
      ...withJob(),
      fake: () => createFake([hiding]),
      body: { from_state: "pay" },
      status: 403,
      has: ["FORBIDDEN", 'State \\"start\\"', "hands its actions to other code"],
      after: (fake) => expect(fake.told.asked).toEqual([]),
    },
    {
      name: "a rerun from the middle of one that only computes where it goes is for its client",
      ...at("rerun"),
      ...withJob(),
      fake: () => createFake([computing]),
      body: { from_state: "pay" },
      status: 200,
      has: ['"job_id":"job-again"'],
    },
    {
      name: "a rerun of such a blueprint from its start is for its client",
      ...at("rerun"),
      ...withJob(),
      fake: () => createFake([asking]),
      body: {},
      status: 200,
      has: ['"job_id":"job-again"'],
    },
    {
      name: "operators rerun both",
      ...at("rerun"),
      ...withJob(),
      headers: asOperator,
      fake: () => createFake([withoutEndpoint(asking)]),
      body: { from_state: "pay" },
      status: 200,
      has: ['"job_id":"job-again"'],
    },
    {
      name: "a rerun with an input that is no object is refused",
      ...at("rerun"),
      ...withJob(),
      body: { initial_data: [] },
      status: 422,
      has: ["initial_data must be an object"],
    },
  ]);
});

describe("many jobs at once", () => {
  const jobs = [
    job({ id: "01900000-0000-7000-8000-000000000001", status: "waiting_for_worker" }),
    job({ id: "01900000-0000-7000-8000-000000000002", status: "finished" }),
    job({ id: "01900000-0000-7000-8000-000000000003", status: "quarantined" }),
  ];
  const prepare = (fake: ReturnType<typeof createFake>) => {
    for (const one of jobs) fake.jobs.set(one.id, one);
  };
  const ids = (what: string, text: string) => (JSON.parse(text) as Record<string, string[]>)[what];

  async function send(path: string, body?: object, headers = asClient) {
    const fake = createFake();
    prepare(fake);
    const { app } = createDoors(fake);
    const answer = await app.handle(request("POST", path, headers, body));
    return { fake, status: answer.status, text: await answer.text() };
  }

  test("are cancelled where they are open, and the others are left alone", async () => {
    const { status, text } = await send("/api/v1/jobs/cancel", { blueprint: "simple" });
    expect(status).toBe(200);
    expect(ids("job_ids", text)).toEqual([jobs[0]?.id ?? ""]);
  });

  test("are retried where they failed; the filters may stand behind the question mark", async () => {
    const { fake, text } = await send("/api/jobs/retry?blueprint=simple");
    expect(ids("job_ids", text)).toEqual([jobs[2]?.id ?? ""]);
    expect(fake.told.asked).toMatchObject([{ what: "retry", id: jobs[2]?.id }]);
  });

  test("are only named by a dry run", async () => {
    const { fake, text } = await send("/api/v1/jobs/retry", { status: "quarantined", dry_run: true });
    expect(ids("job_ids", text)).toEqual([jobs[2]?.id ?? ""]);
    expect(fake.told.asked).toEqual([]);
  });

  test("must be named by a filter: nobody cancels all by mistake", async () => {
    const { status, text } = await send("/api/v1/jobs/cancel", {});
    expect(status).toBe(400);
    expect(text).toContain("FILTER_REQUIRED");
  });

  test("are not named by a filter that nobody knows", async () => {
    const { status, text } = await send("/api/v1/jobs/cancel", { state: "x" });
    expect(status).toBe(400);
    expect(text).toContain('\\"state\\" is no filter of jobs');
  });
});

describe("a decision over a job's own address", () => {
  runScenarios([
    {
      name: "is read as at the other doors: trimmed, with its comment",
      ...at("decision"),
      ...withJob({ status: "waiting_for_human" }),
      body: { decision: " approved ", comment: " fine " },
      status: 200,
      has: ['"status":"decision_accepted"'],
      after: (fake) =>
        expect(fake.told.asked).toMatchObject([{ what: "decide", decision: "approved", comment: "fine" }]),
    },
    {
      name: "that is no text is refused as there",
      ...at("decision"),
      ...withJob({ status: "waiting_for_human" }),
      body: { decision: 7 },
      status: 400,
      has: ["INVALID_BODY", "decision must be a text"],
      after: (fake) => expect(fake.told.asked).toEqual([]),
    },
  ]);
});
