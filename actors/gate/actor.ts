/** The shell of the gates: it carries out what `Gates` has decided. */
import type { Actor } from "../../src/runtime/types.ts";
import type { Gates } from "./decide.ts";
import type { GateEffect, GateMessage } from "./messages.ts";

export class GateActor implements Actor<GateMessage> {
  constructor(
    readonly gates: Gates,
    readonly carryOut: (effect: GateEffect) => void,
  ) {}

  receive(message: GateMessage): void {
    for (const effect of this.gates.decide(message)) this.carryOut(effect);
  }
}
