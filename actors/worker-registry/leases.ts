/** The tasks that one worker has in hand, and when each of them is over. Times are attended time. */
import type { Caller } from "../../src/protocol/process.ts";
import { Lookup } from "../../src/system/lookup.ts";
import type { QueuedTask, TaskPlace } from "../dispatcher/task.ts";
import { TaskTable } from "../dispatcher/task-table.ts";
import type { HandOut, LossReason } from "../job/messages.ts";

export interface Lease {
  readonly task: QueuedTask;
  readonly handOut: HandOut;
  /** The stream's session that it went to; undefined: a poll, or a hand-out from before a restart. */
  readonly session: string | undefined;
  /** The process that polled it, or has said that it runs it, where it says which it is. */
  poller: Caller | undefined;
  readonly sinceMs: number;
  /** Past it the task counts as timed out; undefined: as long as the worker reports it. */
  deadlineMs: number | undefined;
  /** Past it the worker counts as lost: its connection broke and did not come back. */
  lostAtMs: number | undefined;
  /** What the loss of it counts as. */
  lossReason: LossReason;
  /** On disk with the job. */
  recorded: boolean;
  /** Its worker has said that it runs it. */
  isReported: boolean;
  /** When it last said so; at first, when it was handed out. */
  reportedAtMs: number;
  /** When somebody last said beside its process that it runs: the worker's thread may be blocked. */
  vouchedAtMs: number | undefined;
  /** Heartbeats in a row that left it out of the running tasks. */
  unreported: number;
  /** The job does not wait for it any more: it only takes up room until the worker answers. */
  dropped: boolean;
  cancelled: boolean;
  /** It timed out and the job has not dropped it yet: when it is told again, in case it could not write that down. */
  tellAgainMs: number | undefined;
}

/** `timeoutMs`: undefined, as long as the worker reports it. */
export function leaseOf(
  task: QueuedTask,
  handOut: HandOut,
  session: string | undefined,
  sinceMs: number,
  timeoutMs: number | undefined,
): Lease {
  return {
    task,
    handOut,
    session,
    poller: undefined,
    sinceMs,
    deadlineMs: timeoutMs === undefined ? undefined : sinceMs + timeoutMs,
    lostAtMs: undefined,
    lossReason: "worker_lost",
    recorded: false,
    isReported: false,
    reportedAtMs: sinceMs,
    vouchedAtMs: undefined,
    unreported: 0,
    dropped: false,
    cancelled: false,
    tellAgainMs: undefined,
  };
}

/** Who is back with what it runs. Without a connection's number: by its stream. */
export type Place = Pick<Caller, "session"> & { readonly connection?: number | undefined };

/** Who says what it runs. */
export interface Reporter {
  readonly isByStream: boolean;
  readonly caller: Caller | undefined;
}

/** Three of the heartbeats that workers of the original send. */
const REPORT_GRACE_MS = 45_000;
/** The answer to a poll may be on its way for so long. */
const ARRIVAL_MS = 10_000;
const UNREPORTED_MAX = 2;

export class Leases {
  readonly #byTask = new Lookup<string, Lease>();
  /** The newest of each task. */
  readonly #newest = new TaskTable<Lease>();
  readonly #inSession = new Map<string, { tasks: number }>();

  get size(): number {
    return this.#byTask.size;
  }

  all(): IterableIterator<Lease> {
    return this.#byTask.values();
  }

  /** One of the same hand-out is replaced by it. */
  add(lease: Lease): void {
    this.remove(lease.handOut.taskId);
    this.#byTask.set(lease.handOut.taskId, lease);
    this.#newest.set(lease);
    this.#count(lease.session, 1);
  }

  /** Who runs it now. */
  take(lease: Lease, { session, connection }: Place): void {
    const isByStream = connection === undefined;
    this.#count(lease.session, -1);
    (lease as { session: string | undefined }).session = isByStream ? session : undefined;
    this.#count(lease.session, 1);
    lease.poller = isByStream ? undefined : { session, connection };
    keep(lease);
  }

  countIn(session: string): number {
    return this.#inSession.get(session)?.tasks ?? 0;
  }

  byTask(taskId: string): Lease | undefined {
    return this.#byTask.get(taskId);
  }

  /** Whether it is cancelled, or not waited for any more; undefined: it is not in hand. */
  isToEnd(taskId: string): boolean | undefined {
    const lease = this.#byTask.get(taskId);
    return lease && (lease.cancelled || lease.dropped);
  }

  newestOf(place: TaskPlace): Lease | undefined {
    return this.#newest.get(place);
  }

  remove(taskId: string): Lease | undefined {
    const lease = this.#byTask.get(taskId);
    if (!lease) return undefined;
    this.#byTask.delete(taskId);
    this.#count(lease.session, -1);
    this.#newest.remove(lease);
    return lease;
  }

  inSession(session: string): Lease[] {
    return [...this.#byTask.values()].filter((lease) => lease.session === session);
  }

  /** Those of a process, whichever way it takes them. */
  ofProcess(session: string): Lease[] {
    return [...this.#byTask.values()].filter((lease) => (lease.session ?? lease.poller?.session) === session);
  }

  /** Those whose time is over, with what that counts as. */
  over(nowMs: number): { readonly lease: Lease; readonly reason: LossReason }[] {
    const over: { lease: Lease; reason: LossReason }[] = [];
    for (const lease of this.#byTask.values()) {
      if (lease.deadlineMs !== undefined && lease.deadlineMs <= nowMs) over.push({ lease, reason: "timeout" });
      else if (lease.lostAtMs !== undefined && lease.lostAtMs <= nowMs) over.push({ lease, reason: lease.lossReason });
    }
    return over;
  }

  /** Hand-outs older than that which the job has not written down yet. */
  unrecorded(olderThanMs: number): Lease[] {
    return [...this.#byTask.values()].filter((lease) => !lease.recorded && lease.sinceMs <= olderThanMs);
  }

  // ---- what a worker says of them

  /** It says what it runs: that is leased as long as it says so. */
  report(running: ReadonlySet<string>, { isByStream, caller }: Reporter, nowMs: number): Reported {
    const left: Lease[] = [];
    const silent: Lease[] = [];
    for (const lease of this.#byTask.values()) {
      const isRunning = running.has(lease.handOut.taskId);
      if (lease.session !== undefined) {
        // Told to end it on connecting, the worker may have no answer to give: its room is free again.
        if (lease.dropped && !isRunning) left.push(lease);
        else if (!isByStream && isRunning) vouch(lease, nowMs);
      } else if (isRunning) {
        lease.unreported = 0;
        lease.reportedAtMs = nowMs;
        tellWho(lease, caller, nowMs);
        keep(lease);
      } else if (isSilent(lease, nowMs) || isNowhere(lease, caller, nowMs)) silent.push(lease);
    }
    return { left, silent };
  }

  /** A process of the worker's is back with what it runs. Returns what was sent to it and never arrived. */
  attach(running: ReadonlySet<string>, place: Place, by: Deadlines): Lease[] {
    const unsent: Lease[] = [];
    for (const lease of this.#byTask.values()) {
      if (running.has(lease.handOut.taskId)) {
        this.take(lease, place);
      } else if (isGivenUp(lease, place)) unsent.push(lease);
      else if (lease.session === undefined) doubt(lease, place, by);
    }
    return unsent;
  }

  /** The session has no connection: what it runs is lost then, unless somebody speaks for it. */
  startLoss(session: string, lostAtMs: number): void {
    for (const lease of this.inSession(session)) {
      startLoss(lease, lostAtMs);
      lease.lossReason = "worker_lost";
    }
  }

  #count(session: string | undefined, by: number): void {
    if (session === undefined) return;
    const known = this.#inSession.get(session);
    if (known === undefined) return void this.#inSession.set(session, { tasks: by });
    known.tasks += by;
    if (known.tasks === 0) this.#inSession.delete(session);
  }
}

interface Reported {
  /** Of what it was told to end, what it has no more. */
  readonly left: Lease[];
  /** What it has been silent about for too long. */
  readonly silent: Lease[];
}

/** By when those have to speak who are not heard of when another process of the worker's comes. */
export interface Deadlines {
  /** Nobody knows who runs it: whoever does comes back as this one did. */
  readonly backByMs: number;
  /** One that polls says so with its heartbeats. */
  readonly reportByMs: number;
}

/** Sent over a connection that its process has left: it says what it got over it. */
function isGivenUp(lease: Lease, { session, connection }: Place): boolean {
  if (lease.session !== undefined) return connection === undefined && lease.session === session;
  if (lease.poller?.session !== session) return false;
  return connection === undefined || lease.poller.connection < connection;
}

/** A process comes where there may have been another: one that was killed does not say so. */
function doubt(lease: Lease, { session }: Place, { backByMs, reportByMs }: Deadlines): void {
  const knownMs = lease.lostAtMs ?? Number.POSITIVE_INFINITY;
  if (!lease.poller && lease.lossReason === "handed_back") lease.lostAtMs = Math.min(knownMs, backByMs);
  if (lease.poller && lease.poller.session !== session) startLoss(lease, Math.min(knownMs, reportByMs));
}

function startLoss(lease: Lease, lostAtMs: number): void {
  lease.lostAtMs = Math.max(lostAtMs, (lease.vouchedAtMs ?? Number.NEGATIVE_INFINITY) + REPORT_GRACE_MS);
}

/** One that polls says itself what it runs; who does not say which it is may be the heart of one whose thread is blocked. */
function tellWho(lease: Lease, caller: Caller | undefined, nowMs: number): void {
  if (!caller) {
    if (lease.poller) lease.vouchedAtMs = nowMs;
    return;
  }
  lease.vouchedAtMs = undefined;
  const isOlder = lease.poller?.session === caller.session && lease.poller.connection > caller.connection;
  if (!isOlder) lease.poller = caller;
}

/** It runs there: no deadline but its own. */
function keep(lease: Lease): void {
  const { timeoutMs } = lease.task.order;
  lease.isReported = true;
  lease.lostAtMs = undefined;
  lease.lossReason = "worker_lost";
  lease.deadlineMs = timeoutMs === undefined ? undefined : lease.sinceMs + timeoutMs;
}

/** Said beside the stream: a handler may block the thread that would answer there, and connect again once it broke. */
function vouch(lease: Lease, nowMs: number): void {
  lease.vouchedAtMs = nowMs;
  if (lease.lostAtMs !== undefined) lease.lostAtMs = Math.max(lease.lostAtMs, nowMs + REPORT_GRACE_MS);
}

/** The process that polled it leaves it out from the first on: it has not got it, or not yet. */
function isNowhere(lease: Lease, caller: Caller | undefined, nowMs: number): boolean {
  const { poller, isReported, sinceMs } = lease;
  const isItsOwn = poller && poller.session === caller?.session && poller.connection === caller.connection;
  if (!isItsOwn || isReported) return false;
  lease.lossReason = "handed_back";
  return nowMs - sinceMs > ARRIVAL_MS;
}

/** Others may share the id and leave out what is not theirs: the one that runs it has to fall silent. */
function isSilent(lease: Lease, nowMs: number): boolean {
  lease.unreported += 1;
  return nowMs - lease.reportedAtMs > REPORT_GRACE_MS && lease.unreported >= UNREPORTED_MAX;
}
