/**
 * A job as it is read: JSON text of the wire contract, section 7 and rule 25. Parts that are
 * stored as JSON text go out as they are.
 */
import type { JobView, TaskView } from "../../actors/orchestrator.ts";
import { type FailedTask, isTerminal, type Job, type Parallel, type TaskOrder } from "../job/model.ts";
import { resultText } from "../job/result-text.ts";
import { waitingFor } from "../job/waiting.ts";
import { approvalView, webhookView } from "./messages.ts";

type Field = readonly [name: string, json: string];

export function jobText(view: JobView, only?: ReadonlySet<string>): string {
  const fields = jobFields(view);
  const shown = only === undefined ? fields : fields.filter(([name]) => name === "id" || only.has(name));
  return objectText(shown);
}

export function jobListText(jobs: readonly Job[], nextCursor: string | null): string {
  return `{"jobs":[${jobs.map(listedText).join(",")}],"next_cursor":${JSON.stringify(nextCursor)}}`;
}

/** The original's list: of each job an event as its history would show it, with the job as its snapshot. */
export function jobEventListText(jobs: readonly Job[]): string {
  return `[${jobs.map(asEventText).join(",")}]`;
}

function jobFields({ job, standing, tasks, clockOffsetMs, outbox }: JobView): readonly Field[] {
  const fields: Field[] = [
    ["id", text(job.id)],
    ["blueprint_name", text(job.blueprint)],
    ["current_state", text(job.state)],
    ["initial_data", job.initialData],
    ["state_history", job.stateHistory],
    ["status", text(job.status)],
    ["tracing_context", text(job.trace ?? {})],
    ["retry_count", text(retriesOf(job))],
    ["created_at", time(job.createdAtMs)],
    ["updated_at", time(job.updatedAtMs)],
    ["error", text(job.error ?? null)],
    ["error_message", text(job.error?.message ?? null)],
    ["progress", text(progressOf(job))],
    ["progress_message", text(job.progressMessage ?? null)],
    ["webhook_url", text(job.webhookUrl ?? null)],
    ["tasks", `[${tasks.map((task) => taskText(task, job.parallel !== undefined)).join(",")}]`],
  ];
  fields.push(...currentTaskFields(job, tasks), ...parallelFields(job, tasks), ...optionFields(job));
  if (job.failedTask !== undefined) fields.push(["failed_task", failedTaskText(job.failedTask)]);
  if (job.child !== undefined) fields.push(["child_job_id", text(job.child.childId)]);
  const waiting = waitingFor(job, clockOffsetMs, standing);
  if (waiting !== undefined) fields.push(["waiting_for", text({ ...waiting, ...approvalView(job, outbox) })]);
  const webhook = outbox && webhookView(job, outbox);
  if (webhook) fields.push(["webhook", text(webhook)]);
  if (isTerminal(job.status)) fields.push(["result", resultText(job.stateHistory)]);
  return fields;
}

/** A job that finished is through, whatever its worker said last. It keeps the scale: 0 to 1, or 0 to 100. */
function progressOf({ progress, status }: Job): number | null {
  if (progress === undefined || status !== "finished") return progress ?? null;
  return progress > 1 ? 100 : 1;
}

function retriesOf(job: Job): number {
  return job.task === undefined ? (job.handler?.failures ?? 0) : job.task.attempt - 1;
}

function taskText({ wait, status, taskId, workerId }: TaskView, isBranch: boolean): string {
  return text({
    task_id: taskId ?? null,
    type: wait.order.type,
    status,
    worker_id: workerId ?? null,
    attempt: wait.attempt,
    ...(isBranch && { branch: wait.slot + 1 }),
    ...(wait.progress !== undefined && { progress: wait.progress.value }),
  });
}

function currentTaskFields(job: Job, tasks: readonly TaskView[]): readonly Field[] {
  if (job.task === undefined) return [];
  const { order } = job.task;
  const view = tasks.find(({ wait }) => wait.slot === job.task?.slot);
  return [
    ["current_task_id", text(view?.taskId ?? job.task.delivery?.taskId ?? null)],
    ["task_worker_id", text(view?.workerId ?? job.task.delivery?.workerId ?? null)],
    ["current_task_info", orderText(order)],
    ["current_task_transitions", text(order.transitions)],
  ];
}

function orderText(order: TaskOrder): string {
  return objectText([
    ["type", text(order.type)],
    ["params", order.params],
    ["transitions", text(order.transitions)],
    ["dispatch_strategy", text(order.strategy)],
    ["priority", text(order.priority)],
    ["resource_requirements", text(order.requirements ?? null)],
    ["timeout_seconds", text(seconds(order.timeoutMs))],
    ["max_cost", text(order.maxCost ?? null)],
  ]);
}

function failedTaskText({ type, params, taskId, workerId, attempts, error, progress }: FailedTask): string {
  return objectText([
    ["type", text(type)],
    ["params", params],
    ["task_id", text(taskId ?? null)],
    ["worker_id", text(workerId ?? null)],
    ["attempts", text(attempts)],
    ["error", text(error)],
    ["progress", text(progress?.value ?? null)],
    ["progress_message", text(progress?.message ?? null)],
  ]);
}

function parallelFields(job: Job, tasks: readonly TaskView[]): readonly Field[] {
  const fields: Field[] = [];
  if (job.parallel !== undefined) {
    const running = tasks.flatMap(({ taskId }) => (taskId === undefined ? [] : [taskId]));
    fields.push(["aggregation_target", text(job.parallel.into)], ["active_branches", text(running)]);
    fields.push(["branches", text(branchesOf(job.parallel, tasks))]);
  }
  if (job.aggregation !== undefined) fields.push(["aggregation_results", job.aggregation]);
  return fields;
}

/** `progress` of all together, 0 to 1: the job's own is what a worker said last, of whichever branch. */
function branchesOf({ total, open }: Parallel, tasks: readonly TaskView[]): object {
  const done = total - open;
  const begun = tasks.reduce((sum, { wait }) => sum + fractionOf(wait.progress?.value ?? 0), 0);
  return { total, done, progress: Math.round(((done + begun) / Math.max(1, total)) * 1000) / 1000 };
}

/** Workers tell 0 to 1 or 0 to 100. */
function fractionOf(progress: number): number {
  return Math.min(1, Math.max(0, progress > 1 ? progress / 100 : progress));
}

function optionFields(job: Job): readonly Field[] {
  const fields: Field[] = [];
  const add = (name: string, value: unknown) => {
    if (value !== undefined && value !== null) fields.push([name, text(value)]);
  };
  add("parent_job_id", job.parentId);
  add("rerun_of", job.rerunOf);
  add("priority", job.priority);
  if (job.startAtMs !== undefined) fields.push(["start_at", time(job.startAtMs)]);
  add("unique_key", job.uniqueKey);
  add("tags", job.tags);
  add("dispatch_timeout", seconds(job.dispatchTimeoutMs));
  add("result_timeout", seconds(job.resultTimeoutMs));
  if (job.deadlineAtMs !== undefined) fields.push(["deadline", time(job.deadlineAtMs)]);
  if (job.cancelRequestedAtMs !== undefined) fields.push(["cancel_requested_at", time(job.cancelRequestedAtMs)]);
  if (job.metadata !== undefined) fields.push(["metadata", job.metadata]);
  return fields;
}

function listedText(job: Job): string {
  return objectText([
    ["id", text(job.id)],
    ["blueprint_name", text(job.blueprint)],
    ["status", text(job.status)],
    ["current_state", text(job.state)],
    ["created_at", time(job.createdAtMs)],
    ["updated_at", time(job.updatedAtMs)],
    ["progress", text(progressOf(job))],
    ["error", text(job.error ?? null)],
  ]);
}

function asEventText(job: Job): string {
  return objectText([
    ["event_id", text(`${job.id}-${job.version}`)],
    ["job_id", text(job.id)],
    ["timestamp", time(job.updatedAtMs)],
    ["state", text(job.state)],
    ["event_type", text(eventTypeOf(job))],
    ["duration_ms", "null"],
    ["previous_state", "null"],
    ["next_state", "null"],
    ["worker_id", text(job.task?.delivery?.workerId ?? null)],
    ["attempt_number", text(job.task?.attempt ?? null)],
    ["context_snapshot", jobText({ job, tasks: [], clockOffsetMs: 0 })],
  ]);
}

function eventTypeOf(job: Job): string {
  if (!isTerminal(job.status)) return "state_started";
  return job.status === "finished" ? "job_completed" : "job_failed";
}

function seconds(ms: number | undefined): number | null {
  return ms === undefined ? null : ms / 1000;
}

function time(ms: number): string {
  return `"${new Date(ms).toISOString()}"`;
}

function text(value: unknown): string {
  return JSON.stringify(value);
}

function objectText(fields: readonly Field[]): string {
  return `{${fields.map(([name, json]) => `"${name}":${json}`).join(",")}}`;
}
