import { runKey, type Suspicion } from "./run-log.ts";
import type { Turn, TurnReply } from "./port.ts";

/** A turn that was asked for and is not answered. */
export interface PendingTurn {
  /** Its name between the threads: a turn that runs again gets a new one. */
  run: number;
  readonly turn: Turn;
  readonly key: string;
  /** What an earlier process left behind about it. */
  readonly suspicion?: Suspicion;
  isAnswered: boolean;
  answer(reply: TurnReply): void;
}

export interface AskedTurn {
  readonly pending: PendingTurn;
  readonly reply: Promise<TurnReply>;
}

export function askTurn(turn: Turn, suspicion: Suspicion | undefined): AskedTurn {
  const { promise, resolve } = Promise.withResolvers<TurnReply>();
  const pending: PendingTurn = {
    run: 0,
    turn: suspicion ? withCrashes(turn, suspicion) : turn,
    key: runKey(turn.jobId, turn.state),
    ...(suspicion && { suspicion }),
    isAnswered: false,
    answer(reply) {
      if (pending.isAnswered) return;
      pending.isAnswered = true;
      resolve(suspicion && suspicion.crashes > 0 ? { ...reply, crashes: suspicion.crashes } : reply);
    },
  };
  return { pending, reply: promise };
}

/** The handler is told of every run that it had; only those that it is to blame for count as failures. */
function withCrashes(turn: Turn, { crashes, interrupted }: Suspicion): Turn {
  return { ...turn, attempt: turn.attempt + crashes + interrupted };
}
