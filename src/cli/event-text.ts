/** An event of a job for people: why an attempt failed, what was handed back, how a job ended. */
import type { EventFacts } from "../job/event-facts.ts";
import type { JsonMap } from "../system/errors.ts";
import { type Branches, createBranches } from "./branches.ts";
import { createScale } from "./percent.ts";
import { cell } from "./table.ts";
import { readTaskId } from "../job/task-id.ts";

export interface ToldEvent {
  readonly type: string;
  readonly attempt: number | undefined;
  readonly facts: EventFacts;
}

export interface EventTeller {
  /** Events have to come in their order: what was handed back is seen by what is handed out again. */
  tell(event: ToldEvent): { readonly name: string; readonly details: string };
  /** What its events have told of tasks that run at once. */
  readonly branches: Branches;
}

export function createEventTeller(): EventTeller {
  const toPercent = createScale();
  const handedOut = new Set<string>();
  const branches = createBranches();

  function dispatched({ attempt, facts }: ToldEvent): string {
    const attemptKey = keyOf(facts.task_id);
    const isAgain = attemptKey !== undefined && handedOut.has(attemptKey);
    if (attemptKey !== undefined) handedOut.add(attemptKey);
    const what = [
      branches.nameOf(facts.task_id) ?? facts.task_type,
      attempt !== undefined && attempt > 1 ? `attempt ${attempt}` : undefined,
    ];
    return [...what, isAgain ? "again: it was handed back, which costs no attempt" : undefined]
      .filter((part) => part !== undefined)
      .join(", ");
  }

  function progressed({ task_id: taskId, progress, message }: EventFacts): string {
    if (progress === undefined) return "";
    const branch = branches.nameOf(taskId);
    const parts = [`${toPercent(progress)} %`, branch, message];
    return parts.filter((part) => part !== undefined && part !== "").join("  ");
  }

  function details(event: ToldEvent): string {
    const { facts, attempt } = event;
    switch (event.type) {
      case "task_dispatched":
        return dispatched(event);
      case "task_finished":
        return finished(facts, attempt, branches.nameOf(facts.task_id));
      case "tasks_withdrawn":
        return withdrawn(facts.withdrawn);
      case "progress":
        return progressed(facts);
      default:
        return waitText(facts) ?? joined(errorParts(facts));
    }
  }

  return {
    branches,
    tell(event) {
      branches.see(event.type, event.facts);
      return { name: nameOf(event), details: details(event) };
    },
  };
}

function finished(facts: EventFacts, attempt: number | undefined, branch: string | undefined): string {
  if (facts.outcome === undefined) return branch === undefined ? "" : `${branch}: success`;
  const ended = joined([`attempt ${attempt ?? "?"}`, ...endParts(facts)]);
  return branch === undefined ? ended : `${branch}, ${ended}`;
}

function withdrawn({ count, branches, of }: JsonMap = {}): string {
  const named = Array.isArray(branches) ? branches.map(cell) : [];
  const rest = typeof count === "number" && count > named.length ? ` and ${count - named.length} more` : "";
  return `number ${named.join(", ")}${rest} of ${cell(of)}: the job goes on without`;
}

/** What a job waits for that has not begun. */
const BEFORE_IT: Readonly<Record<string, string>> = {
  start: "for its time,",
  turn: "for its turn",
  paused: "for its blueprint to be resumed",
};

const HASH_SHOWN = 12;

function shortHash(hash: unknown): string {
  return cell(hash).slice(0, HASH_SHOWN);
}

/** Of waits for no task, and of what else happens to a job from outside. */
function waitText({ wait, event, approval, child, migration }: EventFacts): string | undefined {
  if (migration) return `version ${shortHash(migration["from"])} to ${shortHash(migration["to"])}`;
  if (wait) {
    const what = wait["event"] ?? wait["message"] ?? BEFORE_IT[cell(wait["kind"])];
    const { decisions, until } = wait;
    return [
      what === undefined ? undefined : cell(what),
      Array.isArray(decisions) ? `(${decisions.map(cell).join(" or ")})` : undefined,
      until === undefined ? undefined : `until ${cell(until)}`,
    ]
      .filter((part) => part !== undefined)
      .join(" ");
  }
  if (event) return `${cell(event["name"])}${event["early"] === true ? ", kept until the job waits for it" : ""}`;
  if (approval) {
    const comment = approval["comment"] === undefined ? "" : `: ${cell(approval["comment"])}`;
    return `${cell(approval["decision"])} by ${cell(approval["by"])} through ${cell(approval["through"])}${comment}`;
  }
  if (!child) return undefined;
  const end = child["status"] === undefined ? "" : ` ${cell(child["status"])} in ${cell(child["final_state"])}`;
  return `${cell(child["blueprint"])} ${cell(child["job_id"])}${end}`;
}

/** Ends of an attempt that the blueprint did not make up. */
const ATTEMPT_ENDS: Readonly<Record<string, string>> = { failure: "task_failed", cancelled: "task_cancelled" };

/** What the name does not say. */
function endParts(facts: EventFacts): readonly (string | undefined)[] {
  const isNamed = facts.outcome !== undefined && facts.outcome in ATTEMPT_ENDS;
  return [isNamed ? undefined : facts.outcome, ...errorParts(facts)];
}

/** The wire calls every end but finishing a failure, and every end of an attempt finished. */
function nameOf({ type, facts }: ToldEvent): string {
  if (type === "task_finished") return ATTEMPT_ENDS[facts.outcome ?? ""] ?? type;
  const isOther = type === "job_failed" && (facts.outcome === "cancelled" || facts.outcome === "quarantined");
  return isOther ? `job_${facts.outcome}` : type;
}

function errorParts({ error }: EventFacts): readonly (string | undefined)[] {
  return [error?.code, error?.message];
}

function joined(parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined).join(": ");
}

/** Which attempt of which wait of the job: the same for each hand-out of it. */
function keyOf(taskId: string | undefined): string | undefined {
  const parts = taskId === undefined ? undefined : readTaskId(taskId)?.parts;
  return parts && `${parts.visit}/${parts.slot}/${parts.attempt}`;
}
