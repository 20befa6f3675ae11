/**
 * How a worker and one orchestrator talk. A transport makes connections; a connection lives until
 * it is lost and never heals itself: the session connects again. The runner knows nothing of this.
 */
import type { TaskReference } from "../src/protocol/process.ts";
import {
  type HeartbeatBody,
  type RegistrationBody,
  type TaskPayload,
  UNHANDLED_STATUS,
} from "../src/protocol/worker.ts";
import type { Refusal } from "../src/system/errors.ts";
import type { ProgressUpdate } from "./contract.ts";

/** A result in hand until the server has acknowledged it. */
export interface Result {
  readonly seq: number;
  readonly jobId: string;
  readonly taskId: string;
  /** JSON text of an object with a `status`. */
  readonly body: string;
}

export interface Checkpoint {
  readonly taskId: string;
  readonly jobId: string;
  /** JSON text. */
  readonly value: string;
}

export interface TaskEvent {
  /** Made once: sent again it changes nothing. */
  readonly id: string;
  readonly taskId: string;
  readonly jobId: string;
  readonly name: string;
  /** JSON text of an object. */
  readonly payload: string;
}

export interface Hello {
  /** Made once for each process, so that the server knows the same worker after a reconnect. */
  readonly session: string;
  /** How many there have been with this one. */
  readonly connection: number;
  readonly registration: RegistrationBody;
  /** Tasks that run and tasks whose result is not acknowledged. */
  readonly running: readonly TaskReference[];
}

/** What the server has to say of a result that it took, or that it takes from nobody any more. */
export interface Remark {
  readonly what: "the orchestrator ignored a result" | "a result failed its job";
  readonly reason: string;
}

/** The answer to a result, in the stream or by HTTP. */
export function remarkOf({
  status,
  reason,
  transition,
  message,
}: Readonly<Record<string, unknown>>): Remark | undefined {
  if (status === "ignored") return { what: "the orchestrator ignored a result", reason: String(reason ?? "") };
  if (transition !== UNHANDLED_STATUS) return undefined;
  return { what: "a result failed its job", reason: String(message ?? "") };
}

/** What a connection tells its session. */
export interface Listener {
  task(payload: TaskPayload): void;
  cancel(taskId: string): void;
  /** The server accepted the result, or ignored it for the reason given: the matter is over. */
  settled(seq: number, remark?: Remark): void;
  /** The server could not take the result now. */
  postponed(seq: number, reason: string): void;
  /** The server takes no result of this size. */
  tooLarge(seq: number): void;
  /** The event is on the server's disk, or is refused. */
  eventAnswered(id: string, refusal?: { readonly code: string; readonly message: string }): void;
  /** The server could not take the event now. */
  eventPostponed(id: string): void;
  /** Told once, and only for a connection that was not closed by us. A refusal is final, a text is worth another try. */
  lost(reason: string | Refusal): void;
}

export interface Connection {
  /** Of the tasks in the hello: those that belong to somebody else or are over. */
  readonly cancelled: readonly string[];
  /** The server knows how many slots are in use. */
  readonly serverCounts: boolean;
  /** The interval that the server asked for. */
  readonly heartbeatMs?: number;
  result(result: Result): void;
  heartbeat(body: HeartbeatBody): void;
  /** Asks whether the orchestrator is there; the connection is lost where no answer comes. */
  probe(): void;
  progress(update: ProgressUpdate): Promise<void>;
  checkpoint(checkpoint: Checkpoint): Promise<void>;
  event(event: TaskEvent): void;
  /** How many more tasks the worker can take now. */
  wants(freeSlots: number): void;
  /** No new tasks from now on. */
  drain(): Promise<void>;
  /** Handed back unfinished. Resolves with whether the server was told. */
  release(taskIds: readonly string[]): Promise<boolean>;
  /** Asked where a cancellation may not have been pushed; undefined: what was pushed is all there is to know. */
  isCancelled(taskId: string): Promise<boolean | undefined>;
  close(): Promise<void>;
}

export interface Transport {
  readonly name: string;
  /** Rejects with a `Refusal` (final), `NotServed` (this server has no such door) or anything else (worth another try). */
  connect(hello: Hello, listener: Listener, signal: AbortSignal): Promise<Connection>;
}

export class NotServed extends Error {
  override readonly name = "NotServed";
}
