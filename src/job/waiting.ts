/** What a job waits for that is no task, as it is told: in its history and to whoever reads it. */
import type { JsonMap, JsonValue } from "../system/errors.ts";
import { isoTime } from "../system/iso.ts";
import type { GatePlace } from "./gate.ts";
import { isTerminal, type Job } from "./model.ts";
import { decisionsOf, type Pause } from "./pause.ts";

/** `clockOffsetMs`: how far the wall clock is from the steady one, by which waits are due. */
export function waitingFor(job: Job, clockOffsetMs: number, standing?: Standing): JsonMap | undefined {
  if (isTerminal(job.status)) return undefined;
  if (job.status === "pending") return beforeIt(job, standing);
  if (job.pause) return pauseFacts(job.pause, clockOffsetMs);
  if (!job.child) return undefined;
  const { childId, blueprint, sinceMs } = job.child;
  return { kind: "child", since: isoTime(sinceMs), job_id: childId, blueprint };
}

/** Before the gate of its blueprint. */
export interface Standing {
  readonly isPaused: boolean;
  readonly position?: number | undefined;
  /** As it is now: it may have changed since the job came. */
  readonly max?: number | undefined;
}

function beforeIt({ gate, startAtMs, createdAtMs, handler }: Job, standing: Standing | undefined): JsonMap | undefined {
  if (gate) return turnFacts(gate, standing);
  if (startAtMs === undefined || handler?.notBeforeMs === undefined) return undefined;
  return startFacts(startAtMs, createdAtMs);
}

export function startFacts(startAtMs: number, sinceMs: number): JsonMap {
  return { kind: "start", since: isoTime(sinceMs), until: isoTime(startAtMs) };
}

/** A limit and a pause can hold it at once: the pause is told, since somebody has to end it. */
export function turnFacts({ sinceMs, key, value, ...place }: GatePlace, standing?: Standing): JsonMap {
  const max = standing?.max ?? place.max;
  const isPaused = standing?.isPaused ?? max === undefined;
  return {
    kind: isPaused ? "paused" : "turn",
    since: isoTime(sinceMs),
    ...(key !== undefined && { key, group: value === undefined ? null : (JSON.parse(value) as JsonValue) }),
    ...(max !== undefined && { max }),
    ...(standing?.position !== undefined && { position: standing.position }),
  };
}

export function pauseFacts(pause: Pause, clockOffsetMs: number): JsonMap {
  const facts: JsonMap = { kind: pause.kind, since: isoTime(pause.sinceMs) };
  const untilMs = untilOf(pause, clockOffsetMs);
  if (untilMs !== undefined) facts["until"] = isoTime(untilMs);
  if (pause.kind === "event") facts["event"] = pause.event;
  if (pause.kind === "approval") {
    facts["integration"] = pause.integration;
    facts["message"] = pause.message;
    facts["decisions"] = decisionsOf(pause.transitions);
  }
  return facts;
}

function untilOf(pause: Pause, clockOffsetMs: number): number | undefined {
  if (pause.kind === "timer" && pause.untilMs !== undefined) return pause.untilMs;
  return pause.dueAtMs === undefined ? undefined : pause.dueAtMs + clockOffsetMs;
}
