/** Jobs of other blueprints that a job runs inside its own: how they begin, and what their end makes of it. */
import type { ChildOrder } from "../../src/handlers/port.ts";
import type { ChildWait, Job, JobError } from "../../src/job/model.ts";
import type { Draft } from "./draft.ts";
import type { JobMessage } from "./messages.ts";
import { cancelled, collect, failed, targetOf } from "./outcomes.ts";

/** A child that was asked for, made or not. */
export interface Begun {
  readonly wait: ChildWait;
  readonly made: Job | JobError;
}

export function prepareChild(draft: Draft, order: ChildOrder, slot: number): Begun {
  const made = draft.rules.child(draft.job, order);
  const childId = "id" in made ? made.id : `child-${slot}`;
  const { blueprint, transitions } = order;
  return { wait: { slot, childId, blueprint, transitions, sinceMs: draft.atMs }, made };
}

/** In the unit of its parent: neither is there without the other. */
export function beginChild(draft: Draft, { wait, made }: Begun): void {
  if (!("id" in made)) return failed(draft, wait, "failed", made);
  draft.make(made);
  draft.event({
    type: "sub_blueprint_started",
    state: draft.job.state,
    extra: { child: { job_id: made.id, blueprint: wait.blueprint } },
  });
}

export function takeChildEnded(draft: Draft, message: Extract<JobMessage, { type: "child-ended" }>): void {
  const wait = draft.openChildren().find(({ childId }) => childId === message.childId);
  if (!wait) return;
  const { childId, status, state, error } = message;
  const outcome = status === "finished" ? "success" : "failure";
  const facts = { outcome, final_state: state, error_message: error?.message ?? null, status };
  draft.event({
    type: "sub_blueprint_finished",
    state: draft.job.state,
    extra: { child: { job_id: childId, blueprint: wait.blueprint, ...facts } },
  });
  // From here on nothing has to be taken back from it.
  if (draft.job.child) draft.set({ child: undefined });
  draft.set({ begun: true });
  const ended = { taskId: childId, json: endedJson(message, facts) };
  if (draft.job.cancelRequestedAtMs !== undefined) return cancelled(draft, wait, ended);
  if (outcome === "success") return succeeded(draft, wait, message, facts);
  const merge = draft.job.parallel ? undefined : resultOf(message, facts);
  const target = status === "cancelled" ? targetOf(wait, "cancelled") : undefined;
  const why = childError(wait, message);
  if (target !== undefined && target !== draft.job.parallel?.into) {
    return draft.enter(target, { error: why, endsAs: "cancelled", merge, failedIn: draft.job.state });
  }
  failed(draft, wait, "failed", why, { merge, ended });
}

type Facts = Readonly<Record<string, string | null>>;
type ChildEnded = Extract<JobMessage, { type: "child-ended" }>;

function succeeded(draft: Draft, wait: ChildWait, message: ChildEnded, facts: Facts): void {
  const target = targetOf(wait, "success");
  if (target === undefined) {
    const text = `The child blueprint ${wait.blueprint} ended well and its transitions name no state for success: add one.`;
    return draft.finish("failed", { code: "UNHANDLED_STATUS", message: text });
  }
  if (target === draft.job.parallel?.into) {
    return collect(draft, wait, { taskId: message.childId, json: endedJson(message, facts) }, true);
  }
  draft.enter(target, { merge: resultOf(message, facts), error: undefined });
}

/** What the parent finds in its history. The child's own data stays with the child, unless it set a result. */
function resultOf({ childId, result }: ChildEnded, facts: Facts): string {
  const text = JSON.stringify({ job_id: childId, ...facts });
  const whole = result === undefined ? text : `${text.slice(0, -1)},"result":${result}}`;
  return `{${JSON.stringify(`sub_job_${childId}_result`)}:${whole}}`;
}

/** As an aggregator sees it: like the result of a task. */
function endedJson({ childId, status, error, result, history }: ChildEnded, facts: Facts): string {
  const word = status === "finished" ? "success" : status === "cancelled" ? "cancelled" : "failure";
  const head = JSON.stringify({
    status: word,
    job_id: childId,
    final_state: facts["final_state"],
    ...(word !== "success" && { error: error ?? { code: "CHILD_FAILED", message: `The child ended as ${status}.` } }),
  });
  return `${head.slice(0, -1)},"data":${result ?? history}}`;
}

function childError({ blueprint }: ChildWait, { childId, status, state, error }: ChildEnded): JobError {
  const because = error === undefined ? "" : `: ${error.message}`;
  const message = `The child job ${childId} (${blueprint}) ended as ${status} in state ${state}${because}`;
  return { code: status === "cancelled" ? "CHILD_CANCELLED" : "CHILD_FAILED", message };
}
