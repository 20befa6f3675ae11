/** An engine that keeps what it was told and answers what a test put there. */
import type {
  BlueprintView,
  Idempotency,
  JobChange,
  JobView,
  NewJob,
  Orchestrator,
  Viewer,
  WorkerLink,
} from "../../actors/orchestrator.ts";
import type { Manifest, RefusedFile } from "../../src/catalog/port.ts";
import type { HistoryEvent } from "../../src/job/history.ts";
import type { ClientFacts, Job, JobStatus } from "../../src/job/model.ts";
import type { Caller, WorkerProcess } from "../../src/protocol/process.ts";
import type { ResultAnswer, TaskPayload, WorkerResult } from "../../src/protocol/worker.ts";
import type { WorkerEvent, WorkerEventAnswer } from "../../src/protocol/worker-event.ts";
import type { JobQuery, OutboxRow, StoredEntry } from "../../src/storage/port.ts";
import { type JsonMap, Refusal } from "../../src/system/errors.ts";
import { taskPayload } from "../support/task-payload.ts";

export interface Told {
  readonly paused: Map<string, number>;
  readonly refused: RefusedFile[];
  readonly created: {
    client: ClientFacts;
    jobs: readonly NewJob[];
    idempotency: Idempotency | undefined;
  }[];
  readonly results: WorkerResult[];
  readonly progress: object[];
  readonly undelivered: string[];
  readonly released: string[];
  readonly drained: string[];
  readonly heartbeats: (JsonMap | undefined)[];
  readonly processes: WorkerProcess[];
  /** Of heartbeats and polls. */
  readonly callers: Caller[];
  readonly links: { workerId: string; link: WorkerLink }[];
  readonly disconnected: string[];
  readonly queries: JobQuery[];
  readonly checkpoints: object[];
  readonly workerEvents: object[];
  /** Events, decisions, retries and reruns. */
  readonly asked: object[];
  /** Messages that were given up. */
  readonly failed: OutboxRow[];
  readonly outbox: (readonly [action: string, id: string | undefined])[];
}

export interface Fake {
  readonly orchestrator: Orchestrator & { ready: boolean };
  readonly told: Told;
  readonly jobs: Map<string, Job>;
  readonly events: Map<string, HistoryEvent[]>;
  readonly workers: Map<string, JsonMap>;
  /** By blueprint/store. */
  readonly stores: Map<string, StoredEntry[]>;
  /** What the next polls get; a function may wait. */
  readonly polls: ((signal: AbortSignal) => Promise<TaskPayload | undefined>)[];
  answerResult: (result: WorkerResult) => Promise<ResultAnswer>;
  answerEvent: (event: WorkerEvent) => Promise<WorkerEventAnswer>;
  change(id: string, change: JobChange): void;
  watchers(id: string): number;
}

export const manifest = (over: Partial<Manifest> = {}): Manifest => ({
  name: "simple",
  hash: "h1",
  file: "simple.ts",
  endpoint: "jobs/simple_flow",
  apiVersion: "v1",
  start: "start",
  states: [
    { name: "start", isStart: true, isEnd: false, isAggregator: false },
    { name: "finished", isStart: false, isEnd: true, isAggregator: false },
  ],
  edges: [{ from: "start", to: "finished", label: "success" }],
  ...over,
});

export const task = (over: Partial<TaskPayload> = {}): TaskPayload => taskPayload(over);

export const job = (over: Partial<Job> = {}): Job => ({
  id: "01890000-0000-7000-8000-000000000001",
  version: 1,
  client: { id: "default", config: { token: "clear-text-token" } },
  blueprint: "simple",
  hash: "h1",
  status: "running",
  state: "start",
  visit: 1,
  enteredAtMs: 0,
  createdAtMs: 0,
  updatedAtMs: 1000,
  initialData: '{"x":7}',
  stateHistory: "{}",
  steps: 0,
  ...over,
});

export function event(sequence: number, over: Partial<HistoryEvent> = {}): HistoryEvent {
  return {
    sequence,
    event_id: `e${sequence}`,
    job_id: "job-1",
    timestamp: "2026-01-01T00:00:00.000Z",
    state: "start",
    event_type: "state_started",
    duration_ms: null,
    previous_state: null,
    next_state: null,
    worker_id: null,
    attempt_number: null,
    context_snapshot: { big: "snapshot" },
    ...over,
  };
}

export function createFake(manifests: readonly Manifest[] = [manifest()]): Fake {
  const told: Told = {
    created: [],
    results: [],
    progress: [],
    undelivered: [],
    released: [],
    drained: [],
    heartbeats: [],
    processes: [],
    callers: [],
    links: [],
    disconnected: [],
    queries: [],
    checkpoints: [],
    workerEvents: [],
    asked: [],
    failed: [],
    outbox: [],
    paused: new Map(),
    refused: [],
  };
  const jobs = new Map<string, Job>();
  const events = new Map<string, HistoryEvent[]>();
  const workers = new Map<string, JsonMap>();
  const stores = new Map<string, StoredEntry[]>();
  const polls: Fake["polls"] = [];
  const watchers = new Map<string, Set<(change: JobChange) => void>>();

  const find = (viewer: Viewer, id: string): Job => {
    const found = jobs.get(id);
    if (found === undefined || (viewer !== undefined && found.client.id !== viewer)) {
      throw new Refusal("JOB_NOT_FOUND", 404, "There is no such job: check the id.");
    }
    return found;
  };

  const known = (name: string): Manifest => {
    const found = manifests.find((one) => one.name === name);
    if (found === undefined) throw new Refusal("BLUEPRINT_NOT_FOUND", 404, `No blueprint named ${name} is in service.`);
    return found;
  };
  const blueprint = (one: Manifest): BlueprintView => ({
    manifest: one,
    pausedSinceMs: told.paused.get(one.name),
    crowd: { inside: 2, waiting: 3 },
  });

  const fake: Fake = {
    told,
    jobs,
    events,
    workers,
    stores,
    polls,
    answerResult: async () => ({ status: "result_accepted_success" }),
    answerEvent: async () => ({ status: "event_accepted" }),
    change: (id, change) => {
      for (const changed of watchers.get(id) ?? []) changed(change);
    },
    watchers: (id) => watchers.get(id)?.size ?? 0,
    orchestrator: {
      ready: true,
      blueprints: {
        list: () => manifests.map(blueprint),
        read: (name) => blueprint(known(name)),
        async pause(name) {
          told.paused.set(known(name).name, 0);
        },
        async resume(name) {
          told.paused.delete(known(name).name);
        },
      },
      outbox: {
        async count() {
          return { waiting: 2, failed: told.failed.length };
        },
        async failed(limit, after) {
          const from = after === undefined ? 0 : told.failed.findIndex((row) => row.id === after) + 1;
          return told.failed.slice(from, from + limit);
        },
        async retry(id) {
          told.outbox.push(["retry", id]);
          return 1;
        },
        async discard(id) {
          told.outbox.push(["discard", id]);
          return 1;
        },
      },
      jobs: {
        async create(client, wanted, idempotency, admit) {
          admit?.(wanted.length);
          told.created.push({ client, jobs: wanted, idempotency });
          return wanted.map((_, index) => `job-${index + 1}`);
        },
        async submit(client, wanted, idempotency, admit) {
          const isTaken = ({ uniqueKey }: NewJob) => uniqueKey === "taken";
          const made = wanted.filter((one) => !isTaken(one));
          if (made.length > 0) admit?.(made.length);
          told.created.push({ client, jobs: wanted, idempotency });
          return wanted.map((one, index) =>
            isTaken(one) ? { id: "job-0", existing: true as const } : { id: `job-${index + 1}` },
          );
        },
        async read(viewer, id): Promise<JobView> {
          const found = find(viewer, id);
          const running = { status: "running" as const, taskId: "task-1", workerId: "w1" };
          return {
            job: found,
            clockOffsetMs: 0,
            tasks: found.task === undefined ? [] : [{ wait: found.task, ...running }],
          };
        },
        async list(query) {
          told.queries.push(query);
          return [...jobs.values()]
            .filter(({ client }) => query.client === undefined || client.id === query.client)
            .filter(({ status }) => query.status === undefined || status === query.status)
            .slice(0, query.limit);
        },
        async cancel(viewer, id) {
          if (find(viewer, id).status === "finished") throw new Refusal("JOB_OVER", 409, "The job is over.");
          return "cancellation_request_sent";
        },
        async migrate(id, wanted) {
          const found = find(undefined, id);
          if (wanted.to === "unfit") throw new Refusal("MIGRATION_MISFIT", 409, "It does not fit.");
          told.asked.push({ migrate: id, ...wanted });
          const status = wanted.to === found.hash ? ("unchanged" as const) : ("migrated" as const);
          return { status, from: found.hash, to: wanted.to, state: wanted.states[found.state] ?? found.state };
        },
        async event(viewer, id, event, key) {
          find(viewer, id);
          told.asked.push({ what: "event", id, ...event, key });
        },
        async decide(viewer, id, decision, key) {
          find(viewer, id);
          told.asked.push({ what: "decide", id, ...decision, key });
        },
        async retry(viewer, id, key) {
          find(viewer, id);
          told.asked.push({ what: "retry", id, key });
        },
        async rerun(viewer, id, changes, key, admit) {
          find(viewer, id);
          admit?.(1);
          told.asked.push({ what: "rerun", id, ...changes, key });
          return "job-again";
        },
        async history(viewer, id, after, limit) {
          find(viewer, id);
          return (events.get(id) ?? []).filter(({ sequence }) => sequence > after).slice(0, limit);
        },
        async counts() {
          const counts = new Map<JobStatus, number>();
          for (const { status } of jobs.values()) counts.set(status, (counts.get(status) ?? 0) + 1);
          return counts;
        },
        watch(id, changed) {
          const set = watchers.get(id) ?? new Set();
          watchers.set(id, set.add(changed));
          return () => set.delete(changed);
        },
      },
      workers: {
        async register(body, process) {
          workers.set(body.worker_id, body as unknown as JsonMap);
          if (process) told.processes.push(process);
          return { cancelled: ["cancelled-task"], heartbeatMs: 5_000 };
        },
        async heartbeat(id, body, _, caller) {
          if (caller) told.callers.push(caller);
          told.heartbeats.push(body as JsonMap | undefined);
          const known = workers.get(id);
          if (known === undefined) throw new Refusal("WORKER_NOT_FOUND", 404, "No worker has this id: register it.");
          const merged = { ...known, ...(body as JsonMap | undefined) };
          workers.set(id, merged);
          return merged;
        },
        async poll(_, __, signal, from) {
          if (from) told.callers.push(from);
          const task = await (polls.shift() ?? (async () => undefined))(signal);
          return task && JSON.stringify(task);
        },
        isRegistered: (id) => workers.has(id),
        undelivered: (_, taskId) => void told.undelivered.push(taskId),
        result(result) {
          told.results.push(result);
          return fake.answerResult(result);
        },
        progress: (workerId, update) => void told.progress.push({ workerId, ...update }),
        event: async (workerId, event) => {
          told.workerEvents.push({ workerId, ...event });
          return fake.answerEvent(event);
        },
        checkpoint: (workerId, update) => void told.checkpoints.push({ workerId, ...update }),
        release: (_, ids) => void told.released.push(...ids),
        isCancelled: (_, taskId) => taskId === "cancelled-task",
        async connect(workerId, link) {
          told.links.push({ workerId, link });
          return { cancelled: [] };
        },
        disconnect: (workerId) => void told.disconnected.push(workerId),
        async drain(id) {
          told.drained.push(id);
        },
        drainLink(id) {
          told.drained.push(id);
        },
        async resume() {},
        list: () => [...workers.values()],
      },
      dataStores: {
        async entries(blueprint, store, { after = "", limit, prefix = "" }) {
          const entries = stores.get(`${blueprint}/${store}`);
          if (!entries) throw new Refusal("DATA_STORE_NOT_FOUND", 404, "There is no such store.");
          return entries.filter(({ key }) => key > after && key.startsWith(prefix)).slice(0, limit);
        },
      },
      catalog: {
        current: (name) => manifests.find((one) => one.name === name),
        byPath: (path) =>
          manifests.find(
            ({ apiVersion, endpoint }) => endpoint !== undefined && `${apiVersion}/${endpoint}` === path,
          ) ?? manifests.find(({ apiVersion, endpoint }) => apiVersion === "" && endpoint === path),
        pinned: async () => undefined,
        list: () => manifests,
        findings: () => [],
        refused: () => told.refused,
        onChange: () => () => undefined,
      },
    },
  };
  return fake;
}
