/** What an event has to tell beside its fields, read out of its snapshot: little enough for every live reader. */
import type { JsonMap, JsonValue } from "../system/errors.ts";

export interface EventFacts {
  readonly task_id?: string;
  readonly task_type?: string;
  /** Of several tasks: which, from 1, and of how many. */
  readonly branch?: number;
  readonly branches?: number;
  /** Branches that are taken back: count, branches, of. */
  readonly withdrawn?: JsonMap;
  /** Why an attempt or a handler failed, or the job ended without finishing. */
  readonly error?: { readonly code?: string; readonly message?: string };
  /** What a worker answered, where it was no success; how a job ended, where it did not finish. */
  readonly outcome?: string;
  readonly progress?: number;
  readonly message?: string;
  /** What the job waits for that is no task: kind, until, event, decisions … */
  readonly wait?: JsonMap;
  /** To another version of its blueprint: from, to, states. */
  readonly migration?: JsonMap;
  readonly event?: JsonMap;
  /** Who decided, when, through what, with which comment. */
  readonly approval?: JsonMap;
  /** A job that it runs inside its own. */
  readonly child?: JsonMap;
}

export function eventFacts(type: string, snapshot: JsonMap): EventFacts {
  switch (type) {
    case "task_dispatched":
      return dispatched(asMap(snapshot["task_info"]));
    case "task_finished":
      return { ...named("task_id", snapshot["task_id"]), ...finished(asMap(snapshot["result"])) };
    case "tasks_withdrawn":
      return { withdrawn: asMap(snapshot["withdrawn"]) };
    case "state_failed":
      return errorOf({ message: snapshot["error_message"] });
    case "job_failed":
      return { ...named("outcome", snapshot["status"]), ...errorOf({ message: snapshot["error_message"] }) };
    case "job_waiting":
    case "timer_started":
    case "event_awaited":
    case "approval_requested":
    case "wait_timed_out":
      return { wait: asMap(snapshot["wait"]) };
    case "job_migrated":
      return { migration: asMap(snapshot["migration"]) };
    case "event_received":
      return { event: asMap(snapshot["event"]) };
    case "approval_decided":
      return { approval: asMap(snapshot["approval"]) };
    case "sub_blueprint_started":
    case "sub_blueprint_finished":
      return { child: asMap(snapshot["child"]) };
    case "progress":
      return {
        ...named("task_id", snapshot["task_id"]),
        ...newestProgress(asMap(snapshot["state_history"])["progress_updates"]),
      };
    default:
      return {};
  }
}

function dispatched(info: JsonMap): EventFacts {
  const { branch, branches } = info;
  return {
    ...named("task_id", info["task_id"]),
    ...named("task_type", info["type"]),
    ...(typeof branch === "number" && { branch }),
    ...(typeof branches === "number" && { branches }),
  };
}

function finished(result: JsonMap): EventFacts {
  const { status, error, error_type: kind } = result;
  if (status === "success" || status === undefined) return {};
  const told = typeof error === "string" ? { message: error } : asMap(error);
  return { ...named("outcome", status), ...errorOf({ ...told, code: told["code"] ?? kind }) };
}

function errorOf({ code, message }: JsonMap): EventFacts {
  const error = { ...named("code", code), ...named("message", message) };
  return Object.keys(error).length === 0 ? {} : { error };
}

function newestProgress(updates: JsonValue | undefined): EventFacts {
  const newest = asMap(Array.isArray(updates) ? updates.at(-1) : undefined);
  if (typeof newest["progress"] !== "number") return {};
  return { progress: newest["progress"], ...named("message", newest["message"]) };
}

function named<Key extends string>(key: Key, value: JsonValue | undefined): { readonly [Name in Key]?: string } {
  return (typeof value === "string" && value !== "" ? { [key]: value } : {}) as { readonly [Name in Key]?: string };
}

function asMap(value: JsonValue | undefined): JsonMap {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}
