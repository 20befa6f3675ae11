/** The bodies that any worker exchanges with the server, for the API's description. They are read kindly elsewhere. */
import { Type } from "@sinclair/typebox";
import { type IgnoredReason, type ResultStatus, UNHANDLED_STATUS } from "../protocol/worker.ts";

function words(known: readonly string[]) {
  return Type.Union(known.map((word) => Type.Literal(word)));
}

const Data = Type.Record(Type.String(), Type.Any());

const JobId = Type.String({ description: "As in the task." });
const TaskId = Type.String({ description: "As in the task: it is new each time that the task is handed out." });
const WorkerId = Type.String({ description: "As it was registered." });

const TaskError = Type.Object({
  code: Type.String({
    description:
      "TRANSIENT_ERROR: it is tried again. PERMANENT_ERROR: the job is quarantined. INVALID_INPUT_ERROR: the job fails. The task's `failure` transition comes first.",
  }),
  message: Type.String(),
  details: Type.Optional(Type.Any()),
});

const OUTCOME = {
  status: Type.String({
    default: "success",
    description: "success, failure, cancelled, or any other word that is a key of the task's transitions.",
  }),
  data: Type.Optional(
    Type.Object({}, { description: "Merged into the job's state_history.", additionalProperties: true }),
  ),
  error: Type.Optional(Type.Union([TaskError, Type.String()], { description: "With the status failure." })),
};

export const resultBody = Type.Union(
  [
    Type.Object({ job_id: JobId, task_id: TaskId, worker_id: WorkerId, ...OUTCOME }, { title: "Result" }),
    Type.Object(
      { job_id: JobId, task_id: TaskId, worker_id: WorkerId, result: Type.Object(OUTCOME) },
      { title: "Result, its older form" },
    ),
  ],
  {
    examples: [{ job_id: "…", task_id: "…", worker_id: "curl-1", status: "success", data: { size: 128 } }],
  },
);

export const resultAnswer = Type.Union([
  Type.Object(
    {
      status: words([
        "result_accepted_success",
        "result_accepted_failure",
        "result_accepted_cancelled",
        "parallel_branch_result_accepted",
      ] satisfies ResultStatus[]),
      transition: Type.Optional(
        Type.Literal(UNHANDLED_STATUS, {
          description:
            "No transition of the task takes the status that was sent: the job failed. `message` says which there are.",
        }),
      ),
      message: Type.Optional(Type.String()),
    },
    { title: "Taken" },
  ),
  Type.Object(
    {
      status: Type.Literal("ignored"),
      reason: words([
        "deadline_exceeded",
        "job_cancelled",
        "job_not_found",
        "worker_mismatch",
        "stale_task",
        "job_already_terminated",
      ] satisfies IgnoredReason[]),
      message: Type.String(),
    },
    { title: "Ignored", description: "It does not count: drop it, sending it again changes nothing." },
  ),
]);

export const taskAnswer = Type.Object(
  {
    job_id: Type.String(),
    task_id: Type.String({ description: "Goes back with the result." }),
    type: Type.String({ description: "The kind of work, one of the worker's supported_tasks." }),
    params: Data,
    priority: Type.Number(),
    attempt: Type.Integer({ minimum: 1 }),
    timeout_seconds: Type.Union([Type.Number(), Type.Null()], { description: "How long it may take." }),
    deadline: Type.Union([Type.Number(), Type.Null()], { description: "When that is over, in Unix seconds." }),
    params_metadata: Type.Union([Data, Type.Null()], { description: "What is known of files that the params name." }),
    tracing_context: Type.Record(Type.String(), Type.String()),
    last_checkpoint: Type.Optional(Type.Any({ description: "What the attempt before kept." })),
  },
  { title: "Task" },
);

export const heartbeatAnswer = Type.Object(
  {
    worker_id: Type.Optional(WorkerId),
    status: Type.Optional(Type.String()),
    cancel_task_ids: Type.Optional(
      Type.Array(Type.String(), { description: "Stop these, and hand them in with the status cancelled." }),
    ),
  },
  {
    title: "Worker",
    description: "What is known of the worker; of an empty heartbeat only the status.",
    additionalProperties: true,
  },
);

export const registeredAnswer = Type.Object({
  status: Type.Literal("registered"),
  heartbeat_seconds: Type.Optional(Type.Number({ description: "To a worker that says which process it is." })),
  cancel_task_ids: Type.Optional(Type.Array(Type.String())),
});

export const cancellationAnswer = Type.Object({ cancelled: Type.Boolean() });

export const releaseBody = Type.Object(
  { worker_id: WorkerId, task_ids: Type.Array(Type.String()) },
  { title: "Release" },
);

export const workerEventBody = Type.Object(
  {
    worker_id: WorkerId,
    event_type: Type.String({ description: "progress, or a name of the blueprint's eventTransitions." }),
    target_job_id: JobId,
    target_task_id: TaskId,
    event_id: Type.Optional(Type.String({ description: "Sent again with the same id it counts once." })),
    payload: Type.Object(
      {
        progress: Type.Optional(Type.Number({ description: "0 to 1, or 0 to 100." })),
        message: Type.Optional(Type.String()),
      },
      { additionalProperties: true },
    ),
  },
  { title: "WorkerEvent" },
);

export const refreshBody = Type.Object({ refresh_token: Type.String() }, { title: "Refresh" });
