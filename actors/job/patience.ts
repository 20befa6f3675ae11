/** A creation waits a moment for its first handler, so that both go into one unit. When the moment is over its actor hears of it, ahead of all else. */
import { Limited } from "../../src/runtime/deadlines.ts";
import type { Ref } from "../../src/runtime/types.ts";
import type { JobMessage } from "./messages.ts";

export class Patience extends Limited {
  constructor(
    readonly ref: Ref<JobMessage>,
    readonly turnNumber: number,
  ) {
    super();
  }

  override late(): void {
    this.ref.tellFirst({ type: "impatient", number: this.turnNumber });
  }
}
