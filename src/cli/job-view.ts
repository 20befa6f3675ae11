/** One job, for people. */
import type { JsonMap } from "../system/errors.ts";
import { isObject } from "./client.ts";
import { EXIT } from "./exit.ts";
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
    ["progress", job["progress"]],
    ["error", error],
    ["failed", failedText(job["failed_task"])],
    ...taskFacts(job["tasks"]),
    ["waits for", waitingText(job["waiting_for"])],
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

function taskFacts(tasks: unknown): readonly (readonly [string, unknown])[] {
  if (!Array.isArray(tasks)) return [];
  return tasks.filter(isObject).map((task) => {
    const worker = typeof task["worker_id"] === "string" ? ` on ${task["worker_id"]}` : "";
    return ["task", `${cell(task["type"])}, ${cell(task["status"])}${worker}, attempt ${cell(task["attempt"])}`];
  });
}

function failedText(task: unknown): string | undefined {
  if (!isObject(task)) return undefined;
  const { type, worker_id: worker, attempts, progress, params } = task;
  const on = typeof worker === "string" ? ` on ${worker}` : "";
  const came = typeof progress === "number" ? `, progress ${progress}` : "";
  return `${cell(type)}${on}, attempts ${cell(attempts)}${came}, params ${cell(params)}`;
}

function waitingText(waiting: unknown): string | undefined {
  if (!isObject(waiting)) return undefined;
  const { kind, since: _, ...facts } = waiting;
  return [
    cell(kind),
    ...Object.entries(facts).map(([name, value]) => `${name.replaceAll("_", " ")} ${cell(value)}`),
  ].join(", ");
}
