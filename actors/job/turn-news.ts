import type { TurnAsker, TurnReply } from "../../src/handlers/port.ts";
import type { Context, Expected } from "../../src/runtime/types.ts";
import { assert, messageOf } from "../../src/system/errors.ts";
import type { JobMessage } from "./messages.ts";

type TurnDone = Extract<JobMessage, { type: "turn-done" }>;

/** What an actor is told of its turn, and the message that it gets of it: one object. */
export class TurnNews implements TurnAsker, TurnDone {
  readonly type = "turn-done";
  readonly #expected: Expected;
  #reply: TurnReply | undefined;

  constructor(
    context: Context<JobMessage>,
    readonly number: number,
  ) {
    this.#expected = context.expect(this, turnLost);
  }

  get reply(): TurnReply {
    assert(this.#reply, "the news of a turn was read before there were any");
    return this.#reply;
  }

  answered(reply: TurnReply): void {
    this.#reply = reply;
    this.#expected.ok();
  }

  failed(error: unknown): void {
    this.#expected.fail(new LostTurn(this.number, error));
  }
}

class LostTurn extends Error {
  constructor(
    readonly number: number,
    readonly error: unknown,
  ) {
    super(messageOf(error));
  }
}

function turnLost(lost: unknown): JobMessage {
  assert(lost instanceof LostTurn, "a turn was lost, and nobody knows which");
  return { type: "turn-lost", number: lost.number, error: lost.error };
}
