/**
 * Reads a worker's result: both layouts and all failure forms of the wire contract, section 5.4.
 * A result that names its task is never turned away: the job would wait for nothing. What is
 * wrong in it becomes its failure, so that the job says so.
 */
import { type JsonMap, type JsonValue, Refusal } from "../system/errors.ts";
import { type Flaw, isObject } from "./json.ts";
import type { WorkerResult } from "./worker.ts";

const TRANSIENT = "TRANSIENT_ERROR";
const PERMANENT = "PERMANENT_ERROR";
const BROKEN = "CONTRACT_VIOLATION_ERROR";
const WORD_CHARS_MAX = 200;
/** It is kept with the job, and stands in lists of jobs. The whole of it is in the result as it came. */
const MESSAGE_CHARS_MAX = 4000;

/** Of the flat layout: what belongs to the delivery and not to the result. */
const DELIVERY_FIELDS: ReadonlySet<string> = new Set([
  "type",
  "seq",
  "job_id",
  "task_id",
  "worker_id",
  "origin_worker_id",
  "picked_up_at",
  "timestamp",
  "tracing_context",
  "security",
]);

export function readResult(body: JsonMap, workerId: string, flaw?: Flaw): WorkerResult {
  const { job_id: jobId, task_id: taskId } = body;
  if (!isId(jobId) || !isId(taskId)) {
    throw new Refusal("MISSING_FIELD", 400, "job_id and task_id are required", { fields: ["job_id", "task_id"] });
  }
  const inner = body["result"];
  const fields = isObject(inner) ? inner : body;
  const problem = flaw === undefined ? problemOf(fields) : `${flaw.message} (at ${flaw.path})`;
  if (problem !== undefined) return brokenResult({ jobId, taskId, workerId }, problem);

  const status = readStatus(fields);
  const data = dataText(fields);
  const raw = rawText(fields, status, data);
  const metadata = fields["data_metadata"];
  // Nearly all of them: made at once, where the other has its parts copied together.
  if (status !== "failure" && !isObject(metadata)) {
    return data === undefined
      ? { jobId, taskId, workerId, status, raw }
      : { jobId, taskId, workerId, status, data, raw };
  }
  return {
    jobId,
    taskId,
    workerId,
    status,
    ...(data !== undefined && { data }),
    ...(isObject(metadata) && { metadata: JSON.stringify(metadata) }),
    ...(status === "failure" && { error: shortened(readError(fields)) }),
    raw,
  };
}

function isId(value: JsonValue | undefined): value is string {
  return typeof value === "string" && value !== "";
}

function problemOf(fields: JsonMap): string | undefined {
  const status = fields["status"] ?? "success";
  if (typeof status !== "string" || status === "") return "The result's status must be a word.";
  if (status.length > WORD_CHARS_MAX) return `The result's status is longer than ${WORD_CHARS_MAX} characters.`;
  const data = fields["data"] ?? {};
  return isObject(data) ? undefined : "The result's data must be an object.";
}

function brokenResult(ids: Pick<WorkerResult, "jobId" | "taskId" | "workerId">, problem: string): WorkerResult {
  const error = { code: BROKEN, message: `The worker's result cannot be used: ${problem}` };
  return { ...ids, status: "failure", error, raw: JSON.stringify({ status: "failure", error }) };
}

function readStatus(fields: JsonMap): string {
  const status = fields["status"];
  return typeof status === "string" ? status : "success";
}

function dataText(fields: JsonMap): string | undefined {
  const data = fields["data"];
  if (!isObject(data)) return undefined;
  const text = JSON.stringify(data);
  return text === "{}" ? undefined : text;
}

function readError(fields: JsonMap): NonNullable<WorkerResult["error"]> {
  const { error, error_type: type, error_message: message } = fields;
  if (isObject(error)) return readErrorObject(error);
  if (typeof error === "string" || typeof type === "string") {
    const code = typeof type === "string" && type !== "" ? type : TRANSIENT;
    return { code, message: textOf(error) ?? textOf(message) ?? NO_REASON };
  }
  if (typeof message === "string" && message !== "") {
    return { code: message.startsWith("Unsupported task") ? PERMANENT : TRANSIENT, message };
  }
  return { code: TRANSIENT, message: NO_REASON };
}

function shortened({ code, message, ...rest }: NonNullable<WorkerResult["error"]>): NonNullable<WorkerResult["error"]> {
  return { code: cut(code, WORD_CHARS_MAX), message: cut(message, MESSAGE_CHARS_MAX), ...rest };
}

function cut(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : `${text.slice(0, charsMax - 1).toWellFormed()}…`;
}

const NO_REASON = "The worker gave no reason.";

function readErrorObject(error: JsonMap): NonNullable<WorkerResult["error"]> {
  const details = error["details"] ?? undefined;
  return {
    code: textOf(error["code"]) ?? TRANSIENT,
    message: textOf(error["message"]) ?? NO_REASON,
    ...(details !== undefined && { details }),
  };
}

function textOf(value: JsonValue | undefined): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** Without nulls: aggregators read a missing `data` as empty, and a null as null. */
function rawText(fields: JsonMap, status: string, data: string | undefined): string {
  const head = status === "success" ? '{"status":"success"' : `{"status":${JSON.stringify(status)}`;
  let text = data === undefined ? head : `${head},"data":${data}`;
  // Keys of what was parsed are its own alone; this way no list of them is made.
  for (const key in fields) {
    if (key === "status" || key === "data" || DELIVERY_FIELDS.has(key)) continue;
    const value = fields[key];
    if (value !== null && value !== undefined) text += `,${JSON.stringify(key)}:${JSON.stringify(value)}`;
  }
  return `${text}}`;
}
