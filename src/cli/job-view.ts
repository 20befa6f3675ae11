/** One job, for people. */
import type { JsonMap } from "../system/errors.ts";
import { isObject } from "./client.ts";
import { EXIT } from "./exit.ts";
import { percent } from "./percent.ts";
import { printable } from "./printable.ts";
import { cell } from "./table.ts";

export function exitCodeOfJob(job: JsonMap): number {
  return job["status"] === "finished" ? EXIT.done : EXIT.wentWrong;
}

export function describeJob(job: JsonMap): string {
  const error = isObject(job["error"]) ? `${cell(job["error"]["code"])}: ${cell(job["error"]["message"])}` : undefined;
  const facts: readonly (readonly [string, unknown])[] = [
    ["id", job["id"]],
    ["blueprint", job["blueprint_name"]],
    ["status", job["status"]],
    ["state", job["current_state"]],
    ["created", job["created_at"]],
    ["updated", job["updated_at"]],
    ["progress", percent(job["progress"])],
    ["error", error],
    [job["status"] === "cancelled" ? "task" : "failed", failedText(job["failed_task"])],
    ["branches", branchesText(job["branches"])],
    ...taskFacts(job["tasks"]),
    ...waitingFacts(job["waiting_for"]),
    ["input", job["initial_data"]],
    ["result", withoutProgress(job["result"] ?? job["state_history"])],
  ];
  const shown = facts.filter(([, value]) => value !== undefined && value !== null);
  return shown.map(([name, value]) => `${name.padEnd(10)} ${printable(cell(value))}\n`).join("");
}

/** Every progress update is kept beside what the job knows: the history shows them better. */
function withoutProgress(result: unknown): unknown {
  if (!isObject(result)) return result;
  const { progress_updates: _, ...others } = result;
  return others;
}

function branchesText(branches: unknown): string | undefined {
  if (!isObject(branches)) return undefined;
  const { total, done, progress } = branches;
  return `${cell(done)} of ${cell(total)} done, ${Math.floor(Number(progress) * 100)} % in all`;
}

function taskFacts(tasks: unknown): readonly (readonly [string, unknown])[] {
  if (!Array.isArray(tasks)) return [];
  return tasks.filter(isObject).map((task) => {
    const worker = typeof task["worker_id"] === "string" ? ` on ${task["worker_id"]}` : "";
    const branch = task["branch"] === undefined ? "" : ` ${cell(task["branch"])}`;
    return [
      "task",
      `${cell(task["type"])}${branch}, ${cell(task["status"])}${worker}, attempt ${cell(task["attempt"])}`,
    ];
  });
}

function failedText(task: unknown): string | undefined {
  if (!isObject(task)) return undefined;
  const { type, worker_id: worker, attempts, progress, params } = task;
  const on = typeof worker === "string" ? ` on ${worker}` : "";
  const came = typeof progress === "number" ? `, progress ${cell(percent(progress))}` : "";
  return `${cell(type)}${on}, attempts ${cell(attempts)}${came}, params ${cell(params)}`;
}

/** One fact a line: what people decide about may be long. */
function waitingFacts(waiting: unknown): readonly (readonly [string, unknown])[] {
  if (!isObject(waiting)) return [];
  const { kind, since: _, until, message_status: sent, last_error: failure, ...others } = waiting;
  const head = [KINDS[cell(kind)] ?? cell(kind), until === undefined ? "" : `until ${cell(until)}`];
  const facts = Object.entries(others).map(([name, value]) => {
    const text = Array.isArray(value) ? value.map(cell).join(", ") : cell(value);
    return ["", `${name.replaceAll("_", " ")}: ${text}`] as const;
  });
  const told = toldText(sent, failure);
  return [
    ["waits for", head.filter((part) => part !== "").join(", ")],
    ...facts,
    ...(told ? [["", told] as const] : []),
  ];
}

/** Whether people were asked: the job waits whatever came of that. */
function toldText(sent: unknown, failure: unknown): string | undefined {
  const why = typeof failure === "string" ? `: ${failure}` : "";
  switch (sent) {
    case "failed":
      return `nobody was asked${why}`;
    case "pending":
      return typeof failure === "string" ? `asking is tried again${why}` : "people are being asked";
    default:
      return undefined;
  }
}

const KINDS: Readonly<Record<string, string>> = {
  approval: "a person's decision",
  child: "a job of another blueprint",
  event: "an event",
  paused: "its blueprint, which is paused",
  start: "its start",
  timer: "a time",
  turn: "its turn",
};
