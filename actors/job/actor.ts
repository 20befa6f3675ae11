/**
 * The shell of a job: loads it, takes what waits for it into one unit of work, has its handler
 * run where one must, commits, and only then lets anybody know.
 */
import type { RunningTurn, TurnReply, TurnStarter } from "../../src/handlers/port.ts";
import { isTerminal, type Job } from "../../src/job/model.ts";
import { type Deadlines, lift } from "../../src/runtime/deadlines.ts";
import type { Actor, Context, Expected } from "../../src/runtime/types.ts";
import type { JobReader, Journal, JobWrite, Unit } from "../../src/storage/port.ts";
import type { Cancel, Clock } from "../../src/system/clock.ts";
import { assert, assertNever, Refusal } from "../../src/system/errors.ts";
import type { SteadyClock } from "../../src/system/steady.ts";
import type { Log } from "../../src/system/log.ts";
import type { Lookup } from "../../src/system/lookup.ts";
import { creationWrite } from "./creation.ts";
import { begin, decide, decideCancel, type UserMessage, waitOfTask } from "./decide.ts";
import { type After, Draft, type JobRules, type JobState, type Moment, stateAfter, stateOf } from "./draft.ts";
import type { JobMessage } from "./messages.ts";
import { Patience } from "./patience.ts";
import { type Note, Notes, noteWriteMs } from "./notes.ts";
import type { ProgressUpdate } from "./progress.ts";
import type { Stores } from "../stores/stores.ts";
import { applyTurn, turnOf, type TurnSettings } from "./turn.ts";
import { TurnNews } from "./turn-news.ts";
import { wakeAtMs } from "./wake.ts";

/** What a job's actor needs of the house. */
export interface JobParts {
  readonly journal: Journal;
  readonly reader: JobReader;
  readonly starter: TurnStarter;
  /** The reply of a turn that needs no handler. Undefined: one has to run. */
  atOnce(job: Job): TurnReply | undefined;
  readonly clock: Clock;
  /** For what is due. */
  readonly steady: SteadyClock;
  readonly log: Log;
  readonly rules: JobRules;
  readonly turns: TurnSettings;
  readonly stores: Pick<Stores, "judge" | "leave">;
  readonly deadlines: Deadlines;
  /** So long a creation waits for its first handler. */
  readonly patienceMs: number;
  /** Of jobs that are made together. */
  readonly jointPatienceMs: number;
  /** Jobs that are about to be made: the store need not be asked for them. */
  readonly fresh: Set<string>;
  /** Carries out what follows a commit. `job` is durable. */
  follow(job: Job, after: After): void;
  /** Told after every commit. */
  committed(job: Job, wakeAtMs: number | undefined): void;
  /** Told after a commit that wrote so many rows of the outbox. */
  outboxWritten(rows: number): void;
  /** Told at once, before it is written. */
  progressed(jobId: string, taskId: string, update: ProgressUpdate): void;
  /**
   * Jobs whose actor failed in the middle of something: what it was is not known, and is looked for
   * once the unit that may have been on its way to the store has come to an end there.
   */
  readonly interrupted: Map<string, Promise<void> | undefined>;
  /** What the job will be if the running turn's outcome counts: for `getJobState` of the job itself. */
  readonly pending: Lookup<string, Job>;
}

type Phase = "loading" | "idle" | "turn" | "committing";

const RETRY_STORE_MS = 1_000;

const COMMITTED: JobMessage = { type: "committed" };
const notCommitted = (error: unknown): JobMessage => ({ type: "not-committed", error });

export class JobActor implements Actor<JobMessage> {
  #phase: Phase = "loading";
  /** Left true by what throws. */
  #handling = false;
  #state: JobState | undefined;
  #draft: Draft | undefined;
  #turnNumber = 0;
  /** The newest unit that went to the store. */
  #committing: Expected | undefined;
  /** Of the unit that is being committed. */
  #wakeAtMs: number | undefined;
  #turn: RunningTurn | undefined;
  /** Set while the creation waits for its first turn. */
  #patience: Patience | undefined;
  /** Turn whose creation was committed without it. */
  #early: { readonly reply?: TurnReply; readonly error?: unknown } | undefined;
  /** What sets it going again after its unit could not be written. */
  #retries: readonly Cancel[] = [];
  /** Until it is durable. */
  #creation: Extract<JobMessage, { type: "create" }> | undefined;
  #cancels: Extract<JobMessage, { type: "cancel" }>[] = [];
  /** Few jobs are told any. */
  #notes: Notes | undefined;
  #flushArmed = false;

  constructor(
    readonly id: string,
    readonly parts: JobParts,
  ) {}

  started(context: Context<JobMessage>): void {
    if (this.parts.fresh.delete(this.id)) {
      this.#phase = "idle";
      return;
    }
    context.suspend();
    context.pipe(
      this.#load(),
      ([job, branches]) => ({ type: "loaded", job, branches }),
      (error) => ({ type: "not-loaded", error }),
    );
  }

  async #load() {
    const { interrupted, reader } = this.parts;
    await Promise.allSettled([interrupted.get(this.id)]);
    const job = await reader.load(this.id);
    return [job, job?.parallel ? await reader.branches(this.id) : []] as const;
  }

  stopped(): void {
    this.parts.pending.delete(this.id);
    this.parts.stores.leave(this.id);
    if (this.#handling || this.#draft) this.parts.interrupted.set(this.id, this.#committing?.given);
    this.#turn?.abort();
    this.#endPatience();
    // Who asked by way of another actor would wait for its time limit.
    for (const after of this.#draft?.after ?? []) failAnswer(after, interrupted());
    if (!this.#draft) this.#creation?.reply.fail(interrupted());
    for (const cancel of this.#cancels) cancel.reply.fail(interrupted());
  }

  receive(message: JobMessage, context: Context<JobMessage>): void {
    this.#handling = true;
    this.#take(message, context);
    this.#handling = false;
  }

  receiveMany(messages: readonly JobMessage[], context: Context<JobMessage>): void {
    this.#handling = true;
    this.#takeMany(messages, context);
    this.#handling = false;
  }

  #take(message: JobMessage, context: Context<JobMessage>): void {
    switch (message.type) {
      case "loaded":
        return this.#loaded(message, context);
      case "not-loaded":
        throw message.error;
      case "turn-done":
        if (message.number === this.#turnNumber) this.#turnDone(message.reply, context);
        return;
      case "turn-lost":
        if (message.number === this.#turnNumber) this.#turnLost(message.error);
        return;
      case "committed":
        return this.#committed(context);
      case "not-committed":
        return this.#notCommitted(message.error, context);
      case "impatient":
        if (message.number === this.#turnNumber && this.#phase === "turn") this.#commitCreationAlone(context);
        return;
      case "cancel":
        if (this.#isForAnother(message)) return message.reply.ok();
        this.#cancels.push(message);
        return this.#takeCancels(context);
      case "recover":
        if (this.#phase === "idle") return this.#takeMany([message], context);
        // It is going. What else it waits for is looked at after that, and the sweep need not wait for a slow handler.
        if (this.#phase !== "loading") message.reply?.ok();
        return context.unread([message]);
      default:
        return this.#takeMany([message], context);
    }
  }

  #takeMany(messages: readonly JobMessage[], context: Context<JobMessage>): void {
    assert(this.#phase === "idle", `job ${this.id} took messages while ${this.#phase}`);
    const wanted = messages.every(isUserMessage) ? messages : this.#withoutNotes(messages, context);
    const first = wanted[0];
    if (first === undefined) return this.#flushProgress(context);

    if (!this.#state) {
      if (first.type !== "create") return this.#unknown(wanted);
      if (wanted.length > 1) context.unread(wanted.slice(1));
      return this.#create(first, context);
    }
    const draft = this.#draftOf(this.#state);
    this.#takeNotes(draft);
    const taken = decide(draft, wanted);
    if (taken < wanted.length) context.unread(wanted.slice(taken));
    this.#go(draft, context);
  }

  /** Notes are kept aside, until something is written. */
  #withoutNotes(messages: readonly JobMessage[], context: Context<JobMessage>): readonly UserMessage[] {
    const wanted: UserMessage[] = [];
    for (const message of messages) {
      if (message.type === "progress" || message.type === "checkpoint") this.#note(message, context);
      else if (message.type === "flush-progress") this.#flushArmed = false;
      else wanted.push(message as UserMessage);
    }
    return wanted;
  }

  #loaded(message: Extract<JobMessage, { type: "loaded" }>, context: Context<JobMessage>): void {
    const isInterrupted = this.parts.interrupted.delete(this.id);
    if (message.job) {
      this.#state = stateOf(message.job, message.branches);
      // A handler that has to run and is not running, or a loss that nobody tells again: the actor was restarted.
      if (isInterrupted || message.job.handler) context.self.tell({ type: "recover" });
      // What time had brought may have been lost with it, and time brings nothing twice.
      if (isInterrupted) context.self.tell({ type: "wake" });
    }
    this.#rest(context);
  }

  /** Nobody knows the job: what was sent to it is answered, not dropped. */
  #unknown(messages: readonly UserMessage[]): void {
    for (const message of messages) {
      if (message.type === "result") {
        message.reply.ok({
          status: "ignored",
          reason: "job_not_found",
          message: "No job has this id; drop the result.",
        });
      } else if (message.type === "worker-event") {
        message.reply.ok({ status: "error", code: "JOB_NOT_FOUND", message: "No job has this id; drop the event." });
      } else if (message.type === "event" || message.type === "decision" || message.type === "retry") {
        message.reply.fail(new Refusal("JOB_NOT_FOUND", 404, "Job not found"));
      } else if (message.type === "migrate") message.reply.fail(new Refusal("JOB_NOT_FOUND", 404, "Job not found"));
      else if (message.type === "hand-out") message.reply.ok(false);
      else if (message.type === "claim") message.reply.ok(undefined);
      else if (message.type === "recover") message.reply?.ok();
      else
        this.parts.log.debug("A message for a job that does not exist was dropped.", {
          job: this.id,
          type: message.type,
        });
    }
  }

  #create(message: Extract<JobMessage, { type: "create" }>, context: Context<JobMessage>): void {
    this.#creation = message;
    // An actor that was here already: its successor has to ask the store.
    this.parts.fresh.delete(this.id);
    const draft = begin(stateOf(message.job), this.parts.rules, this.#moment());
    draft.idempotency = message.idempotency;
    draft.after.push({ type: "answer-creation", reply: message.reply });
    const isHeld = !draft.needsTurn;
    this.#go(draft, context);
    if (!isHeld) this.#losePatience(context);
  }

  /** Runs the handler that the draft needs, or commits it, or has nothing to write. */
  #go(draft: Draft, context: Context<JobMessage>): void {
    for (const reply of draft.atOnce) reply.ok();
    if (draft.needsTurn) {
      const reply = this.parts.atOnce(draft.job);
      if (!reply) return this.#runTurn(draft, context);
      applyTurn(draft, reply);
    }
    if (draft.changed) return this.#commit(draft, context);
    const { job } = draft;
    for (const after of draft.after) this.#follow(job, after, context);
    this.#rest(context);
    this.#leaveIfOver(context);
  }

  #moment(): Moment {
    return { nowMs: this.parts.steady.nowMs(), atMs: this.parts.clock.nowMs() };
  }

  #runTurn(draft: Draft, context: Context<JobMessage>): void {
    this.#phase = "turn";
    this.#draft = draft;
    this.#turnNumber += 1;
    context.suspend();
    this.parts.pending.set(this.id, draft.job.endsAs ? { ...draft.job, status: draft.job.endsAs } : draft.job);
    const news = new TurnNews(context, this.#turnNumber);
    this.#turn = this.parts.starter.begin(turnOf(draft.job, this.parts.turns), news);
  }

  /** A creation that is on its way to the disk comes first: an actor that failed now would find no job there, and not look again. */
  #turnLost(error: unknown): void {
    if (this.#phase !== "committing") throw error;
    this.#early = { error };
  }

  #turnDone(reply: TurnReply, context: Context<JobMessage>): void {
    this.parts.pending.delete(this.id);
    this.#turn = undefined;
    if (this.#phase === "committing") {
      // The creation is on its way to the disk alone; its first turn goes into the next unit.
      this.#early = { reply };
      return;
    }
    const draft = this.#draft;
    assert(draft, "a turn ended that no draft asked for");
    if (this.#creation?.joint?.takes(reply) === false) return this.#commitCreationAlone(context, { reply });
    draft.moveTo(this.#moment());
    if (this.#cancels.length > 0) this.#cancelDraft(draft, context);
    else if (!this.#applyTurn(draft, reply, context)) return this.#runAgain(draft, context);
    this.parts.stores.leave(this.id);
  }

  /** False: something that it read of a data store has changed since. Between the judgement and the commit nothing else happens. */
  #applyTurn(draft: Draft, reply: TurnReply, context: Context<JobMessage>): boolean {
    const verdict = this.parts.stores.judge(draft.job, reply);
    switch (verdict.type) {
      case "again":
        return false;
      case "refused":
        applyTurn(draft, { steps: [], ending: { kind: "invalid", state: draft.job.state, error: verdict.error } });
        break;
      case "counts":
        draft.dataStores = verdict.changes;
        applyTurn(draft, reply);
        break;
      default:
        assertNever(verdict);
    }
    this.#commit(draft, context);
    return true;
  }

  /** All of the turn is dropped, and no attempt is burned. */
  #runAgain(draft: Draft, context: Context<JobMessage>): void {
    this.#runTurn(draft, context);
    if (!draft.state) this.#losePatience(context);
  }

  /** The creation waits a while for its first turn. */
  #losePatience(context: Context<JobMessage>): void {
    const joint = this.#creation?.joint;
    if (joint?.isPlain === true && this.#phase === "turn") return this.#commitCreationAlone(context);
    this.#endPatience();
    this.#patience = new Patience(context.self, this.#turnNumber);
    this.parts.deadlines.set(joint ? this.parts.jointPatienceMs : this.parts.patienceMs, this.#patience);
  }

  #endPatience(): void {
    if (this.#patience) lift(this.#patience);
    this.#patience = undefined;
  }

  /** The cancel overtook a running handler: what it did is dropped, and the job ends where it is. */
  #cancelDraft(draft: Draft, context: Context<JobMessage>): void {
    draft.event({ type: "cancel_requested", state: draft.job.state });
    draft.finish("cancelled", { code: "CANCELLED", message: "The job was cancelled." });
    for (const cancel of this.#cancels.splice(0)) draft.after.push({ type: "answer-done", reply: cancel.reply });
    this.#commit(draft, context);
  }

  /** `early`: its turn, as far as that is over. */
  #commitCreationAlone(context: Context<JobMessage>, early: { readonly reply?: TurnReply } = {}): void {
    const draft = this.#draft;
    assert(draft && !draft.state, "only a creation is committed without its turn");
    this.#early = early;
    draft.needsTurn = false;
    this.#commit(draft, context);
  }

  #commit(draft: Draft, context: Context<JobMessage>): void {
    this.#phase = "committing";
    this.#draft = draft;
    this.#endPatience();
    context.suspend();
    const job = draft.own();
    job.version += 1;
    job.updatedAtMs = draft.atMs;
    const { cancelGraceMs } = this.parts.rules;
    this.#wakeAtMs = wakeAtMs(draft.job, draft.timedWaits(), cancelGraceMs);
    const committing = context.expect(COMMITTED, notCommitted);
    (this.#creation?.joint ?? this.parts.journal).write(this.#unit(draft), committing);
    // Not before: after a throw nobody would ever tell, and a successor would wait for that.
    this.#committing = committing;
  }

  #unit(draft: Draft): Unit {
    const write: JobWrite = {
      job: draft.job,
      expectedVersion: draft.job.version - 1,
      wakeAtMs: this.#wakeAtMs,
      events: draft.events,
      branches: draft.branchWrites.size > 0 ? [...draft.branchWrites.values()] : undefined,
      dropBranches: draft.dropsBranches || undefined,
      outbox: draft.outbox.length > 0 ? draft.outbox : undefined,
    };
    const jobs = draft.children.length === 0 ? [write] : [write, ...draft.children.map(creationWrite)];
    return { jobs, idempotency: draft.idempotency, dataStores: draft.dataStores };
  }

  #committed(context: Context<JobMessage>): void {
    const draft = this.#draft;
    assert(draft, "a commit ended that no draft asked for");
    this.#draft = undefined;
    this.#creation = undefined;
    this.#state = stateAfter(draft);
    this.#notes?.written();
    this.parts.committed(draft.job, this.#wakeAtMs);
    if (draft.outbox.length > 0) this.parts.outboxWritten(draft.outbox.length);
    for (const after of draft.after) this.#follow(draft.job, after, context);
    if (this.#early) return this.#takeEarly(context);
    this.#rest(context);
    this.#leaveIfOver(context);
  }

  /** The creation is durable; its turn may be over already or still run. */
  #takeEarly(context: Context<JobMessage>): void {
    const early = this.#early;
    const state = this.#state;
    assert(early && state, "a creation was committed without its turn");
    this.#early = undefined;
    if ("error" in early) throw early.error;
    const draft = this.#draftOf(state);
    draft.needsTurn = true;
    this.#phase = "turn";
    this.#draft = draft;
    if (early.reply) this.#turnDone(early.reply, context);
    else if (this.#cancels.length > 0) this.#takeCancels(context);
  }

  #notCommitted(error: unknown, context: Context<JobMessage>): void {
    const draft = this.#draft;
    this.#draft = undefined;
    this.#early = undefined;
    this.#turnNumber += 1;
    this.#notes?.putBack();
    this.parts.stores.leave(this.id);
    if (this.#creation && isDataConflict(error)) return this.#createAgain(this.#creation, context);
    this.#creation = undefined;
    for (const after of draft?.after ?? []) failAnswer(after, error);
    if (!(error instanceof Refusal) || error.code === "STORE_CONFLICT") throw error;
    if (this.#state && error.code === "STORE_INVALID" && draft) return this.#giveUp(this.#state, draft, error, context);
    // Memory never ran ahead of the disk: the durable state still holds, and is set going again.
    if (this.#state) {
      // Those of an earlier failure go: each of both may fail again, and they would double every time.
      for (const cancel of this.#retries) cancel();
      this.#retries = [
        context.after(RETRY_STORE_MS, { type: "recover" }),
        context.after(RETRY_STORE_MS, { type: "wake" }),
      ];
    }
    this.#rest(context);
  }

  /** It had read what another unit wrote that failed: nobody has heard of the job yet, so it begins anew. */
  #createAgain(creation: Extract<JobMessage, { type: "create" }>, context: Context<JobMessage>): void {
    context.after(RETRY_STORE_MS, creation);
    this.#rest(context);
  }

  /** The store will never take what the job became: it stops where it is, for a person to look at. */
  #giveUp(state: JobState, draft: Draft, error: Refusal, context: Context<JobMessage>): void {
    this.parts.log.error("A change of a job cannot be stored.", { job: this.id, error: error.message });
    const last = this.#draftOf(state);
    last.finish("quarantined", { code: error.code, message: error.message });
    // Not even that: what it was stays on disk, and a restart tries again.
    if (draft.job.error?.code === error.code) return this.#rest(context);
    this.#commit(last, context);
  }

  #follow(job: Job, after: After, context: Context<JobMessage>): void {
    switch (after.type) {
      case "answer-result":
        return after.reply.ok(after.answer);
      case "answer-event":
        return after.reply.ok(after.answer);
      case "answer-creation":
        return after.reply.ok(job.id);
      case "answer-hand-out":
        return after.reply.ok(after.accepted);
      case "answer-claim":
        return after.reply.ok(after.claim);
      case "answer-migration":
        return after.reply.ok(after.migration);
      case "answer-done":
        return after.reply.ok();
      case "continue":
        context.self.tell({ type: "recover" });
        return;
      case "refuse":
        return after.reply.fail(after.error);
      case "queue":
      case "adopt":
      case "drop-task":
      case "cancel-task":
      case "judge-worker":
      case "start-child":
      case "look-at-child":
      case "cancel-child":
      case "look-at-parent":
      case "tell-parent":
      case "arrive-at-gate":
      case "enter-gate":
      case "leave-gate":
        return this.parts.follow(job, after);
      default:
        return assertNever(after);
    }
  }

  /** Nothing is under way: cancels first, then whatever waits. */
  #rest(context: Context<JobMessage>): void {
    this.#phase = "idle";
    if (this.#cancels.length > 0) return this.#takeCancels(context);
    context.resume();
  }

  /** A job that is over leaves memory at once; what still comes for it brings it back. */
  #leaveIfOver(context: Context<JobMessage>): void {
    if (this.#phase === "idle" && this.#state && isTerminal(this.#state.job.status)) context.stop();
  }

  #takeCancels(context: Context<JobMessage>): void {
    if (this.#phase === "turn" && this.#cancels.length > 0) this.#turn?.abort();
    if (this.#phase !== "idle") return;
    const cancel = this.#cancels.shift();
    if (!cancel) return context.resume();
    if (this.#isForAnother(cancel)) {
      cancel.reply.ok();
      return this.#takeCancels(context);
    }
    if (!this.#state) {
      cancel.reply.fail(new Refusal("JOB_NOT_FOUND", 404, "Job not found"));
      return this.#takeCancels(context);
    }
    const { status } = this.#state.job;
    if (isTerminal(status)) {
      const message = `The job has ended as ${status} already; there is nothing to cancel.`;
      cancel.reply.fail(new Refusal("JOB_TERMINAL", 409, message));
      return this.#takeCancels(context);
    }
    const draft = this.#draftOf(this.#state);
    this.#takeNotes(draft);
    decideCancel(draft);
    draft.after.unshift({ type: "answer-done", reply: cancel.reply });
    this.#go(draft, context);
  }

  /** What its parent gave up was the run before: a job that was retried goes on by itself. */
  #isForAnother({ isParents }: Extract<JobMessage, { type: "cancel" }>): boolean {
    const { job } = this.#draft ?? this.#state ?? {};
    return isParents === true && job?.isAlone === true;
  }

  #note(note: Note, context: Context<JobMessage>): void {
    const state = this.#state;
    const isOpen = state && waitOfTask(this.#draftOf(state), note.taskId, note.workerId);
    if (!isOpen) return;
    const notes = (this.#notes ??= new Notes(this.parts.clock));
    if (note.type === "checkpoint") notes.checkpoint(note);
    else this.parts.progressed(this.id, note.taskId, notes.progress(note));
    if (this.#flushArmed) return;
    this.#flushArmed = true;
    context.after(noteWriteMs(state.job, this.parts.clock.nowMs()), { type: "flush-progress" });
  }

  #flushProgress(context: Context<JobMessage>): void {
    if (!this.#state || this.#flushArmed || this.#notes?.isEmpty !== false) return;
    const draft = this.#draftOf(this.#state);
    this.#takeNotes(draft);
    if (draft.changed) this.#commit(draft, context);
  }

  #takeNotes(draft: Draft): void {
    if (this.#notes?.isEmpty === false) this.#notes.take(draft);
  }

  #draftOf(state: JobState): Draft {
    return new Draft(state, state.job, this.#moment(), this.parts.rules);
  }
}

/** Messages of the system lane never come with those of the user lane. */
function isUserMessage(message: JobMessage): message is UserMessage {
  const { type } = message;
  return type !== "progress" && type !== "checkpoint" && type !== "flush-progress";
}

function isDataConflict(error: unknown): boolean {
  return error instanceof Refusal && error.code === "DATA_STORE_CONFLICT";
}

function interrupted(): Refusal {
  const message = "The job was interrupted and it is not known how far it came; send the request again.";
  return new Refusal("OUTCOME_UNKNOWN", 503, message, undefined, 1);
}

function failAnswer(after: After, error: unknown): void {
  if ("reply" in after) after.reply.fail(error);
}
