import type { HandlerHost, Turn, TurnReply } from "../handlers/port.ts";
import type { Clock, Timers } from "../system/clock.ts";
import type { Log } from "../system/log.ts";
import type { Definition } from "./definition.ts";

export interface ExecuteOptions {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  /** Aborting it ends the turn with `broke`, code HANDLER_ABORTED. */
  readonly signal?: AbortSignal;
  /** A chain of handlers that took longer is paused after the handler at hand. Default 25. */
  readonly chainMsMax?: number;
  /** The place in the user's file that a stack trace names: maps through a source map where there is one. */
  readonly placeOf?: (stack: string) => string | undefined;
}

/** Never rejects for what a handler did. */
export async function executeTurn(
  _definition: Definition,
  _turn: Turn,
  _host: HandlerHost,
  _options: ExecuteOptions,
): Promise<TurnReply> {
  throw new Error("not built yet");
}
