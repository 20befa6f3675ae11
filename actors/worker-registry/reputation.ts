/**
 * How far a worker is trusted, from 0 to 1: what its results take and give, and what time gives back. Pure; who keeps it
 * and who passes the time in is `reputations.ts`.
 */
import type { Outcome } from "../../src/job/outcome.ts";
import type { WorkerView } from "../../src/job/worker.ts";
import { assertNever } from "../../src/system/errors.ts";

export interface ReputationRules {
  /** Given for a good result. */
  readonly successReward: number;
  /** Taken for a failure that another attempt would not mend. */
  readonly failurePenalty: number;
  /** Taken for a result that is not what its task, or the protocol, promises. */
  readonly violationPenalty: number;
  /** Given back by time alone: who gets no tasks any more could never earn it again. */
  readonly recoveryPerHour: number;
  /** With less it gets no tasks, unless most of its latest results were good. */
  readonly threshold: number;
}

export const REPUTATION_RULES: ReputationRules = {
  successReward: 0.001,
  failurePenalty: 0.05,
  violationPenalty: 0.2,
  recoveryPerHour: 0.6,
  threshold: 0.3,
};

/** What a result says of its worker. */
export type Deed = "success" | "failure" | "violation";

export interface Standing {
  /** At that moment; time has given something back since. */
  readonly value: number;
  readonly atMs: number;
  /** Of its latest results, older ones counting ever less: the good ones, and all that say something. */
  readonly good: number;
  readonly all: number;
}

/** A number and what it is held against. */
export type Trust = Pick<WorkerView, "reputation" | "reputationNeeded">;

export const FULL_REPUTATION = 1;
const HOUR_MS = 3_600_000;
/** Shown and compared in steps of this: what people read is what counts. */
const STEPS = 10_000;
/** What is left of a result's weight with each further one: about the last ten count. */
const WEIGHT_KEPT = 0.9;
/** Less than this is told to nobody. */
const NOTICED = 0.005;

/** Failures that speak against the worker and not against its input, its luck or the hour. */
const FAILURES: ReadonlySet<string> = new Set(["PERMANENT_ERROR", "SECURITY_ERROR", "DEPENDENCY_ERROR"]);
const VIOLATION = "CONTRACT_VIOLATION_ERROR";

/** Undefined: it says nothing. */
export function deedOf(outcome: Outcome): Deed | undefined {
  if (outcome.kind === "status") return "success";
  if (outcome.kind !== "final") return undefined;
  if (outcome.error.code === VIOLATION) return "violation";
  return FAILURES.has(outcome.error.code) ? "failure" : undefined;
}

/** Undefined stands for one that nothing is held against. */
export function afterDeed(
  standing: Standing | undefined,
  deed: Deed,
  nowMs: number,
  rules: ReputationRules,
): Standing | undefined {
  const value = Math.max(0, valueAt(standing, nowMs, rules) + changeBy(deed, rules));
  if (value >= FULL_REPUTATION) return undefined;
  const { good, all } = standing ?? { good: 0, all: 0 };
  return {
    value,
    atMs: nowMs,
    good: good * WEIGHT_KEPT + (deed === "success" ? 1 : 0),
    all: all * WEIGHT_KEPT + 1,
  };
}

/**
 * A success gives far less than a failure takes: with very many tasks a failure in thirty would bring anybody down to
 * nothing, and whole fleets to a stand-still. Shut out is who fails most of what it gets, not who fails often.
 */
export function trustIn(standing: Standing | undefined, nowMs: number, rules: ReputationRules): Trust {
  const isMostlyGood = standing !== undefined && standing.good * 2 >= standing.all;
  const reputationNeeded = isMostlyGood ? 0 : rules.threshold;
  return { reputation: reputationAt(standing, nowMs, rules), reputationNeeded };
}

export function isTrusted({ reputation, reputationNeeded }: Trust): boolean {
  return reputation >= reputationNeeded;
}

/** Whether somebody who was told the one would decide otherwise with the other. */
export function isNews(told: Trust, now: Trust): boolean {
  if (isTrusted(told) !== isTrusted(now) || told.reputationNeeded !== now.reputationNeeded) return true;
  const isFull = now.reputation >= FULL_REPUTATION && told.reputation < FULL_REPUTATION;
  return isFull || Math.abs(now.reputation - told.reputation) >= NOTICED;
}

export function reputationAt(standing: Standing | undefined, nowMs: number, rules: ReputationRules): number {
  if (standing === undefined) return FULL_REPUTATION;
  // Sums of such fractions miss a step by a hair.
  return Math.floor(valueAt(standing, nowMs, rules) * STEPS + 1e-6) / STEPS;
}

/** How long until it is trusted again, by time alone. */
export function msUntilTrusted(trust: Trust, { recoveryPerHour }: ReputationRules): number {
  return isTrusted(trust) ? 0 : ((trust.reputationNeeded - trust.reputation) / recoveryPerHour) * HOUR_MS;
}

function valueAt(standing: Standing | undefined, nowMs: number, { recoveryPerHour }: ReputationRules): number {
  if (standing === undefined) return FULL_REPUTATION;
  // A clock that was set back gives nothing, and takes nothing.
  const hours = Math.max(0, nowMs - standing.atMs) / HOUR_MS;
  return Math.min(FULL_REPUTATION, standing.value + hours * recoveryPerHour);
}

function changeBy(deed: Deed, rules: ReputationRules): number {
  switch (deed) {
    case "success":
      return rules.successReward;
    case "failure":
      return -rules.failurePenalty;
    case "violation":
      return -rules.violationPenalty;
    default:
      return assertNever(deed);
  }
}
