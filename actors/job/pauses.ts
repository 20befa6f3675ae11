/** Waits for a time, an event or a person: how they begin and what ends them. */
import { approvalAsked } from "../../src/job/approval.ts";
import { isTerminal, type Job } from "../../src/job/model.ts";
import {
  type ApprovalPause,
  decisionsOf,
  EARLY_EVENTS_LENGTH_MAX,
  EARLY_EVENTS_MAX,
  type EarlyEvent,
  type Pause,
  pauseOf,
  type PauseOrder,
  statusOfPause,
  TIMEOUT,
  type TimerPause,
} from "../../src/job/pause.ts";
import { pauseFacts } from "../../src/job/waiting.ts";
import { isoTime } from "../../src/system/iso.ts";
import { Refusal } from "../../src/system/errors.ts";
import { type Draft, GONE_ON } from "./draft.ts";
import type { JobMessage } from "./messages.ts";

/** The moment by which a wait is looked at again may be off by so much before it is written anew. */
const DRIFT_MS = 1_000;
const ANSWERED_KEPT = 32;

export function beginPause(draft: Draft, order: PauseOrder): void {
  const pause = pauseOf(order, draft.nowMs, draft.atMs);
  draft.set({ ...GONE_ON, status: statusOfPause(pause), pause });
  draft.event({
    type: BEGINNINGS[pause.kind],
    state: draft.job.state,
    extra: { wait: pauseFacts(pause, draft.atMs - draft.nowMs) },
  });
  if (pause.kind === "event") takeEarly(draft, pause.event);
  if (pause.kind === "approval") askPerson(draft, pause);
}

function askPerson(draft: Draft, pause: ApprovalPause): void {
  const untilMs = pause.dueAtMs === undefined ? undefined : pause.dueAtMs - draft.nowMs + draft.atMs;
  draft.send("approval", JSON.stringify(approvalAsked(draft.job, pause, untilMs)), pause.integration);
}

const BEGINNINGS = { timer: "timer_started", event: "event_awaited", approval: "approval_requested" } as const;

/** An event of that name came before the job waited for it. */
function takeEarly(draft: Draft, event: string): void {
  const early = draft.job.early ?? [];
  const index = early.findIndex((one) => one.event === event);
  const found = early[index];
  if (!found) return;
  draft.set({ early: early.length === 1 ? undefined : early.toSpliced(index, 1) });
  received(draft, found);
  // The handler that follows runs in the next unit: this one is committed as it is.
  draft.needsTurn = false;
  draft.after.push({ type: "continue" });
}

export function takeEvent(draft: Draft, message: Extract<JobMessage, { type: "event" }>): void {
  const { event, data, key, reply } = message;
  if (isAnswered(draft.job, key)) return void draft.after.push({ type: "answer-done", reply });
  const { pause, status } = draft.job;
  if (isTerminal(status)) return refuse(draft, reply, terminal(status, "an event"));
  if (pause?.kind !== "event" || pause.event !== event) {
    const problem = keepEarly(draft, { event, data });
    if (problem) return refuse(draft, reply, problem);
  } else received(draft, { event, data });
  remember(draft, key);
  draft.after.push({ type: "answer-done", reply });
}

/** Kept for the next wait for it. */
function keepEarly(draft: Draft, event: EarlyEvent): Refusal | undefined {
  const early = [...(draft.job.early ?? []), event];
  const length = early.reduce((sum, one) => sum + one.data.length + one.event.length, 0);
  if (early.length > EARLY_EVENTS_MAX || length > EARLY_EVENTS_LENGTH_MAX) {
    const message = `The job keeps ${early.length - 1} events that it has not waited for yet, and takes no more: send it again once it has taken some.`;
    return new Refusal("TOO_MANY_EVENTS", 429, message, undefined, 5);
  }
  draft.set({ early });
  draft.event({ type: "event_received", state: draft.job.state, extra: { event: { name: event.event, early: true } } });
  return undefined;
}

function received(draft: Draft, { event, data }: EarlyEvent): void {
  const { pause } = draft.job;
  if (pause?.kind !== "event") return;
  draft.event({ type: "event_received", state: draft.job.state, extra: { event: { name: event } } });
  // Checked when the handler recorded it: an event has a state to go on with.
  const target = pause.transitions["received"] ?? draft.job.state;
  draft.enter(target, { merge: `{${JSON.stringify(event)}:${data}}`, error: undefined });
}

export function takeDecision(draft: Draft, message: Extract<JobMessage, { type: "decision" }>): void {
  const { decision, key, reply } = message;
  if (isAnswered(draft.job, key)) return void draft.after.push({ type: "answer-done", reply });
  const pause = waitingFor(draft.job, message.visit);
  if (!(pause instanceof Refusal)) {
    const offered = decisionsOf(pause.transitions);
    if (!offered.includes(decision)) return refuse(draft, reply, notOffered(decision, offered));
    decided(draft, pause, message);
    remember(draft, key);
    draft.after.push({ type: "answer-done", reply });
    return;
  }
  refuse(draft, reply, pause);
}

function waitingFor({ pause, status, visit }: Job, asked: number | undefined): ApprovalPause | Refusal {
  if (isTerminal(status)) return terminal(status, "a decision");
  if (pause?.kind !== "approval") {
    const message = `Job is not in a state that can be approved: it is ${status} and waits for no decision.`;
    return new Refusal("NOT_WAITING_FOR_DECISION", 409, message);
  }
  if (asked === undefined || asked === visit) return pause;
  const message = "This was decided already, or its time was over; the job waits for another decision now.";
  return new Refusal("ALREADY_DECIDED", 409, message);
}

function decided(draft: Draft, pause: ApprovalPause, message: Extract<JobMessage, { type: "decision" }>): void {
  const { decision, comment, by, through } = message;
  const facts = { decision, by, through, ...(comment !== undefined && { comment }) };
  draft.event({ type: "approval_decided", state: draft.job.state, extra: { approval: facts } });
  const merge = JSON.stringify({ approval: { ...facts, decided_at: isoTime(draft.atMs) } });
  const end = { type: "decided", ...facts } as const;
  draft.enter(pause.transitions[decision] ?? draft.job.state, { merge, error: undefined }, end);
}

/** Time has come to look at the wait: it may be over, or its date may have moved with the clock of the wall. */
export function wakePause(draft: Draft, pause: Pause): void {
  if (pause.kind === "timer") return wakeTimer(draft, pause);
  if (pause.dueAtMs === undefined || pause.dueAtMs > draft.nowMs) return;
  const { job } = draft;
  draft.event({ type: "wait_timed_out", state: job.state, extra: { wait: { kind: pause.kind } } });
  const target = pause.transitions[TIMEOUT];
  const end = { type: "timeout" } as const;
  if (target !== undefined) return draft.enter(target, { error: timedOut(pause) }, end);
  draft.finish("failed", timedOut(pause), end);
}

function wakeTimer(draft: Draft, pause: TimerPause): void {
  const { nowMs, atMs, job } = draft;
  const leftMs = pause.untilMs === undefined ? pause.dueAtMs - nowMs : pause.untilMs - atMs;
  if (leftMs <= 0) {
    draft.event({ type: "timer_fired", state: job.state });
    return draft.enter(pause.then, { error: undefined });
  }
  const dueAtMs = nowMs + leftMs;
  const isSpent = pause.dueAtMs <= nowMs;
  if (isSpent || Math.abs(dueAtMs - pause.dueAtMs) > DRIFT_MS) draft.set({ pause: { ...pause, dueAtMs } });
}

function timedOut(pause: Exclude<Pause, TimerPause>): { code: string; message: string } {
  if (pause.kind === "event") {
    return { code: "EVENT_TIMEOUT", message: `The event "${pause.event}" did not come in time.` };
  }
  return { code: "APPROVAL_TIMEOUT", message: "Nobody decided in time." };
}

export function isAnswered(job: Job, key: string | undefined): boolean {
  return key !== undefined && job.answered?.includes(key) === true;
}

/** The same request, sent again, finds it was carried out. */
export function remember(draft: Draft, key: string | undefined): void {
  if (key !== undefined) draft.set({ answered: [...(draft.job.answered ?? []), key].slice(-ANSWERED_KEPT) });
}

export function refuse(
  draft: Draft,
  reply: Extract<JobMessage, { type: "event" | "decision" | "retry" }>["reply"],
  error: Refusal,
): void {
  draft.after.push({ type: "refuse", reply, error });
}

function terminal(status: string, what: string): Refusal {
  return new Refusal("JOB_TERMINAL", 409, `The job has ended as ${status} already and takes ${what} no more.`);
}

function notOffered(decision: string, offered: readonly string[]): Refusal {
  const message = `Invalid decision '${decision}' for this job: choose one of ${offered.join(", ")}.`;
  return new Refusal("INVALID_DECISION", 400, message, { decisions: [...offered] });
}
