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
import { isTerminal, type Job } from "../src/job/model.ts";
import type { Sender } from "../src/notify/port.ts";
import { createTaskIds, EPOCH_MASK, readTaskId } from "../src/job/task-id.ts";
import { Deadlines } from "../src/runtime/deadlines.ts";
import type { ActorSystem, Ref } from "../src/runtime/types.ts";
import type { OpenJob, Storage } from "../src/storage/port.ts";
import type { Cancel } from "../src/system/clock.ts";
import type { Service } from "../src/system/lifecycle.ts";
import { type JsonMap, messageOf } from "../src/system/errors.ts";
import type { System } from "../src/system/index.ts";
import { Lookup } from "../src/system/lookup.ts";
import { createSteadyClock } from "../src/system/steady.ts";
import { createBlueprints } from "./blueprints.ts";
import { DispatcherActor } from "./dispatcher/actor.ts";
import { BodyFetcher } from "./dispatcher/bodies.ts";
import { Dispatch } from "./dispatcher/decide.ts";
import type { DispatcherMessage } from "./dispatcher/messages.ts";
import type { EngineSettings } from "./engine-settings.ts";
import { Errands, queuedTask } from "./errands.ts";
import { GateActor } from "./gate/actor.ts";
import { Gates } from "./gate/decide.ts";
import { gateOf } from "./gate/entry.ts";
import type { GateMessage } from "./gate/messages.ts";
import { Opening } from "./gate/opening.ts";
import { JobActor, type JobParts } from "./job/actor.ts";
import type { Claim, JobMessage } from "./job/messages.ts";
import { plainEnd } from "./job/plain-end.ts";
import { Families } from "./families.ts";
import { createJobs } from "./jobs.ts";
import type { JobChange, Orchestrator } from "./orchestrator.ts";
import { createOutbox } from "./outbox.ts";
import { OutboxActor } from "./outbox/actor.ts";
import { Sending } from "./outbox/decide.ts";
import type { OutboxMessage } from "./outbox/messages.ts";
import { type Holders, isHeld } from "./scheduler/held.ts";
import { Recovery } from "./scheduler/recovery.ts";
import { Retention } from "./scheduler/retention.ts";
import { HOLD_MS, Sweep, type SweepParts } from "./scheduler/sweep.ts";
import { Wakes } from "./scheduler/wakes.ts";
import { Stores } from "./stores/stores.ts";
import { createDataStoreViews } from "./stores/views.ts";
import { WallJumps } from "./scheduler/wall-jumps.ts";
import { type KnownWorker, type RegistryMessage, WorkerRegistryActor } from "./worker-registry/actor.ts";
import { createAttendedClock } from "./worker-registry/attended.ts";

import { Reputations } from "./worker-registry/reputations.ts";
import type { WorkerParts } from "./worker-registry/worker.ts";
import { createWorkers } from "./workers.ts";

export { ENGINE_DEFAULTS, type EngineSettings } from "./engine-settings.ts";

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
/** Less than a worker waits for its welcome: a job whose handler takes its time keeps none from coming back. */
const CLAIM_MS = 8_000;
const OVERDUE_MS = 5_000;
const IDEMPOTENCY_MS = 24 * 3_600_000;
const MAILBOX_JOB = 20_000;
const MAILBOX_WORKER = 100_000;
const MAILBOX_DISPATCHER = 1_000_000;
const MAILBOX_OUTBOX = 1_000_000;
const BATCH = 256;

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
  const fresh = new Set<string>();
  const pending = new Lookup<string, Job>();
  const listeners = new Lookup<string, Set<(change: JobChange) => void>>();
  const attended = createAttendedClock(clock, timers, (gapMs) => {
    log.warn("The server stood still; leases are lengthened by the gap.", { gap_ms: Math.round(gapMs) });
  });
  const steady = createSteadyClock(clock);
  const gates = new Gates();
  const pauses = new Map<string, number>();
  let epoch = 0;
  let sequence = 0;
  let taskIds = createTaskIds(new Uint8Array());
  let swept = false;
  let forgetCatalog: (() => void) | undefined;
  let cancelHold: Cancel | undefined;

  const errands = new Errands({
    directory,
    catalog: parts.catalog,
    timers,
    log,
    to: {
      get dispatcher() {
        return dispatcher;
      },
      get gate() {
        return gate;
      },
      get registry() {
        return registry;
      },
      get jobs() {
        return jobs;
      },
      get bodies() {
        return bodies;
      },
      get families() {
        return families;
      },
      get reputations() {
        return reputations;
      },
    },
  });

  const dispatcher: Ref<DispatcherMessage> = actors.spawn<DispatcherMessage>({
    name: "dispatcher",
    create: () => new DispatcherActor(dispatch, (effect) => errands.carryOut(effect)),
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

  const gate: Ref<GateMessage> = actors.spawn<GateMessage>({
    name: "gates",
    create: () => new GateActor(gates, (effect) => errands.letIn(effect)),
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
    sign: (task, workerId) => taskIds.sign(task, epoch, ++sequence, task.jobId, workerId),
    tellJob: (jobId, message) => errands.tellJob(jobId, message),
    writeHandOut: (jobId, handOut) =>
      actors.ask<JobMessage, boolean>(jobs.ref(jobId), (reply) => ({ type: "hand-out", handOut, reply }), ASK_MS),
    claim: (jobId, taskId, workerId) =>
      actors.ask<JobMessage, Claim | undefined>(
        jobs.ref(jobId),
        (reply) => ({ type: "claim", taskId, workerId, reply }),
        CLAIM_MS,
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

  const registry: Ref<RegistryMessage> = actors.spawn<RegistryMessage>({
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
    starter: stores.starter(parts.runner),
    atOnce: (job) => plainEnd(job, parts.catalog.current(job.blueprint), clock.nowMs()),
    clock,
    steady,
    log,
    fresh,
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
    deadlines: new Deadlines(clock, timers),
    patienceMs: settings.creationPatienceMs,
    jointPatienceMs: settings.jointCreationPatienceMs,
    follow: (job, after) => errands.follow(job, after),
    committed(job, wakeAtMs) {
      const { id, version, status } = job;
      if (wakeAtMs !== undefined) wakes.set(id, wakeAtMs);
      // Few jobs are watched.
      if (listeners.has(id)) announce(id, { type: "committed", version, status });
      if (!isTerminal(status)) return;
      pending.delete(id);
      parts.ended?.(id);
    },
    outboxWritten: (rows) => void outbox.tell({ type: "written", rows }),
    progressed: (jobId, taskId, update) => announce(jobId, { type: "progress", ...update, taskId }),
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
  const recovery = new Recovery({
    reader: storage.jobs,
    nowMs: () => steady.nowMs(),
    follow: (job, after) => errands.setGoing(job, after),
  });
  const resume: Recovery["resume"] = (waiting) => recovery.resume(waiting);
  const opening = new Opening({
    reader: storage.jobs,
    timers,
    log,
    place: (job) => errands.placeAt(job, job.gate),
    tell: (message) => void gate.tell(message),
  });
  const wallJumps = new WallJumps({ reader: storage.jobs, clock, steady, timers, log, wake });
  const holders: Holders = {
    hasTask: (jobId) => dispatch.holds(jobId),
    isRunning: (jobId) => pending.has(jobId),
    hasPlace: (jobId) => gates.holds(jobId),
    nowMs: () => steady.nowMs(),
  };
  const sweepParts: SweepParts = {
    reader: storage.jobs,
    timers,
    log,
    isHeld: (job) => isHeld(job, holders),
    isOverdue,
    wake,
    saw,
    sawAll,
    resume,
    recover,
  };
  const sweep = new Sweep(sweepParts, () => {
    swept = true;
    dispatcher.tell({ type: "open" });
  });

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
    await actors.ask<JobMessage, void>(jobs.ref(jobId), (reply) => ({ type: "recover", reply }), ASK_MS, "system");
  }

  function announce(jobId: string, change: JobChange): void {
    for (const listener of listeners.get(jobId) ?? []) listener(change);
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
      fresh,
      listeners,
      settled: (child) => families.settle(child),
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
      heartbeatMs: settings.workerReconnectMs,
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
      return sweep.repairs + errands.gateRepairs;
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
      forgetCatalog = parts.catalog.onChange(() => errands.tellLimits());
      opening.start();
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
      opening.stop();
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
