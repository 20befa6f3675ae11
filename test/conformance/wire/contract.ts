/** Exchanges that nobody recorded: from the text of the wire contract, by its sections. */
import { expect } from "bun:test";
import type { Exchange, Signing, Step } from "./exchange.ts";

const SHARED = { "x-worker-token": "test-worker-token" };
const OWN = { "x-worker-token": "super-secret-gpu-worker-token" };
const CLIENT = { "x-client-token": "tok" };
const OTHER_CLIENT = { "x-client-token": "user_token_vip" };

function registers(id: string, more: object = {}, headers: Record<string, string> = SHARED): Step {
  return { send: "POST /_worker/workers/register", headers, body: { worker_id: id, ...more }, status: 200 };
}

/** A job of the type "slow" whose task this worker has got by its poll. */
function running(worker: string, more: object = {}): readonly Step[] {
  return [
    registers(worker, { supported_tasks: ["slow"], ...more }),
    { send: "POST /api/v1/jobs/cancellable", headers: CLIENT, body: { n: 1 }, status: 202, keep: { job: "job_id" } },
    {
      send: `GET /_worker/workers/${worker}/tasks/next`,
      headers: SHARED,
      status: 200,
      answer: {
        job_id: "{job}",
        task_id: expect.any(String),
        type: "slow",
        params: { n: 1 },
        tracing_context: {},
        priority: 0,
        params_metadata: null,
        deadline: null,
      },
      keep: { task: "task_id" },
    },
  ];
}

function result(worker: string, body: object, answer: object, status = 200): Step {
  const ids = { job_id: "{job}", task_id: "{task}", worker_id: worker };
  return { send: "POST /_worker/tasks/result", headers: SHARED, body: { ...ids, ...body }, status, answer };
}

function event(worker: string, event_type: string, payload: object, answer: object): Step {
  const target = { target_job_id: "{job}", target_task_id: "{task}", origin_worker_id: worker };
  const body = { event_id: `${worker}-${JSON.stringify(payload)}`, worker_id: worker, event_type, payload, ...target };
  return { send: "POST /_worker/events", headers: SHARED, body, status: 200, answer };
}

/** As a heartbeat's answer shows it. Time gives a little back while the test runs. */
function reputation(worker: string, value: number, says: object = {}): Step {
  const send = `PATCH /_worker/workers/${worker}`;
  return {
    send,
    headers: SHARED,
    body: { load: 0, ...says },
    status: 200,
    answer: { reputation: expect.closeTo(value, 2) },
  };
}

function job(answer: object): Step {
  return { send: "GET /api/v1/jobs/{job}", headers: CLIENT, status: 200, answer, eventually: true };
}

const from = (section: string, name: string, steps: readonly Step[]): Exchange => ({
  name: `${section} ${name}`,
  source: "contract",
  steps,
});

const AGAIN = { status: "waiting_for_worker" };
const cancel: Step = { send: "POST /api/v1/jobs/{job}/cancel", headers: CLIENT, status: 200 };

/** Each form in which a failure may come, and what it is. */
const FAILURES: readonly (readonly [string, object, object])[] = [
  ["code and message", { error: { code: "PERMANENT_ERROR", message: "x" } }, { status: "quarantined" }],
  ["error_type and error", { error_type: "INVALID_INPUT_ERROR", error: "x" }, { status: "failed" }],
  ["a text", { error: "x" }, AGAIN],
  ["error_message", { error_message: "x" }, AGAIN],
  ["an unsupported task", { error_message: "Unsupported task: slow" }, { status: "quarantined" }],
  ["nothing", {}, AGAIN],
];

const RESULTS: readonly Exchange[] = FAILURES.flatMap(([name, failure, answer], index) =>
  (["nested", "flat"] as const).map((layout) => {
    const worker = `fails-${index}-${layout}`;
    const body = { status: "failure", ...failure };
    return from("5.4", `a failure as ${name}, ${layout}`, [
      ...running(worker),
      result(worker, layout === "nested" ? { result: body } : body, { status: "result_accepted_failure" }),
      job(answer),
      // What is to be tried again would be given to the next worker.
      ...(answer === AGAIN ? [cancel] : []),
    ]);
  }),
);

/** Each message that a worker of the later generation signs, well and badly. */
const SIGNED: readonly Exchange[] = [
  from("5.8", "signed messages are taken, signed with whichever token is presented", [
    ...signedBy("signs", SHARED, { token: "test-worker-token", signer: "signs" }),
    { ...registers("gpu-worker-01", { supported_tasks: ["none"] }, OWN), sign: { token: OWN["x-worker-token"] } },
  ]),
  ...(
    [
      ["signed with another token", { token: "another" }, "INVALID_SIGNATURE"],
      ["changed on its way", { token: "test-worker-token", changed: { metadata: { a: 1 } } }, "INVALID_SIGNATURE"],
      ["signed in another's name", { token: "test-worker-token", signer: "somebody" }, "SIGNER_MISMATCH"],
      ["signed two minutes ago", { token: "test-worker-token", aheadSeconds: -120 }, "TIMESTAMP_OUT_OF_WINDOW"],
      ["signed two minutes from now", { token: "test-worker-token", aheadSeconds: 120 }, "TIMESTAMP_OUT_OF_WINDOW"],
    ] as const
  ).map(([name, sign, code]) => {
    const worker = `badly-${name.replaceAll(/\W/g, "-")}`;
    return from("5.8", `a message that is ${name} is refused, and the same unsigned is taken`, [
      ...running(worker),
      ...signedBy(worker, SHARED, sign, code),
      result(worker, { status: "success" }, { status: "result_accepted_success" }),
    ]);
  }),
];

function signedBy(
  worker: string,
  headers: Readonly<Record<string, string>>,
  sign: Signing,
  code?: string,
): readonly Step[] {
  const outcome = code === undefined ? {} : { status: 403, answer: { error: expect.any(String), code } };
  const register: Step = { ...registers(worker, { supported_tasks: ["slow"], cost_per_second: 0.5 }, headers), sign };
  const steps: readonly Step[] = [
    { send: `PATCH /_worker/workers/${worker}`, headers, body: { load: 1.5, hot_cache: [] }, status: 200 },
    event(worker, "halfway", { frame: 10, "\u00e9": "\u00fc" }, { status: "event_accepted" }),
    result(worker, { status: "success", data: { b: [1], a: { d: 1, c: "x" } } }, { status: "result_accepted_success" }),
  ].map((step) => ({ ...step, sign, ...outcome }));
  const given = code === undefined ? running(worker).slice(1) : [];
  return [{ ...register, ...outcome }, ...given, ...steps];
}

export const CONTRACT: readonly Exchange[] = [
  from("2.1", "both names of the client's header, and Bearer, are one client", [
    {
      send: "POST /api/v1/jobs/one",
      headers: { "x-avtomatika-token": "tok" },
      body: {},
      status: 202,
      keep: { job: "job_id" },
    },
    { send: "GET /api/v1/jobs/{job}", headers: CLIENT, status: 200 },
    { send: "GET /api/v1/jobs/{job}", headers: { authorization: "Bearer tok" }, status: 200 },
    { send: "GET /api/v1/jobs/{job}", headers: OTHER_CLIENT, status: 404, answer: { error: "Job not found" } },
    { send: "POST /api/v1/jobs/{job}/cancel", headers: OTHER_CLIENT, status: 404 },
    { send: "GET /api/v1/jobs/{job}/history", headers: OTHER_CLIENT, status: 404 },
    { send: "POST /api/v1/jobs/{job}/cancel", headers: CLIENT, status: 200 },
  ]),
  from("2.2", "an individual token counts for its worker alone, and the shared one not for it", [
    {
      send: "POST /_worker/workers/register",
      headers: SHARED,
      body: { worker_id: "gpu-worker-01" },
      status: 401,
      answer: { error: "Unauthorized: Invalid individual worker token" },
    },
    {
      send: "PATCH /_worker/workers/gpu-worker-01",
      headers: SHARED,
      body: {},
      status: 401,
      answer: { error: "Unauthorized: Invalid individual worker token" },
    },
    { send: "POST /_worker/workers/register", headers: OWN, body: { worker_id: "somebody-else" }, status: 403 },
    registers("gpu-worker-01", {}, OWN),
    {
      send: "POST /_worker/workers/register",
      headers: { ...SHARED, "x-worker-id": "one" },
      body: { worker_id: "another" },
      status: 403,
    },
  ]),
  from("3", "common routes stand under the version and without it", [
    { send: "POST /api/v1/jobs/one", headers: CLIENT, body: {}, status: 202, keep: { job: "job_id" } },
    { send: "GET /api/jobs/{job}", headers: CLIENT, status: 200, answer: { id: "{job}" } },
    { send: "GET /api/jobs/{job}/history", headers: CLIENT, status: 200, answer: expect.any(Array) },
    { send: "GET /api/v1/jobs/{job}/history", headers: CLIENT, status: 200, answer: expect.any(Array) },
    {
      send: "GET /api/v1/jobs/{job}?fields=status",
      headers: CLIENT,
      status: 200,
      answer: { id: "{job}" },
      without: ["initial_data", "state_history"],
    },
    {
      send: "GET /api/v1/jobs?limit=1&offset=0",
      headers: CLIENT,
      status: 200,
      answer: [expect.any(Object)],
      holds: '"job_id":"{job}"',
    },
    { send: "POST /api/v1/jobs/{job}/cancel", headers: CLIENT, status: 200 },
    job({ status: "cancelled" }),
    { send: "POST /api/v1/jobs/{job}/cancel", headers: CLIENT, status: 409 },
  ]),
  ...[
    ["bare", { a: 1 }, { a: 1 }],
    ["an envelope", { initial_data: { a: 1 } }, { a: 1 }],
    ["an envelope of a webhook alone", { webhook_url: "https://example.com/hook" }, {}],
    ["empty", {}, {}],
  ].map(([name, body, initial]) =>
    from("3.1", `a creation's body: ${String(name)}`, [
      { send: "POST /api/v1/jobs/one", headers: CLIENT, body, status: 202, keep: { job: "job_id" } },
      job({ initial_data: initial }),
      { send: "POST /api/v1/jobs/{job}/cancel", headers: CLIENT, status: 200 },
    ]),
  ),
  from("3.4", "the catalogue of skills is no worker's id", [
    registers("skilled", {
      worker_type: "gpu",
      supported_skills: [{ name: "paint", type: "image", version: "2" }],
      capabilities: { cost_per_skill: { paint: 0.5 } },
    }),
    {
      send: "GET /api/v1/workers/catalog",
      headers: CLIENT,
      status: 200,
      answer: {
        paint: {
          contract: { name: "paint", type: "image", version: "2", base_price: 0.5 },
          providers_count: 1,
          worker_types: ["gpu"],
          average_reputation: 1,
        },
      },
    },
    { send: "GET /api/workers/catalog", status: 401 },
  ]),
  from("4", "metrics, and what is not there", [
    { send: "GET /_public/metrics", status: 200, text: "# " },
    {
      send: "POST /_public/debug/flush_db",
      status: 404,
      answer: { error: expect.any(String), code: expect.any(String) },
    },
  ]),
  from("5.2", "a heartbeat on its other path changes one field", [
    registers("patched", { supported_tasks: ["none"], worker_type: "cpu" }),
    {
      send: "PATCH /_worker/workers/patched/status",
      headers: SHARED,
      body: { cost_per_second: 0.5 },
      status: 200,
      answer: { cost_per_second: 0.5, worker_type: "cpu", supported_tasks: ["none"] },
    },
    {
      send: "PATCH /_worker/workers/patched",
      headers: SHARED,
      body: "no JSON",
      status: 200,
      answer: { status: "ttl_refreshed" },
    },
  ]),
  from("5.2", "a heartbeat that says what the worker can do announces it, and the reply tells what to cancel", [
    {
      send: "PATCH /_worker/workers/came-back",
      headers: SHARED,
      body: { status: "idle", load: 0, supported_tasks: ["slow"] },
      status: 200,
      answer: { worker_id: "came-back", supported_tasks: ["slow"] },
    },
    ...running("came-back"),
    {
      send: "GET /_worker/tasks/{task}/cancellation",
      headers: { ...SHARED, "x-worker-id": "came-back" },
      status: 200,
      answer: { cancelled: false },
    },
    { send: "POST /api/v1/jobs/{job}/cancel", headers: CLIENT, status: 200 },
    {
      send: "PATCH /_worker/workers/came-back",
      headers: SHARED,
      body: { current_tasks: ["{task}"] },
      status: 200,
      answer: { cancel_task_ids: ["{task}"] },
    },
    {
      send: "GET /_worker/tasks/{task}/cancellation",
      headers: { ...SHARED, "x-worker-id": "came-back" },
      status: 200,
      answer: { cancelled: true },
    },
    result("came-back", { result: { status: "cancelled" } }, { status: "result_accepted_cancelled" }),
    job({ status: "cancelled" }),
  ]),
  ...RESULTS,
  from("5.4", "a result twice, of another worker, and of another task", [
    ...running("twice"),
    // Which of the two depends on whether the hand-out has been written down yet.
    result(
      "thief",
      { status: "success" },
      { status: "ignored", reason: expect.stringMatching(/^(worker_mismatch|stale_task)$/) },
    ),
    {
      ...result("twice", { status: "success" }, { status: "ignored", reason: "stale_task" }),
      body: { job_id: "{job}", task_id: "none", worker_id: "twice" },
    },
    result("twice", { status: "success", data: null }, { status: "result_accepted_success" }),
    result("twice", { status: "success", data: { late: 1 } }, { status: "ignored", reason: "job_already_terminated" }),
    job({ status: "finished", state_history: {} }),
  ]),
  from("5.6", "progress as an event, and an event of the worker's own", [
    ...running("tells"),
    {
      send: "POST /_worker/events",
      headers: SHARED,
      body: {
        event_id: "e1",
        worker_id: "tells",
        origin_worker_id: "tells",
        event_type: "progress",
        payload: { progress: 40, message: "on the way" },
        target_job_id: "{job}",
        target_task_id: "{task}",
        bubbling_chain: [],
      },
      status: 200,
      answer: { status: "event_accepted" },
    },
    // As it was sent: not brought to a scale.
    job({
      progress: 40,
      progress_message: "on the way",
      state_history: { progress_updates: [{ progress: 40, message: "on the way" }] },
    }),
    {
      send: "POST /_worker/events",
      headers: SHARED,
      body: { event_id: "e2", worker_id: "tells", event_type: "warmed_up", payload: {}, target_job_id: "{job}" },
      status: 200,
      answer: { status: "event_accepted" },
    },
    result("tells", { status: "success" }, { status: "result_accepted_success" }),
  ]),
  from("5.6", "an event that the waiting task has a transition for moves the job on, once", [
    registers("films", { supported_tasks: ["film"] }),
    { send: "POST /api/v1/jobs/film", headers: CLIENT, body: {}, status: 202, keep: { job: "job_id" } },
    {
      send: "GET /_worker/workers/films/tasks/next",
      headers: SHARED,
      status: 200,
      answer: { job_id: "{job}", type: "film" },
      keep: { task: "task_id" },
    },
    {
      send: "POST /_worker/events",
      headers: SHARED,
      body: {
        event_id: "e3",
        worker_id: "films",
        event_type: "preview_ready",
        payload: { url: "x" },
        target_job_id: "{job}",
        target_task_id: "{task}",
      },
      status: 200,
      answer: { status: "event_accepted" },
    },
    job({ status: "finished", current_state: "review", state_history: { preview_ready: { url: "x" } } }),
    {
      send: "GET /api/v1/jobs/{job}/history",
      headers: CLIENT,
      status: 200,
      holds: '"event_type":"worker_event:preview_ready"',
    },
    {
      send: "POST /_worker/events",
      headers: SHARED,
      body: {
        event_id: "e4",
        worker_id: "films",
        event_type: "preview_ready",
        payload: {},
        target_job_id: "{job}",
        target_task_id: "{task}",
      },
      status: 200,
      answer: { status: "error", code: "STALE_TASK" },
    },
  ]),
  from("5.6", "an event is held to the events_schema of its worker's skill, and a result to its output_schema", [
    ...running("declares", {
      supported_skills: [
        {
          name: "slow",
          output_schema: { type: "object", required: ["r"], properties: { r: { type: "integer" } } },
          events_schema: {
            halfway: { type: "object", required: ["frame"], properties: { frame: { type: "integer" } } },
          },
        },
      ],
    }),
    event("declares", "halfway", { frame: "ten" }, { status: "error", code: "CONTRACT_VIOLATION_ERROR" }),
    event("declares", "halfway", { frame: 10 }, { status: "event_accepted" }),
    event("declares", "of another name", { frame: "ten" }, { status: "event_accepted" }),
    result("declares", { status: "success", data: { r: "much" } }, { status: "result_accepted_failure" }),
    job({ status: "quarantined", error: { code: "CONTRACT_VIOLATION_ERROR" } }),
  ]),
  from("9.10", "results cost a worker of its reputation, and what it says of itself does not change that", [
    ...running("doubtful"),
    result(
      "doubtful",
      { status: "failure", error: { code: "PERMANENT_ERROR", message: "x" } },
      { status: "result_accepted_failure" },
    ),
    reputation("doubtful", 0.95),
    ...running("doubtful", { reputation: 1 }),
    result(
      "doubtful",
      { status: "failure", error: { code: "INVALID_INPUT_ERROR", message: "x" } },
      { status: "result_accepted_failure" },
    ),
    reputation("doubtful", 0.95, { reputation: 1 }),
    ...running("doubtful"),
    result("doubtful", { status: 7 }, { status: "result_accepted_failure" }),
    reputation("doubtful", 0.75),
    ...running("doubtful"),
    result("doubtful", { status: "success" }, { status: "result_accepted_success" }),
    reputation("doubtful", 0.751),
    {
      send: "GET /api/v1/workers",
      headers: CLIENT,
      status: 200,
      answer: expect.arrayContaining([expect.objectContaining({ worker_id: "doubtful", reputation_needed: 0.3 })]),
    },
  ]),
  from("5.7", "a token is exchanged, used, refreshed, and the old pair is worth nothing", [
    registers("short-lived"),
    {
      send: "POST /_worker/auth/token",
      headers: { ...SHARED, "x-worker-id": "short-lived" },
      status: 200,
      answer: { access_token: expect.any(String), expires_in: 3600, worker_id: "short-lived" },
      keep: { access: "access_token", refresh: "refresh_token" },
    },
    {
      send: "PATCH /_worker/workers/short-lived",
      headers: { "x-worker-token": "{access}" },
      body: { load: 0 },
      status: 200,
    },
    { send: "PATCH /_worker/workers/patched", headers: { "x-worker-token": "{access}" }, body: {}, status: 403 },
    {
      send: "POST /_worker/auth/token/refresh",
      headers: { "x-worker-id": "patched" },
      body: { refresh_token: "{refresh}" },
      status: 403,
    },
    {
      send: "POST /_worker/auth/token/refresh",
      headers: { "x-worker-id": "short-lived" },
      body: { refresh_token: "{refresh}" },
      status: 200,
      answer: { worker_id: "short-lived", expires_in: 3600 },
      keep: { newer: "access_token" },
    },
    { send: "PATCH /_worker/workers/short-lived", headers: { "x-worker-token": "{access}" }, body: {}, status: 401 },
    { send: "PATCH /_worker/workers/short-lived", headers: { "x-worker-token": "{newer}" }, body: {}, status: 200 },
    { send: "POST /_worker/auth/token/refresh", body: { refresh_token: "{refresh}" }, status: 403 },
  ]),
  from("5.7", "who has no token, or does not say who it is, is answered at once", [
    { send: "POST /_worker/auth/token", status: 401 },
    { send: "POST /_worker/auth/token", headers: SHARED, status: 400, answer: { code: "MISSING_FIELD" } },
    { send: "POST /_worker/auth/token", headers: OWN, status: 200, answer: { worker_id: "gpu-worker-01" } },
    { send: "POST /_worker/auth/token/refresh", body: {}, status: 400 },
  ]),
  ...SIGNED,
  from("5.8", "what is not signed is taken, whatever its timestamp", [
    registers("unsigned", { timestamp: 1, security: { signer_id: "unsigned" } }),
    {
      send: "PATCH /_worker/workers/unsigned",
      headers: SHARED,
      body: { load: 0, timestamp: 1 },
      status: 200,
      without: ["security"],
    },
  ]),
  from("7", "a job, read: all that a reader of either generation looks for, and no secret", [
    ...running("reads"),
    {
      send: "GET /api/v1/jobs/{job}",
      headers: CLIENT,
      status: 200,
      answer: {
        id: "{job}",
        blueprint_name: "cancellable",
        current_state: "start",
        initial_data: { n: 1 },
        state_history: {},
        status: "waiting_for_worker",
        tracing_context: {},
        retry_count: 0,
        error_message: null,
        current_task_id: "{task}",
        task_worker_id: "reads",
        current_task_info: { type: "slow", params: { n: 1 } },
        current_task_transitions: { success: "finished", failure: "task_failed" },
        webhook_url: null,
        progress: null,
        progress_message: null,
        tasks: [{ task_id: "{task}", type: "slow", status: "running", worker_id: "reads", attempt: 1 }],
      },
      without: ["client_config", "security"],
    },
    result("reads", { status: "success", data: { r: 1 } }, { status: "result_accepted_success" }),
    job({ status: "finished", current_state: "finished", result: { r: 1 } }),
  ]),
];
