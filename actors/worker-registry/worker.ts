/**
 * The actor of one worker: its record, its connections, its load and its leases. It tells the
 * dispatcher how many more tasks may be sent, and the jobs what became of those that were.
 */
import type { HeartbeatBody } from "../../src/protocol/worker.ts";
import type { Caller, WorkerProcess } from "../../src/protocol/process.ts";
import type { Actor, Context, Reply } from "../../src/runtime/types.ts";
import { assertNever, type JsonMap } from "../../src/system/errors.ts";
import type { Log } from "../../src/system/log.ts";
import type { DispatcherMessage } from "../dispatcher/messages.ts";
import { parseKey, type QueuedTask, type TaskPlace, type TaskRun } from "../dispatcher/task.ts";
import type { Claim, HandOut, JobMessage, LossReason } from "../job/messages.ts";
import type { Hello, WorkerLink } from "../orchestrator.ts";
import type { AttendedClock } from "./attended.ts";
import { Connections } from "./connections.ts";
import { type Lease, leaseOf, Leases, type Place, type Reporter } from "./leases.ts";
import type { Poll, WorkerMessage } from "./messages.ts";
import { payloadOf } from "./payload.ts";
import { Pollers } from "./pollers.ts";
import { concurrencyOf, mergeRecord, ownWords, viewOf } from "./record.ts";
import { Reconnection } from "./reconnection.ts";
import type { Reputations } from "./reputations.ts";
import { eventProblem, heldTo, type Skill, Skills } from "./skills.ts";
import { TrustWatch } from "./trust-watch.ts";

export interface WorkerParts {
  readonly attended: AttendedClock;
  readonly log: Log;
  readonly reputations: Pick<Reputations, "of" | "rules">;
  nowMs(): number;
  /** The id of one more hand-out. */
  sign(task: TaskRun, workerId: string): string;
  tellJob(jobId: string, message: JobMessage): void;
  /** Asks the job to write the hand-out down; true: it may be sent. */
  writeHandOut(jobId: string, handOut: HandOut): Promise<boolean>;
  claim(jobId: string, taskId: string, workerId: string): Promise<Claim | undefined>;
  /** A claim as a task of the dispatcher's. */
  taskOf(jobId: string, claim: Claim): QueuedTask;
  tellDispatcher(message: DispatcherMessage): void;
  save(id: string, record: JsonMap): void;
  readonly settings: WorkerSettings;
}

export interface WorkerSettings {
  /** A task of a worker that does not report what it runs. */
  readonly taskTimeoutMs: number;
  /** A worker that only polls is gone when it was not heard of for so long. */
  readonly recordMs: number;
  /** A stream that broke has so long to come back before its tasks are handed out again. */
  readonly reconnectMs: number;
  readonly defaultConcurrency: number;
}

const CHECK_MS = 1_000;
const RECORD_MS = 50;
const GIVE_BACK_MS = 1_000;
const TELL_AGAIN_MS = 2_000;

export class WorkerActor implements Actor<WorkerMessage> {
  readonly #leases = new Leases();
  readonly #connections = new Connections();
  readonly #pollers = new Pollers();
  #draining = false;
  /** Sent to the dispatcher and not used yet. */
  #granted = 0;
  #lastHeardMs: number;
  #recordArmed = false;
  #gone = false;
  readonly #skills: Skills;
  readonly #trust: TrustWatch;
  readonly #reconnection: Reconnection;

  constructor(
    readonly id: string,
    public record: JsonMap,
    readonly parts: WorkerParts,
  ) {
    this.#lastHeardMs = parts.attended.nowMs();
    this.#trust = new TrustWatch(id, parts);
    this.#reconnection = new Reconnection({
      leases: this.#leases,
      connections: this.#connections,
      nowMs: () => parts.attended.nowMs(),
      reconnectMs: parts.settings.reconnectMs,
      claim: (jobId, taskId) => parts.claim(jobId, taskId, id),
      taskOf: (jobId, claim) => parts.taskOf(jobId, claim),
      lose: (lease, reason) => this.#lose(lease, reason),
      takeUp: (task, claim, place) => this.#takeUp(task, claim, place),
      grant: () => this.#grant(),
    });
    this.#skills = new Skills((what, reason) => {
      const message =
        "A worker's schema cannot be checked here, or not all of it: what that describes is taken as it comes.";
      parts.log.warn(message, { worker: id, what, reason });
    });
  }

  started(context: Context<WorkerMessage>): void {
    // After a failure of this actor its leases are not known any more: what they were for is handed out again.
    this.parts.tellDispatcher({ type: "worker-gone", workerId: this.id });
    this.#publish();
    context.after(CHECK_MS, { type: "check" });
  }

  receive(message: WorkerMessage, context: Context<WorkerMessage>): void {
    switch (message.type) {
      case "register":
        this.#register(message.body);
        return this.#enrol(message.process, message.reply, context);
      case "heartbeat":
        return message.reply.ok(this.#heartbeat(message.body, message.link, message.caller));
      case "poll":
        return this.#polled(message.poll);
      case "poll-over":
        this.#connections.leave(message.poll);
        return this.#grant();
      case "connect":
        this.#heard();
        if (message.hello) return this.#hello(message.link, message.hello, message.reply, context);
        this.#connections.takeSocket(message.link);
        return message.reply.ok([]);
      case "disconnect":
        return this.#disconnect(message.link);
      case "result":
        return this.#result(message);
      case "release":
        return this.#release(message.taskIds);
      case "judged":
        return this.#followTrust();
      case "drain":
        this.#draining = message.on;
        this.#publish();
        this.#grant();
        return message.reply?.ok();
      case "drain-link":
        this.#connections.drain(message.link);
        return this.#grant();
      case "assign":
        return this.#assign(message.task, context);
      case "give-back":
        return this.#giveBack(message.task);
      case "stop-task":
        return this.#stopTask(message.task, message.cancel);
      case "adopt":
        return this.#adopt(message.task, message.handOut);
      case "confirmed":
        return this.#confirmed(message, context);
      case "unconfirmed":
        return this.#unconfirmed(message, context);
      case "claimed":
        return this.#reconnection.claimed(message);
      case "check":
        return this.#check(context);
      case "record":
        return this.#recordHandOuts(context);
      default:
        return assertNever(message);
    }
  }

  /** Read by the doors: whether a task is to be stopped; undefined: it is not in hand here. */
  isCancelled(taskId: string): boolean | undefined {
    return this.#leases.isToEnd(taskId);
  }

  /** Read by the doors: the one task that it runs for this job. Undefined: none, or several. */
  taskFor(jobId: string): string | undefined {
    const [lease, other] = [...this.#leases.all()].filter(({ task }) => task.jobId === jobId);
    return other ? undefined : lease?.handOut.taskId;
  }

  /** Read by the doors: as what it has the task in hand. */
  handOutOfTask(taskId: string): HandOut | undefined {
    return this.#leases.byTask(taskId)?.handOut;
  }

  /** Read by the doors: in what an event breaks the worker's own word for the task that it runs. */
  problemOfEvent(taskId: string, name: string, payload: string): string | undefined {
    const type = this.#leases.byTask(taskId)?.task.order.type;
    return type === undefined ? undefined : eventProblem(this.#skillOf(type), name, payload);
  }

  /** Read by the doors: who runs what, since when. */
  handOutOf(key: string): HandOut | undefined {
    return this.#leases.newestOf(parseKey(key))?.handOut;
  }

  get isConnected(): boolean {
    return this.#connections.isConnected;
  }

  /** The record as it is shown. */
  get face(): JsonMap {
    return {
      ...this.#shown,
      worker_id: this.id,
      current_load: this.#leases.size,
      draining: this.#draining,
      connected: this.#connections.isHere,
      reputation_needed: this.parts.reputations.of(this.id).reputationNeeded,
    };
  }

  get #shown(): JsonMap {
    return { ...this.record, reputation: this.parts.reputations.of(this.id).reputation };
  }

  stopped(): void {
    this.#gone = true;
    this.#connections.close(1001, "Server shutdown");
  }

  /** How many tasks a session has. */
  readonly #running = (session: string): number => this.#leases.countIn(session);

  #heard(): void {
    this.#lastHeardMs = this.parts.attended.nowMs();
  }

  #register(body: JsonMap): void {
    this.#heard();
    this.record = { status: "idle", ...ownWords(body) };
    this.parts.save(this.id, this.record);
    this.#publish();
  }

  /** A process that polls is there, for the first time or anew, and says what it has. */
  #enrol(process: WorkerProcess | undefined, reply: Reply<readonly string[]>, context: Context<WorkerMessage>): void {
    // With its stream open, this is what it said before that one.
    if (!process || this.#connections.isOpen(process.session) || !this.#pollers.registered(process))
      return reply.ok([]);
    this.#reconnection.resume(process, process.running, reply, context);
    this.#grant();
  }

  #polled(poll: Poll): void {
    this.#heard();
    if (poll.from && this.#pollers.isOver(poll.from)) return poll.answer(undefined);
    this.#connections.wait(poll);
    this.#grant();
  }

  #cancelled(): JsonMap {
    const cancelled = [...this.#leases.all()].filter((lease) => lease.cancelled || lease.dropped);
    return cancelled.length === 0 ? {} : { cancel_task_ids: cancelled.map((lease) => lease.handOut.taskId) };
  }

  #heartbeat(body: HeartbeatBody | undefined, link: WorkerLink | undefined, caller: Caller | undefined): JsonMap {
    this.#heard();
    if (!body) return { status: "ttl_refreshed", ...this.#cancelled() };
    this.record = mergeRecord(this.record, ownWords(body as JsonMap));
    const reporter = { isByStream: link !== undefined, caller };
    if (Array.isArray(body.current_tasks)) this.#compareReport(new Set(body.current_tasks), reporter);
    this.#publish();
    this.#resize(concurrencyOf(body as JsonMap), link);
    return { ...this.#shown, ...this.#cancelled() };
  }

  /** How much a stream takes may change while it is open, as everything else that a worker announced. */
  #resize(capacity: number | undefined, link: WorkerLink | undefined): void {
    if (capacity === undefined) return;
    this.#connections.resize(capacity, link);
    this.#grant();
  }

  /** The worker says what it runs. */
  #compareReport(running: ReadonlySet<string>, reporter: Reporter): void {
    const { left, silent } = this.#leases.report(running, reporter, this.parts.attended.nowMs());
    for (const lease of left) this.#leave(lease);
    for (const lease of silent) this.#lose(lease, lease.lossReason);
  }

  #publish(): void {
    const view = viewOf(this.id, this.record, this.#draining, this.#trust.tell());
    this.parts.tellDispatcher({ type: "worker", view });
  }

  #followTrust(): void {
    if (this.#trust.isNews) this.#publish();
  }

  /** Tells the dispatcher how many tasks more, or fewer, there is room for. */
  #grant(): void {
    const tasks = this.#newCredit();
    if (tasks !== 0) this.parts.tellDispatcher({ type: "credit", workerId: this.id, tasks });
  }

  /** What it has to be told of the room that there is: nothing of it twice. */
  #newCredit(): number {
    const room = this.#draining ? 0 : this.#connections.room(this.#running);
    const more = room - this.#granted;
    this.#granted = room;
    return more;
  }

  #assign(task: QueuedTask, context: Context<WorkerMessage>): void {
    this.#granted -= 1;
    const place = this.#draining ? undefined : this.#connections.choose(this.#running);
    if (!place) return this.#giveBack(task);

    const taskId = this.parts.sign(task, this.id);
    const { visit, slot, attempt } = task;
    const handOut = { visit, slot, attempt, taskId, workerId: this.id, atMs: this.parts.nowMs() };
    const lease = this.#lease(task, handOut, place.session);
    this.#leases.add(lease);
    if (!task.again) return this.#send(lease, context);

    this.#recordFirst(lease, context);
  }

  #recordFirst(lease: Lease, context: Context<WorkerMessage>): void {
    const { task, handOut } = lease;
    lease.recorded = true;
    if (lease.session === undefined) this.#connections.reserve(handOut.taskId);
    context.pipe(
      this.parts.writeHandOut(task.jobId, handOut),
      (accepted) => ({ type: "confirmed", task, handOut, accepted }),
      () => ({ type: "unconfirmed", task, handOut }),
    );
  }

  #lease(task: QueuedTask, handOut: HandOut, session: string | undefined): Lease {
    const unreportedMs = session === undefined ? this.parts.settings.taskTimeoutMs : undefined;
    return leaseOf(task, handOut, session, this.parts.attended.nowMs(), task.order.timeoutMs ?? unreportedMs);
  }

  #send(lease: Lease, context: Context<WorkerMessage>): void {
    const payload = payloadOf(lease.task, lease.handOut.taskId);
    if (!this.#deliver(lease, payload)) return this.#undelivered(lease);
    if (lease.recorded || this.#recordArmed) return;
    this.#recordArmed = true;
    context.after(RECORD_MS, { type: "record" });
  }

  /** What is on disk as handed out has to be taken back there; anything else only goes back to the queue. */
  #undelivered(lease: Lease): void {
    if (lease.recorded) return this.#lose(lease, "handed_back");
    this.#leases.remove(lease.handOut.taskId);
    this.#giveBack(lease.task);
  }

  #deliver(lease: Lease, payload: string): boolean {
    if (lease.session === undefined) {
      const poll = this.#connections.answerPoll(payload);
      lease.poller = poll?.from;
      return poll !== undefined;
    }
    const link = this.#connections.linkOf(lease.session);
    const isSent = link?.task(payload) === true;
    // The connection is gone, though nobody has said so yet.
    if (link && !isSent) this.#disconnect(link);
    return isSent;
  }

  /** The dispatcher gives back the credit that it used, and queues the task again: it knows by then how much room there is. */
  #giveBack(task: QueuedTask): void {
    this.#granted += 1;
    this.#grant();
    this.parts.tellDispatcher({ type: "returned", workerId: this.id, task });
  }

  /** The store does not take it now: at once it would not either. */
  #unconfirmed(message: Extract<WorkerMessage, { type: "unconfirmed" }>, context: Context<WorkerMessage>): void {
    const { taskId } = message.handOut;
    this.#connections.unreserve(taskId);
    if (!this.#leases.remove(taskId)) return;
    context.after(GIVE_BACK_MS, { type: "give-back", task: message.task });
  }

  #confirmed(message: Extract<WorkerMessage, { type: "confirmed" }>, context: Context<WorkerMessage>): void {
    const { taskId } = message.handOut;
    this.#connections.unreserve(taskId);
    const lease = this.#leases.byTask(taskId);
    if (!lease) return;
    if (message.accepted) return this.#send(lease, context);
    this.#end(lease);
    // Where a cancel waits for this task, it need not wait any longer.
    const { visit, slot, attempt } = message.handOut;
    this.parts.tellJob(message.task.jobId, { type: "withdrawn", visit, slot, attempt });
  }

  #result(message: Extract<WorkerMessage, { type: "result" }>): void {
    this.#heard();
    const { result, reply } = message;
    const known = this.#leases.byTask(result.taskId);
    // What is known of a task is no proof for another job than its own.
    const lease = known?.task.jobId === result.jobId ? known : undefined;
    if (lease) this.#end(lease);
    const type = lease?.task.order.type;
    const held = type === undefined ? result : heldTo(this.#skillOf(type), type, result);
    this.parts.tellJob(result.jobId, { type: "result", result: held, handOut: lease?.handOut, reply });
  }

  #skillOf(task: string): Skill | undefined {
    return this.#skills.of(this.record["supported_skills"], task);
  }

  /** The worker has it no more: room for another one. */
  #end(lease: Lease): void {
    this.#leases.remove(lease.handOut.taskId);
    this.parts.tellDispatcher({
      type: "ended",
      workerId: this.id,
      task: lease.task,
      credit: this.#newCredit(),
    });
  }

  #lose(lease: Lease, reason: LossReason): void {
    if (lease.dropped) return this.#leave(lease);
    if (reason === "timeout") {
      // It may still run: it takes up room until the worker answers or goes.
      lease.dropped = true;
      lease.deadlineMs = undefined;
      lease.tellAgainMs = this.parts.attended.nowMs() + TELL_AGAIN_MS;
      this.#pushCancel(lease);
    } else this.#end(lease);
    this.parts.tellJob(lease.task.jobId, { type: "lost", handOut: lease.handOut, reason });
  }

  /** The worker has what was dropped no more. */
  #leave(lease: Lease): void {
    this.#end(lease);
    if (lease.tellAgainMs !== undefined) this.#tellTimeout(lease);
  }

  #tellTimeout(lease: Lease): void {
    this.parts.tellJob(lease.task.jobId, { type: "lost", handOut: lease.handOut, reason: "timeout" });
  }

  /** The job drops a task that timed out once it has written that down: until then its loss may be lost. */
  #tellTimeoutsAgain(nowMs: number): void {
    for (const lease of this.#leases.all()) {
      if (lease.tellAgainMs === undefined || lease.tellAgainMs > nowMs) continue;
      lease.tellAgainMs = nowMs + TELL_AGAIN_MS;
      this.#tellTimeout(lease);
    }
  }

  #release(taskIds: readonly string[]): void {
    for (const taskId of taskIds) {
      const lease = this.#leases.byTask(taskId);
      if (lease) this.#lose(lease, "handed_back");
    }
  }

  #stopTask(place: TaskPlace, cancel: boolean): void {
    const lease = this.#leases.newestOf(place);
    if (!lease) return;
    const isTold = lease.cancelled || lease.dropped;
    if (cancel) lease.cancelled = true;
    else {
      lease.dropped = true;
      lease.tellAgainMs = undefined;
    }
    if (!isTold) this.#pushCancel(lease);
  }

  #pushCancel(lease: Lease): void {
    this.#connections.linkOf(lease.session)?.cancel(lease.task.jobId, lease.handOut.taskId);
  }

  #adopt(task: QueuedTask, handOut: HandOut): void {
    const known = this.#leases.newestOf(task);
    // What was dropped, or timed out, is not taken up again because the job had not heard of it when it asked.
    if (known && (!known.dropped || known.handOut.taskId === handOut.taskId)) return;
    const lease = this.#lease(task, handOut, undefined);
    lease.recorded = true;
    lease.lossReason = "handed_back";
    // Nobody has said yet that it runs: until then it cannot time out, only turn out to be nowhere.
    const { reconnectMs, taskTimeoutMs } = this.parts.settings;
    lease.deadlineMs = undefined;
    const isSomeoneBack = this.#connections.hasStreams || this.#pollers.some;
    lease.lostAtMs = lease.sinceMs + (isSomeoneBack ? reconnectMs : taskTimeoutMs);
    this.#leases.add(lease);
    this.parts.tellDispatcher({ type: "claimed", workerId: this.id, task });
  }

  #hello(
    link: WorkerLink,
    hello: Hello,
    reply: Extract<WorkerMessage, { type: "connect" }>["reply"],
    context: Context<WorkerMessage>,
  ): void {
    const { session } = hello;
    const capacity = concurrencyOf(hello.registration as JsonMap) ?? this.parts.settings.defaultConcurrency;
    this.#connections.open(link, session, capacity);
    this.#register(hello.registration as JsonMap);
    this.#reconnection.resume({ session }, hello.running, reply, context);
  }

  /** What its job says that it runs. */
  #takeUp(task: QueuedTask, { handOut }: Claim, place: Place): void {
    const lease = this.#lease(task, handOut, place.session);
    lease.recorded = true;
    this.#leases.add(lease);
    this.#leases.take(lease, place);
    this.parts.tellDispatcher({ type: "claimed", workerId: this.id, task });
  }

  #disconnect(link: WorkerLink): void {
    if (this.#gone) return;
    for (const session of this.#connections.lost(link)) this.#reconnection.startLoss(session);
    this.#heard();
    this.#grant();
  }

  /** What is over, by the clock that stood still when the server did. */
  #check(context: Context<WorkerMessage>): void {
    const nowMs = this.parts.attended.nowMs();
    for (const { lease, reason } of this.#leases.over(nowMs)) this.#lose(lease, reason);
    this.#tellTimeoutsAgain(nowMs);
    this.#followTrust();
    if (this.#connections.isHere || nowMs - this.#lastHeardMs < this.parts.settings.recordMs) {
      context.after(CHECK_MS, { type: "check" });
      return;
    }
    for (const lease of this.#leases.all()) this.#lose(lease, lease.lossReason);
    context.stop();
  }

  #recordHandOuts(context: Context<WorkerMessage>): void {
    this.#recordArmed = false;
    const nowMs = this.parts.attended.nowMs();
    for (const lease of this.#leases.unrecorded(nowMs - RECORD_MS)) {
      lease.recorded = true;
      this.parts.tellJob(lease.task.jobId, { type: "handed-out", handOut: lease.handOut });
    }
    if (this.#leases.unrecorded(nowMs).length === 0) return;
    this.#recordArmed = true;
    context.after(RECORD_MS, { type: "record" });
  }
}
