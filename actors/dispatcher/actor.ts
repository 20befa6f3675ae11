/** The shell of the dispatcher: it carries out what `Dispatch` has decided. */
import type { Actor } from "../../src/runtime/types.ts";
import type { Dispatch } from "./decide.ts";
import type { DispatcherEffect, DispatcherMessage } from "./messages.ts";

export class DispatcherActor implements Actor<DispatcherMessage> {
  constructor(
    readonly dispatch: Dispatch,
    readonly carryOut: (effect: DispatcherEffect) => void,
  ) {}

  receive(message: DispatcherMessage): void {
    for (const effect of this.dispatch.decide(message)) this.carryOut(effect);
  }
}
