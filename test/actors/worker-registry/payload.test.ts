import { expect, test } from "bun:test";
import type { QueuedTask } from "../../../actors/dispatcher/task.ts";
import { payloadOf } from "../../../actors/worker-registry/payload.ts";
import type { TaskOrder } from "../../../src/job/model.ts";
import { taskPayload } from "../../support/task-payload.ts";

const RETRY = { maxAttempts: 4, backoffMs: 1, factor: 2, maxBackoffMs: 1 };

function task(order: Partial<TaskOrder> = {}, more: Partial<QueuedTask> = {}): QueuedTask {
  return {
    jobId: "job",
    visit: 1,
    slot: 0,
    attempt: 1,
    order: { type: "t", params: '{"a":1}', transitions: {}, strategy: "default", priority: 0, retry: RETRY, ...order },
    begun: false,
    queuedAtMs: 1,
    again: false,
    ...more,
  };
}

const plain = taskPayload({ job_id: "job", task_id: "id", type: "t", params: { a: 1 } });

test("a payload says what is different about a task, whatever the one before was like", () => {
  const cases: [QueuedTask, object][] = [
    [task(), {}],
    [task({ priority: 2.5 }), { priority: 2.5 }],
    [task({ timeoutMs: 1_500 }), { timeout_seconds: 1.5 }],
    [task({}, { attempt: 3 }), { attempt: 3 }],
    [task({ type: 'of "words"\n' }), { type: 'of "words"\n' }],
    [task({ paramsMetadata: '{"files":[]}' }), { params_metadata: { files: [] } }],
    [task({}, { checkpoint: '{"at":7}' }), { last_checkpoint: { at: 7 } }],
    [task({}, { trace: { traceparent: "00-1" } }), { tracing_context: { traceparent: "00-1" } }],
    [task({ params: "{}" }, { jobId: "other" }), { job_id: "other", params: {} }],
  ];
  for (const [before] of cases) {
    for (const [queued, differs] of cases) {
      payloadOf(before, "before");
      expect(JSON.parse(payloadOf(queued, "id"))).toEqual({ ...plain, ...differs });
    }
  }
});
