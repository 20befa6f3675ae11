import type { Suspicion } from "./run-log.ts";
import type { RunningTurn, Turn, TurnAsker, TurnReply } from "./port.ts";
import type { TurnThread } from "./turn-thread.ts";

/** A turn that was asked for, until it is answered. */
export class PendingTurn implements RunningTurn {
  readonly turn: Turn;
  /** What an earlier process left behind about it. */
  readonly suspicion: Suspicion | undefined;
  /** Its name between the threads: a turn that runs again gets a new one. */
  run = 0;
  /** Where it is out, if not as a suspect. */
  thread: TurnThread | undefined;
  isAnswered = false;
  readonly #asker: TurnAsker;
  readonly #abort: (pending: PendingTurn) => void;

  constructor(turn: Turn, suspicion: Suspicion | undefined, asker: TurnAsker, abort: (pending: PendingTurn) => void) {
    this.turn = suspicion ? withCrashes(turn, suspicion) : turn;
    this.suspicion = suspicion;
    this.#asker = asker;
    this.#abort = abort;
  }

  abort(): void {
    this.#abort(this);
  }

  answer(reply: TurnReply): void {
    if (this.isAnswered) return;
    this.isAnswered = true;
    const crashes = this.suspicion?.crashes ?? 0;
    this.#asker.answered(crashes > 0 ? { ...reply, crashes } : reply);
  }
}

/** The handler is told of every run that it had; only those that it is to blame for count as failures. */
function withCrashes(turn: Turn, { crashes, interrupted }: Suspicion): Turn {
  return { ...turn, attempt: turn.attempt + crashes + interrupted };
}
