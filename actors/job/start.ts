/** How a job begins: at its time, and once the gate of its blueprint lets it in. */
import type { Job, JobEvent } from "../../src/job/model.ts";
import { startFacts, turnFacts } from "../../src/job/waiting.ts";
import { isTerminal } from "../../src/job/model.ts";
import type { Draft } from "./draft.ts";

/** The moment by which a start is looked at again may be off by so much before it is written anew. */
const DRIFT_MS = 1_000;

/** What the history of a new job begins with. */
export function beginning({ state, startAtMs, handler, createdAtMs }: Job, atMs = createdAtMs): JobEvent[] {
  const events: JobEvent[] = [
    { type: "job_created", atMs, state },
    { type: "state_started", atMs, state },
  ];
  if (startAtMs !== undefined && handler?.notBeforeMs !== undefined) {
    events.push({ type: "job_waiting", atMs, state, extra: { wait: startFacts(startAtMs, atMs) } });
  }
  return events;
}

/** Of a job that is pending: it begins if its time has come and nothing holds it. */
export function start(draft: Draft): void {
  const { job, nowMs, atMs } = draft;
  const { handler, startAtMs, gate } = job;
  if (startAtMs !== undefined && handler?.notBeforeMs !== undefined) {
    const leftMs = startAtMs - atMs;
    if (leftMs > 0) return lookAgain(draft, nowMs + leftMs);
  }
  if (gate) return void draft.after.push({ type: "arrive-at-gate" });
  if (!comesToGate(draft)) draft.needsTurn = true;
}

/** Of one that was over before it began and is taken up again. False: its time has come, or it has none. */
export function comesToStart(draft: Draft): boolean {
  const { atMs, nowMs, job } = draft;
  const { startAtMs = atMs, state } = job;
  if (startAtMs <= atMs) return false;
  draft.set({ status: "pending", handler: { failures: 0, notBeforeMs: nowMs + startAtMs - atMs } });
  draft.event({ type: "job_waiting", state, extra: { wait: startFacts(startAtMs, atMs) } });
  return true;
}

/** By the wall clock, which may have jumped since the moment was reckoned. */
function lookAgain(draft: Draft, dueAtMs: number): void {
  const { handler } = draft.job;
  const before = handler?.notBeforeMs ?? 0;
  if (before > draft.nowMs && Math.abs(dueAtMs - before) <= DRIFT_MS) return;
  draft.set({ handler: { failures: 0, notBeforeMs: dueAtMs } });
}

/** False: there is none for it, and it begins. */
export function comesToGate(draft: Draft): boolean {
  const gate = draft.rules.gate(draft.job, draft.atMs);
  if (!gate) return false;
  draft.set({ gate, status: "pending", handler: { failures: 0 } });
  draft.event({ type: "job_waiting", state: draft.job.state, extra: { wait: turnFacts(gate) } });
  draft.after.push({ type: "arrive-at-gate" });
  return true;
}

/** It was let in by this very unit. */
export function isEntering({ job, state }: Draft): boolean {
  return job.gate?.isIn === true && state?.job.gate?.isIn !== true;
}

/** On disk before its first handler runs: after a crash it is counted. */
export function takeAdmitted(draft: Draft, visit: number | undefined): void {
  const { gate, status, state } = draft.job;
  if (!gate || isTerminal(status)) return void draft.after.push({ type: "leave-gate" });
  // It was over before it heard that, and was retried: the gate has let in somebody else, and it stands there anew.
  if (gate.visit !== visit) return;
  if (status === "pending" && !gate.isIn) {
    draft.set({ gate: { ...gate, isIn: true }, status: "running" });
    draft.event({ type: "job_admitted", state });
    draft.after.push({ type: "continue" });
  }
  draft.after.push({ type: "enter-gate" });
}
