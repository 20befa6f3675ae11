/** A task as a worker gets it. */
import type { TaskPayload } from "../../src/protocol/worker.ts";

export function taskPayload<More extends Partial<TaskPayload>>(more: More): TaskPayload & More {
  return {
    job_id: "job-1",
    task_id: "task-1",
    type: "echo",
    params: { x: 7 },
    tracing_context: {},
    priority: 0,
    params_metadata: null,
    deadline: null,
    attempt: 1,
    timeout_seconds: null,
    ...more,
  };
}
