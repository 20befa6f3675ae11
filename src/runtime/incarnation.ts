import type { Cancel } from "../system/clock.ts";
import { messageOf } from "../system/errors.ts";
import { addressOf, DeadAddress } from "./address.ts";
import { BadNews, type Envelope, ExpectedAnswer, type Expecting, GoodNews, OwnMessage } from "./envelope.ts";
import type { Machine } from "./machine.ts";
import type { Actor, Context, Expected, Props, Ref } from "./types.ts";

/** What one life of an actor needs of the place that it lives in. */
export interface Place<Message> {
  readonly self: Ref<Message>;
  readonly machine: Machine;
  hold(): void;
  release(): void;
  putBack(messages: readonly Message[]): void;
  post(envelope: Envelope<Message>): void;
  postFirst(envelope: Envelope<Message>): void;
  spawn<Child>(props: Props<Child>): Ref<Child>;
}

/**
 * One life of an actor, from `started` to `stopped`: its context, and all that dies with it. A
 * context that was kept beyond that does nothing any more, so that it cannot disturb its successor.
 */
export class Incarnation<Message> implements Context<Message>, Expecting<Message> {
  readonly actor: Actor<Message>;
  readonly #place: Place<Message>;
  #ties: Set<Cancel> | undefined;
  #timersPending = 0;
  #pipesPending = 0;
  #closing = false;
  #gone = false;

  constructor(actor: Actor<Message>, place: Place<Message>) {
    this.actor = actor;
    this.#place = place;
  }

  get self(): Ref<Message> {
    return this.#place.self;
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** Nothing is on its way to this actor. */
  get quiet(): boolean {
    return this.#timersPending === 0 && this.#pipesPending === 0;
  }

  suspend(): void {
    if (!this.#closing) this.#place.hold();
  }

  resume(): void {
    if (!this.#closing) this.#place.release();
  }

  unread(messages: readonly Message[]): void {
    if (!this.#gone) return this.#place.putBack(messages);
    const { deadLetters } = this.#place.machine;
    for (const message of messages) deadLetters.publish(this.self.path, message, "stopped");
  }

  after(delayMs: number, message: Message): Cancel {
    if (this.#closing) return () => undefined;
    const envelope = new OwnMessage<Message>(this, message);
    const cancelTimer = this.#place.machine.timers.after(delayMs, () => {
      if (this.#endTimer(cancel)) this.#place.post(envelope);
    });
    const cancel = () => {
      envelope.cancelled = true;
      if (this.#endTimer(cancel)) cancelTimer();
    };
    this.#tie(cancel);
    this.#timersPending += 1;
    return cancel;
  }

  #tie(cancel: Cancel): void {
    this.#ties ??= new Set();
    this.#ties.add(cancel);
  }

  #endTimer(tie: Cancel): boolean {
    if (this.#ties?.delete(tie) !== true) return false;
    this.#timersPending -= 1;
    return true;
  }

  pipe<Value>(promise: Promise<Value>, ok: (value: Value) => Message, failed: (error: unknown) => Message): void {
    this.#pipesPending += 1;
    promise.then(
      (value) => this.arrived(new GoodNews(this, value, ok)),
      (error: unknown) => this.arrived(new BadNews(this, error, failed)),
    );
  }

  expect(ok: Message, failed: (error: unknown) => Message): Expected {
    this.#pipesPending += 1;
    return new ExpectedAnswer(this, ok, failed);
  }

  /** What was awaited or expected is there. */
  arrived(envelope: Envelope<Message>): void {
    this.#pipesPending -= 1;
    if (envelope.valid) this.#place.postFirst(envelope);
    else envelope.discard();
  }

  orphaned(error: unknown): void {
    const fields = { path: this.self.path, error: messageOf(error) };
    this.#place.machine.log.warn("What an actor awaited has failed; the actor is gone.", fields);
  }

  spawn<Child>(props: Props<Child>): Ref<Child> {
    if (!this.#closing) return this.#place.spawn(props);
    return new DeadAddress(`${this.self.path}/${props.name}`, this.#place.machine.deadLetters);
  }

  stop(ref?: Ref<never>): void {
    if (ref !== undefined) return addressOf(ref).stop();
    if (!this.#gone) addressOf(this.self).stop();
  }

  watch(ref: Ref<never>, message: Message): Cancel {
    if (this.#closing) return () => undefined;
    const envelope = new OwnMessage<Message>(this, message);
    const notify = () => {
      this.#ties?.delete(cancel);
      this.#place.post(envelope);
    };
    const unwatch = addressOf(ref).watch(notify);
    const cancel = () => {
      envelope.cancelled = true;
      this.#ties?.delete(cancel);
      unwatch?.();
    };
    if (unwatch === undefined) this.#place.post(envelope);
    else this.#tie(cancel);
    return cancel;
  }

  /** Timers and watches end. */
  close(): void {
    this.#closing = true;
    if (this.#ties !== undefined) for (const cancel of this.#ties) cancel();
  }

  /** The actor's last call, after which nothing reaches or leaves this life. */
  end(): void {
    try {
      this.actor.stopped?.();
    } catch (error) {
      const fields = { path: this.self.path, error: messageOf(error) };
      this.#place.machine.log.error("An actor failed at its last call; it is stopped all the same.", fields);
    }
    this.#gone = true;
  }
}
