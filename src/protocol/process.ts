/**
 * Which process a worker's requests come from, said by those of our SDK: a worker that polls has no connection that would
 * tell. Each time that a process registers it begins another connection, by number: what was under way before is given up.
 */
import { isObject } from "./json.ts";

export interface Caller {
  /** Made once for each process. */
  readonly session: string;
  /** 1 at the first registration. */
  readonly connection: number;
}

export interface TaskReference {
  readonly job_id: string;
  readonly task_id: string;
}

export interface WorkerProcess extends Caller {
  /** What it has in hand: tasks that run, and those whose result is not acknowledged. */
  readonly running: readonly TaskReference[];
}

/** Of a registration. Other servers keep it with the record and think nothing of it. */
export const PROCESS_FIELD = "worker_process";
/** Of the requests that follow a registration. */
export const CALLER_HEADER = "X-Worker-Process";

const SESSION = /^[\w-]{1,100}$/;
const CONNECTION = /^[1-9]\d{0,14}$/;

/** Undefined: it says nothing of it, or what somebody else means by the name. */
export function readProcess(value: unknown): WorkerProcess | undefined {
  if (!isObject(value)) return undefined;
  const { session, connection, running } = value;
  if (typeof session !== "string" || typeof connection !== "number" || !Array.isArray(running)) return undefined;
  const caller = readCaller(callerText({ session, connection }));
  const inHand = running.flatMap((one) => readReference(one) ?? []);
  return caller && inHand.length === running.length ? { ...caller, running: inHand } : undefined;
}

export function callerText({ session, connection }: Caller): string {
  return `${session}/${connection}`;
}

export function readCaller(text: string | null): Caller | undefined {
  const [session = "", connection = "", ...rest] = (text ?? "").split("/");
  if (!SESSION.test(session) || !CONNECTION.test(connection) || rest.length > 0) return undefined;
  return { session, connection: Number(connection) };
}

function readReference(value: unknown): TaskReference | undefined {
  if (!isObject(value)) return undefined;
  const { job_id, task_id } = value;
  return typeof job_id === "string" && typeof task_id === "string" ? { job_id, task_id } : undefined;
}
