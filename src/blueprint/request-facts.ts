/** What the request of one action tells: where each of its outcomes leads, and what it is about. */
import type { AnyNode } from "acorn";
import { full } from "acorn-walk";
import type { EdgeKind } from "../catalog/port.ts";
import type { KnownOptions } from "../system/options.ts";
import type { CallNode, Source } from "./handler-source.ts";
import { type Fields, listOf, nameOfMember, numberOf, objectsOf, textsOf } from "./literals.ts";
import { REQUEST_FIELDS, RETRY_FIELDS, TASK_FIELDS } from "./request-fields.ts";
import { tasksWithin } from "./task-literals.ts";
import type { Actions } from "./sdk.ts";

/** Stands among the fields where only running the code would tell them all. */
export const PARTLY_UNKNOWN = "…";

export type ActionName = keyof Actions;
export const ACTION_NAMES = Object.keys({
  transitionTo: true,
  dispatchTask: true,
  dispatchParallel: true,
  awaitHumanApproval: true,
  runBlueprint: true,
  waitFor: true,
  waitForEvent: true,
} satisfies Record<ActionName, true>) as readonly ActionName[];

export interface Arrow {
  readonly kind: EdgeKind;
  /** "transition", or the outcome. */
  readonly label: string;
  readonly to: string;
  readonly offset: number;
  /** It may not be what the target is in the end: where no such state exists, it is none. */
  readonly isPassing?: true;
}

/** A text of the request, and where it stands. */
export interface Named {
  readonly name: string;
  readonly offset: number;
}

/** A name in the request that nobody knows. */
export interface StrangeField extends Named {
  /** What has the name. */
  readonly owner: string;
  readonly known: KnownOptions;
  /** An object that is likely a task of the request, and may be something else. */
  readonly isGuess?: true;
}

/** How a dispatchParallel comes together. Left out: it cannot be known. */
export interface JoinFacts {
  readonly offset: number;
  readonly rule?: "all" | "settled" | "any" | number;
  /** Neither a rule nor a number: refused when it runs. */
  readonly isWrong?: true;
  readonly tasks?: number;
}

export interface RequestFacts {
  readonly arrows: readonly Arrow[];
  /** Offsets of targets that only running the code would tell. */
  readonly unknown: readonly number[];
  /** The outcomes that have a transition, once for each form that the request can have. None: it cannot be known. */
  readonly outcomes: readonly ReadonlySet<string>[];
  /** Fields of the request that are there, whatever their value; PARTLY_UNKNOWN where there may be others. */
  readonly fields: ReadonlySet<string>;
  /** Task types, the child's name, the integration, the event, the time: what a picture says of it. */
  readonly subjects: readonly Named[];
  readonly strangeFields: readonly StrangeField[];
  /** Places of subjects that only running the code would tell. */
  readonly unknownSubjects: readonly number[];
  readonly join?: JoinFacts;
}

const TRANSITION_KINDS: Readonly<Record<ActionName, EdgeKind>> = {
  transitionTo: "transition",
  dispatchTask: "status",
  dispatchParallel: "status",
  awaitHumanApproval: "decision",
  runBlueprint: "child",
  waitFor: "timer",
  waitForEvent: "event",
};

/** The field of the request that says what it is about. */
const SUBJECTS: Readonly<Record<ActionName, readonly string[]>> = {
  transitionTo: [],
  dispatchTask: ["taskType"],
  dispatchParallel: [],
  awaitHumanApproval: ["integration"],
  runBlueprint: ["blueprintName"],
  waitFor: ["until", "seconds"],
  waitForEvent: ["event"],
};

export function requestFactsOf(action: ActionName, call: CallNode, source: Source): RequestFacts {
  const reader = new RequestReader(action, call, source);
  reader.read(call.arguments[0]);
  return reader.facts();
}

class RequestReader {
  readonly #action: ActionName;
  readonly #call: CallNode;
  readonly #source: Source;
  readonly #arrows: Arrow[] = [];
  readonly #unknown: number[] = [];
  readonly #outcomes: ReadonlySet<string>[] = [];
  readonly #fields = new Set<string>();
  readonly #subjects: Named[] = [];
  readonly #strangeFields: StrangeField[] = [];
  readonly #unknownSubjects: number[] = [];
  #join: JoinFacts | undefined;

  constructor(action: ActionName, call: CallNode, source: Source) {
    this.#action = action;
    this.#call = call;
    this.#source = source;
  }

  facts(): RequestFacts {
    return {
      arrows: this.#arrows,
      unknown: this.#unknown,
      outcomes: this.#unknown.length > 0 ? [] : this.#outcomes,
      fields: this.#fields,
      subjects: this.#subjects,
      strangeFields: this.#strangeFields,
      unknownSubjects: this.#unknownSubjects,
      ...(this.#join && { join: this.#join }),
    };
  }

  read(argument: AnyNode | undefined): void {
    if (this.#action === "transitionTo") {
      this.#addTarget("transition", "transition", argument);
      return;
    }
    const requests = objectsOf(argument, this.#source);
    if (requests.length === 0) this.#addUnknown(this.#call);
    for (const request of requests) this.#readRequest(request);
  }

  #readRequest(request: Fields): void {
    const { fields, unknown } = request;
    this.#addStrange(request);
    for (const name of fields.keys()) this.#fields.add(name);
    if (unknown.length > 0) this.#fields.add(PARTLY_UNKNOWN);
    for (const name of SUBJECTS[this.#action]) this.#addSubject(fields.get(name));
    if (this.#action === "waitFor") this.#addTarget("timer", this.#timerLabel(fields), fields.get("then"));
    else if (this.#action === "dispatchParallel") this.#readParallel(fields);
    else this.#readTransitions(request);
  }

  #readTransitions({ fields, unknown }: Fields): void {
    if (unknown.length > 0 && !fields.has("transitions")) this.#addUnknown(this.#call);
    else this.#addTransitions(TRANSITION_KINDS[this.#action], fields.get("transitions"));
    this.#addEvents(fields.get("eventTransitions"));
  }

  #readParallel(fields: Fields["fields"]): void {
    this.#join = this.#joinOf(fields);
    this.#addTarget("join", "success", fields.get("aggregateInto"));
    const tasks = this.#tasksIn(fields.get("tasks"));
    if (tasks.length === 0 && this.#join.tasks === undefined) this.#addUnknown(fields.get("tasks") ?? this.#call);
    this.#addStrangeOfTasks(fields.get("tasks"), tasks);
    for (const task of tasks) {
      this.#addSubject(task.fields.get("taskType"));
      this.#readTransitions(task);
    }
  }

  #addStrange(request: Fields): void {
    if (this.#action === "transitionTo") return;
    if (this.#action === "dispatchTask") this.#addStrangeOfTask(request, false);
    else this.#addStrangeFields(this.#action, request, REQUEST_FIELDS[this.#action], false);
  }

  #addStrangeOfTasks(list: AnyNode | undefined, found: readonly Fields[]): void {
    const sure = tasksWithin(list, this.#source);
    for (const task of sure.flatMap((node) => objectsOf(node, this.#source))) this.#addStrangeOfTask(task, false);
    const isWithin = ({ node }: Fields) => sure.some(({ start, end }) => start <= node.start && node.end <= end);
    for (const task of found) if (!isWithin(task)) this.#addStrangeOfTask(task, true);
  }

  #addStrangeOfTask(task: Fields, isGuess: boolean): void {
    this.#addStrangeFields("A task", task, TASK_FIELDS, isGuess);
    for (const retry of objectsOf(task.fields.get("retry"), this.#source)) {
      this.#addStrangeFields("retry", retry, RETRY_FIELDS, isGuess);
    }
  }

  #addStrangeFields(owner: string, { keys }: Fields, known: KnownOptions, isGuess: boolean): void {
    for (const [name, node] of keys) {
      if (known.names.includes(name)) continue;
      this.#strangeFields.push({ owner, name, known, offset: this.#offset(node), ...(isGuess && { isGuess }) });
    }
  }

  #joinOf(fields: Fields["fields"]): JoinFacts {
    const rule = fields.get("join");
    const list = listOf(fields.get("tasks"), this.#source);
    const isCounted = list !== undefined && list.every((item) => item?.type !== "SpreadElement");
    return {
      offset: this.#offset(rule ?? this.#call),
      ...(rule === undefined ? { rule: "all" } : this.#ruleOf(rule)),
      ...(isCounted && { tasks: list.length }),
    };
  }

  #ruleOf(node: AnyNode): Pick<JoinFacts, "rule" | "isWrong"> {
    const [request, other] = objectsOf(node, this.#source);
    if (request && !other) {
      const atLeast = request.fields.get("atLeast");
      if (!atLeast) return request.unknown.length > 0 ? {} : { isWrong: true };
      const rule = numberOf(atLeast, this.#source);
      return rule === undefined ? {} : { rule };
    }
    const { known, unknown } = textsOf(node, this.#source);
    const [text, second] = known;
    if (!text || second || unknown.length > 0) return {};
    return text.text === "all" || text.text === "settled" || text.text === "any"
      ? { rule: text.text }
      : { isWrong: true };
  }

  /** Tasks are often mapped from data or pushed one by one: they lie somewhere in that expression, or in the handler. */
  #tasksIn(tasks: AnyNode | undefined): readonly Fields[] {
    const found: Fields[] = [];
    const place = tasks?.type === "Identifier" || tasks?.type === "MemberExpression" ? this.#source.root : tasks;
    if (!place) return found;
    const dispatched = new Set(this.#source.calls.filter(isDispatch).map(({ node }) => node.arguments[0]));
    full(place, (node) => {
      const part = node as AnyNode;
      if (part.type !== "ObjectExpression" || dispatched.has(part)) return;
      found.push(...objectsOf(part, this.#source).filter(({ fields }) => fields.has("taskType")));
    });
    return found;
  }

  #addTransitions(kind: EdgeKind, node: AnyNode | undefined): void {
    if (!node) {
      this.#outcomes.push(new Set());
      return;
    }
    const objects = objectsOf(node, this.#source);
    if (objects.length === 0) this.#addUnknown(node);
    for (const { fields, unknown } of objects) {
      for (const part of unknown) this.#addUnknown(part);
      this.#outcomes.push(this.#addOutcomes(kind, fields));
    }
  }

  #addOutcomes(kind: EdgeKind, fields: Fields["fields"]): ReadonlySet<string> {
    const outcomes = new Set<string>();
    for (const [outcome, target] of fields) if (this.#addTarget(kind, outcome, target)) outcomes.add(outcome);
    return outcomes;
  }

  /** They move the job on beside its outcomes: no outcome lacks where one of them does. */
  #addEvents(node: AnyNode | undefined): void {
    if (!node) return;
    const objects = objectsOf(node, this.#source);
    if (objects.length === 0) this.#addUnknown(node);
    for (const { fields, unknown } of objects) {
      for (const part of unknown) this.#addUnknown(part);
      this.#addOutcomes("worker-event", fields);
    }
  }

  /** False where the target is left undefined on purpose. */
  #addTarget(kind: EdgeKind, label: string, node: AnyNode | undefined): boolean {
    if (!node) {
      this.#addUnknown(this.#call);
      return true;
    }
    const { known, unknown } = textsOf(node, this.#source);
    for (const { text, node: at, isPassing } of known) {
      this.#arrows.push({ kind, label, to: text, offset: this.#offset(at), ...(isPassing && { isPassing }) });
    }
    for (const part of unknown) this.#addUnknown(part);
    return known.length + unknown.length > 0;
  }

  #addSubject(node: AnyNode | undefined): void {
    if (!node) return;
    const offset = this.#offset(node);
    const number = numberOf(node, this.#source);
    if (number === undefined) {
      const { known, unknown } = textsOf(node, this.#source);
      if (unknown.length > 0) this.#unknownSubjects.push(offset);
      this.#subjects.push(...known.map(({ text }) => ({ name: text, offset })));
    } else this.#subjects.push({ name: `${number} s`, offset });
  }

  #timerLabel(fields: Fields["fields"]): string {
    const seconds = numberOf(fields.get("seconds"), this.#source);
    return seconds === undefined ? "timer" : `timer ${seconds} s`;
  }

  #addUnknown(node: AnyNode): void {
    this.#unknown.push(this.#offset(node));
  }

  #offset(node: AnyNode): number {
    return node.start + this.#source.shift;
  }
}

function isDispatch({ node: { callee } }: { readonly node: CallNode }): boolean {
  const name = callee.type === "MemberExpression" ? nameOfMember(callee) : undefined;
  return (callee.type === "Identifier" ? callee.name : name) === "dispatchTask";
}
