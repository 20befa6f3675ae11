/** Enters a state and runs handlers until the job has to wait, is at an end, or something went wrong. */
import type { Ending, HandlerHost, Step, Turn, TurnReply } from "../handlers/port.ts";
import type { JobError } from "../job/model.ts";
import type { Clock, Timers } from "../system/clock.ts";
import { Refusal } from "../system/errors.ts";
import type { Log } from "../system/log.ts";
import type { StopSignal } from "../system/stopping.ts";
import { holds } from "./conditions.ts";
import { type DeclaredHandler, type DeclaredState, type Definition, isImplicitEnd } from "./definition.ts";
import { broke, firstPlace, invalid, refused, threw } from "./failures.ts";
import { type RunStores, StoreTransaction } from "./data-stores.ts";
import { type ContextParts, HandlerContext } from "./handler-context.ts";
import { callHandler, type HandlerEnd, Pending, RunSignal, watched } from "./handler-run.ts";
import { HistoryDraft } from "./history-draft.ts";
import { implicitEnd } from "./implicit-end.ts";
import { assertSize } from "./outcome-size.ts";
import { actionsOf, notAvailable, type Outcome, Recorder } from "./recorder.ts";

export interface ExecuteOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  /** Aborting it ends the turn with `broke`, code HANDLER_ABORTED. */
  readonly signal?: StopSignal;
  /** A chain of handlers that took longer is paused after the handler at hand. Default 25. */
  readonly chainMsMax?: number;
  /** The place in the user's file that a stack trace names: maps through a source map where there is one. */
  readonly placeOf?: (stack: string) => string | undefined;
}

const CHAIN_MS_MAX = 25;

/** Never throws nor rejects for what a handler did. Answers at once where all handlers did: promises would cost more than they. */
export function executeTurn(
  definition: Definition,
  turn: Turn,
  host: HandlerHost,
  options: ExecuteOptions,
): TurnReply | Promise<TurnReply> {
  const chain = new Chain(definition, turn, host, options);
  const ending = chain.enter();
  return ending instanceof Promise ? ending.then((last) => chain.reply(last)) : chain.reply(ending);
}

/** What one run of a handler works on. */
interface Run extends ContextParts {
  startedAtMs: number;
  startMs: number;
}

class Chain {
  readonly #definition: Definition;
  readonly #turn: Turn;
  readonly #host: HandlerHost;
  readonly #options: ExecuteOptions;
  readonly #steps: Step[] = [];
  /** When its first handler began. */
  #startMs = Number.NaN;
  #state: string;
  #history: string;
  /** Why the state at hand was entered. */
  #cause: JobError | undefined;
  /** The newest error that a handler of this turn gave. */
  #error: JobError | undefined;
  /** Made when a handler first looks at a data store. */
  #transaction: StoreTransaction | undefined;
  #stores: RunStores | undefined;

  constructor(definition: Definition, turn: Turn, host: HandlerHost, options: ExecuteOptions) {
    this.#definition = definition;
    this.#turn = turn;
    this.#host = host;
    this.#options = options;
    this.#state = turn.state;
    this.#history = turn.stateHistory;
    this.#cause = turn.error;
  }

  /** Runs on for as long as handlers answer at once. */
  enter(): Ending | Promise<Ending> {
    for (;;) {
      const result = this.#enterState();
      if (result instanceof Promise) return result.then((ending) => ending ?? this.enter());
      if (result) return result;
    }
  }

  reply(ending: Ending): TurnReply {
    const reply: { -readonly [Key in keyof TurnReply]: TurnReply[Key] } = { steps: this.#steps, ending };
    if (this.#history !== this.#turn.stateHistory) reply.stateHistory = this.#history;
    return this.#transaction ? { ...reply, ...usedStores(this.#transaction) } : reply;
  }

  /** Undefined: the chain goes on. */
  #enterState(): Ending | undefined | Promise<Ending | undefined> {
    const name = this.#state;
    if (this.#options.signal?.aborted) return broke(name, "HANDLER_ABORTED", "The turn was given up before it ran.");
    const state = this.#definition.states.get(name);
    if (!state) return isImplicitEnd(name) ? this.#endImplicitly() : unknownState(name);
    if (!state.isEnd && this.#turn.steps + this.#steps.length >= this.#turn.maxSteps) {
      return tooManySteps(name, this.#turn.maxSteps);
    }
    return this.#runHandler(state);
  }

  #runHandler(state: DeclaredState): Ending | undefined | Promise<Ending | undefined> {
    const run = this.#prepare(state);
    const context = new HandlerContext(run);
    const declared = this.#choose(state, context);
    if ("kind" in declared) return declared;
    const { clock, timers, signal } = this.#options;
    run.startedAtMs = clock.nowMs();
    run.startMs = clock.monotonicMs();
    if (Number.isNaN(this.#startMs)) this.#startMs = run.startMs;
    const end = callHandler(declared.handler, context, actionsOf(run.recorder));
    if (!(end instanceof Pending)) return this.#conclude(declared, run, context, end);
    const timeoutMs = declared.timeoutMs ?? this.#turn.timeoutMs;
    return watched(end, { run: run.runSignal, timers, timeoutMs, signal }).then((how) =>
      this.#conclude(declared, run, context, how),
    );
  }

  #prepare({ name, isEnd }: DeclaredState): Run {
    const isFirst = this.#steps.length === 0;
    const turn = this.#turn;
    this.#stores = undefined;
    return {
      turn,
      state: name,
      attempt: isFirst ? turn.attempt : 1,
      error: this.#cause,
      aggregation: isFirst ? turn.aggregation : undefined,
      history: new HistoryDraft(this.#history, isFirst ? turn.merge : undefined),
      recorder: new Recorder(this.#definition, name, isEnd, turn.defaults),
      chain: this,
      runSignal: new RunSignal(),
      host: this.#host,
      log: this.#options.log,
      startedAtMs: 0,
      startMs: 0,
    };
  }

  /** Of the run at hand. */
  storesFor(recorder: Recorder): RunStores {
    const { dataStores } = this.#host;
    if (!dataStores) return recorder.refuse(notAvailable("data stores"));
    this.#transaction ??= new StoreTransaction(this.#turn, dataStores, Object.keys(this.#definition.dataStores));
    this.#stores ??= this.#transaction.begin(recorder);
    return this.#stores;
  }

  /** The first handler whose condition holds, else the one without a condition. */
  #choose(state: DeclaredState, context: HandlerContext): DeclaredHandler | Ending {
    try {
      for (const declared of state.conditional) {
        if (declared.condition && holds(declared.condition, context)) return declared;
      }
    } catch (error) {
      if (error instanceof Refusal) return refused(state.name, error);
      return threw(state.name, error, this.#placeOf());
    }
    return state.fallback ?? noHandler(state.name);
  }

  #conclude(declared: DeclaredHandler, run: Run, context: HandlerContext, end: HandlerEnd): Ending | undefined {
    run.recorder.close();
    const { state } = run;
    const held = this.#transaction && heldUp(state, this.#transaction);
    if (held) return held;
    const problem = run.recorder.problem;
    if (problem) return refused(state, problem);
    switch (end.kind) {
      case "threw":
        return threw(state, end.error, this.#placeOf());
      case "timeout":
        return timedOut(state, declared.timeoutMs ?? this.#turn.timeoutMs);
      case "aborted":
        return broke(state, "HANDLER_ABORTED", `The handler of state "${state}" was given up while it ran.`);
      case "returned":
        if (this.#stores?.pending) return notAwaited(state);
        return context.pendingFiles > 0 ? filesNotAwaited(state) : this.#accept(run);
      default:
        return end satisfies never;
    }
  }

  #accept(run: Run): Ending | undefined {
    const { state } = run;
    try {
      const outcome = run.recorder.outcome();
      const change = run.history.finish();
      assertSize(state, change, outcome, this.#stores);
      this.#stores?.keep();
      this.#history = change.text;
      this.#addStep(run, change.patch, outcome);
      return outcome ? this.#follow(state, outcome) : this.#ended(state);
    } catch (error) {
      if (error instanceof Refusal) return refused(state, error);
      throw error;
    }
  }

  #follow(state: string, outcome: Outcome): Ending | undefined {
    if (outcome.kind === "tasks") return tasksIn(state, outcome);
    if (outcome.kind === "pause") return { ...outcome, state };
    this.#state = outcome.to;
    this.#cause = outcome.error;
    this.#error = outcome.error ?? this.#error;
    return this.#isLong() && !this.#isEnd(outcome.to) ? this.#paused(outcome.to) : undefined;
  }

  #endImplicitly(): Ending {
    const merge = this.#steps.length === 0 ? this.#turn.merge : undefined;
    const end = { state: this.#state, stateHistory: this.#history, merge };
    const { text, step } = implicitEnd(end, this.#options.clock.nowMs());
    this.#history = text;
    this.#steps.push(step);
    return this.#ended(this.#state);
  }

  #addStep(run: Run, patch: string | undefined, outcome: Outcome | undefined): void {
    const step: { -readonly [Key in keyof Step]: Step[Key] } = {
      state: run.state,
      startedAtMs: run.startedAtMs,
      durationMs: Math.round((this.#options.clock.monotonicMs() - run.startMs) * 100) / 100,
    };
    if (outcome?.kind === "transition") {
      step.next = outcome.to;
      if (outcome.error) step.error = outcome.error;
    }
    if (patch !== undefined) step.patch = patch;
    this.#steps.push(step);
  }

  #ended(state: string): Ending {
    return this.#error ? { kind: "ended", state, error: this.#error } : { kind: "ended", state };
  }

  #paused(state: string): Ending {
    return this.#error ? { kind: "paused", state, error: this.#error } : { kind: "paused", state };
  }

  #isLong(): boolean {
    return this.#options.clock.monotonicMs() - this.#startMs > (this.#options.chainMsMax ?? CHAIN_MS_MAX);
  }

  /** An end with no handler costs nothing: pausing before it would only cost a commit. */
  #isEnd(state: string): boolean {
    return !this.#definition.states.has(state) && isImplicitEnd(state);
  }

  #placeOf(): (stack: string) => string | undefined {
    return this.#options.placeOf ?? firstPlace;
  }
}

type Tasks = Extract<Ending, { kind: "tasks" }>;

function tasksIn(state: string, { orders, children, into, join }: Omit<Tasks, "state">): Ending {
  const ending: { -readonly [Key in keyof Tasks]: Tasks[Key] } = { kind: "tasks", state, orders };
  if (children) ending.children = children;
  if (into !== undefined) ending.into = into;
  if (join) ending.join = join;
  return ending;
}

function usedStores(transaction: StoreTransaction): Pick<TurnReply, "dataStores" | "again"> {
  const uses = transaction.uses();
  return { ...(uses.length > 0 && { dataStores: uses }), ...(transaction.again && { again: true }) };
}

/** A data store kept it from going on: no fault of the handler's, whatever it made of it. */
function heldUp(state: string, { again, trouble }: StoreTransaction): Ending | undefined {
  if (again) return broke(state, "HANDLER_ABORTED", `The handler of state "${state}" runs again: others are ahead.`);
  if (trouble === undefined) return undefined;
  return broke(state, "HANDLER_ABORTED", `A data store could not be asked in state "${state}": ${trouble}`);
}

function notAwaited(state: string): Ending {
  const message = `The handler of state "${state}" returned before a call of a data store had ended: await each of them.`;
  return invalid(state, { code: "DATA_STORE_NOT_AWAITED", message });
}

function filesNotAwaited(state: string): Ending {
  const message = `The handler of state "${state}" returned before a call of taskFiles had ended: await each of them.`;
  return invalid(state, { code: "TASK_FILES_NOT_AWAITED", message });
}

function unknownState(state: string): Ending {
  const message = `State "${state}" does not exist in this blueprint: declare it or correct the name.`;
  return invalid(state, { code: "UNKNOWN_STATE", message });
}

function tooManySteps(state: string, maxSteps: number): Ending {
  const message = `The job went through ${maxSteps} states without a wait and stopped before "${state}": look for states that lead to each other in a circle.`;
  return invalid(state, { code: "LOOP_LIMIT", message });
}

function noHandler(state: string): Ending {
  const message = `No condition of state "${state}" holds and it has no default: add handlerFor("${state}", …) without a condition.`;
  return invalid(state, { code: "NO_HANDLER", message });
}

function timedOut(state: string, timeoutMs: number): Ending {
  const message = `The handler of state "${state}" ran for more than ${timeoutMs / 1000} s: hand long work to a worker or raise its timeoutSeconds.`;
  return broke(state, "HANDLER_TIMEOUT", message);
}
