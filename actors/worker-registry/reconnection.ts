/**
 * A process of the worker's is back and says what it runs: what of that goes on, what only its job
 * can tell, and what it is to end.
 */
import type { TaskReference } from "../../src/protocol/process.ts";
import type { Context, Reply } from "../../src/runtime/types.ts";
import type { QueuedTask } from "../dispatcher/task.ts";
import type { Claim, LossReason } from "../job/messages.ts";
import type { Connections, Welcome } from "./connections.ts";
import type { Lease, Leases, Place } from "./leases.ts";
import type { ClaimAnswer, WorkerMessage } from "./messages.ts";

export interface ReconnectionParts {
  readonly leases: Leases;
  readonly connections: Connections;
  nowMs(): number;
  readonly reconnectMs: number;
  claim(jobId: string, taskId: string): Promise<Claim | undefined>;
  /** A claim as a task of the dispatcher's. */
  taskOf(jobId: string, claim: Claim): QueuedTask;
  lose(lease: Lease, reason: LossReason): void;
  /** It runs what its job says that it runs, and is counted in. */
  takeUp(task: QueuedTask, claim: Claim, place: Place): void;
  /** There may be more room. */
  grant(): void;
}

/** A process that polls is asked to beat as often as a stream may take to come back: one of two beats may be late. */
const MISSED_BEATS = 2;

export class Reconnection {
  constructor(readonly parts: ReconnectionParts) {}

  /** Takes up what a process says that it has, and tells it what of that it is to end. */
  resume(
    { session, connection }: Place,
    running: readonly TaskReference[],
    reply: Reply<readonly string[]>,
    context: Context<WorkerMessage>,
  ): void {
    const place = { session, connection };
    this.parts.connections.leaveBehind(place);
    const unknown = this.#attach(place, running);
    if (unknown.length === 0)
      return this.#welcome(
        place,
        running.map(({ task_id }) => task_id),
        reply,
      );
    const claims = unknown.map(async ({ job_id: jobId, task_id: taskId }): Promise<ClaimAnswer> => {
      return { jobId, taskId, claim: await this.parts.claim(jobId, taskId) };
    });
    // A claim that could not be looked up leaves its task running: the result will prove itself.
    context.pipe(
      Promise.allSettled(claims),
      (settled) => ({
        type: "claimed",
        claims: settled.flatMap((one) => (one.status === "fulfilled" ? one.value : [])),
        place,
        reply,
      }),
      () => ({ type: "claimed", claims: [], place, reply }),
    );
  }

  claimed({ claims, place, reply }: Extract<WorkerMessage, { type: "claimed" }>): void {
    const { leases, connections } = this.parts;
    const cancelled: string[] = [];
    for (const { jobId, taskId, claim } of claims) {
      if (!claim || this.#isReplaced(jobId, claim)) {
        cancelled.push(taskId);
        continue;
      }
      const known = leases.byTask(taskId);
      if (!known) this.parts.takeUp(this.parts.taskOf(jobId, claim), claim, place);
      // Meanwhile it was adopted from what is on disk, where nobody knew that it runs.
      else if (known.session === undefined && !known.poller) leases.take(known, place);
    }
    if (place.connection === undefined && !connections.isOpen(place.session)) {
      this.startLoss(place.session);
      return reply.ok(cancelled);
    }
    const attached = leases.ofProcess(place.session).map((lease) => lease.handOut.taskId);
    this.#welcome(place, attached, reply, cancelled);
  }

  /** The session has no connection: it has a while to come back. */
  startLoss(session: string): void {
    this.parts.leases.startLoss(session, this.parts.nowMs() + this.parts.reconnectMs);
  }

  /** Takes up again what the process says it runs; returns what nobody here knows of. */
  #attach(place: Place, inHand: readonly TaskReference[]): readonly TaskReference[] {
    const { leases, reconnectMs } = this.parts;
    const running = new Set(inHand.map((task) => task.task_id));
    const nowMs = this.parts.nowMs();
    const by = { backByMs: nowMs + reconnectMs, reportByMs: nowMs + MISSED_BEATS * reconnectMs };
    for (const lease of leases.attach(running, place, by)) this.parts.lose(lease, "handed_back");
    return inHand.filter((task) => !leases.byTask(task.task_id));
  }

  /** While the job was asked, the task went out to this worker once more. */
  #isReplaced(jobId: string, { handOut }: Claim): boolean {
    const lease = this.parts.leases.newestOf({ jobId, visit: handOut.visit, slot: handOut.slot });
    return lease !== undefined && !lease.dropped && lease.handOut.taskId !== handOut.taskId;
  }

  #welcome(place: Place, running: readonly string[], reply: Welcome, cancelled: readonly string[] = []): void {
    const { leases, connections } = this.parts;
    if (place.connection === undefined) connections.ready(place.session);
    reply.ok([...cancelled, ...running.filter((taskId) => leases.isToEnd(taskId) === true)]);
    this.parts.grant();
  }
}
