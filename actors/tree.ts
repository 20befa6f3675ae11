/**
 * The supervision tree, and who may talk to whom:
 *
 *   root
 *   ├── dispatcher          queues, and the decision who gets what
 *   ├── gates               which jobs may begin: limits and paused blueprints
 *   ├── worker-registry
 *   │   └── worker-ID …     record, connections, leases of one worker
 *   ├── outbox              what has to leave the process, until it is delivered
 *   └── jobs (region)
 *       └── JOB-ID …        in memory while something happens to the job
 *
 * Beside it, without state of their own: wakes (time moves jobs) and the sweep (nothing is forgotten).
 */
import type { Catalog } from "../src/catalog/port.ts";
import type { HandlerRunner } from "../src/handlers/port.ts";
import type { GatePlace } from "../src/job/gate.ts";
import { isTerminal, type Job } from "../src/job/model.ts";
import type { Sender } from "../src/notify/port.ts";
import { createTaskIds, EPOCH_MASK, readTaskId } from "../src/job/task-id.ts";
import type { ActorSystem } from "../src/runtime/types.ts";
import type { OpenJob, Storage } from "../src/storage/port.ts";
import type { Cancel } from "../src/system/clock.ts";
import type { Service } from "../src/system/lifecycle.ts";
import { assertNever, type JsonMap, messageOf, Refusal } from "../src/system/errors.ts";
import type { System } from "../src/system/index.ts";
import { createSteadyClock } from "../src/system/steady.ts";
import { createBlueprints } from "./blueprints.ts";
import { DispatcherActor } from "./dispatcher/actor.ts";
import { BodyFetcher } from "./dispatcher/bodies.ts";
import { BODY_BYTES_MAX, Dispatch } from "./dispatcher/decide.ts";
import type { DispatcherEffect } from "./dispatcher/messages.ts";
import { type QueuedTask, taskKey } from "./dispatcher/task.ts";
import { GateActor } from "./gate/actor.ts";
import { Gates } from "./gate/decide.ts";
import { gateOf, limitOf, placeOf } from "./gate/entry.ts";
import type { GateEffect, Place } from "./gate/messages.ts";
import { openGates } from "./gate/opening.ts";
import { JobActor, type JobParts } from "./job/actor.ts";
import type { After } from "./job/draft.ts";
import type { Claim, JobMessage } from "./job/messages.ts";
import { plainEnd } from "./job/plain-end.ts";
import type { Resumption } from "./job/resume.ts";
import { Patience } from "./job/patience.ts";
import { Families } from "./families.ts";
import { createJobs } from "./jobs.ts";
import type { JobChange, Orchestrator } from "./orchestrator.ts";
import { createOutbox } from "./outbox.ts";
import { OutboxActor } from "./outbox/actor.ts";
import { OUTBOX_RULES, type OutboxRules, Sending } from "./outbox/decide.ts";
import type { OutboxMessage } from "./outbox/messages.ts";
import { Recovery, type TaskJob } from "./scheduler/recovery.ts";
import { Retention } from "./scheduler/retention.ts";
import { HOLD_MS, Sweep } from "./scheduler/sweep.ts";
import { Wakes } from "./scheduler/wakes.ts";
import { Stores } from "./stores/stores.ts";
import { createDataStoreViews } from "./stores/views.ts";
import { WallJumps } from "./scheduler/wall-jumps.ts";
import { type KnownWorker, WorkerRegistryActor } from "./worker-registry/actor.ts";
import { createAttendedClock } from "./worker-registry/attended.ts";
import { REPUTATION_RULES, type ReputationRules } from "./worker-registry/reputation.ts";
import { Reputations } from "./worker-registry/reputations.ts";
import type { WorkerParts } from "./worker-registry/worker.ts";
import { createWorkers } from "./workers.ts";

export interface EngineSettings {
  readonly taskAttempts: number;
  readonly handlerRuns: number;
  readonly handlerTimeoutMs: number;
  readonly handlerBackoffMs: number;
  readonly maxSteps: number;
  readonly cancelGraceMs: number;
  /** How long a creation waits for its first handler before it is committed without it. */
  readonly creationPatienceMs: number;
  readonly workerTimeoutMs: number;
  readonly workerRecordMs: number;
  readonly workerReconnectMs: number;
  readonly creationsAtOnce: number;
  readonly jobsInMemory: number;
  /** Of queued tasks: what is over it is fetched from the store when its turn comes. */
  readonly taskBytesInMemory: number;
  /** How long jobs are kept after their end; undefined: for ever. */
  readonly keptMs: number | undefined;
  readonly jobIdleMs: number;
  /** With more than these undelivered, jobs that would add to them are refused. */
  readonly outboxRows: number;
  readonly outbox: OutboxRules;
  /** What is being sent at a stop may take so long to end. */
  readonly outboxStopMs: number;
  /** At the end of a job its files go. */
  readonly cleansFiles: boolean;
  readonly reputation: ReputationRules;
  /** Workers' events that do not fit their own schemas are refused. */
  readonly isStrictOnEvents: boolean;
}

export const ENGINE_DEFAULTS: EngineSettings = {
  taskAttempts: 4,
  handlerRuns: 4,
  handlerTimeoutMs: 30_000,
  handlerBackoffMs: 250,
  maxSteps: 100,
  cancelGraceMs: 10_000,
  creationPatienceMs: 10,
  workerTimeoutMs: 300_000,
  workerRecordMs: 120_000,
  workerReconnectMs: 5_000,
  creationsAtOnce: 10_000,
  jobsInMemory: 20_000,
  taskBytesInMemory: BODY_BYTES_MAX,
  keptMs: undefined,
  jobIdleMs: 10_000,
  outboxRows: 100_000,
  outbox: OUTBOX_RULES,
  outboxStopMs: 3_000,
  cleansFiles: false,
  reputation: REPUTATION_RULES,
  isStrictOnEvents: true,
};

export interface EngineParts {
  readonly system: System;
  readonly actors: ActorSystem;
  readonly storage: Storage;
  readonly catalog: Catalog;
  readonly runner: HandlerRunner;
  readonly sender: Sender;
  /** Told when the end of a job is durable. */
  readonly ended?: ((jobId: string) => void) | undefined;
  readonly settings: EngineSettings;
}

const ASK_MS = 30_000;
const OVERDUE_MS = 5_000;
const IDEMPOTENCY_MS = 24 * 3_600_000;
const MAILBOX_JOB = 20_000;
const MAILBOX_WORKER = 100_000;
const MAILBOX_DISPATCHER = 1_000_000;
const MAILBOX_OUTBOX = 1_000_000;
const BATCH = 256;
const COSTS_PAUSE_MS = 50;

export interface Engine extends Orchestrator, Service {
  /** What `context.storage.getJobState` answers: the asking job sees its own pending status. */
  jobState(askingJobId: string, jobId: string): Promise<Job | undefined>;
  /** What running turns ask of data stores, and what the threads that they run in tell. */
  readonly stores: Pick<Stores, "ask" | "lost">;
  /** Jobs that had to be set going again by the sweep. */
  readonly repairs: number;
  readonly queuedTasks: number;
  /** Jobs whose actors are in memory. */
  readonly jobsActive: number;
}

export function createEngine(parts: EngineParts): Engine {
  const { system, actors, storage, settings } = parts;
  const { clock, timers, log } = system;
  const dispatch = new Dispatch(settings.taskBytesInMemory);
  const directory = new Map<string, KnownWorker>();
  const known = new Map<string, Job | undefined>();
  const pending = new Map<string, Job>();
  const listeners = new Map<string, Set<(change: JobChange) => void>>();
  const attended = createAttendedClock(clock, timers, (gapMs) => {
    log.warn("The server stood still; leases are lengthened by the gap.", { gap_ms: Math.round(gapMs) });
  });
  const steady = createSteadyClock(clock);
  const gates = new Gates();
  const pauses = new Map<string, number>();
  let gateRepairs = 0;
  let epoch = 0;
  let sequence = 0;
  let taskIds = createTaskIds(new Uint8Array());
  let swept = false;
  let forgetCatalog: (() => void) | undefined;
  let cancelHold: Cancel | undefined;

  const dispatcher = actors.spawn({
    name: "dispatcher",
    create: () => new DispatcherActor(dispatch, carryOut),
    capacity: MAILBOX_DISPATCHER,
  });

  const bodies = new BodyFetcher({
    reader: storage.jobs,
    timers,
    log,
    tell: (message) => void dispatcher.tellFirst(message),
  });

  const outboxGauge = { held: 0, isStarted: false };
  const outbox = actors.spawn<OutboxMessage>({
    name: "outbox",
    capacity: MAILBOX_OUTBOX,
    create: () =>
      new OutboxActor({
        reader: storage.outbox,
        journal: storage.journal,
        sender: parts.sender,
        clock,
        steady,
        log,
        gauge: outboxGauge,
        sending: new Sending(settings.outbox),
        chance: () => system.random.next(),
        stopMs: settings.outboxStopMs,
      }),
  });

  const gate = actors.spawn({
    name: "gates",
    create: () => new GateActor(gates, letIn),
    capacity: MAILBOX_DISPATCHER,
  });

  const reputations = new Reputations({
    registers: storage.registers,
    steady,
    timers,
    log,
    rules: settings.reputation,
    changed: (workerId) => void directory.get(workerId)?.ref.tell({ type: "judged" }),
  });

  const workerParts: WorkerParts = {
    attended,
    log,
    reputations,
    nowMs: () => clock.nowMs(),
    nextSequence: () => ++sequence,
    sign: ({ slot, visit, attempt, jobId }, number, workerId) =>
      taskIds.sign({ slot, visit, attempt, epoch, sequence: number }, jobId, workerId),
    tellJob,
    writeHandOut: (jobId, handOut) =>
      actors.ask<JobMessage, boolean>(jobs.ref(jobId), (reply) => ({ type: "hand-out", handOut, reply }), ASK_MS),
    claim: (jobId, taskId, workerId) =>
      actors.ask<JobMessage, Claim | undefined>(
        jobs.ref(jobId),
        (reply) => ({ type: "claim", taskId, workerId, reply }),
        ASK_MS,
      ),
    taskOf: (jobId, { wait, handOut }) => queuedTask({ id: jobId }, wait, handOut.visit, true),
    tellDispatcher: (message) => void dispatcher.tell(message),
    save: (id, record) => keepWorker(id, record),
    settings: {
      taskTimeoutMs: settings.workerTimeoutMs,
      recordMs: settings.workerRecordMs,
      reconnectMs: settings.workerReconnectMs,
      defaultConcurrency: 10,
    },
  };

  const registry = actors.spawn({
    name: "worker-registry",
    create: () => new WorkerRegistryActor(directory, workerParts, forgetWorker),
    capacity: MAILBOX_WORKER,
  });

  const families = new Families({
    system,
    steady,
    catalog: parts.catalog,
    actors,
    region: () => jobs,
    reader: storage.jobs,
    timers,
    log,
  });

  const stores = new Stores({
    steady,
    timers,
    reader: storage.dataStores,
    journal: storage.journal,
    isRunning: (jobId) => pending.has(jobId),
    async initial(hash, { blueprint, store }) {
      const manifest = await parts.catalog.pinned(hash, blueprint);
      return (manifest?.dataStores?.[store] ?? {}) as Readonly<Record<string, unknown>>;
    },
  });

  const jobParts: JobParts = {
    journal: stores.journal,
    stores,
    reader: storage.jobs,
    runner: stores.runner(parts.runner),
    atOnce: (job) => plainEnd(job, parts.catalog.current(job.blueprint), clock.nowMs()),
    clock,
    steady,
    log,
    known,
    pending,
    interrupted: new Map(),
    rules: {
      cleansFiles: settings.cleansFiles,
      handlerRuns: settings.handlerRuns,
      handlerBackoffMs: settings.handlerBackoffMs,
      cancelGraceMs: settings.cancelGraceMs,
      chance: () => system.random.next(),
      eventId: () => system.ids.job(),
      verify: (taskId, jobId, workerId) => taskIds.verify(taskId, jobId, workerId),
      child: (parent, order) => families.child(parent, order),
      gate: (job, atMs) => gateOf(job, parts.catalog.current(job.blueprint), pauses.has(job.blueprint), atMs),
    },
    turns: {
      maxSteps: settings.maxSteps,
      handlerTimeoutMs: settings.handlerTimeoutMs,
      maxAttempts: settings.taskAttempts,
    },
    patience: new Patience<JobMessage>(clock, timers, settings.creationPatienceMs),
    follow,
    committed(job, wakeAtMs) {
      if (wakeAtMs !== undefined) wakes.set(job.id, wakeAtMs);
      announce(job.id, { type: "committed", version: job.version, status: job.status });
      if (isTerminal(job.status)) parts.ended?.(job.id);
    },
    outboxWritten: (rows) => void outbox.tell({ type: "written", rows }),
    progressed: (jobId, taskId, update) => announce(jobId, { type: "progress", taskId, ...update }),
  };

  const jobs = actors.region<JobMessage>({
    name: "jobs",
    create: (id) => new JobActor(id, jobParts),
    capacity: MAILBOX_JOB,
    batch: BATCH,
    idleMs: settings.jobIdleMs,
    maxActive: settings.jobsInMemory,
  });

  const wakes = new Wakes(storage.jobs, steady, timers, log, wake);
  const { keptMs } = settings;
  const { retention: reader, journal } = storage;
  const retention = new Retention({ reader, journal, clock, steady, timers, log, keptMs });
  const recovery = new Recovery({ reader: storage.jobs, nowMs: () => steady.nowMs(), follow: setGoing });
  const resume: Recovery["resume"] = (waiting) => recovery.resume(waiting);
  const wallJumps = new WallJumps({ reader: storage.jobs, clock, steady, timers, log, wake });
  const sweepParts = { reader: storage.jobs, timers, log, isHeld, isOverdue, wake, saw, sawAll, resume, recover };
  const sweep = new Sweep(sweepParts, () => {
    swept = true;
    dispatcher.tell({ type: "open" });
  });

  function isHeld(job: OpenJob): boolean {
    if (dispatch.holds(job.id) || pending.has(job.id)) return true;
    switch (job.status) {
      case "pending":
        // A deadline to come begins no job either.
        if (job.begins !== "by-time") return job.begins === "by-gate" && gates.holds(job.id);
        break;
      case "waiting_for_worker":
        // A deadline to come moves no task: one that waits for a worker has to be in the queue or with one.
        return false;
      case "waiting_for_human":
      case "waiting_for_event":
        // Somebody outside moves it, and every request finds it on disk.
        return true;
      case "waiting_for_sub_job":
        return job.hasOpenChild === true;
      case "waiting_for_parallel":
        if (job.hasOpenChild === true) return true;
        break;
      default:
    }
    return job.wakeAtMs !== undefined && job.wakeAtMs > steady.nowMs();
  }

  function saw(open: readonly OpenJob[]): void {
    gate.tell({ type: "seen", jobIds: open.map(({ id }) => id) });
  }

  function sawAll(): void {
    gate.tell({ type: "seen-all" });
  }

  function isOverdue(job: OpenJob): boolean {
    return job.wakeAtMs !== undefined && job.wakeAtMs < steady.nowMs() - OVERDUE_MS;
  }

  function wake(jobId: string): void {
    jobs.ref(jobId).tell({ type: "wake" });
  }

  async function recover(jobId: string): Promise<void> {
    await actors.ask<JobMessage, void>(jobs.ref(jobId), (reply) => ({ type: "recover", reply }), ASK_MS);
  }

  function announce(jobId: string, change: JobChange): void {
    for (const listener of listeners.get(jobId) ?? []) listener(change);
    if (change.type === "committed" && isTerminal(change.status)) pending.delete(jobId);
  }

  function tellJob(jobId: string, message: JobMessage): void {
    if (jobs.ref(jobId).tell(message) === "queued") return;
    const error = new Refusal(
      "JOB_BUSY",
      503,
      "The job cannot take more messages now; send it again in a second.",
      undefined,
      1,
    );
    if ("reply" in message && message.type !== "turn-done") message.reply?.fail(error);
  }

  function follow(job: Job, after: After): void {
    switch (after.type) {
      case "drop-task":
        dispatcher.tell({ type: "drop", key: taskKey(job.id, after.visit, after.slot) });
        return;
      case "judge-worker":
        return reputations.take(after.workerId, after.deed);
      case "cancel-task": {
        const { visit, slot, attempt } = after;
        dispatcher.tell({ type: "cancel", key: taskKey(job.id, visit, slot), jobId: job.id, visit, slot, attempt });
        return;
      }
      case "arrive-at-gate":
        if (job.gate) gate.tell({ type: "arrived", place: placeAt(job, job.gate) });
        return;
      case "enter-gate":
        if (job.gate) gate.tell({ type: "entered", place: placeAt(job, job.gate) });
        return;
      case "leave-gate":
        gate.tell({ type: "left", jobId: job.id });
        return;
      case "start-child":
        return families.start(after.child);
      case "cancel-child":
        return families.cancel(after.childId);
      case "tell-parent":
        return families.tellParent(job, after.parentId);
      case "queue":
      case "adopt":
      case "look-at-child":
      case "look-at-parent":
        return setGoing(job, after);
      default:
    }
  }

  function setGoing(job: TaskJob, after: Resumption): void {
    switch (after.type) {
      case "queue":
        dispatcher.tell({ type: "queue", task: queuedTask(job, after.wait, after.visit, after.again) });
        return;
      case "adopt": {
        const task = queuedTask(job, after.wait, after.handOut.visit, true);
        const { workerId } = after.handOut;
        registry.tell({ type: "to", workerId, record: {}, message: { type: "adopt", task, handOut: after.handOut } });
        return;
      }
      case "look-at-child":
        return families.lookAtChild(job.id, after.childId);
      case "look-at-parent":
        return families.lookAtParent(job.id, after.parentId);
      default:
        return assertNever(after);
    }
  }

  function placeAt(job: Pick<Job, "id" | "blueprint" | "priority">, at: GatePlace): Place {
    return placeOf(job, at, parts.catalog.current(job.blueprint));
  }

  function tellLimits(): void {
    const limits = parts.catalog.list().map((manifest) => [manifest.name, limitOf(manifest, undefined)] as const);
    gate.tell({ type: "limits", limits: new Map(limits) });
  }

  function letIn(effect: GateEffect): void {
    switch (effect.type) {
      case "admit":
        return tellJob(effect.jobId, { type: "admitted", visit: effect.visit });
      case "found-gone":
        gateRepairs += 1;
        log.warn("A job that is over still had its place at a gate; others may have it.", { job: effect.jobId });
        return;
      default:
        return assertNever(effect);
    }
  }

  function carryOut(effect: DispatcherEffect): void {
    switch (effect.type) {
      case "assign": {
        const told = directory.get(effect.workerId)?.ref.tell({ type: "assign", task: effect.task });
        if (told !== "queued") dispatcher.tell({ type: "returned", workerId: effect.workerId, task: effect.task });
        return;
      }
      case "stop-task":
        directory.get(effect.workerId)?.ref.tell({ type: "stop-task", key: effect.key, cancel: effect.cancel });
        return;
      case "withdrawn": {
        const { jobId, visit, slot, attempt } = effect;
        return tellJob(jobId, { type: "withdrawn", visit, slot, attempt });
      }
      case "too-expensive": {
        const { jobId, visit, slot, attempt } = effect.task;
        return tellJob(jobId, { type: "too-expensive", visit, slot, attempt, message: effect.message });
      }
      case "judge-costs-later": {
        const { taskType } = effect;
        timers.after(COSTS_PAUSE_MS, () => void dispatcher.tell({ type: "judge-costs", taskType }));
        return;
      }
      case "fetch":
        return bodies.fetch(effect);
      default:
        return assertNever(effect);
    }
  }

  function keepWorker(id: string, record: JsonMap): void {
    storage.registers.saveWorker(id, JSON.stringify(record)).catch((error: unknown) => {
      log.warn("A worker's record could not be written; it is known until the next restart.", {
        worker: id,
        error: String(error),
      });
    });
  }

  function forgetWorker(id: string): void {
    storage.registers.removeWorker(id).catch((error: unknown) => {
      log.warn("A worker's record could not be removed.", { worker: id, error: String(error) });
    });
  }

  async function stopOutbox(): Promise<void> {
    const stopping = actors.ask<OutboxMessage, void>(outbox, (reply) => ({ type: "stop", reply }), ASK_MS);
    // What it could not end is in the store, and is sent after the next start.
    await stopping.catch((error: unknown) => log.debug("The outbox did not stop.", { error: messageOf(error) }));
  }

  const facade = { system, steady, actors, region: jobs, storage, directory };
  return {
    jobs: createJobs({
      ...facade,
      catalog: parts.catalog,
      dispatch,
      gates,
      wakeAt: (jobId, atMs) => wakes.set(jobId, atMs),
      known,
      listeners,
      limits: {
        creationsAtOnce: settings.creationsAtOnce,
        idempotencyMs: IDEMPOTENCY_MS,
        outboxRows: settings.outboxRows,
      },
      outboxGauge,
    }),
    outbox: createOutbox({ actors, actor: outbox, reader: storage.outbox }),
    workers: createWorkers({
      ...facade,
      registry,
      isStrictOnEvents: settings.isStrictOnEvents,
      reputations,
      isOfThisStart: (taskId) => readTaskId(taskId)?.parts.epoch === (epoch & EPOCH_MASK),
    }),
    dataStores: createDataStoreViews(storage.dataStores, parts.catalog),
    stores,
    blueprints: createBlueprints({
      catalog: parts.catalog,
      registers: storage.registers,
      clock,
      gates,
      pauses,
      tellGates: (message) => void gate.tell(message),
    }),
    catalog: parts.catalog,
    get ready() {
      return swept;
    },
    get repairs() {
      return sweep.repairs + gateRepairs;
    },
    get jobsActive() {
      return jobs.active;
    },
    get queuedTasks() {
      return dispatch.queued;
    },
    async jobState(askingJobId, jobId) {
      const own = pending.get(askingJobId);
      if (own && askingJobId === jobId) return own;
      const job = await storage.jobs.load(jobId);
      return job && own && job.client.id === own.client.id ? job : undefined;
    },
    async start() {
      taskIds = createTaskIds(await storage.registers.secret());
      epoch = await storage.registers.nextEpoch();
      await reputations.start();
      for (const [workerId, record] of await storage.registers.workers()) {
        registry.tell({ type: "to", workerId, record: JSON.parse(record), message: { type: "drain", on: false } });
      }
      for (const [blueprint, sinceMs] of await storage.registers.pauses()) {
        pauses.set(blueprint, sinceMs);
        gate.tell({ type: "paused", blueprint });
      }
      forgetCatalog = parts.catalog.onChange(tellLimits);
      void openGates({
        reader: storage.jobs,
        timers,
        log,
        place: (job) => placeAt(job, job.gate),
        tell: (message) => void gate.tell(message),
      });
      dispatcher.tell({ type: "hold" });
      cancelHold = timers.after(HOLD_MS, () => void dispatcher.tell({ type: "open" }));
      wakes.start();
      wallJumps.start();
      sweep.start();
      retention.start();
      outbox.tell({ type: "start" });
    },
    async stop() {
      wakes.stop();
      wallJumps.stop();
      sweep.stop();
      families.stop();
      bodies.stop();
      retention.stop();
      cancelHold?.();
      forgetCatalog?.();
      attended.stop();
      await stopOutbox();
      await actors.stop();
      await reputations.stop();
    },
  };
}

function queuedTask(job: TaskJob, wait: Claim["wait"], visit: number, again: boolean): QueuedTask {
  return {
    key: taskKey(job.id, visit, wait.slot),
    jobId: job.id,
    visit,
    slot: wait.slot,
    attempt: wait.attempt,
    order: wait.order,
    begun: job.begun === true,
    queuedAtMs: wait.queuedAtMs,
    again,
    checkpoint: wait.checkpoint,
    trace: job.trace,
  };
}
