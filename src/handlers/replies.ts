/** Answers for turns whose handler could not give one. */
import type { RunningHandler } from "./running-mark.ts";
import type { Turn, TurnReply } from "./port.ts";

export function aborted(turn: Turn, why: string): TurnReply {
  return broke(turn, "HANDLER_ABORTED", why, false);
}

export function blocked(turn: Turn, running: RunningHandler | undefined, blockMs: number): TurnReply {
  const state = running?.state ?? turn.state;
  const message = `The handler of state "${state}" blocked its thread for more than ${blockMs / 1000} s: give long computations to a worker, and await what takes time.`;
  return broke(turn, "HANDLER_BLOCKED", message, true);
}

export function threadDied(turn: Turn, running: RunningHandler | undefined, detail: string): TurnReply {
  const state = running?.state ?? turn.state;
  const message = `The handler of state "${state}" took its thread down (${detail}): a handler must not call process.exit nor use up all memory.`;
  return broke(turn, "HANDLER_THREAD_DIED", message, true);
}

export function killedProcess(turn: Turn, crashes: number): TurnReply {
  const message = `The process died ${crashes} times while the handler of state "${turn.state}" ran alone: correct the handler, then retry the job.`;
  return { ...broke(turn, "HANDLER_KILLED_PROCESS", message, true), crashes };
}

function broke(turn: Turn, code: string, message: string, alone: boolean): TurnReply {
  return { steps: [], ending: { kind: "broke", state: turn.state, error: { code, message }, alone } };
}
