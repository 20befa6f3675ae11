/** The tasks that one worker has in hand, and when each of them is over. Times are attended time. */
import type { QueuedTask } from "../dispatcher/task.ts";
import type { HandOut, LossReason } from "../job/messages.ts";

export interface Lease {
  readonly task: QueuedTask;
  readonly handOut: HandOut;
  /** The stream's session that it went to; undefined: a poll, or a hand-out from before a restart. */
  readonly session: string | undefined;
  readonly sinceMs: number;
  /** Past it the task counts as timed out; undefined: as long as the worker reports it. */
  deadlineMs: number | undefined;
  /** Past it the worker counts as lost: its connection broke and did not come back. */
  lostAtMs: number | undefined;
  /** What the loss of it counts as. */
  lossReason: LossReason;
  /** On disk with the job. */
  recorded: boolean;
  /** When its worker last said that it runs it; at first, when it was handed out. */
  reportedAtMs: number;
  /** When somebody last said beside its stream that it runs: the worker's thread may be blocked. */
  vouchedAtMs: number | undefined;
  /** Heartbeats in a row that left it out of the running tasks. */
  unreported: number;
  /** The job does not wait for it any more: it only takes up room until the worker answers. */
  dropped: boolean;
  cancelled: boolean;
  /** It timed out and the job has not dropped it yet: when it is told again, in case it could not write that down. */
  tellAgainMs: number | undefined;
}

/** Three of the heartbeats that workers of the original send. */
const REPORT_GRACE_MS = 45_000;
const UNREPORTED_MAX = 2;

export class Leases {
  readonly #byTask = new Map<string, Lease>();
  readonly #byKey = new Map<string, Lease>();
  readonly #inSession = new Map<string, number>();

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
    this.#byKey.set(lease.task.key, lease);
    this.#count(lease.session, 1);
  }

  /** The session runs it now. */
  take(lease: Lease, session: string): void {
    this.#count(lease.session, -1);
    (lease as { session: string | undefined }).session = session;
    this.#count(session, 1);
    keep(lease);
  }

  countIn(session: string): number {
    return this.#inSession.get(session) ?? 0;
  }

  byTask(taskId: string): Lease | undefined {
    return this.#byTask.get(taskId);
  }

  byKey(key: string): Lease | undefined {
    return this.#byKey.get(key);
  }

  remove(taskId: string): Lease | undefined {
    const lease = this.#byTask.get(taskId);
    if (!lease) return undefined;
    this.#byTask.delete(taskId);
    this.#count(lease.session, -1);
    if (this.#byKey.get(lease.task.key) === lease) this.#byKey.delete(lease.task.key);
    return lease;
  }

  inSession(session: string): Lease[] {
    return [...this.#byTask.values()].filter((lease) => lease.session === session);
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

  /**
   * It says what it runs: that is leased as long as it says so. `left`: of what it was told to end,
   * what it has no more; `silent`: what it has been silent about for too long.
   */
  report(running: ReadonlySet<string>, isByStream: boolean, nowMs: number): { left: Lease[]; silent: Lease[] } {
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
        keep(lease);
      } else if (isSilent(lease, nowMs)) silent.push(lease);
    }
    return { left, silent };
  }

  /** A process of the worker's is back with what it runs. Returns what was sent to it and never arrived. */
  attach(running: ReadonlySet<string>, session: string, backByMs: number): Lease[] {
    const unsent: Lease[] = [];
    for (const lease of this.#byTask.values()) {
      if (running.has(lease.handOut.taskId)) {
        this.take(lease, session);
        // Sent over the connection that broke.
      } else if (lease.session === session) unsent.push(lease);
      else if (lease.session === undefined && lease.lossReason === "handed_back") {
        lease.lostAtMs = Math.min(lease.lostAtMs ?? Number.POSITIVE_INFINITY, backByMs);
      }
    }
    return unsent;
  }

  /** The session has no connection: what it runs is lost then, unless somebody speaks for it. */
  startLoss(session: string, lostAtMs: number): void {
    for (const lease of this.inSession(session)) {
      lease.lostAtMs = Math.max(lostAtMs, (lease.vouchedAtMs ?? Number.NEGATIVE_INFINITY) + REPORT_GRACE_MS);
      lease.lossReason = "worker_lost";
    }
  }

  #count(session: string | undefined, by: number): void {
    if (session === undefined) return;
    const sum = (this.#inSession.get(session) ?? 0) + by;
    if (sum > 0) this.#inSession.set(session, sum);
    else this.#inSession.delete(session);
  }
}

/** It runs there: no deadline but its own. */
function keep(lease: Lease): void {
  const { timeoutMs } = lease.task.order;
  lease.lostAtMs = undefined;
  lease.lossReason = "worker_lost";
  lease.deadlineMs = timeoutMs === undefined ? undefined : lease.sinceMs + timeoutMs;
}

/** Said beside the stream: a handler may block the thread that would answer there, and connect again once it broke. */
function vouch(lease: Lease, nowMs: number): void {
  lease.vouchedAtMs = nowMs;
  if (lease.lostAtMs !== undefined) lease.lostAtMs = Math.max(lease.lostAtMs, nowMs + REPORT_GRACE_MS);
}

/** Others may share the id and leave out what is not theirs: the one that runs it has to fall silent. */
function isSilent(lease: Lease, nowMs: number): boolean {
  lease.unreported += 1;
  return nowMs - lease.reportedAtMs > REPORT_GRACE_MS && lease.unreported >= UNREPORTED_MAX;
}
