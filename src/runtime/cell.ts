import type { Cancel } from "../system/clock.ts";
import { assertNever, messageOf } from "../system/errors.ts";
import { DeadAddress } from "./address.ts";
import { CellAddress } from "./cell-address.ts";
import type { Runnable } from "./dispatcher.ts";
import { Envelope } from "./envelope.ts";
import { Incarnation, type Place } from "./incarnation.ts";
import type { Machine } from "./machine.ts";
import { Mailbox } from "./mailbox.ts";
import { Questions } from "./question.ts";
import { directiveFor, RestartLimit, SUPERVISION_DEFAULT } from "./supervision.ts";
import type { Actor, Directive, Props, Ref, Supervision, Told } from "./types.ts";
import type { Branch, CellProps, Supervisor } from "./tree.ts";
import { Watchers } from "./watchers.ts";

type Phase = "unborn" | "running" | "stopped";
type Waiting<Message> = Message | Envelope<Message>;

const NO_CHILDREN: readonly Cell<unknown>[] = [];

/** The place that an actor lives in, over all its restarts: its mailbox, its children, its supervisor. */
export class Cell<Message> implements Runnable, Branch, Supervisor, Place<Message> {
  readonly self: Ref<Message>;
  readonly supervision: Supervision;
  readonly machine: Machine;
  readonly questions = new Questions();
  readonly #supervisor: Supervisor;
  readonly #create: (key: string) => Actor<Message>;
  readonly #key: string;
  readonly #batch: number;
  readonly #mailbox: Mailbox<Waiting<Message>>;
  // Few actors of a crowd ever fail, have children or are watched: these come when they are needed.
  #limit: RestartLimit | undefined;
  #children: Set<Cell<unknown>> | undefined;
  #watchers: Watchers | undefined;
  #incarnation: Incarnation<Message> | undefined;
  #phase: Phase = "unborn";
  #enqueued = false;

  /** `key`: the path; where the address is one that outlives the cell, what it is called there. */
  constructor(machine: Machine, supervisor: Supervisor, props: CellProps<Message>, key: string, self?: Ref<Message>) {
    this.machine = machine;
    this.#supervisor = supervisor;
    this.#key = key;
    this.self = self ?? new CellAddress(this, key);
    this.supervision = props.supervision ?? SUPERVISION_DEFAULT;
    this.#create = props.create;
    this.#batch = Math.max(1, props.batch ?? 1);
    this.#mailbox = new Mailbox(props.capacity);
    this.#enqueue();
  }

  get path(): string {
    return this.self.path;
  }

  get stopped(): boolean {
    return this.#phase === "stopped";
  }

  /** Nothing waits here, nothing is on its way, and nobody waits for this actor; nor for its children. */
  get quiet(): boolean {
    if (this.#phase !== "running" || this.#incarnation?.quiet !== true) return false;
    if (!this.#mailbox.empty || this.#mailbox.held || this.questions.size > 0) return false;
    return this.#children === undefined || !this.#childrenInOrder.some((child) => !child.quiet);
  }

  /** Nothing waits in the mailbox, held back or not. */
  get idle(): boolean {
    return this.#mailbox.empty;
  }

  // ---- messages come in

  tell(message: Message): Told {
    if (this.#phase === "stopped") return this.#refuse(message, "dead");
    if (!this.#mailbox.offer(message)) return this.#refuse(message, "full");
    if (!this.#enqueued && !this.#mailbox.held) this.#enqueue();
    return "queued";
  }

  tellFirst(message: Message): Told {
    if (this.#phase === "stopped") return this.#refuse(message, "dead");
    this.#mailbox.pushFirst(message);
    this.#enqueue();
    return "queued";
  }

  #refuse(message: Message, reason: "dead" | "full"): Told {
    this.machine.deadLetters.publish(this.path, message, reason);
    return reason;
  }

  post(envelope: Envelope<Message>): void {
    if (this.#phase === "stopped") return;
    this.#mailbox.push(envelope);
    this.#enqueue();
  }

  postFirst(envelope: Envelope<Message>): void {
    if (this.#phase === "stopped") return;
    this.#mailbox.pushFirst(envelope);
    this.#enqueue();
  }

  putBack(messages: readonly Message[]): void {
    if (this.questions.size > 0) for (const message of messages) this.questions.mark(message, false);
    this.#mailbox.putBack(messages);
    this.#enqueue();
  }

  hold(): void {
    this.#mailbox.held = true;
  }

  release(): void {
    this.#mailbox.held = false;
    this.#enqueue();
  }

  #enqueue(): void {
    if (this.#enqueued || !this.#ready) return;
    this.#enqueued = true;
    this.machine.dispatcher.enqueue(this);
  }

  get #ready(): boolean {
    return this.#phase === "unborn" || (this.#phase === "running" && this.#mailbox.ready);
  }

  // ---- messages are handled

  run(limit: number): number {
    let handled = 0;
    try {
      while (handled < limit) {
        const count = this.#step();
        if (count === 0) break;
        handled += count;
        this.machine.dispatcher.runDeferred();
      }
    } finally {
      this.#enqueued = false;
      this.#enqueue();
    }
    this.#supervisor.worked();
    return handled;
  }

  /** The next thing to do, and how much it was. */
  #step(): number {
    if (this.#phase === "unborn") return this.#start();
    const life = this.#incarnation;
    if (this.#phase !== "running" || life === undefined) return 0;
    if (this.#mailbox.systemSize > 0) return this.#receive(life, this.#mailbox.takeSystem());
    const waiting = this.#mailbox.userSize;
    if (waiting === 0) return 0;
    if (life.actor.receiveMany === undefined) return this.#receive(life, this.#mailbox.takeUser());
    return this.#receiveMany(life, Math.min(waiting, this.#batch));
  }

  #receive(life: Incarnation<Message>, waiting: Waiting<Message>): number {
    let message: Message | undefined;
    try {
      if (waiting instanceof Envelope) {
        if (!waiting.valid) return this.#discard(waiting);
        message = waiting.open();
      } else {
        message = waiting;
      }
      if (this.questions.size > 0) this.questions.mark(message, true);
      life.actor.receive(message, life);
    } catch (error) {
      this.#failedAt([message], error);
    }
    return 1;
  }

  #receiveMany(life: Incarnation<Message>, count: number): number {
    const messages: Message[] = [];
    try {
      for (let index = 0; index < count; index++) this.#open(this.#mailbox.takeUser(), messages);
      if (messages.length > 0) life.actor.receiveMany?.(messages, life);
    } catch (error) {
      this.#failedAt(messages, error);
    }
    return count;
  }

  #open(waiting: Waiting<Message>, into: Message[]): void {
    if (!(waiting instanceof Envelope)) into.push(waiting);
    else if (waiting.valid) into.push(waiting.open());
    else return void this.#discard(waiting);
    if (this.questions.size > 0) this.questions.mark(into.at(-1), true);
  }

  #discard(envelope: Envelope<Message>): number {
    envelope.discard();
    return 1;
  }

  #failedAt(messages: readonly unknown[], error: unknown): void {
    for (const message of messages) this.questions.refuse(message);
    this.fail(error);
  }

  // ---- a life begins and ends

  #start(): number {
    try {
      const life = new Incarnation(this.#create(this.#key), this);
      this.#incarnation = life;
      this.#phase = "running";
      life.actor.started?.(life);
      this.#limit?.started();
    } catch (error) {
      this.#restarts.startFailed();
      this.fail(error);
    }
    return 1;
  }

  /** The same mailbox, a new life: children stop first. It begins in a turn of its own, so that none can loop here. */
  renew(): void {
    this.#endLife();
    this.#phase = "unborn";
    this.#enqueue();
  }

  end(): void {
    if (this.#phase === "stopped") return;
    this.#phase = "stopped";
    this.#endLife();
    this.#supervisor.left(this);
    this.#buryMail();
    this.questions.refuseAll();
    this.#watchers?.notify();
  }

  #endLife(): void {
    const life = this.#incarnation;
    life?.close();
    if (this.#children !== undefined) for (const child of this.#childrenInOrder.toReversed()) child.end();
    life?.end();
    this.#incarnation = undefined;
    this.#mailbox.held = false;
    this.questions.refuseDelivered();
  }

  #buryMail(): void {
    if (this.#mailbox.empty) return;
    for (const waiting of this.#mailbox.drain()) {
      // What the actor had asked for itself ends with it; it is no letter of anybody.
      if (waiting instanceof Envelope) waiting.discard();
      else this.machine.deadLetters.publish(this.path, waiting, "stopped");
    }
  }

  // ---- failures

  /** This actor failed, or a child's failure became its own. */
  fail(error: unknown): void {
    const directive = directiveFor(this.#supervisor.supervision, error, this.machine.log);
    const fields = { path: this.path, error: messageOf(error), directive };
    this.machine.log.warn("An actor failed; its supervisor decides.", fields);
    this.#obey(directive, error);
  }

  #obey(directive: Directive, error: unknown): void {
    switch (directive) {
      case "resume":
        // Without an actor there is nothing to go on with.
        if (this.#incarnation === undefined) this.#restart(error);
        return;
      case "restart":
        return this.#restart(error);
      case "stop":
        return this.end();
      case "escalate":
        return this.#supervisor.escalated(this, error);
      default:
        return assertNever(directive);
    }
  }

  #restart(error: unknown): void {
    if (this.#restarts.allows(this.#supervisor.supervision, this.machine.clock.monotonicMs())) return this.renew();
    this.machine.log.error("An actor was restarted too often; it is stopped.", { path: this.path });
    this.end();
    this.#supervisor.escalated(this, error);
  }

  get #restarts(): RestartLimit {
    this.#limit ??= new RestartLimit();
    return this.#limit;
  }

  // ---- death watch

  /** Undefined when it is gone already. */
  watch(notify: () => void): Cancel | undefined {
    if (this.#phase === "stopped") return undefined;
    this.#watchers ??= new Watchers();
    return this.#watchers.add(notify);
  }

  // ---- children

  spawn<Child>(props: Props<Child>): Ref<Child> {
    const path = `${this.path}/${props.name}`;
    if (this.#phase === "stopped") return new DeadAddress(path, this.machine.deadLetters);
    const child = new Cell<Child>(this.machine, this, props, path);
    this.#children ??= new Set();
    this.#children.add(child);
    return child.self;
  }

  escalated(child: Branch, error: unknown): void {
    this.fail(error);
    if (child instanceof Cell && !child.#alive) child.end();
  }

  get #childrenInOrder(): readonly Cell<unknown>[] {
    return this.#children === undefined ? NO_CHILDREN : [...this.#children];
  }

  get #alive(): boolean {
    return this.#incarnation !== undefined;
  }

  left(child: Branch): void {
    this.#children?.delete(child as Cell<unknown>);
  }

  worked(): void {
    // Only a region counts its actors' turns.
  }
}
