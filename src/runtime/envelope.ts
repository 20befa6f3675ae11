/** Who waits for an envelope: one life of an actor. A successor never gets its predecessor's. */
export interface Addressee {
  readonly gone: boolean;
}

/**
 * A message that an actor asked for itself (timer, death watch, pipe). It is opened only when its
 * turn has come, so that one cancelled or orphaned in the mailbox is still dropped.
 */
export class Envelope<Message> {
  cancelled = false;

  constructor(
    readonly addressee: Addressee,
    /** Runs in the actor's turn: when it throws, that is the actor's failure. */
    readonly open: () => Message,
    /** Called instead of `open` when nobody is left to read it, for what must not go unheard. */
    readonly discard: () => void = () => undefined,
  ) {}

  get valid(): boolean {
    return !this.cancelled && !this.addressee.gone;
  }
}
