/** Exchanges between the original and its published workers, as they were recorded: first generation, probes, RXON. */
import { expect } from "bun:test";
import type { Exchange, Step } from "./exchange.ts";

const JSON_TYPE = "application/json; charset=utf-8";
const B6 = { "x-worker-token": "test-worker-token" };
const B6_CLIENT = { "x-avtomatika-token": "tok" };
const RXON = { "x-worker-token": "super-secret-gpu-worker-token", "x-rxon-version": "1.0b2" };
const RXON_CPU = { "x-worker-token": "super-secret-cpu-worker-token-2", "x-rxon-version": "1.0b2" };
const RXON_CLIENT = { "x-client-token": "user_token_vip" };

const B6_RECORD = {
  worker_id: "worker-001",
  worker_type: "bench",
  supported_tasks: ["echo", "slow"],
  max_concurrent_tasks: 2,
  installed_models: [{ name: "stable-diffusion-1.5", version: "1.0" }],
  hostname: "vm",
  ip_address: "127.0.0.1",
  resources: { cpu_cores: 4, gpu_info: { model: "NVIDIA T4", vram_gb: 16 } },
};
const IDLE = {
  load: 0,
  status: "idle",
  supported_tasks: ["echo", "slow"],
  hot_cache: [],
  skill_dependencies: { echo: ["m1"] },
};
const HOT = { ...IDLE, load: 1, hot_cache: ["m1"], hot_skills: ["echo"] };

const announce: Step = {
  send: "POST /_worker/workers/register",
  headers: B6,
  body: B6_RECORD,
  status: 200,
  type: JSON_TYPE,
  answer: { status: "registered" },
};
const poll: Step = {
  send: "GET /_worker/workers/worker-001/tasks/next",
  headers: B6,
  status: 200,
  type: JSON_TYPE,
  keep: { task: "task_id" },
};

/** A job of this endpoint whose task the worker has. */
function started(endpoint: string, input: object, type: string): readonly Step[] {
  return [
    announce,
    {
      send: `POST /api/v1/jobs/${endpoint}`,
      headers: B6_CLIENT,
      body: input,
      status: 202,
      type: JSON_TYPE,
      answer: { status: "accepted" },
      keep: { job: "job_id" },
    },
    { ...poll, answer: { job_id: "{job}", type, params: input, tracing_context: {} } },
  ];
}

function nested(result: object, answer: string): Step {
  return {
    send: "POST /_worker/tasks/result",
    headers: B6,
    body: { job_id: "{job}", task_id: "{task}", worker_id: "worker-001", result },
    status: 200,
    type: JSON_TYPE,
    answer: { status: answer },
  };
}

function ended(more: object): Step {
  return { send: "GET /api/v1/jobs/{job}", headers: B6_CLIENT, status: 200, answer: more, eventually: true };
}

const FIRST_GENERATION: readonly Exchange[] = [
  {
    name: "1.1 register and first heartbeat: the merged record comes back",
    source: "recorded",
    steps: [
      announce,
      {
        send: "PATCH /_worker/workers/worker-001",
        headers: B6,
        body: IDLE,
        status: 200,
        type: JSON_TYPE,
        answer: { ...B6_RECORD, reputation: 1, ...IDLE },
      },
    ],
  },
  {
    name: "1.2 one job, from its creation to its end",
    source: "recorded",
    steps: [
      ...started("one", { x: 7 }, "echo"),
      nested({ status: "success", data: { echo: 7 } }, "result_accepted_success"),
      { send: "PATCH /_worker/workers/worker-001", headers: B6, body: IDLE, status: 200, answer: IDLE },
      ended({ id: "{job}", blueprint_name: "one", current_state: "finished", state_history: { echo: 7 } }),
    ],
  },
  {
    name: "1.3 a permanent error; the hot cache changes in a heartbeat meanwhile",
    source: "recorded",
    steps: [
      ...started("cancellable", { mode: "perm", n: 1, hot: 1 }, "slow"),
      { send: "PATCH /_worker/workers/worker-001", headers: B6, body: HOT, status: 200, answer: HOT },
      nested({ status: "failure", error: { code: "PERMANENT_ERROR", message: "nope" } }, "result_accepted_failure"),
      ended({ current_state: "task_failed", status: "quarantined" }),
    ],
  },
  {
    name: "1.4 an invalid input",
    source: "recorded",
    steps: [
      ...started("cancellable", { n: 1 }, "slow"),
      nested({ status: "failure", error: { code: "INVALID_INPUT_ERROR", message: "bad" } }, "result_accepted_failure"),
      ended({ current_state: "task_failed", status: "failed" }),
    ],
  },
  {
    name: "1.5 the flat error_type form",
    source: "recorded, ours differs",
    differs:
      "The original tries a PERMANENT_ERROR in this form three times more; the cookbook means it, so it is permanent.",
    steps: [
      ...started("cancellable", { mode: "etype", n: 1 }, "slow"),
      nested({ status: "failure", error_type: "PERMANENT_ERROR", error: "flat form" }, "result_accepted_failure"),
      ended({ current_state: "task_failed", status: "quarantined" }),
    ],
  },
  {
    name: "1.6 an exception in the handler: another attempt, with a task id of its own, then no more",
    source: "recorded",
    steps: [
      ...started("cancellable", { n: 6 }, "slow"),
      nested({ status: "failure", error: { code: "TRANSIENT_ERROR", message: "boom" } }, "result_accepted_failure"),
      { ...poll, answer: { job_id: "{job}", type: "slow", params: { n: 6 } } },
      nested({ status: "failure", error: { code: "TRANSIENT_ERROR", message: "boom" } }, "result_accepted_failure"),
      ended({ current_state: "task_failed", status: "quarantined" }),
    ],
  },
  {
    name: "1.7 a status of the blueprint's own",
    source: "recorded",
    steps: [
      ...started("one", { x: 1 }, "echo"),
      nested({ status: "needs_review", data: { r: 1 } }, "result_accepted_success"),
      ended({ current_state: "review", state_history: { r: 1 } }),
    ],
  },
  {
    name: "1.7 cancelled by the worker",
    source: "recorded",
    steps: [
      ...started("one", { x: 1 }, "echo"),
      nested({ status: "cancelled" }, "result_accepted_cancelled"),
      ended({ current_state: "task_cancelled", status: "cancelled" }),
    ],
  },
  {
    name: "1.8 a cancel, then a success that came too late",
    source: "recorded, ours differs",
    differs: "The original takes the success; here a cancel that was answered counts more.",
    steps: [
      ...started("cancellable", { mode: "perm", n: 1, hot: 1 }, "slow"),
      {
        send: "POST /api/v1/jobs/{job}/cancel",
        headers: B6_CLIENT,
        status: 200,
        type: JSON_TYPE,
        answer: { status: "cancellation_request_accepted" },
      },
      nested({ status: "success", data: { late: 1 } }, "result_accepted_cancelled"),
      ended({ current_state: "task_cancelled", status: "cancelled", state_history: {} }),
      {
        ...nested({ status: "success", data: { late: 1 } }, "ignored"),
        answer: { status: "ignored", reason: "job_cancelled" },
      },
    ],
  },
];

function probe(name: string, step: Step, differs?: string): Exchange {
  if (differs === undefined) return { name: `2 probe: ${name}`, source: "recorded", steps: [step] };
  return { name: `2 probe: ${name}`, source: "recorded, ours differs", differs, steps: [step] };
}

const NOBODY = "/_worker/workers/nobody-knows-me";

const PROBES: readonly Exchange[] = [
  probe("poll without a token", {
    send: `GET ${NOBODY}/tasks/next`,
    status: 401,
    type: JSON_TYPE,
    answer: { error: "Missing X-Worker-Token header" },
  }),
  probe("poll with a bad token", {
    send: `GET ${NOBODY}/tasks/next`,
    headers: { "x-worker-token": "bad" },
    status: 401,
    answer: { error: "Unauthorized: No valid token found" },
  }),
  probe("register with bad JSON", {
    send: "POST /_worker/workers/register",
    headers: B6,
    body: "{bad",
    status: 400,
    answer: { error: expect.stringMatching(/^Invalid JSON body/) },
  }),
  probe("register without worker_id", {
    send: "POST /_worker/workers/register",
    headers: B6,
    body: {},
    status: 400,
    answer: { error: "Missing required field: worker_id" },
  }),
  probe("heartbeat of an unknown worker", {
    send: `PATCH ${NOBODY}`,
    headers: B6,
    body: { load: 1 },
    status: 404,
    answer: { error: "Worker not found" },
  }),
  probe("empty heartbeat of an unknown worker", {
    send: `PATCH ${NOBODY}`,
    headers: B6,
    status: 404,
    answer: { error: "Worker not found" },
  }),
  {
    name: "2 probe: empty heartbeat",
    source: "recorded",
    steps: [
      announce,
      { send: "PATCH /_worker/workers/worker-001", headers: B6, status: 200, answer: { status: "ttl_refreshed" } },
    ],
  },
  probe(
    "result of an unknown job",
    {
      send: "POST /_worker/tasks/result",
      headers: B6,
      body: { job_id: "none", task_id: "none", worker_id: "worker-001", result: { status: "success" } },
      status: 200,
      answer: { status: "ignored", reason: "job_not_found" },
    },
    "404 in the original, and its workers then send the result five times more.",
  ),
  probe("result without a task", {
    send: "POST /_worker/tasks/result",
    headers: B6,
    body: { job_id: "none", worker_id: "worker-001", result: {} },
    status: 400,
    answer: { error: "job_id and task_id are required" },
  }),
  probe(
    "result without a worker",
    {
      send: "POST /_worker/tasks/result",
      headers: B6,
      body: { job_id: "none", task_id: "none", result: {} },
      status: 400,
      answer: { error: "worker_id is required" },
    },
    "500 in the original, which blames itself.",
  ),
  probe(
    "client without a token",
    { send: "GET /api/v1/jobs", status: 401, answer: { error: "Missing X-Client-Token header" } },
    "The later name of the header is told; both are taken.",
  ),
  probe("client with a bad token", {
    send: "GET /api/v1/jobs",
    headers: { "x-avtomatika-token": "bad" },
    status: 401,
    answer: { error: "Unauthorized: Invalid token" },
  }),
  probe("unknown job", {
    send: "GET /api/v1/jobs/none",
    headers: B6_CLIENT,
    status: 404,
    answer: { error: "Job not found" },
  }),
  probe("list with a bad limit", {
    send: "GET /api/v1/jobs?limit=x&offset=0",
    headers: B6_CLIENT,
    status: 400,
    answer: { error: expect.stringMatching(/^Invalid limit\/offset parameter/) },
  }),
  probe("dashboard", {
    send: "GET /api/v1/dashboard",
    headers: B6_CLIENT,
    status: 200,
    type: JSON_TYPE,
    answer: { workers: { total: expect.any(Number) }, jobs: { queued: expect.any(Number) } },
  }),
  probe("graph", {
    send: "GET /api/v1/blueprints/one/graph",
    headers: B6_CLIENT,
    status: 200,
    type: "text/vnd.graphviz; charset=utf-8",
    text: "// state machine for one",
  }),
  probe("graph of nothing", {
    send: "GET /api/v1/blueprints/none/graph",
    headers: B6_CLIENT,
    status: 404,
    answer: { error: "Blueprint not found" },
  }),
  probe("create with bad JSON", {
    send: "POST /api/v1/jobs/one",
    headers: B6_CLIENT,
    body: "{bad",
    status: 400,
    answer: { error: expect.stringMatching(/^Invalid JSON body/) },
  }),
  probe(
    "create with an array",
    { send: "POST /api/v1/jobs/one", headers: B6_CLIENT, body: [1], status: 400, answer: { code: expect.any(String) } },
    "202 in the original, whose job then dies.",
  ),
  probe(
    "create at an unknown endpoint",
    {
      send: "POST /api/v1/jobs/none",
      headers: B6_CLIENT,
      body: {},
      status: 404,
      answer: { error: expect.any(String) },
    },
    "405 as plain text in the original; clients never read it.",
  ),
  probe("status", { send: "GET /_public/status", status: 200, type: JSON_TYPE, answer: { status: "ok" } }),
  probe("docs", { send: "GET /_public/docs", status: 200, type: "text/html; charset=utf-8", text: "<!doctype html>" }),
  probe("approval of an unknown job", {
    send: "POST /_public/webhooks/approval/none",
    headers: B6_CLIENT,
    body: { decision: "approved" },
    status: 404,
    answer: { error: "Job not found" },
  }),
  {
    name: "2 probe: the quarantined jobs, by id",
    source: "recorded, ours differs",
    differs: "The original lists everybody's to anybody; here a client sees its own.",
    steps: [
      { send: "GET /_public/jobs/quarantined", status: 401, answer: { code: "MISSING_TOKEN" } },
      ...started("one", { x: 9 }, "echo"),
      nested({ status: "failure", error: { code: "PERMANENT_ERROR", message: "no" } }, "result_accepted_failure"),
      ended({ status: "quarantined" }),
      {
        send: "GET /_public/jobs/quarantined",
        headers: B6_CLIENT,
        status: 200,
        type: JSON_TYPE,
        holds: '"{job}"',
      },
      { send: "GET /_public/jobs/quarantined", headers: RXON_CLIENT, status: 200, answer: [] },
    ],
  },
  {
    name: "2 probe: a quota of two requests",
    source: "recorded",
    steps: [
      { send: "GET /api/v1/dashboard", headers: { "x-avtomatika-token": "poor" }, status: 200 },
      { send: "GET /api/v1/dashboard", headers: { "x-avtomatika-token": "poor" }, status: 200 },
      {
        send: "GET /api/v1/dashboard",
        headers: { "x-avtomatika-token": "poor" },
        status: 429,
        answer: { error: expect.stringMatching(/^Quota exceeded/) },
      },
    ],
  },
];

const GPU = {
  worker_id: "gpu-worker-01",
  worker_type: "gpu_worker",
  supported_tasks: ["transcode_video", "analyze_file", "process_blobs"],
  resources: { max_concurrent_tasks: 2, cpu_cores: 8, gpu_info: { model: "NVIDIA T4", vram_gb: 16 } },
  installed_software: { ffmpeg: "5.1" },
  installed_models: [{ name: "stable-diffusion-1.5", version: "1.0" }],
  capabilities: {
    hostname: "vm",
    ip_address: "127.0.0.1",
    cost_per_skill: { transcode_video: 0.0005, analyze_file: 0.0001 },
    s3_config_hash: null,
    extra: null,
  },
};
const BEAT = {
  worker_id: "gpu-worker-01",
  status: "idle",
  load: 0,
  current_tasks: [],
  supported_tasks: GPU.supported_tasks,
  hot_cache: [],
  skill_dependencies: null,
  hot_skills: null,
};
const CPU = {
  worker_id: "cpu-worker-02",
  worker_type: "cpu_worker",
  supported_tasks: ["analyze_file"],
  resources: { max_concurrent_tasks: 1, cpu_cores: 4, gpu_info: null },
  installed_software: { python: "3.9" },
  installed_models: [],
};
const SPOKEN = { "x-rxon-version": "1.0b2" };

function flat(worker: string, headers: Record<string, string>, task: string, data: object): Step {
  return {
    send: "POST /_worker/tasks/result",
    headers,
    body: {
      job_id: "{job}",
      task_id: `{${task}}`,
      worker_id: worker,
      status: "success",
      data,
      error: null,
      data_metadata: null,
    },
    status: 200,
    type: JSON_TYPE,
    answer: { status: expect.stringMatching(/^(result_accepted_success|parallel_branch_result_accepted)$/) },
    answerHeaders: SPOKEN,
  };
}

const RXON_GENERATION: readonly Exchange[] = [
  {
    name: "4.1 register with an individual token, heartbeat with nulls",
    source: "recorded",
    steps: [
      {
        send: "POST /_worker/workers/register",
        headers: RXON,
        body: GPU,
        status: 200,
        answer: { status: "registered" },
        answerHeaders: SPOKEN,
      },
      {
        send: "PATCH /_worker/workers/gpu-worker-01",
        headers: RXON,
        body: BEAT,
        status: 200,
        answer: { ...GPU, ...BEAT, reputation: 1 },
        answerHeaders: SPOKEN,
      },
    ],
  },
  {
    name: "4.2 and 4.3 an envelope, its task with a poll, the flat result",
    source: "recorded",
    steps: [
      { send: "POST /_worker/workers/register", headers: RXON, body: GPU, status: 200 },
      {
        send: "POST /api/v1/jobs/full_showcase",
        headers: RXON_CLIENT,
        body: { initial_data: { input_path: "/s3/bucket/input.mp4", trigger: null }, webhook_url: null },
        status: 202,
        answer: { status: "accepted" },
        keep: { job: "job_id" },
      },
      {
        send: "GET /api/v1/jobs/{job}",
        headers: RXON_CLIENT,
        status: 200,
        answer: {
          id: "{job}",
          blueprint_name: "full_showcase",
          initial_data: { input_path: "/s3/bucket/input.mp4" },
          state_history: {},
          tracing_context: {},
          retry_count: 0,
        },
        // The original shows the client's token to whoever reads the job.
        without: ["client_config"],
      },
      {
        send: "GET /_worker/workers/gpu-worker-01/tasks/next",
        headers: RXON,
        status: 200,
        answer: {
          job_id: "{job}",
          type: "transcode_video",
          params: { input_path: "/s3/bucket/input.mp4", trigger: null },
          tracing_context: {},
          params_metadata: null,
        },
        answerHeaders: SPOKEN,
        keep: { task: "task_id" },
      },
      {
        send: "PATCH /_worker/workers/gpu-worker-01",
        headers: RXON,
        body: { ...BEAT, load: 1, current_tasks: ["{task}"] },
        status: 200,
        answer: { load: 1, current_tasks: ["{task}"] },
      },
      flat("gpu-worker-01", RXON, "task", { output_path: "/path/to/transcoded.mp4", duration: 120 }),
      {
        send: "GET /api/v1/jobs/{job}",
        headers: RXON_CLIENT,
        status: 200,
        eventually: true,
        answer: { current_state: "finished", state_history: { output_path: "/path/to/transcoded.mp4", duration: 120 } },
      },
    ],
  },
  {
    name: "4.4 branches of one job with two workers, each with its own token",
    source: "recorded",
    steps: [
      { send: "POST /_worker/workers/register", headers: RXON, body: { ...GPU, max_concurrent_tasks: 1 }, status: 200 },
      { send: "POST /_worker/workers/register", headers: RXON_CPU, body: CPU, status: 200 },
      { send: "POST /api/v1/jobs/parts", headers: RXON_CLIENT, body: {}, status: 202, keep: { job: "job_id" } },
      {
        send: "GET /_worker/workers/gpu-worker-01/tasks/next",
        headers: RXON,
        status: 200,
        answer: { job_id: "{job}", type: "analyze_file" },
        keep: { first: "task_id" },
      },
      {
        send: "GET /_worker/workers/cpu-worker-02/tasks/next",
        headers: RXON_CPU,
        status: 200,
        answer: { job_id: "{job}", type: "analyze_file" },
        keep: { second: "task_id" },
      },
      flat("gpu-worker-01", RXON, "first", { analysis: { codec: "aac" } }),
      flat("cpu-worker-02", RXON_CPU, "second", { analysis: { codec: "h264" } }),
      {
        send: "GET /api/v1/jobs/{job}",
        headers: RXON_CLIENT,
        status: 200,
        eventually: true,
        answer: { status: "finished", state_history: { parts: 2 } },
      },
    ],
  },
];

export const RECORDED: readonly Exchange[] = [...FIRST_GENERATION, ...PROBES, ...RXON_GENERATION];
