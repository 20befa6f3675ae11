/**
 * What the world knows for sure, kept outside of the engine: what became durable, what was handed
 * out, what was acknowledged. Each entry is held against the promises as it is made.
 */
import {
  type BranchWait,
  isChildWait,
  isTerminal,
  type Job,
  type JobEvent,
  type JobStatus,
  type TaskWait,
} from "../../src/job/model.ts";
import { readTaskId } from "../../src/job/task-id.ts";
import type { ResultAnswer } from "../../src/protocol/worker.ts";
import type { JobWrite, Unit } from "../../src/storage/port.ts";
import { GateLedger } from "./gate-ledger.ts";
import { promise, PromiseBroken } from "./promise.ts";

export { promise, PromiseBroken };

interface OpenWait {
  /** Of a job that runs inside this one. */
  readonly childId?: string;
  readonly maxAttempts: number;
  attempt: number;
  delivery: string | undefined;
  done: boolean;
  readonly transitions: Readonly<Record<string, string>>;
  /** Events of its worker, and where they lead. */
  readonly eventTransitions?: Readonly<Record<string, string>> | undefined;
}

interface EndedChild {
  readonly job_id: string;
  readonly status: JobStatus;
}

interface JobFacts {
  version: number;
  status: JobStatus;
  state: string;
  visit: number;
  failures: number;
  cancelRequested: boolean;
  wasCancelled: boolean;
  readonly waits: Map<number, OpenWait>;
  /** It waits for a person, and nobody has decided. */
  isAsked: boolean;
  /** Visits in which somebody decided. */
  readonly decided: Set<number>;
  retries: number;
  /** Its parent may cancel it. */
  isParents: boolean;
  /** States whose handler failed, or in which it was cancelled or late. */
  readonly stoppedIn: Set<string>;
  /** As what it has ended, before each retry. */
  readonly ends: Set<JobStatus>;
  /** Where it began. */
  readonly first: string;
  /** The state that its deadline ended, until a retry goes on there. */
  lateIn: string | undefined;
  tokens: readonly string[];
  stateHistory: string;
  /** Newest version that a reader was shown. */
  readVersion: number;
}

interface HandOut {
  readonly jobId: string;
  readonly workerId: string;
  readonly atMs: number;
  /** How long the server had stood still until then. */
  readonly stoodStillMs: number;
  readonly timeoutMs: number | undefined;
}

export interface LedgerParts {
  monotonicMs(): number;
  stoodStillMs(): number;
  /** Since when the worker may rightly be thought lost; infinite: it did nothing wrong. */
  faultOf(workerId: string, taskId: string): number;
  readonly cancelGraceMs: number;
  readonly handlerRuns: number;
}

const LOST: ReadonlySet<string> = new Set(["WORKER_LOST", "TIMEOUT_ERROR"]);
/** Failures that no further attempt mends. */
const FINAL: ReadonlySet<string> = new Set(["PERMANENT_ERROR", "INVALID_INPUT_ERROR"]);
/** Of all simulated flows. */
const END_STATES: ReadonlySet<string> = new Set(["done", "failed", "stopped"]);
/** Leases are looked at now and then, and a stand-still is counted in samples. */
const SLACK_MS = 1_000;

export class Ledger {
  readonly jobs = new Map<string, JobFacts>();
  readonly #handOuts = new Map<string, HandOut>();
  /** Those whose workers have given them back unfinished, as far as the server has heard of it. */
  readonly #givenBack = new Set<string>();
  /** Job, visit, slot, attempt to the task ids that went out for it. */
  readonly #sent = new Map<string, string[]>();
  readonly #finished = new Set<string>();
  readonly #counted = new Set<string>();
  readonly #accepted = new Set<string>();
  /** Tasks whose worker was given up for lost, or for too slow. */
  readonly #lost = new Set<string>();
  /** Token to the task id whose result it came with. */
  readonly #tokens = new Map<string, string>();
  readonly #countedTokens = new Set<string>();
  /** Tokens of events that some unit holds. */
  readonly #events = new Set<string>();
  /** Breaks of handlers that were reported to the engine. */
  readonly #breaks = new Map<string, number>();
  readonly gates = new GateLedger();
  /** What workers tell of tasks, and what of that is noted. */
  readonly #hints = new Map<string, string>();
  readonly #heard = new Set<string>();
  readonly #cancelsAsked = new Set<string>();
  readonly #retriesAsked = new Map<string, number>();
  /** By job: what each of them was asked under. */
  readonly #retriesTaken = new Map<string, Set<string>>();

  constructor(readonly parts: LedgerParts) {}

  // ---- what becomes durable

  durable(unit: Unit): void {
    for (const write of unit.jobs) this.#durable(write);
    for (const { job } of unit.jobs) this.#compareChildren(job);
    for (const { job } of unit.jobs) this.gates.durable(job);
  }

  /** A parent waits only for jobs that are on disk, made in the same unit or before. */
  #compareChildren(job: Job): void {
    for (const { childId, done } of this.jobs.get(job.id)?.waits.values() ?? []) {
      if (childId === undefined || done || isTerminal(job.status)) continue;
      promise(this.jobs.has(childId), `job ${job.id} waits for child ${childId}, which is not on disk`);
    }
  }

  #durable(write: JobWrite): void {
    const { job, events } = write;
    const before = this.jobs.get(job.id);
    const name = `job ${job.id} at version ${job.version}`;
    promise(job.version === (before?.version ?? 0) + 1, `${name}: a version was left out`);
    const isRetried = events.some(({ type }) => type === "job_retried");
    promise(
      !before || !isTerminal(before.status) || isRetried,
      `${name}: it was over as ${before?.status} and went on`,
    );
    const stateBefore = before?.state ?? job.state;
    const facts: JobFacts = before ?? {
      version: 0,
      status: "pending",
      state: job.state,
      visit: 0,
      failures: 0,
      cancelRequested: false,
      wasCancelled: false,
      waits: new Map(),
      isAsked: false,
      decided: new Set(),
      retries: 0,
      isParents: job.parentId !== undefined,
      stoppedIn: new Set(),
      ends: new Set(),
      first: events.find(({ type }) => type === "job_created")?.state ?? "",
      lateIn: undefined,
      tokens: [],
      stateHistory: "{}",
      readVersion: 0,
    };
    this.jobs.set(job.id, facts);
    this.#replay(facts, job, events, name);
    this.#compareWaits(facts, write, name);
    this.#compareTokens(facts, job, name);
    promise(
      !isTerminal(job.status) || facts.status === job.status,
      `${name}: ended as ${job.status}, its history says ${facts.status}`,
    );
    promise(facts.visit === job.visit, `${name}: entered ${job.visit} states, its history says ${facts.visit}`);
    promise(facts.state === job.state, `${name}: is in ${job.state}, its history says ${facts.state}`);
    const isLate = job.error?.code === "DEADLINE_EXCEEDED";
    if (isLate && facts.retries === 0) facts.lateIn ??= stateBefore;
    // A retry has no deadline. One that mends what had to follow the deadline ends as that had said.
    promise(
      !isLate || !isTerminal(job.status) || facts.lateIn !== undefined,
      `${name}: was retried, and is over by the deadline of the run before`,
    );
    const goesOn = facts.cancelRequested && !isTerminal(job.status) && job.cancelRequestedAtMs === undefined;
    promise(!goesOn, `${name}: forgot that it is being cancelled`);
    facts.version = job.version;
    facts.status = job.status;
    facts.cancelRequested = job.cancelRequestedAtMs !== undefined;
    facts.failures = job.handler?.failures ?? 0;
    promise(isTerminal(job.status) || isWaitingFor(job), `${name}: ${job.status}, and waits for nothing`);
    this.#compareWake(facts, write, name);
  }

  /** Its events, one after the other, against what was there before. */
  #replay(facts: JobFacts, job: Job, events: readonly JobEvent[], name: string): void {
    // Of the end state, in this unit.
    let hasRun = false;
    for (const event of events) {
      switch (event.type) {
        case "state_started":
          hasRun = false;
          facts.visit += 1;
          facts.state = event.state ?? "";
          facts.waits.clear();
          facts.cancelRequested = false;
          facts.failures = 0;
          facts.isAsked = false;
          break;
        case "job_retried":
          this.#retry(facts, event, name);
          break;
        case "approval_requested":
          facts.isAsked = true;
          break;
        case "approval_decided":
          promise(facts.isAsked, `${name}: was decided, and nobody was asked or somebody had decided`);
          facts.isAsked = false;
          facts.decided.add(facts.visit);
          break;
        case "sub_blueprint_finished":
          this.#endChild(facts, event, name);
          break;
        case "state_finished":
          hasRun = event.next === undefined;
          this.#leave(facts, event, name);
          break;
        case "cancel_requested":
          promise(facts.isParents || this.#cancelsAsked.has(job.id), `${name}: was cancelled, and nobody asked for it`);
          facts.wasCancelled = true;
          if (job.cancelRequestedAtMs !== undefined || isTerminal(job.status)) facts.cancelRequested = true;
          break;
        case "task_dispatched": {
          const wait = facts.waits.get(slotOf(event.taskId));
          if (wait) wait.delivery = event.taskId;
          break;
        }
        case "task_finished":
          this.#finish(facts, job, event, name);
          break;
        case "state_failed":
          facts.stoppedIn.add(event.state ?? "");
          // One that was given up before it began counts as no failure.
          if (event.attempt === undefined || event.attempt > facts.failures) this.#fail(job, name);
          break;
        case "job_failed":
        case "job_completed":
          if (facts.cancelRequested)
            promise(event.status === "cancelled", `${name}: was cancelled and is ${event.status}`);
          facts.status = event.status ?? "error";
          facts.ends.add(facts.status);
          // It was stopped before its handler had run to its end.
          if (!hasRun) facts.stoppedIn.add(facts.state);
          facts.waits.clear();
          break;
        default:
          if (event.type.startsWith("worker_event:")) this.#hear(facts, job, event, name);
      }
    }
  }

  #retry(facts: JobFacts, { next = "" }: JobEvent, name: string): void {
    promise(isTerminal(facts.status), `${name}: was retried while it was ${facts.status}`);
    const isStep = !END_STATES.has(next) || next === facts.first || facts.stoppedIn.has(next);
    promise(isStep, `${name}: goes on in ${next}, where nothing had failed`);
    facts.retries += 1;
    if (next === facts.lateIn) facts.lateIn = undefined;
    facts.wasCancelled = false;
    // From here on it goes on by itself.
    facts.isParents = false;
  }

  #endChild(facts: JobFacts, event: JobEvent, name: string): void {
    const { job_id: childId, status } = (event.extra ?? {})["child"] as EndedChild;
    const child = this.jobs.get(childId);
    // It may have been retried since: what it was then is what is told.
    promise(child && child.ends.size > 0, `${name}: heard of the end of child ${childId}, which never was over`);
    promise(child.ends.has(status), `${name}: heard that child ${childId} ended as ${status}`);
    const wait = [...facts.waits.values()].find((one) => one.childId === childId);
    promise(wait && !wait.done, `${name}: counted the end of child ${childId}, for which it does not wait`);
    wait.done = true;
  }

  #leave(facts: JobFacts, event: JobEvent, name: string): void {
    if (!facts.cancelRequested || event.next === undefined) return;
    const isAllowed = [...facts.waits.values()].some((wait) => wait.transitions["cancelled"] === event.next);
    promise(isAllowed, `${name}: was cancelled and went on to ${event.next}`);
  }

  #fail(job: Job, name: string): void {
    const left = (this.#breaks.get(job.id) ?? 0) - 1;
    promise(left >= 0, `${name}: a failure of its handler was counted that never happened`);
    this.#breaks.set(job.id, left);
  }

  #finish(facts: JobFacts, job: Job, event: JobEvent, name: string): void {
    const taskId = event.taskId ?? "";
    const parts = readTaskId(taskId)?.parts;
    const handOut = this.#handOuts.get(taskId);
    promise(parts && handOut, `${name}: counted a result of task ${taskId}, which was never handed out`);
    promise(handOut.jobId === job.id, `${name}: counted a result of job ${handOut.jobId}`);
    const wait = facts.waits.get(parts.slot);
    promise(parts.visit === facts.visit && wait, `${name}: counted a result for a wait that is over`);
    promise(!wait.done, `${name}: counted two results for branch ${parts.slot}`);
    const isNewest = parts.attempt === wait.attempt && !this.#isReplaced(taskId, wait);
    promise(isNewest, `${name}: counted the result of an attempt that was replaced`);

    const result = event.extra?.["result"] as { status: string; data?: { token?: string }; error?: { code: string } };
    const code = result.error?.code ?? "";
    if (LOST.has(code)) {
      this.#loseAttempt(handOut, taskId, code, name);
      this.#lost.add(taskId);
    } else this.#countResult(facts, taskId, result.data?.token, name);
    const isTransient = result.status === "failure" && !FINAL.has(code);
    if (isTransient && !facts.cancelRequested && wait.attempt < wait.maxAttempts) {
      wait.attempt += 1;
      wait.delivery = undefined;
      return;
    }
    wait.done = true;
  }

  /** A delivery that never went out, or came back, may have been taken off in this very unit: nobody has it. */
  #isReplaced(taskId: string, { delivery }: OpenWait): boolean {
    if (delivery === undefined || delivery === taskId) return false;
    return this.#handOuts.has(delivery) && !this.#givenBack.has(delivery);
  }

  /** What a worker tells of a task that it has in hand; for some of that the job goes on, and the task is over. */
  #hear(facts: JobFacts, job: Job, event: JobEvent, name: string): void {
    const { taskId = "", worker } = event;
    const { token } = (event.extra ?? {})["worker_event"] as { token?: string };
    if (token !== undefined) {
      promise(this.#hints.get(token) === taskId, `${name}: noted ${token}, which is not of task ${taskId}`);
      promise(!this.#heard.has(token), `${name}: noted ${token} twice`);
      this.#heard.add(token);
    }
    const handOut = this.#handOuts.get(taskId);
    const isItsOwn = handOut?.jobId === job.id && handOut.workerId === worker;
    promise(isItsOwn, `${name}: noted ${token} of task ${taskId}, which was given to somebody else`);
    promise(!facts.cancelRequested, `${name}: was cancelled, and noted ${token}`);
    const parts = readTaskId(taskId)?.parts;
    const wait = parts?.visit === facts.visit ? facts.waits.get(parts.slot) : undefined;
    const isNewest = wait?.attempt === parts?.attempt && wait && !this.#isReplaced(taskId, wait);
    promise(wait && !wait.done && isNewest, `${name}: noted ${token} of a task that is over or was replaced`);
    if (token === undefined || !wait.eventTransitions?.[event.type.slice("worker_event:".length)]) return;
    wait.done = true;
    this.#tokens.set(token, taskId);
    this.#countedTokens.add(token);
  }

  #countResult(facts: JobFacts, taskId: string, token: string | undefined, name: string): void {
    promise(!this.#counted.has(taskId), `${name}: counted task ${taskId} twice`);
    this.#counted.add(taskId);
    this.#finished.add(taskId);
    if (token === undefined) return;
    promise(this.#tokens.get(token) === taskId, `${name}: counted a token that was not of task ${taskId}`);
    if (!facts.cancelRequested) this.#countedTokens.add(token);
  }

  #loseAttempt(handOut: HandOut, taskId: string, code: string, name: string): void {
    const { workerId, atMs, timeoutMs, stoodStillMs } = handOut;
    if (code === "WORKER_LOST") {
      promise(
        this.parts.faultOf(workerId, taskId) >= atMs,
        `${name}: an attempt was burned, and worker ${workerId} did nothing wrong`,
      );
      return;
    }
    const servedMs = this.parts.monotonicMs() - atMs - (this.parts.stoodStillMs() - stoodStillMs);
    promise(
      timeoutMs !== undefined && servedMs >= timeoutMs - SLACK_MS,
      `${name}: timed out after ${servedMs} ms of ${timeoutMs}`,
    );
  }

  #compareWaits(facts: JobFacts, { job, branches }: JobWrite, name: string): void {
    const single: readonly BranchWait[] = [job.task ?? job.child].flatMap((wait) => wait ?? []);
    const written = single.length > 0 ? single : (branches ?? []).flatMap((branch) => branch.wait ?? []);
    if (!isTerminal(job.status)) for (const wait of written) this.#compareWait(facts, wait, name);
    if (!job.parallel) {
      promise(isWaitingFor(job) || isTerminal(job.status), `${name}: waits for nothing`);
      return;
    }
    for (const { slot, result } of branches ?? []) {
      const wait = facts.waits.get(slot);
      // Some branches end without a worker: no worker came in time, or none was cheap enough.
      if (result && wait) wait.done = true;
    }
    const open = [...facts.waits.values()].filter((wait) => !wait.done).length;
    promise(open === job.parallel.open, `${name}: ${job.parallel.open} branches are open, ${open} have no result`);
    promise(facts.waits.size === job.parallel.total, `${name}: a branch is missing`);
  }

  #compareWait(facts: JobFacts, wait: BranchWait, name: string): void {
    const known = facts.waits.get(wait.slot);
    if (isChildWait(wait)) {
      const { childId, transitions } = wait;
      promise(!known || known.childId === childId, `${name}: waits for another child than before`);
      if (!known)
        facts.waits.set(wait.slot, {
          childId,
          transitions,
          maxAttempts: 1,
          attempt: 1,
          delivery: undefined,
          done: false,
        });
      return;
    }
    if (!known) {
      promise(wait.attempt === 1, `${name}: begins with attempt ${wait.attempt}`);
      const { transitions, eventTransitions, retry } = wait.order;
      const { maxAttempts } = retry;
      facts.waits.set(wait.slot, {
        attempt: 1,
        maxAttempts,
        delivery: wait.delivery?.taskId,
        done: false,
        transitions,
        eventTransitions,
      });
      return;
    }
    promise(wait.attempt === known.attempt, `${name}: attempt ${wait.attempt} where ${known.attempt} is under way`);
    promise(wait.attempt <= wait.order.retry.maxAttempts, `${name}: more attempts than were allowed`);
    known.delivery = wait.delivery?.taskId;
  }

  /** Time has to come back to it, whatever happens to the server. */
  #compareWake(facts: JobFacts, { job, wakeAtMs = Number.POSITIVE_INFINITY, branches }: JobWrite, name: string): void {
    if (isTerminal(job.status)) return;
    if (job.deadlineAtMs !== undefined) promise(wakeAtMs <= job.deadlineAtMs, `${name}: its deadline is not stored`);
    if (job.cancelRequestedAtMs !== undefined) {
      const latestMs = job.cancelRequestedAtMs + this.parts.cancelGraceMs;
      promise(wakeAtMs <= latestMs, `${name}: the end of its cancel is not stored`);
      return;
    }
    if (job.pause?.dueAtMs !== undefined) promise(wakeAtMs <= job.pause.dueAtMs, `${name}: its timer is not stored`);
    const { notBeforeMs } = job.handler ?? {};
    if (notBeforeMs !== undefined) promise(wakeAtMs <= notBeforeMs, `${name}: its handler's retry is not stored`);
    const waits: readonly TaskWait[] = job.task
      ? [job.task]
      : (branches ?? []).flatMap(({ wait, result }) => (result || !wait || isChildWait(wait) ? [] : wait));
    for (const wait of waits) {
      if (facts.waits.get(wait.slot)?.done) continue;
      if (wait.notBeforeMs !== undefined && !wait.delivery)
        promise(wakeAtMs <= wait.notBeforeMs, `${name}: its retry is not stored`);
      const { dispatchTimeoutMs } = wait.order;
      if (dispatchTimeoutMs !== undefined && !wait.delivery)
        promise(wakeAtMs <= wait.queuedAtMs + dispatchTimeoutMs, `${name}: its dispatch timeout is not stored`);
    }
  }

  /** Events are counted like results: each once, and none that was acknowledged is lost. */
  #noteEvents(job: Job): void {
    for (const { data } of job.early ?? []) this.#noteEvent(data);
    if (job.merge !== undefined) this.#noteEvent(job.merge);
    if (job.stateHistory.includes("event-")) this.#noteEvent(job.stateHistory);
  }

  #noteEvent(text: string): void {
    for (const [token] of text.matchAll(/event-\d+/g)) {
      this.#events.add(token);
      this.#countedTokens.add(token);
    }
  }

  #compareTokens(facts: JobFacts, job: Job, name: string): void {
    this.#noteEvents(job);
    if (job.stateHistory === facts.stateHistory) return;
    facts.stateHistory = job.stateHistory;
    const { tokens = [] } = JSON.parse(job.stateHistory) as { tokens?: readonly string[] };
    promise(new Set(tokens).size === tokens.length, `${name}: a token was counted twice: ${tokens.join(" ")}`);
    const isGrown = facts.tokens.every((token, index) => tokens[index] === token);
    promise(isGrown, `${name}: a token that was counted is gone`);
    for (const token of tokens) {
      promise(this.#countedTokens.has(token), `${name}: token ${token} was not of a result that counts`);
    }
    facts.tokens = tokens;
  }

  // ---- what goes out and comes in

  /** A task is about to leave the server for a worker. */
  handedOut(workerId: string, jobId: string, taskId: string, timeoutMs: number | undefined): void {
    const parts = readTaskId(taskId)?.parts;
    const facts = this.jobs.get(jobId);
    promise(facts && parts, `task ${taskId} went out for job ${jobId}, which is not on disk`);
    promise(parts.visit <= facts.visit, `task ${taskId} went out before job ${jobId} had entered its state on disk`);
    promise(!this.#handOuts.has(taskId), `task ${taskId} went out twice`);
    const key = `${jobId}/${parts.visit}/${parts.slot}/${parts.attempt}`;
    const sent = this.#sent.get(key) ?? [];
    const wait = parts.visit === facts.visit ? facts.waits.get(parts.slot) : undefined;
    const isOpen = wait && !wait.done && wait.attempt === parts.attempt && !isTerminal(facts.status);
    const mayReplace = sent.length > 0 || parts.attempt > 1;
    if (isOpen && mayReplace) {
      promise(wait.delivery === taskId, `task ${taskId} may replace another and went out before it was on disk`);
    }
    promise(
      !wait || wait.attempt >= parts.attempt,
      `attempt ${parts.attempt} of job ${jobId} went out before it was on disk`,
    );
    this.#sent.set(key, [...sent, taskId]);
    const [atMs, stoodStillMs] = [this.parts.monotonicMs(), this.parts.stoodStillMs()];
    this.#handOuts.set(taskId, { jobId, workerId, atMs, timeoutMs, stoodStillMs });
  }

  /** The server hears that its worker does not run them any more. */
  givenBack(taskIds: readonly string[]): void {
    for (const taskId of taskIds) this.#givenBack.add(taskId);
  }

  /** Jobs whose tasks went out to it, in that order. */
  handedTo(workerId: string): string[] {
    const handOuts = [...this.#handOuts.values()].filter((handOut) => handOut.workerId === workerId);
    return [...new Set(handOuts.map((handOut) => handOut.jobId))];
  }

  /** A worker made a result. */
  produced(token: string, taskId: string): void {
    this.#tokens.set(token, taskId);
  }

  broke(jobId: string): void {
    this.#breaks.set(jobId, (this.#breaks.get(jobId) ?? 0) + 1);
  }

  /** A worker is about to tell that. */
  hinted(token: string, taskId: string): void {
    this.#hints.set(token, taskId);
  }

  hintTaken(jobId: string, token: string): void {
    promise(this.#heard.has(token), `${token} of job ${jobId} was acknowledged and is not on disk`);
  }

  answered(taskId: string, answer: ResultAnswer): void {
    if (answer.status === "ignored") return;
    promise(this.#finished.has(taskId), `the result of task ${taskId} was acknowledged and is not on disk`);
    promise(!this.#accepted.has(taskId), `the result of task ${taskId} was accepted twice`);
    this.#accepted.add(taskId);
  }

  /** Its attempt was burned: what its worker still says of it comes too late. */
  wasLost(taskId: string): boolean {
    return this.#lost.has(taskId);
  }

  created(ids: readonly string[]): void {
    for (const id of ids) promise(this.jobs.has(id), `job ${id} was acknowledged and is not on disk`);
  }

  /** The job took the event, kept it for later, or was over with it. */
  eventTaken(id: string, token: string): void {
    const { status = "pending", retries = 0 } = this.jobs.get(id) ?? {};
    // One that was over with it may have been retried since.
    const wasOver = isTerminal(status) || retries > 0;
    promise(this.#events.has(token) || wasOver, `event ${token} of job ${id} was acknowledged and is not on disk`);
  }

  /** Somebody wants it retried: at most that often it will be, however often the request arrives. */
  retryAsked(id: string): void {
    this.#retriesAsked.set(id, (this.#retriesAsked.get(id) ?? 0) + 1);
  }

  /** Each that was acknowledged is one of its own; `key`: the same, sent again, is not. */
  retryTaken(id: string, key = `${id}/${this.#retriesTaken.get(id)?.size ?? 0}`): void {
    const taken = this.#retriesTaken.get(id) ?? new Set();
    this.#retriesTaken.set(id, taken.add(key));
    const { retries = 0 } = this.jobs.get(id) ?? {};
    promise(retries >= taken.size, `${taken.size} retries of job ${id} were acknowledged, and ${retries} are on disk`);
  }

  retriesAsked(id: string): number {
    return this.#retriesAsked.get(id) ?? 0;
  }

  /** `visit`: the wait that the decision was about. */
  decided(id: string, visit: number | undefined): void {
    const facts = this.jobs.get(id);
    promise((facts?.decided.size ?? 0) > 0, `a decision about job ${id} was acknowledged and is not on disk`);
    promise(
      visit === undefined || facts?.decided.has(visit),
      `job ${id} took a decision about visit ${visit} for another one`,
    );
  }

  /** Somebody is about to ask for it. */
  cancelAsked(id: string): void {
    this.#cancelsAsked.add(id);
  }

  cancelled(id: string): void {
    const facts = this.jobs.get(id);
    const isSo = facts && (facts.wasCancelled || isTerminal(facts.status));
    promise(isSo, `the cancel of job ${id} was acknowledged and is not on disk`);
  }

  /** The newest version of the job that anybody was shown. */
  shown(id: string): number {
    return this.jobs.get(id)?.readVersion ?? 0;
  }

  /** `leastVersion`: what had been shown when the read began. */
  read(job: Job, leastVersion: number): void {
    const facts = this.jobs.get(job.id);
    const name = `job ${job.id}`;
    promise(facts && job.version <= facts.version, `${name} was shown at version ${job.version}, which is not on disk`);
    promise(job.version >= leastVersion, `${name} went back from version ${leastVersion} to ${job.version}`);
    facts.readVersion = Math.max(facts.readVersion, job.version);
  }
}

function slotOf(taskId: string | undefined): number {
  return readTaskId(taskId ?? "")?.parts.slot ?? -1;
}

function isWaitingFor(job: Job): boolean {
  const { handler, task, child, pause, parallel } = job;
  return (
    handler !== undefined ||
    task !== undefined ||
    child !== undefined ||
    pause !== undefined ||
    (parallel?.open ?? 0) > 0
  );
}
