import { Refusal } from "../system/errors.ts";
import { Lookup } from "../system/lookup.ts";
import { Address } from "./address.ts";
import { type Deadlines, lift, Limited } from "./deadlines.ts";
import type { Ref, Reply, Told } from "./types.ts";

const RETRY_AFTER_SECONDS = 1;
const NONE: readonly OpenQuestion[] = [];

/** A question as the actor's side sees it, whatever its answer is. */
interface OpenQuestion {
  /** Its message is with the actor, no longer in the mailbox. */
  delivered: boolean;
  fail(error: unknown): void;
  /** From then on it is in the list under the message, until it is settled. */
  listed(list: Questions, message: unknown): void;
}

/** The open questions of one actor, each tied to the message that carries it. Most actors have one at a time: only more need a map. */
export class Questions {
  #only: OpenQuestion | undefined;
  #onlyMessage: unknown;
  #others: Lookup<unknown, OpenQuestion> | undefined;

  get size(): number {
    return (this.#only === undefined ? 0 : 1) + (this.#others === undefined ? 0 : this.#others.size);
  }

  add(message: unknown, question: OpenQuestion): void {
    if (this.#only === undefined) {
      this.#only = question;
      this.#onlyMessage = message;
    } else (this.#others ??= new Lookup()).set(message, question);
    question.listed(this, message);
  }

  remove(message: unknown): void {
    if (this.#only === undefined || this.#onlyMessage !== message) return void this.#others?.delete(message);
    this.#only = undefined;
    this.#onlyMessage = undefined;
  }

  #of(message: unknown): OpenQuestion | undefined {
    return this.#only !== undefined && this.#onlyMessage === message ? this.#only : this.#others?.get(message);
  }

  mark(message: unknown, delivered: boolean): void {
    const question = this.#of(message);
    if (question !== undefined) question.delivered = delivered;
  }

  /** The message was lost in a failure. */
  refuse(message: unknown): void {
    this.#of(message)?.fail(dead("failed at the message"));
  }

  /** Who knew the answer is gone; messages that still wait will be read by the successor. */
  refuseDelivered(): void {
    for (const question of this.#open) if (question.delivered) question.fail(dead("was restarted"));
  }

  refuseAll(): void {
    for (const question of this.#open) question.fail(dead("has stopped"));
  }

  get #open(): readonly OpenQuestion[] {
    if (this.size === 0) return NONE;
    return [...(this.#only === undefined ? NONE : [this.#only]), ...(this.#others?.values() ?? NONE)];
  }
}

export class Question<Answer> extends Limited implements Reply<Answer>, OpenQuestion {
  readonly answered: Promise<Answer>;
  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (error: unknown) => void;
  readonly #target: { readonly path: string };
  readonly #timeoutMs: number;
  #list: Questions | undefined;
  #message: unknown;
  delivered = false;
  #settled = false;

  constructor(target: { readonly path: string }, timeoutMs: number) {
    super();
    this.#target = target;
    this.#timeoutMs = timeoutMs;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.answered = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  ok(answer: Answer): void {
    if (this.#settle()) this.#resolve(answer);
  }

  fail(error: unknown): void {
    if (this.#settle()) this.#reject(error);
  }

  override late(): void {
    this.fail(tooLate(this.#target.path, this.#timeoutMs));
  }

  listed(list: Questions, message: unknown): void {
    if (this.#settled) return list.remove(message);
    this.#list = list;
    this.#message = message;
  }

  /** From now on the time runs; one that is settled already needs none. */
  limit(deadlines: Deadlines): void {
    if (!this.#settled) deadlines.set(this.#timeoutMs, this);
  }

  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.#list?.remove(this.#message);
    lift(this);
    this.#list = this.#message = undefined;
    return true;
  }
}

export function ask<Message, Answer>(
  deadlines: Deadlines,
  target: Ref<Message>,
  carry: (answer: Reply<Answer>) => Message,
  timeoutMs: number,
  lane: "user" | "system" = "user",
): Promise<Answer> {
  const question = new Question<Answer>(target, timeoutMs);
  const message = carry(question);
  const told = lane === "system" ? target.tellFirst(message) : target.tell(message);
  follow(question, target, message, told);
  question.limit(deadlines);
  return question.answered;
}

function follow<Message, Answer>(question: Question<Answer>, target: Ref<Message>, message: Message, told: Told): void {
  if (told === "full") return question.fail(full(target.path));
  if (told === "dead") return question.fail(dead("has stopped"));
  // Another kind of address can only be waited for: how it fares is not known here.
  if (target instanceof Address) target.questions()?.add(message, question);
}

function tooLate(path: string, timeoutMs: number): Refusal {
  const details = { path, timeout_ms: timeoutMs };
  return new Refusal("ASK_TIMEOUT", 503, "No answer in time; try again later.", details, RETRY_AFTER_SECONDS);
}

function full(path: string): Refusal {
  const details = { path };
  return new Refusal("ASK_FULL", 429, "Too much is waiting already; try again later.", details, RETRY_AFTER_SECONDS);
}

function dead(what: string): Refusal {
  const message = `Who was asked ${what} before it answered; try again.`;
  return new Refusal("ASK_DEAD", 503, message, undefined, RETRY_AFTER_SECONDS);
}
