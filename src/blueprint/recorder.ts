/** Writes down what one run of a handler decides, and refuses what cannot be. */
import type { Turn } from "../handlers/port.ts";
import type { JobError, TaskOrder } from "../job/model.ts";
import { Refusal } from "../system/errors.ts";
import { type Definition, isAggregator, stateExists } from "./definition.ts";
import { MESSAGE_LENGTH_MAX } from "./failures.ts";
import { orderOf } from "./orders.ts";
import type { Actions, ParallelRequest, TaskRequest } from "./sdk.ts";

export type Outcome =
  | { readonly kind: "transition"; readonly to: string; readonly error?: JobError }
  | { readonly kind: "tasks"; readonly orders: readonly TaskOrder[]; readonly into?: string };

export interface RecorderOptions {
  readonly definition: Definition;
  readonly state: string;
  readonly isEnd: boolean;
  readonly defaults: Turn["defaults"];
}

export class Recorder {
  readonly #options: RecorderOptions;
  #outcome: Outcome | undefined;
  #orders: TaskOrder[] | undefined;
  #problem: Refusal | undefined;
  #isClosed = false;

  constructor(options: RecorderOptions) {
    this.#options = options;
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
      `The handler of state "${this.#options.state}" has ended: await all that it starts before it returns.`,
    );
  }

  refuse(refusal: Refusal): never {
    this.#problem ??= refusal;
    throw refusal;
  }

  /** What was decided. Undefined for an end; throws a Refusal where there should be an outcome. */
  outcome(): Outcome | undefined {
    if (this.#problem) throw this.#problem;
    if (this.#options.isEnd) return undefined;
    return this.#outcome ?? this.#dispatched();
  }

  transitionTo(to: string, errorMessage: string | undefined): void {
    this.#attempt("transitionTo", () => {
      this.#assertTarget(to, "transitionTo");
      this.#decide({
        kind: "transition",
        to,
        ...(errorMessage !== undefined && { error: transitionError(errorMessage) }),
      });
    });
  }

  dispatchTask(task: TaskRequest): void {
    this.#attempt("dispatchTask", () => {
      if (this.#outcome) this.#failTwice();
      (this.#orders ??= []).push(this.#order(task));
    });
  }

  dispatchParallel(request: ParallelRequest): void {
    this.#attempt("dispatchParallel", () => {
      const into = request?.aggregateInto;
      this.#assertTarget(into, "aggregateInto");
      if (!isAggregator(this.#options.definition, into)) {
        throw invalid(`aggregateInto "${into}" is no aggregator: declare it with aggregatorFor("${into}", …).`);
      }
      if (request.join !== undefined && request.join !== "all") throw notAvailable('a join other than "all"');
      if (!Array.isArray(request.tasks)) throw invalid("dispatchParallel wants a list of tasks.");
      const orders = request.tasks.map((task) => leadingInto(into, this.#order(task)));
      this.#decide(orders.length === 0 ? { kind: "transition", to: into } : { kind: "tasks", orders, into });
    });
  }

  /** Something that a later version brings. */
  later(action: string, feature: string): void {
    this.#attempt(action, () => {
      throw notAvailable(feature);
    });
  }

  #attempt(action: string, run: () => void): void {
    this.assertOpen();
    try {
      if (this.#options.isEnd) throw endActed(this.#options.state, action);
      run();
    } catch (error) {
      if (error instanceof Refusal) this.refuse(error);
      throw error;
    }
  }

  #decide(outcome: Outcome): void {
    if (this.#outcome || this.#orders) this.#failTwice();
    this.#outcome = outcome;
  }

  #failTwice(): never {
    throw new Refusal(
      "TWO_OUTCOMES",
      422,
      `The handler of state "${this.#options.state}" decided twice: return after the first decision.`,
    );
  }

  #order(task: TaskRequest): TaskOrder {
    const order = orderOf(task, this.#options.defaults);
    for (const status of Object.keys(order.transitions)) {
      this.#assertTarget(order.transitions[status], `transitions.${status} of task "${order.type}"`);
    }
    return order;
  }

  #assertTarget(target: unknown, where: string): void {
    if (typeof target === "string" && stateExists(this.#options.definition, target)) return;
    throw new Refusal(
      "UNKNOWN_STATE",
      422,
      `State "${String(target)}" does not exist (${where} in state "${this.#options.state}"): declare it or correct the name.`,
    );
  }

  #dispatched(): Outcome {
    const orders = this.#orders;
    if (!orders) throw noOutcome(this.#options.state);
    const into = this.#joinOf(orders);
    return into === undefined ? { kind: "tasks", orders } : { kind: "tasks", orders, into };
  }

  /** One task may lead to an aggregator; several must, all to the same. */
  #joinOf(orders: readonly TaskOrder[]): string | undefined {
    const targets = new Set(orders.map((order) => this.#aggregatorOf(order)));
    const [into] = targets;
    if (targets.size === 1 && (into !== undefined || orders.length === 1)) return into;
    const found = orders.map((order) => `"${order.type}" to ${quoted(order.transitions["success"])}`).join(", ");
    throw new Refusal(
      "NO_JOIN",
      422,
      `State "${this.#options.state}" dispatched ${orders.length} tasks that do not lead to one aggregator (${found}): ` +
        "point the success transition of each to the same state and declare it with aggregatorFor.",
    );
  }

  #aggregatorOf(order: TaskOrder): string | undefined {
    const success = order.transitions["success"];
    return isAggregator(this.#options.definition, success) ? success : undefined;
  }
}

export function actionsOf(recorder: Recorder): Actions {
  return {
    transitionTo: (state, options) => recorder.transitionTo(state, options?.errorMessage),
    dispatchTask: (task) => recorder.dispatchTask(task),
    dispatchParallel: (request) => recorder.dispatchParallel(request),
    awaitHumanApproval: () => recorder.later("awaitHumanApproval", "waiting for a person's approval"),
    runBlueprint: () => recorder.later("runBlueprint", "running a blueprint inside another"),
    waitFor: () => recorder.later("waitFor", "waiting for a time"),
    waitForEvent: () => recorder.later("waitForEvent", "waiting for an event"),
  };
}

export function notAvailable(feature: string): Refusal {
  return new Refusal(
    "NOT_AVAILABLE",
    501,
    `This version does not know ${feature}: it arrives with a later one, take it out until then.`,
  );
}

function leadingInto(into: string, order: TaskOrder): TaskOrder {
  const success = order.transitions["success"];
  if (success === undefined) return { ...order, transitions: { ...order.transitions, success: into } };
  if (success === into) return order;
  throw invalid(`Task "${order.type}" leads to "${success}" and not to "${into}": leave its success transition out.`);
}

function transitionError(message: string): JobError {
  return { code: "TRANSITION_ERROR", message: String(message).slice(0, MESSAGE_LENGTH_MAX) };
}

function noOutcome(state: string): Refusal {
  return new Refusal(
    "NO_OUTCOME",
    422,
    `The handler of state "${state}" decided nothing: call transitionTo or dispatchTask before it returns (await what it starts), or declare the state with isEnd.`,
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
