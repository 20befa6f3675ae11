/** Writes down what one run of a handler decides, and refuses what cannot be. */
import type { ChildOrder, Turn } from "../handlers/port.ts";
import type { JobError, Join, TaskOrder } from "../job/model.ts";
import type { PauseOrder } from "../job/pause.ts";
import { Refusal } from "../system/errors.ts";
import { type Definition, isAggregator, stateExists } from "./definition.ts";
import { MESSAGE_LENGTH_MAX } from "./failures.ts";
import { joinOf, leadingInto } from "./joins.ts";
import { orderOf } from "./orders.ts";
import { REQUEST_FIELDS, unknownFieldOf } from "./request-fields.ts";
import { approvalOf, childOf, eventOf, timerOf } from "./waits.ts";
import type { Actions, ParallelRequest, TaskRequest } from "./sdk.ts";

export type Outcome =
  | { readonly kind: "transition"; readonly to: string; readonly error?: JobError }
  | {
      readonly kind: "tasks";
      readonly orders: readonly TaskOrder[];
      readonly children?: readonly ChildOrder[];
      readonly into?: string;
      readonly join?: Join;
    }
  | { readonly kind: "pause"; readonly pause: PauseOrder };

export class Recorder {
  readonly #definition: Definition;
  readonly #state: string;
  readonly #isEnd: boolean;
  readonly #defaults: Turn["defaults"];
  #outcome: Outcome | undefined;
  #orders: TaskOrder[] | undefined;
  #children: ChildOrder[] | undefined;
  #problem: Refusal | undefined;
  #isClosed = false;

  constructor(definition: Definition, state: string, isEnd: boolean, defaults: Turn["defaults"]) {
    this.#definition = definition;
    this.#state = state;
    this.#isEnd = isEnd;
    this.#defaults = defaults;
  }

  /** The first thing that was wrong, also if the handler caught it. */
  get problem(): Refusal | undefined {
    return this.#problem;
  }

  /** From here on the handler is over, whatever of it still runs. */
  close(): void {
    this.#isClosed = true;
  }

  assertOpen(): void {
    if (!this.#isClosed) return;
    throw new Refusal(
      "HANDLER_OVER",
      409,
      `The handler of state "${this.#state}" has ended: await all that it starts before it returns.`,
    );
  }

  refuse(refusal: Refusal): never {
    this.#problem ??= refusal;
    throw refusal;
  }

  /** What was decided. Undefined for an end; throws a Refusal where there should be an outcome. */
  outcome(): Outcome | undefined {
    if (this.#problem) throw this.#problem;
    if (this.#isEnd) return undefined;
    return this.#outcome ?? this.#dispatched();
  }

  transitionTo(to: string, errorMessage: string | undefined): void {
    this.#begin("transitionTo");
    try {
      this.#assertTarget(to, "transitionTo");
      if (errorMessage === undefined) this.#decide({ kind: "transition", to });
      else this.#decide({ kind: "transition", to, error: transitionError(errorMessage) });
    } catch (error) {
      this.#fail(error);
    }
  }

  dispatchTask(task: TaskRequest): void {
    this.#begin("dispatchTask");
    try {
      if (this.#outcome) this.#failTwice();
      (this.#orders ??= []).push(this.#order(task));
    } catch (error) {
      this.#fail(error);
    }
  }

  dispatchParallel(request: ParallelRequest): void {
    this.#attempt("dispatchParallel", () => {
      const unknown = unknownFieldOf("dispatchParallel", request ?? {}, REQUEST_FIELDS.dispatchParallel);
      if (unknown !== undefined) throw invalid(unknown);
      const into = request?.aggregateInto;
      this.#assertTarget(into, "aggregateInto");
      if (!isAggregator(this.#definition, into)) {
        throw invalid(`aggregateInto "${into}" is no aggregator: declare it with aggregatorFor("${into}", …).`);
      }
      if (!Array.isArray(request.tasks)) throw invalid("dispatchParallel wants a list of tasks.");
      const orders = request.tasks.map((task) => leadingInto(into, this.#order(task)));
      const join = joinOf(request.join, orders.length);
      if (orders.length === 0) this.#decide({ kind: "transition", to: into });
      else this.#decide({ kind: "tasks", orders, into, ...(join && { join }) });
    });
  }

  runBlueprint(request: Parameters<Actions["runBlueprint"]>[0]): void {
    this.#attempt("runBlueprint", () => {
      if (this.#outcome) this.#failTwice();
      const child = childOf(request);
      this.#assertTargets(child.transitions, `runBlueprint("${child.blueprint}")`);
      (this.#children ??= []).push(child);
    });
  }

  awaitHumanApproval(request: Parameters<Actions["awaitHumanApproval"]>[0]): void {
    this.#pause("awaitHumanApproval", () => approvalOf(request));
  }

  waitFor(request: Parameters<Actions["waitFor"]>[0]): void {
    this.#pause("waitFor", () => timerOf(request));
  }

  waitForEvent(request: Parameters<Actions["waitForEvent"]>[0]): void {
    this.#pause("waitForEvent", () => eventOf(request));
  }

  #pause(action: string, read: () => PauseOrder): void {
    this.#attempt(action, () => {
      const pause = read();
      if (pause.kind === "timer") this.#assertTarget(pause.then, `${action}, then`);
      else this.#assertTargets(pause.transitions, action);
      this.#decide({ kind: "pause", pause });
    });
  }

  #attempt(action: string, run: () => void): void {
    this.#begin(action);
    try {
      run();
    } catch (error) {
      this.#fail(error);
    }
  }

  #begin(action: string): void {
    this.assertOpen();
    if (this.#isEnd) this.refuse(endActed(this.#state, action));
  }

  #fail(error: unknown): never {
    if (error instanceof Refusal) this.refuse(error);
    throw error;
  }

  #decide(outcome: Outcome): void {
    if (this.#outcome || this.#orders || this.#children) this.#failTwice();
    this.#outcome = outcome;
  }

  #failTwice(): never {
    throw new Refusal(
      "TWO_OUTCOMES",
      422,
      `The handler of state "${this.#state}" decided twice: return after the first decision.`,
    );
  }

  #order(task: TaskRequest): TaskOrder {
    const order = orderOf(task, this.#defaults);
    this.#assertTargets(order.transitions, "task", order.type);
    if (order.eventTransitions) this.#assertTargets(order.eventTransitions, "events of task", order.type);
    return order;
  }

  /** The words are made for those that are wrong. */
  #assertTargets(transitions: Readonly<Record<string, string>>, what: string, name?: string): void {
    for (const status of Object.keys(transitions)) {
      if (this.#isState(transitions[status])) continue;
      const where = name === undefined ? what : `${what} "${name}"`;
      this.#assertTarget(transitions[status], `transitions.${status} of ${where}`);
    }
  }

  #isState(target: unknown): boolean {
    return typeof target === "string" && stateExists(this.#definition, target);
  }

  #assertTarget(target: unknown, where: string): void {
    if (this.#isState(target)) return;
    throw new Refusal(
      "UNKNOWN_STATE",
      422,
      `State "${String(target)}" does not exist (${where} in state "${this.#state}"): declare it or correct the name.`,
    );
  }

  #dispatched(): Outcome {
    const orders = this.#orders ?? [];
    const children = this.#children ?? [];
    if (orders.length + children.length === 0) throw noOutcome(this.#state);
    const into = this.#joinOf(orders, children);
    if (children.length === 0 && into === undefined) return { kind: "tasks", orders };
    return {
      kind: "tasks",
      orders,
      ...(children.length > 0 && { children }),
      ...(into !== undefined && { into }),
    };
  }

  /** One task or child may lead to an aggregator; several must, all to the same. */
  #joinOf(orders: readonly TaskOrder[], children: readonly ChildOrder[]): string | undefined {
    const [only] = orders;
    if (only && orders.length + children.length === 1) return this.#asAggregator(only.transitions["success"]);
    const branches = [
      ...orders.map(({ type, transitions }) => ({ name: type, success: transitions["success"] })),
      ...children.map(({ blueprint, transitions }) => ({ name: blueprint, success: transitions["success"] })),
    ];
    const targets = new Set(branches.map(({ success }) => this.#asAggregator(success)));
    const [into] = targets;
    if (targets.size === 1 && (into !== undefined || branches.length === 1)) return into;
    const found = branches.map(({ name, success }) => `"${name}" to ${quoted(success)}`).join(", ");
    const what =
      children.length === 0 ? "tasks" : orders.length === 0 ? "child blueprints" : "tasks and child blueprints";
    throw new Refusal(
      "NO_JOIN",
      422,
      `State "${this.#state}" started ${branches.length} ${what} that do not lead to one aggregator (${found}): ` +
        "point the success transition of each to the same state and declare it with aggregatorFor.",
    );
  }

  #asAggregator(success: string | undefined): string | undefined {
    return isAggregator(this.#definition, success) ? success : undefined;
  }
}

export function actionsOf(recorder: Recorder): Actions {
  return {
    transitionTo: (state, options) => recorder.transitionTo(state, options?.errorMessage),
    dispatchTask: (task) => recorder.dispatchTask(task),
    dispatchParallel: (request) => recorder.dispatchParallel(request),
    awaitHumanApproval: (request) => recorder.awaitHumanApproval(request),
    runBlueprint: (request) => recorder.runBlueprint(request),
    waitFor: (request) => recorder.waitFor(request),
    waitForEvent: (request) => recorder.waitForEvent(request),
  };
}

export function notAvailable(feature: string): Refusal {
  return new Refusal(
    "NOT_AVAILABLE",
    501,
    `This version does not know ${feature}: it arrives with a later one, take it out until then.`,
  );
}

function transitionError(message: string): JobError {
  return { code: "TRANSITION_ERROR", message: String(message).slice(0, MESSAGE_LENGTH_MAX) };
}

function noOutcome(state: string): Refusal {
  return new Refusal(
    "NO_OUTCOME",
    422,
    `The handler of state "${state}" decided nothing: call transitionTo, dispatchTask or another action before it returns (await what it starts), or declare the state with isEnd.`,
  );
}

function endActed(state: string, action: string): Refusal {
  return new Refusal("END_ACTED", 422, `State "${state}" is an end and called ${action}: take the call or isEnd away.`);
}

function invalid(message: string): Refusal {
  return new Refusal("INVALID_OUTCOME", 422, message);
}

function quoted(state: string | undefined): string {
  return state === undefined ? "nothing" : `"${state}"`;
}
