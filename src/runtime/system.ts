/** The actor machine. It knows no jobs; the same inputs give the same order of messages. */
import type { Clock, Scheduler, Timers } from "../system/clock.ts";
import { messageOf } from "../system/errors.ts";
import type { Log } from "../system/log.ts";
import { DeadAddress } from "./address.ts";
import { Cell } from "./cell.ts";
import { DeadLetters } from "./dead-letters.ts";
import { Deadlines } from "./deadlines.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { Machine } from "./machine.ts";
import { ask } from "./question.ts";
import { CellRegion, type ReportFailure } from "./region.ts";
import { SUPERVISION_DEFAULT } from "./supervision.ts";
import type { Branch, Supervisor } from "./tree.ts";
import type { ActorSystem, Props, Ref, Region, RegionProps, Supervision } from "./types.ts";

export interface ActorSystemOptions {
  readonly scheduler: Scheduler;
  readonly timers: Timers;
  readonly clock: Clock;
  readonly log: Log;
  /** Messages that an actor may handle in a row while others wait. Default 64. */
  readonly throughput?: number;
  /** How actors under the root are supervised. Default: restart, 10 in 60 s. */
  readonly supervision?: Supervision;
  /** Hears of each failure that escalated beyond the root; the actor under the root is being stopped. */
  readonly onFailure?: ReportFailure;
}

export function createActorSystem(options: ActorSystemOptions): ActorSystem {
  const { scheduler, timers, clock, log } = options;
  const dispatcher = new Dispatcher(scheduler, clock, log, options.throughput);
  const machine: Machine = { dispatcher, timers, clock, log, deadLetters: new DeadLetters(log) };
  return new RootedSystem(machine, options);
}

class RootedSystem implements ActorSystem, Supervisor {
  readonly supervision: Supervision;
  readonly #machine: Machine;
  readonly #onFailure: ReportFailure | undefined;
  readonly #branches = new Set<Branch>();
  readonly #deadlines: Deadlines;
  #stopping: Promise<void> | undefined;

  constructor(machine: Machine, options: ActorSystemOptions) {
    this.#machine = machine;
    this.#deadlines = new Deadlines(machine.clock, machine.timers);
    this.#onFailure = options.onFailure;
    this.supervision = options.supervision ?? SUPERVISION_DEFAULT;
  }

  spawn<Message>(props: Props<Message>): Ref<Message> {
    const path = `/${props.name}`;
    if (this.#stopping !== undefined) return new DeadAddress(path, this.#machine.deadLetters);
    const cell = new Cell<Message>(this.#machine, this, props, path);
    this.#branches.add(cell);
    return cell.self;
  }

  region<Message>(props: RegionProps<Message>): Region<Message> {
    const region = new CellRegion(this.#machine, props, (path, error) => this.#report(path, error));
    if (this.#stopping === undefined) this.#branches.add(region);
    else region.end();
    return region;
  }

  ask: ActorSystem["ask"] = (target, message, timeoutMs, lane) =>
    ask(this.#deadlines, target, message, timeoutMs, lane);

  onDeadLetter: ActorSystem["onDeadLetter"] = (listener) => this.#machine.deadLetters.listen(listener);

  get deadLetters(): number {
    return this.#machine.deadLetters.count;
  }

  stop(): Promise<void> {
    this.#stopping ??= new Promise((resolve) => {
      this.#machine.dispatcher.defer(() => {
        for (const branch of [...this.#branches].toReversed()) branch.end();
        resolve();
      });
    });
    return this.#stopping;
  }

  escalated(child: Branch, error: unknown): void {
    this.#report(child.path, error);
    child.end();
  }

  left(child: Branch): void {
    this.#branches.delete(child);
  }

  worked(): void {
    // Only a region counts its actors' turns.
  }

  #report(path: string, error: unknown): void {
    this.#machine.log.error("A failure was settled by nobody; the actor is stopped.", {
      path,
      error: messageOf(error),
    });
    try {
      this.#onFailure?.(path, error);
    } catch (failure) {
      this.#machine.log.error("The listener for failures failed.", { path, error: messageOf(failure) });
    }
  }
}
