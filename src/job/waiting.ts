/** What a job waits for that is no task, as it is told: in its history and to whoever reads it. */
import type { JsonMap } from "../system/errors.ts";
import { isoTime } from "../system/iso.ts";
import { isTerminal, type Job } from "./model.ts";
import { decisionsOf, type Pause } from "./pause.ts";

/** `clockOffsetMs`: how far the wall clock is from the steady one, by which waits are due. */
export function waitingFor(job: Job, clockOffsetMs: number): JsonMap | undefined {
  if (isTerminal(job.status)) return undefined;
  if (job.pause) return pauseFacts(job.pause, clockOffsetMs);
  if (!job.child) return undefined;
  const { childId, blueprint, sinceMs } = job.child;
  return { kind: "child", since: isoTime(sinceMs), job_id: childId, blueprint };
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
