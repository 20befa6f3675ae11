/** Reading what stands behind the question mark of client routes. */
import { isJobStatus, JOB_STATUSES, type JobStatus } from "../job/model.ts";
import { TAG_LENGTH_MAX, TAGS_MAX } from "../protocol/creation.ts";
import type { JobQuery } from "../storage/port.ts";
import { Refusal } from "../system/errors.ts";
import { isUuid } from "../system/ids.ts";

export const LIMIT_DEFAULT = 100;
export const LIMIT_MAX = 1000;

export function parametersOf(request: Request): URLSearchParams {
  const mark = request.url.indexOf("?");
  return new URLSearchParams(mark === -1 ? "" : request.url.slice(mark + 1));
}

export function limitOf(parameters: URLSearchParams): number {
  return Math.min(LIMIT_MAX, wholeNumber(parameters, "limit", 1) ?? LIMIT_DEFAULT);
}

/** The filters of a list; `limit` as the caller wants it. */
export function jobQueryOf(parameters: URLSearchParams, viewer: string | undefined): JobQuery {
  const status = statusOf(parameters.get("status"));
  const blueprint = parameters.get("blueprint") ?? undefined;
  const tags = tagsOf(parameters);
  const parent = parentOf(parameters.get("parent"));
  const createdAfterMs = timeOf(parameters, "created_after");
  const createdBeforeMs = timeOf(parameters, "created_before");
  const after = cursorOf(parameters.get("cursor"));
  const offset = wholeNumber(parameters, "offset", 0);
  return {
    limit: limitOf(parameters),
    ...(viewer !== undefined && { client: viewer }),
    ...(status !== undefined && { status }),
    ...(blueprint !== undefined && { blueprint }),
    ...(tags.length > 0 && { tags }),
    ...(parent !== undefined && { parent }),
    ...(createdAfterMs !== undefined && { createdAfterMs }),
    ...(createdBeforeMs !== undefined && { createdBeforeMs }),
    ...(after !== undefined && { after }),
    ...(offset !== undefined && { offset }),
  };
}

export function fieldsOf(parameters: URLSearchParams): ReadonlySet<string> | undefined {
  const fields = parameters.get("fields");
  return fields === null ? undefined : new Set(fields.split(",").map((name) => name.trim()));
}

export function invalidParameter(name: string, message: string): Refusal {
  return new Refusal("INVALID_PARAMETER", 400, message, { parameter: name });
}

export function wholeNumber(parameters: URLSearchParams, name: string, least: number): number | undefined {
  const text = parameters.get(name);
  if (text === null) return undefined;
  const value = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(value) && value >= least) return value;
  throw invalidParameter(name, "Invalid limit/offset parameter");
}

function statusOf(text: string | null): JobStatus | undefined {
  if (text === null) return undefined;
  // The original's own spelling of this one.
  const status = text === "waiting_for_parallel_tasks" ? "waiting_for_parallel" : text;
  if (isJobStatus(status)) return status;
  throw invalidParameter("status", `There is no status "${text}": use one of ${JOB_STATUSES.join(", ")}.`);
}

/** A job has to have all of them. */
function tagsOf(parameters: URLSearchParams): readonly string[] {
  const tags = [...new Set(parameters.getAll("tag"))];
  if (tags.length <= TAGS_MAX && tags.every((tag) => tag !== "" && tag.length <= TAG_LENGTH_MAX)) return tags;
  throw invalidParameter("tag", `Give at most ${TAGS_MAX} tags of 1 to ${TAG_LENGTH_MAX} characters: ?tag=a&tag=b.`);
}

function timeOf(parameters: URLSearchParams, name: string): number | undefined {
  const text = parameters.get(name);
  if (text === null) return undefined;
  const ms = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (Number.isFinite(ms)) return ms;
  throw invalidParameter(name, `${name} must be a time, like 2026-01-31T10:00:00Z or seconds since 1970.`);
}

function parentOf(text: string | null): string | undefined {
  if (text === null) return undefined;
  if (isUuid(text)) return text;
  throw invalidParameter("parent", "parent must be the id of a job: its children are listed.");
}

function cursorOf(text: string | null): string | undefined {
  if (text === null) return undefined;
  if (isUuid(text)) return text;
  throw invalidParameter("cursor", "cursor must be the next_cursor of an earlier answer.");
}
