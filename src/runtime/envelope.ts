import type { Expected } from "./types.ts";

/** Who waits for an envelope: one life of an actor. A successor never gets its predecessor's. */
export interface Addressee {
  readonly gone: boolean;
}

/**
 * A message that an actor asked for itself (timer, death watch, pipe). It is opened only when its
 * turn has come, so that one cancelled or orphaned in the mailbox is still dropped.
 */
export abstract class Envelope<Message> {
  cancelled = false;

  constructor(readonly addressee: Addressee) {}

  /** Runs in the actor's turn: when it throws, that is the actor's failure. */
  abstract open(): Message;

  /** Called instead of `open` when nobody is left to read it, for what must not go unheard. */
  discard(): void {
    // Most of it may.
  }

  get valid(): boolean {
    return !this.cancelled && !this.addressee.gone;
  }
}

/** What the actor has told itself. */
export class OwnMessage<Message> extends Envelope<Message> {
  constructor(
    addressee: Addressee,
    readonly message: Message,
  ) {
    super(addressee);
  }

  open(): Message {
    return this.message;
  }
}

/** What the actor awaited. */
export class GoodNews<Value, Message> extends Envelope<Message> {
  constructor(
    addressee: Addressee,
    readonly value: Value,
    readonly read: (value: Value) => Message,
  ) {
    super(addressee);
  }

  open(): Message {
    return this.read(this.value);
  }
}

/** What the actor awaited has failed. */
export class BadNews<Message> extends Envelope<Message> {
  constructor(
    readonly life: Expecting<Message>,
    readonly error: unknown,
    readonly read: (error: unknown) => Message,
  ) {
    super(life);
  }

  open(): Message {
    return this.read(this.error);
  }

  override discard(): void {
    this.life.orphaned(this.error);
  }
}

/** The life that expects an answer. */
export interface Expecting<Message> extends Addressee {
  arrived(envelope: Envelope<Message>): void;
  orphaned(error: unknown): void;
}

/** The answer, its envelope, and where it is given: one object, where a promise and what hangs on it are a dozen. */
export class ExpectedAnswer<Message> extends Envelope<Message> implements Expected {
  #isGiven = false;
  #hasFailed = false;
  #error: unknown;
  #given: PromiseWithResolvers<void> | undefined;

  constructor(
    readonly life: Expecting<Message>,
    readonly message: Message,
    readonly read: (error: unknown) => Message,
  ) {
    super(life);
  }

  ok(): void {
    if (!this.#isGiven) this.#give();
  }

  fail(error: unknown): void {
    if (this.#isGiven) return;
    this.#hasFailed = true;
    this.#error = error;
    this.#give();
  }

  get given(): Promise<void> {
    if (this.#isGiven) return Promise.resolve();
    this.#given ??= Promise.withResolvers<void>();
    return this.#given.promise;
  }

  #give(): void {
    this.#isGiven = true;
    this.life.arrived(this);
    this.#given?.resolve();
  }

  open(): Message {
    return this.#hasFailed ? this.read(this.#error) : this.message;
  }

  override discard(): void {
    if (this.#hasFailed) this.life.orphaned(this.#error);
  }
}
