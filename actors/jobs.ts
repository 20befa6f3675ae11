/** What the doors may ask about jobs, answered by the store and the jobs' actors. */
import { isChildWait, isTerminal, type Job, type TaskWait } from "../src/job/model.ts";
import type { Migration } from "../src/job/migration.ts";
import type { Reply } from "../src/runtime/types.ts";
import { uniqueKeyTaken } from "../src/storage/refusals.ts";
import { Refusal } from "../src/system/errors.ts";
import type { Lookup } from "../src/system/lookup.ts";
import type { Dispatch } from "./dispatcher/decide.ts";
import type { Gates } from "./gate/decide.ts";
import { Histories } from "./histories.ts";
import { taskKey } from "./dispatcher/task.ts";
import type { JobMessage } from "./job/messages.ts";
import { targetOf } from "./migrations.ts";
import { Creations, type CreationsParts } from "./creations.ts";
import type { JobChange, Jobs, NewJob, Rerun, TaskView, Viewer } from "./orchestrator.ts";
import type { Directory } from "./worker-registry/actor.ts";

export interface JobsParts extends CreationsParts {
  readonly dispatch: Dispatch;
  readonly gates: Gates;
  readonly directory: Directory;
  readonly listeners: Lookup<string, Set<(change: JobChange) => void>>;
  /** Resolves once the parent of a job that is over waits for it no more. */
  settled(child: Job): Promise<void>;
}

const ASK_MS = 30_000;
const TASKS_SHOWN = 100;

export function createJobs(parts: JobsParts): Jobs {
  const { storage, region, actors, system } = parts;
  const histories = new Histories(storage.jobs);
  const creations = new Creations(parts);

  async function find(viewer: Viewer, id: string): Promise<Job> {
    const job = await storage.jobs.load(id);
    // Somebody else's job is not found either: its id must not be told from one that is none.
    if (!job || (viewer !== undefined && job.client.id !== viewer))
      throw new Refusal("JOB_NOT_FOUND", 404, "Job not found");
    return job;
  }

  async function openWaits(job: Job): Promise<readonly TaskWait[]> {
    if (job.task) return [job.task];
    if (!job.parallel) return [];
    const branches = await storage.jobs.branches(job.id);
    return branches.flatMap(({ wait, result }) => (result || isChildWait(wait) ? [] : [wait])).slice(0, TASKS_SHOWN);
  }

  function view(job: Job, wait: TaskWait): TaskView {
    const key = taskKey(job.id, job.visit, wait.slot);
    const held = parts.dispatch.whereIs(key);
    const live = held?.workerId === undefined ? undefined : parts.directory.get(held.workerId)?.actor.handOutOf(key);
    const handOut = live ?? (held?.state === "queued" ? undefined : wait.delivery);
    if (!handOut) return { wait, status: "queued" };
    return { wait, status: "running", taskId: handOut.taskId, workerId: handOut.workerId };
  }

  async function cancel(viewer: Viewer, id: string) {
    const job = await find(viewer, id);
    if (isTerminal(job.status)) {
      const message = `The job has ended as ${job.status} already; there is nothing to cancel.`;
      throw new Refusal("JOB_TERMINAL", 409, message);
    }
    const waits = await openWaits(job);
    const isSent = waits.some((wait) => {
      const { workerId } = view(job, wait);
      return workerId !== undefined && parts.directory.get(workerId)?.actor.isConnected === true;
    });
    await actors.ask<JobMessage, void>(region.ref(id), (reply) => ({ type: "cancel", reply }), ASK_MS, "system");
    return isSent ? "cancellation_request_sent" : "cancellation_request_accepted";
  }

  /** To the job's actor; whoever may not see the job finds none. */
  async function ask(viewer: Viewer, id: string, message: (reply: Reply<void>) => JobMessage): Promise<void> {
    await find(viewer, id);
    await actors.ask<JobMessage, void>(region.ref(id), message, ASK_MS);
  }

  const rerun: Jobs["rerun"] = async (viewer, id, changes, key, admit) => {
    const job = await find(viewer, id);
    const idempotency =
      key === undefined ? undefined : { key: `rerun:${id}:${key}`, bodyHash: JSON.stringify(changes) };
    const [again] = await create(job.client, [rerunOf(job, changes)], idempotency, admit);
    return again ?? "";
  };

  const submit: Jobs["submit"] = (client, asked, idempotency, admit = () => {}) =>
    creations.create(client, asked, idempotency, admit);

  const create: Jobs["create"] = async (client, asked, idempotency, admit) =>
    (await submit(client, asked, idempotency, admit)).map(({ id }) => id);

  async function retry(viewer: Viewer, id: string, key: string | undefined): Promise<void> {
    const job = await find(viewer, id);
    // Its unit would be refused as well, but only after a handler has run for nothing.
    if (job.uniqueKey !== undefined && isTerminal(job.status)) {
      const holder = await storage.jobs.holderOf(job.client.id, job.blueprint, job.uniqueKey);
      if (holder !== undefined && holder !== id) throw uniqueKeyTaken(holder);
    }
    await parts.settled(job);
    await ask(viewer, id, (reply) => ({ type: "retry", key: key && `retry:${key}`, reply }));
  }

  return {
    submit,
    create,
    event: (viewer, id, event, key) =>
      ask(viewer, id, (reply) => ({ type: "event", ...event, key: key && `event:${key}`, reply })),
    decide: (viewer, id, decision, key) =>
      ask(viewer, id, (reply) => ({ type: "decision", ...decision, key: key && `decision:${key}`, reply })),
    retry,
    async migrate(id, { to, states, isDryRun }) {
      const target = await targetOf(parts.catalog, await find(undefined, id), to, states);
      return actors.ask<JobMessage, Migration>(
        region.ref(id),
        (reply) => ({ type: "migrate", target, states, isDryRun, reply }),
        ASK_MS,
      );
    },
    rerun,
    async read(viewer, id) {
      const job = await find(viewer, id);
      const waits = await openWaits(job);
      const clockOffsetMs = system.clock.nowMs() - parts.steady.nowMs();
      const standing = job.gate && parts.gates.standing(id);
      const seen = { job, standing, clockOffsetMs, tasks: waits.map((wait) => view(job, wait)) };
      const hasMessages = job.webhookUrl !== undefined || job.status === "waiting_for_human";
      return hasMessages ? { ...seen, outbox: await storage.outbox.ofJob(id) } : seen;
    },
    list: (query) => storage.jobs.list(query),
    cancel,
    async history(viewer, id, afterSequence, limit) {
      const job = await find(viewer, id);
      return histories.read(job, afterSequence, limit);
    },
    counts: (viewer) => storage.jobs.countByStatus(viewer),
    watch(id, changed) {
      const listeners = parts.listeners.get(id) ?? new Set();
      parts.listeners.set(id, listeners);
      listeners.add(changed);
      return () => {
        listeners.delete(changed);
        if (listeners.size === 0) parts.listeners.delete(id);
      };
    },
  };
}

/** What the first run was given, with what is to be different. */
function rerunOf(job: Job, { fromState, initialData = job.initialData }: Rerun): NewJob {
  const { blueprint, priority, dispatchTimeoutMs, resultTimeoutMs, webhookUrl, security, metadata, tags, trace } = job;
  return {
    blueprint,
    initialData,
    rerunOf: job.id,
    ...(fromState !== undefined && { state: fromState }),
    ...(priority !== undefined && { priority }),
    ...(dispatchTimeoutMs !== undefined && { dispatchTimeoutSeconds: dispatchTimeoutMs / 1000 }),
    ...(resultTimeoutMs !== undefined && { resultTimeoutSeconds: resultTimeoutMs / 1000 }),
    ...(webhookUrl !== undefined && { webhookUrl }),
    ...(security !== undefined && { security }),
    ...(metadata !== undefined && { metadata }),
    ...(tags !== undefined && { tags }),
    ...(trace !== undefined && { trace }),
  };
}
