/**
 * Turns that were out when a thread stood still or a process died. Each runs alone in a thread, so
 * that only the one that did it is charged.
 */
import type { PendingTurn } from "./pending-turn.ts";
import type { TurnReply } from "./port.ts";
import type { LostThread, TurnThread } from "./turn-thread.ts";

export interface SuspectsOptions {
  /** So many threads for one suspect each. */
  readonly lanes: number;
  readonly start: (
    answered: (pending: PendingTurn, reply: TurnReply) => void,
    over: (thread: TurnThread, end: LostThread) => void,
  ) => TurnThread;
  /** About to be handed out. */
  readonly begin: (pending: PendingTurn) => void;
  readonly answered: (pending: PendingTurn, reply: TurnReply) => void;
  /** It did it again, and alone. */
  readonly guilty: (pending: PendingTurn, end: LostThread) => void;
}

export interface Suspects {
  add(pending: PendingTurn): void;
  /** Where it was; a running one is still answered by its thread. */
  abort(pending: PendingTurn): "waiting" | "running" | undefined;
  turns(): readonly PendingTurn[];
  stop(): Promise<unknown>;
}

interface Lane {
  thread: TurnThread | undefined;
  suspect: PendingTurn | undefined;
}

export function createSuspects(options: SuspectsOptions): Suspects {
  const waiting: PendingTurn[] = [];
  const lanes: Lane[] = Array.from({ length: options.lanes }, () => ({ thread: undefined, suspect: undefined }));

  function fill(): void {
    for (const lane of lanes) {
      if (lane.suspect) continue;
      const suspect = takeNext();
      if (suspect) begin(lane, suspect);
      else void endThread(lane);
    }
  }

  /** One that may have killed a process must be the only one of its kind when it does it again. */
  function takeNext(): PendingTurn | undefined {
    const isTaken = lanes.some((lane) => lane.suspect?.suspicion);
    const index = waiting.findIndex((pending) => !(isTaken && pending.suspicion));
    return index < 0 ? undefined : waiting.splice(index, 1)[0];
  }

  function begin(lane: Lane, suspect: PendingTurn): void {
    lane.suspect = suspect;
    lane.thread ??= options.start(
      (pending, reply) => answered(lane, pending, reply),
      (thread, end) => over(lane, thread, end),
    );
    lane.thread.take(suspect);
    options.begin(suspect);
    lane.thread.run(suspect, true);
  }

  function answered(lane: Lane, pending: PendingTurn, reply: TurnReply): void {
    lane.suspect = undefined;
    options.answered(pending, reply);
    fill();
  }

  function over(lane: Lane, thread: TurnThread, end: LostThread): void {
    const suspect = lane.suspect;
    lane.thread = undefined;
    lane.suspect = undefined;
    if (!suspect) return;
    // What an earlier suspect left behind in the thread may have done it: only a fresh thread proves it.
    if (thread.begun > 1 || !end.wasReady) waiting.unshift(suspect);
    else options.guilty(suspect, end);
    fill();
  }

  function endThread(lane: Lane): Promise<void> | undefined {
    const ended = lane.thread?.end();
    lane.thread = undefined;
    return ended;
  }

  return {
    add(pending) {
      waiting.push(pending);
      fill();
    },
    abort(pending) {
      const index = waiting.indexOf(pending);
      if (index >= 0) {
        waiting.splice(index, 1);
        return "waiting";
      }
      const lane = lanes.find((each) => each.suspect === pending);
      lane?.thread?.abort(pending);
      return lane && "running";
    },
    turns: () => [...waiting, ...lanes.flatMap(({ suspect }) => suspect ?? [])],
    stop() {
      waiting.length = 0;
      for (const lane of lanes) lane.suspect = undefined;
      return Promise.all(lanes.map(endThread));
    },
  };
}
