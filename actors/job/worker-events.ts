/** What a worker tells while it runs a task: kept in the history, told to the webhook, and for some of them the job goes on. */
import type { TaskWait } from "../../src/job/model.ts";
import { webhookDestination, workerEventBody } from "../../src/job/webhook.ts";
import type { WorkerEventAnswer } from "../../src/protocol/worker-event.ts";
import type { Draft } from "./draft.ts";
import type { JobMessage } from "./messages.ts";
import { collect } from "./outcomes.ts";
import { isAnswered, remember } from "./pauses.ts";

type Message = Extract<JobMessage, { type: "worker-event" }>;

/** Of one task: each is a row of the history, and may be one of the outbox. */
export const WORKER_EVENTS_MAX = 1_000;

/** More than a worker of ours has on their way at once. With the task, so that none pushes out what others sent. */
const IDS_KEPT = 64;

const ACCEPTED: WorkerEventAnswer = { status: "event_accepted" };

/** `named`: the open wait whose task id the event carries. */
export function takeWorkerEvent(draft: Draft, message: Message, named: TaskWait | undefined): void {
  draft.after.push({ type: "answer-event", reply: message.reply, answer: take(draft, message, named) });
}

function take(draft: Draft, message: Message, wait: TaskWait | undefined): WorkerEventAnswer {
  const { event } = message;
  const key = event.id === undefined ? undefined : `worker-event:${event.id}`;
  if (isAnswered(draft.job, key)) return ACCEPTED;
  if (!wait || draft.job.cancelRequestedAtMs !== undefined) {
    return refused("STALE_TASK", "The worker runs no task of this job, or not any more: drop the event.");
  }
  if (event.id !== undefined && wait.eventIds?.includes(event.id)) return ACCEPTED;
  const events = (wait.events ?? 0) + 1;
  if (events > WORKER_EVENTS_MAX) {
    return refused(
      "TOO_MANY_EVENTS",
      `A task may send ${WORKER_EVENTS_MAX} events: send progress, or put it into the result.`,
    );
  }
  note(draft, message, wait);
  const transitions = wait.order.eventTransitions ?? {};
  // A worker may send any word as its event, `constructor` too.
  const target = Object.hasOwn(transitions, event.name) ? transitions[event.name] : undefined;
  if (target === undefined) {
    const eventIds = event.id === undefined ? wait.eventIds : [...(wait.eventIds ?? []), event.id].slice(-IDS_KEPT);
    draft.writeWait({ ...wait, events, ...(eventIds && { eventIds }) });
    return ACCEPTED;
  }
  // The wait is over, and what it knew with it.
  remember(draft, key);
  goOn(draft, message, wait, target);
  return ACCEPTED;
}

function note(draft: Draft, { event, workerId }: Message, wait: TaskWait): void {
  const { state, webhookUrl } = draft.job;
  draft.event({
    type: `worker_event:${event.name}`,
    state,
    worker: workerId,
    taskId: event.taskId,
    attempt: wait.attempt,
    extra: { worker_event: JSON.parse(event.payload) },
  });
  if (webhookUrl === undefined) return;
  draft.send(
    "webhook",
    workerEventBody(draft.job, webhookUrl, { ...event, workerId }, draft.atMs),
    webhookDestination(webhookUrl),
  );
}

/** The task is over for the job: its worker is told to end it. */
function goOn(draft: Draft, { event }: Message, wait: TaskWait, target: string): void {
  const { name, payload } = event;
  draft.set({ begun: true });
  if (target !== draft.job.parallel?.into) {
    return draft.enter(target, { merge: `{${JSON.stringify(name)}:${payload}}`, error: undefined });
  }
  draft.after.push({ type: "drop-task", visit: draft.job.visit, slot: wait.slot });
  const taskId = wait.delivery?.taskId ?? `branch-${wait.slot}`;
  collect(draft, wait, { taskId, json: `{"status":${JSON.stringify(name)},"data":${payload}}` }, true);
}

function refused(code: string, message: string): WorkerEventAnswer {
  return { status: "error", code, message };
}
