import type { Cancel, Timers } from "../system/clock.ts";
import { Refusal } from "../system/errors.ts";
import { Address } from "./address.ts";
import type { Ref, Reply, Told } from "./types.ts";

const RETRY_AFTER_SECONDS = 1;
const NONE: readonly OpenQuestion[] = [];

/** A question as the actor's side sees it, whatever its answer is. */
interface OpenQuestion {
  /** Its message is with the actor, no longer in the mailbox. */
  delivered: boolean;
  fail(error: unknown): void;
  /** From then on it is in the list under the message, until it is settled. */
  listed(list: Map<unknown, OpenQuestion>, message: unknown): void;
}

/** The open questions of one actor, each tied to the message that carries it. */
export class Questions {
  #byMessage: Map<unknown, OpenQuestion> | undefined;

  get size(): number {
    return this.#byMessage === undefined ? 0 : this.#byMessage.size;
  }

  add(message: unknown, question: OpenQuestion): void {
    const byMessage = (this.#byMessage ??= new Map());
    byMessage.set(message, question);
    question.listed(byMessage, message);
  }

  mark(message: unknown, delivered: boolean): void {
    const question = this.#byMessage?.get(message);
    if (question !== undefined) question.delivered = delivered;
  }

  /** The message was lost in a failure. */
  refuse(message: unknown): void {
    this.#byMessage?.get(message)?.fail(dead("failed at the message"));
  }

  /** Who knew the answer is gone; messages that still wait will be read by the successor. */
  refuseDelivered(): void {
    for (const question of this.#open) if (question.delivered) question.fail(dead("was restarted"));
  }

  refuseAll(): void {
    for (const question of this.#open) question.fail(dead("has stopped"));
  }

  get #open(): readonly OpenQuestion[] {
    return this.size === 0 ? NONE : [...(this.#byMessage?.values() ?? NONE)];
  }
}

export class Question<Answer> implements Reply<Answer>, OpenQuestion {
  readonly answered: Promise<Answer>;
  readonly #resolve: (answer: Answer) => void;
  readonly #reject: (error: unknown) => void;
  #list: Map<unknown, OpenQuestion> | undefined;
  #message: unknown;
  #limit: Cancel | undefined;
  delivered = false;
  #settled = false;

  constructor() {
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

  listed(list: Map<unknown, OpenQuestion>, message: unknown): void {
    if (this.#settled) return void list.delete(message);
    this.#list = list;
    this.#message = message;
  }

  limited(limit: Cancel): void {
    if (this.#settled) limit();
    else this.#limit = limit;
  }

  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.#list?.delete(this.#message);
    this.#limit?.();
    this.#list = this.#message = this.#limit = undefined;
    return true;
  }
}

export function ask<Message, Answer>(
  timers: Timers,
  target: Ref<Message>,
  carry: (answer: Reply<Answer>) => Message,
  timeoutMs: number,
  lane: "user" | "system" = "user",
): Promise<Answer> {
  const question = new Question<Answer>();
  const message = carry(question);
  const told = lane === "system" ? target.tellFirst(message) : target.tell(message);
  follow(question, target, message, told);
  question.limited(timers.after(timeoutMs, () => question.fail(late(target.path, timeoutMs))));
  return question.answered;
}

function follow<Message, Answer>(question: Question<Answer>, target: Ref<Message>, message: Message, told: Told): void {
  if (told === "full") return question.fail(full(target.path));
  if (told === "dead") return question.fail(dead("has stopped"));
  // Another kind of address can only be waited for: how it fares is not known here.
  if (target instanceof Address) target.questions()?.add(message, question);
}

function late(path: string, timeoutMs: number): Refusal {
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
