import { runKey, type Suspicion } from "./run-log.ts";
import type { Turn, TurnReply } from "./port.ts";
import type { TurnThread } from "./turn-thread.ts";

/** A turn that was asked for, until it is answered. */
export class PendingTurn {
  readonly turn: Turn;
  readonly key: string;
  /** What an earlier process left behind about it. */
  readonly suspicion: Suspicion | undefined;
  /** Its name between the threads: a turn that runs again gets a new one. */
  run = 0;
  /** Where it is out, if not as a suspect. */
  thread: TurnThread | undefined;
  isAnswered = false;
  readonly #asked = Promise.withResolvers<TurnReply>();

  constructor(turn: Turn, key: string, suspicion: Suspicion | undefined) {
    this.turn = suspicion ? withCrashes(turn, suspicion) : turn;
    this.key = key;
    this.suspicion = suspicion;
  }

  get reply(): Promise<TurnReply> {
    return this.#asked.promise;
  }

  answer(reply: TurnReply): void {
    if (this.isAnswered) return;
    this.isAnswered = true;
    const crashes = this.suspicion?.crashes ?? 0;
    this.#asked.resolve(crashes > 0 ? { ...reply, crashes } : reply);
  }
}

export function keyOf(turn: Turn): string {
  return runKey(turn.jobId, turn.state);
}

/** The handler is told of every run that it had; only those that it is to blame for count as failures. */
function withCrashes(turn: Turn, { crashes, interrupted }: Suspicion): Turn {
  return { ...turn, attempt: turn.attempt + crashes + interrupted };
}
