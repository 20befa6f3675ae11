/** What the doors may ask about jobs, answered by the store and the jobs' actors. */
import type { Catalog } from "../src/catalog/port.ts";
import { type ClientFacts, isChildWait, isTerminal, type Job, type TaskWait } from "../src/job/model.ts";
import type { ActorSystem, Region, Reply } from "../src/runtime/types.ts";
import type { IdempotencyWrite, Storage } from "../src/storage/port.ts";
import { Refusal } from "../src/system/errors.ts";
import { shardOf } from "../src/system/ids.ts";
import type { System } from "../src/system/index.ts";
import type { SteadyClock } from "../src/system/steady.ts";
import type { Dispatch } from "./dispatcher/decide.ts";
import { Histories } from "./histories.ts";
import { taskKey } from "./dispatcher/task.ts";
import { creationWrite } from "./job/creation.ts";
import type { JobMessage } from "./job/messages.ts";
import type { Idempotency, JobChange, Jobs, NewJob, Rerun, TaskView, Viewer } from "./orchestrator.ts";
import { newJob } from "./new-job.ts";
import type { Directory } from "./worker-registry/actor.ts";

export interface JobsParts {
  readonly system: System;
  /** For what is due. */
  readonly steady: SteadyClock;
  readonly actors: ActorSystem;
  readonly region: Region<JobMessage>;
  readonly storage: Storage;
  readonly catalog: Catalog;
  readonly dispatch: Dispatch;
  readonly directory: Directory;
  readonly known: Map<string, Job | undefined>;
  readonly listeners: Map<string, Set<(change: JobChange) => void>>;
  readonly limits: { readonly creationsAtOnce: number; readonly idempotencyMs: number; readonly outboxRows: number };
  /** How many rows the outbox has, as far as is known. */
  readonly outboxGauge: { readonly held: number };
}

const ASK_MS = 30_000;
const TASKS_SHOWN = 100;
const OUTBOX_RETRY_SECONDS = 60;

export function createJobs(parts: JobsParts): Jobs {
  const { storage, region, actors, system } = parts;
  const creating = new Map<string, { readonly bodyHash: string; readonly ids: Promise<readonly string[]> }>();
  const histories = new Histories(storage.jobs);
  let underWay = 0;

  function keyed(client: ClientFacts, idempotency: Idempotency, ids: readonly string[]): IdempotencyWrite {
    return {
      client: client.id,
      key: idempotency.key,
      bodyHash: idempotency.bodyHash,
      answer: JSON.stringify(ids),
      expiresAtMs: system.clock.nowMs() + (idempotency.keptMs ?? parts.limits.idempotencyMs),
    };
  }

  async function createOne(job: Job, idempotency: IdempotencyWrite | undefined): Promise<readonly string[]> {
    parts.known.set(job.id, undefined);
    try {
      return [
        await actors.ask<JobMessage, string>(
          region.ref(job.id),
          (reply) => ({ type: "create", job, idempotency, reply }),
          ASK_MS,
        ),
      ];
    } finally {
      parts.known.delete(job.id);
    }
  }

  /** Many at once: on disk in one unit, set going after it. */
  async function createMany(
    jobs: readonly Job[],
    idempotency: IdempotencyWrite | undefined,
  ): Promise<readonly string[]> {
    const writes = jobs.map(creationWrite);
    // Whoever asks for one of them first, finds it here as it is on disk.
    for (const { job } of writes) parts.known.set(job.id, job);
    try {
      await storage.journal.commit({ jobs: writes, idempotency });
    } catch (error) {
      for (const { job } of writes) parts.known.delete(job.id);
      throw error;
    }
    for (const { job } of writes) region.ref(job.id).tell({ type: "recover" });
    return jobs.map((job) => job.id);
  }

  async function createAll(
    client: ClientFacts,
    asked: readonly NewJob[],
    idempotency: Idempotency | undefined,
    admit: () => void,
  ) {
    if (underWay >= parts.limits.creationsAtOnce) {
      throw new Refusal("TOO_BUSY", 503, "Too many creations are under way; try again in a second.", undefined, 1);
    }
    // Each job that ends would add to what cannot be delivered.
    if (parts.outboxGauge.held >= parts.limits.outboxRows && asked.some((one) => one.webhookUrl !== undefined)) {
      const message = `${parts.limits.outboxRows} messages could not be delivered yet, so that no job with a webhook_url is taken: leave it out, or try again in a minute. Operators see them at GET /admin/outbox?failed=true.`;
      throw new Refusal("OUTBOX_FULL", 503, message, undefined, OUTBOX_RETRY_SECONDS);
    }
    admit();
    underWay += 1;
    try {
      let shard: number | undefined;
      const jobs = asked.map((one) => {
        const job = newJob(parts, client, one, shard);
        shard = shardOf(job.id);
        return job;
      });
      const write =
        idempotency &&
        keyed(
          client,
          idempotency,
          jobs.map((job) => job.id),
        );
      const [only] = jobs;
      return jobs.length === 1 && only ? await createOne(only, write) : await createMany(jobs, write);
    } finally {
      underWay -= 1;
    }
  }

  async function createOnce(
    client: ClientFacts,
    asked: readonly NewJob[],
    idempotency: Idempotency,
    admit: () => void,
  ) {
    const name = `${client.id}\n${idempotency.key}`;
    const running = creating.get(name);
    if (running) {
      assertSameBody(running.bodyHash, idempotency);
      return running.ids;
    }
    const ids = (async () => {
      const first = await storage.jobs.idempotent(client.id, idempotency.key, system.clock.nowMs());
      if (!first) return createAll(client, asked, idempotency, admit);
      assertSameBody(first.bodyHash, idempotency);
      return JSON.parse(first.answer) as string[];
    })();
    creating.set(name, { bodyHash: idempotency.bodyHash, ids });
    try {
      return await ids;
    } finally {
      creating.delete(name);
    }
  }

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

  async function rerun(viewer: Viewer, id: string, changes: Rerun, key?: string): Promise<string> {
    const job = await find(viewer, id);
    const idempotency =
      key === undefined ? undefined : { key: `rerun:${id}:${key}`, bodyHash: JSON.stringify(changes) };
    const [again] = await create(job.client, [rerunOf(job, changes)], idempotency);
    return again ?? "";
  }

  const create: Jobs["create"] = (client, asked, idempotency, admit = () => {}) =>
    idempotency ? createOnce(client, asked, idempotency, admit) : createAll(client, asked, idempotency, admit);

  return {
    create,
    event: (viewer, id, event, key) =>
      ask(viewer, id, (reply) => ({ type: "event", ...event, key: key && `event:${key}`, reply })),
    decide: (viewer, id, decision, key) =>
      ask(viewer, id, (reply) => ({ type: "decision", ...decision, key: key && `decision:${key}`, reply })),
    retry: (viewer, id, key) => ask(viewer, id, (reply) => ({ type: "retry", key: key && `retry:${key}`, reply })),
    rerun,
    async read(viewer, id) {
      const job = await find(viewer, id);
      const waits = await openWaits(job);
      const clockOffsetMs = system.clock.nowMs() - parts.steady.nowMs();
      const seen = { job, clockOffsetMs, tasks: waits.map((wait) => view(job, wait)) };
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

function assertSameBody(bodyHash: string, idempotency: Idempotency): void {
  if (bodyHash === idempotency.bodyHash) return;
  const message = "This Idempotency-Key was used with another body; send the same body, or choose a new key.";
  throw new Refusal("IDEMPOTENCY_MISMATCH", 422, message);
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
