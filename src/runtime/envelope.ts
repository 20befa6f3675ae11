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
    addressee: Addressee,
    readonly error: unknown,
    readonly read: (error: unknown) => Message,
    readonly unread: (error: unknown) => void,
  ) {
    super(addressee);
  }

  open(): Message {
    return this.read(this.error);
  }

  override discard(): void {
    this.unread(this.error);
  }
}
