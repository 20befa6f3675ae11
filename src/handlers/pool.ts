/** Runs turns in threads that can be ended and replaced: one bad handler costs its own job and nothing else. */
import type { JobFilesSettings } from "../files/port.ts";
import type { Cancel } from "../system/clock.ts";
import type { System } from "../system/index.ts";
import type { Service } from "../system/lifecycle.ts";
import type { StopSignal } from "../system/stopping.ts";
import { PendingTurn } from "./pending-turn.ts";
import type { HandlerHost, HandlerRunner, RunningTurn, Turn, TurnAsker, TurnReply, TurnStarter } from "./port.ts";
import { aborted, blocked, killedProcess, threadDied } from "./replies.ts";
import { openRunLog, runKey, type RunLog, type Suspicion } from "./run-log.ts";
import { createSuspects } from "./suspects.ts";
import { type LostThread, startTurnThread, type TurnThread, type TurnThreadOptions } from "./turn-thread.ts";

export interface ThreadPoolOptions {
  readonly system: Pick<System, "timers" | "scheduler" | "log">;
  readonly host: HandlerHost;
  /** Left out: handlers have no files. */
  readonly files?: JobFilesSettings | undefined;
  /** Where a bundle lies as a file. */
  readonly bundlePath: (hash: string) => string;
  /** The file that tells the next process what was running when this one died. */
  readonly runLogPath: string;
  readonly threads?: number;
  /** Turns at once in a thread; more wait. */
  readonly turnsPerThread?: number;
  /** A thread with work that is silent for so long is replaced. */
  readonly blockMs?: number;
  /** Threads that were ended and stand in a call that nothing can interrupt: at four, restart in an orderly way. */
  readonly onUndead?: (count: number) => void;
  /** The turn of this job was lost with its thread, and will run again: it must hold up nobody until then. */
  readonly onLost?: (jobId: string) => void;
}

export interface ThreadPool extends HandlerRunner, TurnStarter, Service {}

const THREADS = 2;
const TURNS_PER_THREAD = 2_000;
/** Turns that go to one thread before the next one gets any. */
const TOGETHER = 64;
const BLOCK_MS = 2_000;
const LANES = 2;
/** Blueprints with a thread to themselves after one of their handlers was charged. */
const ISOLATED_MAX = 4;
const CRASHES_MAX = 3;
const RESTART_MS = 250;
/** Ends wait so long for the next hand-out to write them too: under load they cost no write of their own. */
const NOTE_END_MS = 20;
/** A job that was cancelled never asks for its next turn: such ones must not pile up. */
const SUSPECTED_NEXT_MAX = 1_000;
/** Answered before it began. */
const OVER: RunningTurn = { abort: () => undefined };

export function createThreadPool(options: ThreadPoolOptions): ThreadPool {
  return new Pool(options);
}

class Pool implements ThreadPool {
  readonly #options: ThreadPoolOptions;
  readonly #blockMs: number;
  readonly #runLog: RunLog;
  readonly #isolated = new Map<string, TurnThread | undefined>();
  readonly #restarts = new Set<Cancel>();
  readonly #killers = new Set<string>();
  readonly #retiring = new Set<TurnThread>();
  /** Turns that go on from what ran alone: they run alone too. */
  readonly #suspectedNext = new Set<string>();
  #suspicions: ReadonlyMap<string, Suspicion> | undefined;
  #threads: readonly TurnThread[] = [];
  #toHandOut: PendingTurn[] = [];
  #cancelNote: Cancel | undefined;
  #isPlanned = false;
  #undead = 0;
  #stopped: Promise<void> | undefined;
  #life: "new" | "running" | "stopped" = "new";

  readonly #suspects = createSuspects({
    lanes: LANES,
    start: (answered, over) => startTurnThread({ ...this.#threadOptions(), answered, over }),
    begin: (pending) => {
      this.#runLog.begin(pending.turn, true);
      this.#runLog.flush();
    },
    answered: (pending, reply) => {
      // Alone, a chain pauses after each handler: the one that blocks may be the next.
      if (reply.ending.kind === "paused") this.#suspectNext(pending.turn.jobId, reply.ending.state);
      this.#answer(pending, reply);
    },
    guilty: (pending, end) => this.#charge(pending, end),
  });

  constructor(options: ThreadPoolOptions) {
    this.#options = options;
    this.#blockMs = options.blockMs ?? BLOCK_MS;
    this.#runLog = openRunLog({ path: options.runLogPath, log: options.system.log });
  }

  async start(): Promise<void> {
    if (this.#life !== "new") return;
    this.#readRunLog();
    this.#life = "running";
    if (this.#suspicions && this.#suspicions.size > 0) {
      this.#log.warn("the last process died while handlers ran: these run alone until they have ended well", {
        handlers: this.#suspicions.size,
      });
    }
    for (let index = 0; index < (this.#options.threads ?? THREADS); index++) this.#startShared();
    this.#plan();
  }

  async stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    await this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#life = "stopped";
    for (const cancel of this.#restarts) cancel();
    this.#cancelNote?.();
    const threads = this.#allThreads();
    const open = [...this.#toHandOut, ...this.#suspects.turns(), ...threads.flatMap((thread) => [...thread.turns()])];
    const ended = [this.#suspects.stop(), ...threads.map((thread) => thread.end())];
    for (const pending of open) pending.answer(aborted(pending.turn, "The server stops: it runs again later."));
    this.#toHandOut = [];
    await Promise.all(ended);
    this.#runLog.close();
  }

  run(turn: Turn, signal?: StopSignal): Promise<TurnReply> {
    if (signal?.aborted) return Promise.resolve(aborted(turn, "The turn was given up before it ran."));
    return new Promise((answered, failed) => {
      const running = this.begin(turn, { answered, failed });
      signal?.addEventListener("abort", () => running.abort(), { once: true });
    });
  }

  begin(turn: Turn, asker: TurnAsker): RunningTurn {
    if (this.#life === "stopped") {
      asker.answered(aborted(turn, "The server stops: it runs again later."));
      return OVER;
    }
    const suspicions = this.#readRunLog();
    const suspicion = suspicions.size > 0 ? suspicions.get(runKey(turn)) : undefined;
    return suspicion ? this.#beginSuspect(turn, suspicion, asker) : this.#ask(turn, undefined, asker);
  }

  /** Before the first turn is taken, even if that is before the start. */
  #readRunLog(): ReadonlyMap<string, Suspicion> {
    return (this.#suspicions ??= this.#runLog.read());
  }

  #beginSuspect(turn: Turn, suspicion: Suspicion, asker: TurnAsker): RunningTurn {
    if (suspicion.crashes < CRASHES_MAX) return this.#ask(turn, suspicion, asker);
    const key = runKey(turn);
    // The first attempt of a new visit comes from a person who wants it tried again.
    const isTriedAgain = this.#killers.has(key) && turn.attempt === 1;
    if (!isTriedAgain) {
      this.#killers.add(key);
      asker.answered(killedProcess(turn, suspicion.crashes));
      return OVER;
    }
    this.#killers.delete(key);
    this.#end(turn);
    return this.#ask(turn, { crashes: 0, interrupted: 0 }, asker);
  }

  #ask(turn: Turn, suspicion: Suspicion | undefined, asker: TurnAsker): RunningTurn {
    const pending = new PendingTurn(turn, suspicion, asker, this.#abort);
    this.#toHandOut.push(pending);
    this.#plan();
    return pending;
  }

  /** Answers at once; the thread still says when the handler has really ended. */
  readonly #abort = (pending: PendingTurn): void => {
    if (pending.isAnswered) return;
    pending.answer(aborted(pending.turn, "The turn was given up while it ran."));
    const place = this.#suspects.abort(pending);
    if (place === "waiting") this.#end(pending.turn);
    if (place === undefined) pending.thread?.abort(pending);
  };

  /** One write of the run log and one post to each thread for all that a tick brings. */
  #plan(): void {
    if (this.#isPlanned || this.#life !== "running") return;
    this.#isPlanned = true;
    this.#options.system.scheduler.afterInput(() => this.#handOut());
  }

  #handOut(): void {
    this.#isPlanned = false;
    const waiting = this.#toHandOut;
    this.#toHandOut = [];
    const chosen: PendingTurn[] = [];
    for (const pending of waiting) {
      if (pending.isAnswered) continue;
      if (pending.suspicion || this.#isSuspectedNext(pending.turn)) {
        this.#suspects.add(pending);
        continue;
      }
      const thread = this.#choose(pending.turn.hash);
      if (!thread) {
        this.#toHandOut.push(pending);
        continue;
      }
      pending.thread = thread;
      thread.take(pending);
      this.#runLog.begin(pending.turn, false);
      chosen.push(pending);
    }
    this.#runLog.flush();
    for (const pending of chosen) pending.thread?.run(pending, false);
  }

  #isSuspectedNext(turn: Turn): boolean {
    return this.#suspectedNext.size > 0 && this.#suspectedNext.delete(runKey(turn));
  }

  #choose(hash: string): TurnThread | undefined {
    const isolated = this.#isolated.has(hash) ? this.#isolatedThread(hash) : undefined;
    const best = isolated ?? this.#leastBusy();
    return best && best.load < (this.#options.turnsPerThread ?? TURNS_PER_THREAD) ? best : undefined;
  }

  #leastBusy(): TurnThread | undefined {
    let best: TurnThread | undefined;
    for (const thread of this.#threads) {
      // One thread with a full batch costs less than two with half of one each; a busy or blocked one fills up soon.
      if (thread.load < TOGETHER) return thread;
      if (!best || thread.load < best.load) best = thread;
    }
    return best;
  }

  #answer(pending: PendingTurn, reply: TurnReply): void {
    pending.thread = undefined;
    this.#end(pending.turn);
    pending.answer(reply);
    if (this.#retiring.size > 0) this.#endRetired();
    if (this.#toHandOut.length > 0) this.#plan();
  }

  /** Soon on file, so that a process that dies leaves only what really ran as suspects. */
  #end(turn: Turn): void {
    this.#runLog.end(turn);
    if (this.#life === "stopped") return;
    this.#cancelNote ??= this.#options.system.timers.after(NOTE_END_MS, () => {
      this.#cancelNote = undefined;
      this.#runLog.flush();
    });
  }

  #lost(end: LostThread): void {
    const { how, detail, lost, running } = end;
    // Of one that was alone the charge tells all.
    this.#log[lost.length > 1 ? "warn" : "debug"](
      "a handler thread was replaced; what ran in it runs again, each alone",
      {
        how,
        detail,
        turns: lost.length,
        ...(running && { job_id: running.jobId, blueprint: running.blueprint, state: running.state }),
      },
    );
    for (const pending of lost) {
      this.#options.onLost?.(pending.turn.jobId);
      pending.thread = undefined;
      if (pending.isAnswered) this.#end(pending.turn);
    }
    // The one that began last most likely did it: the sooner it is known, the fewer wait.
    const open = lost.filter((pending) => !pending.isAnswered);
    const isPrime = (pending: PendingTurn) => pending.turn.jobId === running?.jobId;
    for (const pending of [...open.filter(isPrime), ...open.filter((each) => !isPrime(each))])
      this.#suspects.add(pending);
  }

  #charge(pending: PendingTurn, { how, detail, running }: LostThread): void {
    const { turn } = pending;
    const reply = how === "blocked" ? blocked(turn, running, this.#blockMs) : threadDied(turn, running, detail);
    this.#log.error(`a handler ${how === "blocked" ? "blocked its thread" : "took its thread down"}, alone in it`, {
      job_id: turn.jobId,
      blueprint: turn.blueprint,
      state: running?.state ?? turn.state,
      detail,
    });
    this.#isolate(turn.hash);
    this.#answer(pending, reply);
  }

  /** Its other jobs go on in a thread of their own, where they can hold up nobody else. */
  #isolate(hash: string): void {
    if (this.#isolated.has(hash)) return;
    this.#isolated.set(hash, undefined);
    const oldest = this.#isolated.keys().next().value;
    if (this.#isolated.size <= ISOLATED_MAX || oldest === undefined) return;
    const thread = this.#isolated.get(oldest);
    this.#isolated.delete(oldest);
    if (thread) this.#retiring.add(thread);
    this.#endRetired();
  }

  #endRetired(): void {
    for (const thread of this.#retiring) {
      if (thread.load > 0) continue;
      this.#retiring.delete(thread);
      void thread.end();
    }
  }

  #suspectNext(jobId: string, state: string): void {
    this.#suspectedNext.add(runKey({ jobId, state }));
    const oldest = this.#suspectedNext.values().next().value;
    if (this.#suspectedNext.size > SUSPECTED_NEXT_MAX && oldest !== undefined) this.#suspectedNext.delete(oldest);
  }

  #isolatedThread(hash: string): TurnThread {
    const known = this.#isolated.get(hash);
    if (known) return known;
    const thread = this.#startThread((gone) => {
      this.#retiring.delete(gone);
      if (this.#isolated.get(hash) === gone) this.#isolated.set(hash, undefined);
    });
    this.#isolated.set(hash, thread);
    return thread;
  }

  #startShared(): void {
    const thread = this.#startThread((gone, wasReady) => {
      this.#threads = this.#threads.filter((each) => each !== gone);
      if (wasReady) this.#startShared();
      else this.#restartLater();
    });
    this.#threads = [...this.#threads, thread];
    this.#plan();
  }

  /** One that cannot even start is not tried again at once. */
  #restartLater(): void {
    const cancel = this.#options.system.timers.after(RESTART_MS, () => {
      this.#restarts.delete(cancel);
      this.#startShared();
    });
    this.#restarts.add(cancel);
  }

  #startThread(replace: (gone: TurnThread, wasReady: boolean) => void): TurnThread {
    return startTurnThread({
      ...this.#threadOptions(),
      answered: (pending, reply) => this.#answer(pending, reply),
      over: (thread, end) => {
        if (this.#life === "stopped") return;
        replace(thread, end.wasReady);
        this.#lost(end);
      },
    });
  }

  #threadOptions(): Omit<TurnThreadOptions, "answered" | "over"> {
    const { system, host, files, bundlePath, onUndead } = this.#options;
    return {
      timers: system.timers,
      soon: (run) => system.scheduler.soon(run),
      log: system.log,
      blockMs: this.#blockMs,
      host,
      files,
      bundlePath,
      undead: (change) => {
        this.#undead += change;
        onUndead?.(this.#undead);
      },
    };
  }

  #allThreads(): TurnThread[] {
    return [
      ...this.#threads,
      ...this.#retiring,
      ...[...this.#isolated.values()].filter((thread) => thread !== undefined),
    ];
  }

  get #log() {
    return this.#options.system.log;
  }
}
