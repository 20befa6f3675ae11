/** Waits for what no worker does: a time, an event from outside, a person's decision. */
import type { JobStatus } from "./model.ts";

export const INTEGRATIONS = ["telegram", "slack", "webhook", "dashboard"] as const;
export type Integration = (typeof INTEGRATIONS)[number];

/** Leads on when the time of a wait is over, and is never a decision or an event. */
export const TIMEOUT = "timeout";

/** As a handler asks for it. */
export type PauseOrder =
  | { readonly kind: "timer"; readonly then: string; readonly delayMs: number }
  | { readonly kind: "timer"; readonly then: string; readonly untilMs: number }
  | {
      readonly kind: "event";
      readonly event: string;
      readonly transitions: Readonly<Record<string, string>>;
      readonly timeoutMs?: number | undefined;
    }
  | {
      readonly kind: "approval";
      readonly integration: Integration;
      readonly message: string;
      readonly transitions: Readonly<Record<string, string>>;
      readonly timeoutMs?: number | undefined;
    };

export interface TimerPause {
  readonly kind: "timer";
  readonly then: string;
  readonly sinceMs: number;
  /** By the steady clock. */
  readonly dueAtMs: number;
  /** By the wall clock, where the handler named a date: it counts, and `dueAtMs` is when to look again. */
  readonly untilMs?: number | undefined;
}

export interface EventPause {
  readonly kind: "event";
  readonly event: string;
  readonly transitions: Readonly<Record<string, string>>;
  readonly sinceMs: number;
  readonly dueAtMs?: number | undefined;
}

export interface ApprovalPause {
  readonly kind: "approval";
  readonly integration: Integration;
  readonly message: string;
  readonly transitions: Readonly<Record<string, string>>;
  readonly sinceMs: number;
  readonly dueAtMs?: number | undefined;
}

/** As it is stored with the job. */
export type Pause = TimerPause | EventPause | ApprovalPause;

/** An event that came before the job waited for it. */
export interface EarlyEvent {
  readonly event: string;
  /** JSON text. */
  readonly data: string;
}

export const EARLY_EVENTS_MAX = 100;
export const EARLY_EVENTS_LENGTH_MAX = 256 * 1024;

/** `nowMs`: steady, for what is due; `atMs`: the wall clock, for what is told. */
export function pauseOf(order: PauseOrder, nowMs: number, atMs: number): Pause {
  switch (order.kind) {
    case "timer": {
      const { kind, then } = order;
      if (!("untilMs" in order)) return { kind, then, sinceMs: atMs, dueAtMs: nowMs + order.delayMs };
      const { untilMs } = order;
      return { kind, then, sinceMs: atMs, dueAtMs: nowMs + Math.max(0, untilMs - atMs), untilMs };
    }
    case "event":
    case "approval": {
      const { timeoutMs, ...rest } = order;
      return { ...rest, sinceMs: atMs, ...(timeoutMs !== undefined && { dueAtMs: nowMs + timeoutMs }) };
    }
    default:
      return order satisfies never;
  }
}

export function statusOfPause({ kind }: Pause): JobStatus {
  switch (kind) {
    case "timer":
      return "waiting_for_timer";
    case "event":
      return "waiting_for_event";
    case "approval":
      return "waiting_for_human";
    default:
      return kind satisfies never;
  }
}

/** What a person may answer. */
export function decisionsOf(transitions: Readonly<Record<string, string>>): string[] {
  return Object.keys(transitions).filter((decision) => decision !== TIMEOUT);
}
