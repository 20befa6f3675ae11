/**
 * The actor machine's words. An actor handles one message at a time, synchronously; what it
 * waits for comes back to it as a message (`pipe`), while `suspend` holds back its user messages.
 */
import type { Cancel } from "../system/clock.ts";

/** What became of a message at the door of a mailbox. */
export type Told = "queued" | "full" | "dead";

/** An address. It stays valid over restarts, and over passivation where a region gave it out. */
export interface Ref<Message> {
  readonly path: string;
  /** The user lane: bounded, held back while the actor is suspended. */
  tell(message: Message): Told;
  /** The system lane: ahead of every user message, also while suspended. Not bounded. */
  tellFirst(message: Message): Told;
}

export interface Actor<Message> {
  /** Throwing is a failure: the supervisor decides. */
  receive(message: Message, context: Context<Message>): void;
  /** Takes user messages that wait together, up to the batch limit of its props. Left out: `receive` for each. */
  receiveMany?(messages: readonly Message[], context: Context<Message>): void;
  started?(context: Context<Message>): void;
  /** Last call; timers are gone, children stopped. */
  stopped?(): void;
}

export interface Context<Message> {
  readonly self: Ref<Message>;
  /** Holds back user messages until `resume`. Messages of the system lane go on. */
  suspend(): void;
  resume(): void;
  /** Puts user messages back at the head of the mailbox, in their order. */
  unread(messages: readonly Message[]): void;
  /** One-shot. Dies with this incarnation of the actor. */
  after(delayMs: number, message: Message): Cancel;
  /** The outcome of something awaited comes back as a message in the system lane; dropped if this incarnation is gone. */
  pipe<Value>(promise: Promise<Value>, ok: (value: Value) => Message, failed: (error: unknown) => Message): void;
  /** The same for what tells by a call: `ok` comes once it has gone well, what `failed` makes once it has not. */
  expect(ok: Message, failed: (error: unknown) => Message): Expected;
  spawn<Child>(props: Props<Child>): Ref<Child>;
  /** After the message at hand; children first. */
  stop(ref?: Ref<never>): void;
  /** `message` comes once when the other has stopped for good (not on restart); at once if it is gone already. */
  watch(ref: Ref<never>, message: Message): Cancel;
}

/** An answer that an actor expects; whoever gives it calls one of the two, once. */
export interface Expected extends Reply<void> {
  /** Resolves when it was given, whatever it was: for who outlives the actor. */
  readonly given: Promise<void>;
}

export type Directive = "resume" | "restart" | "stop" | "escalate";

export interface Supervision {
  readonly decide: (error: unknown) => Directive;
  /** More restarts than this within the window: the child is stopped and the failure escalates. */
  readonly maxRestarts: number;
  readonly windowMs: number;
}

export interface Props<Message> {
  readonly name: string;
  readonly create: () => Actor<Message>;
  /** User messages that may wait. Default 10,000. */
  readonly capacity?: number;
  /** User messages handed to `receiveMany` at once. Default 1. */
  readonly batch?: number;
  /** How this actor's children are supervised. Default: restart, 10 in 60 s. */
  readonly supervision?: Supervision;
}

export interface RegionProps<Message> {
  readonly name: string;
  /** Called when a message arrives for a key that is not in memory. */
  readonly create: (key: string) => Actor<Message>;
  readonly capacity?: number;
  readonly batch?: number;
  /** An actor that had no message for so long, has none waiting and is not suspended leaves memory. */
  readonly idleMs: number;
  /** More actors than this in memory: each leaves after its turn. A quarter more, that are busy: those idle longest leave. */
  readonly maxActive: number;
  readonly supervision?: Supervision;
}

/** Actors by key that come into memory with their first message and leave it when idle. */
export interface Region<Message> {
  ref(key: string): Ref<Message>;
  /** In memory now. */
  readonly active: number;
}

export interface DeadLetter {
  readonly path: string;
  readonly message: unknown;
  readonly reason: "dead" | "full" | "stopped";
}

export interface ActorSystem {
  /** Under the root. */
  spawn<Message>(props: Props<Message>): Ref<Message>;
  region<Message>(props: RegionProps<Message>): Region<Message>;
  /**
   * Sends a message that carries where to answer, and waits. Rejects with a Refusal: `ASK_TIMEOUT` (503),
   * `ASK_DEAD` (503) at once when the target is dead, dies or is restarted before it answered, `ASK_FULL` (429, Retry-After).
   */
  ask<Message, Answer>(
    target: Ref<Message>,
    message: (answer: Reply<Answer>) => Message,
    timeoutMs: number,
    lane?: "user" | "system",
  ): Promise<Answer>;
  onDeadLetter(listener: (letter: DeadLetter) => void): () => void;
  readonly deadLetters: number;
  /** All actors, leaves first. Resolves when none is left. Twice is fine. */
  stop(): Promise<void>;
}

/** Where to answer an `ask`. The first answer counts; later ones, and those after the time limit, are dropped. */
export interface Reply<Answer> {
  ok(answer: Answer): void;
  fail(error: unknown): void;
}
