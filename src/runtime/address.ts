import { assert } from "../system/errors.ts";
import type { Cancel } from "../system/clock.ts";
import type { DeadLetters } from "./dead-letters.ts";
import type { Ref, Told } from "./types.ts";
import type { Questions } from "./question.ts";

/** What the machine itself can do with an address, beyond what its users see. */
export abstract class Address<Message> implements Ref<Message> {
  abstract readonly path: string;
  abstract tell(message: Message): Told;
  abstract tellFirst(message: Message): Told;
  /** The open questions of the actor behind it; undefined when there is none any more. */
  abstract questions(): Questions | undefined;
  /** After the message at hand. */
  abstract stop(): void;
  /** Calls back once when the actor has stopped for good; undefined when it has already. */
  abstract watch(notify: () => void): Cancel | undefined;
}

export function addressOf<Message>(ref: Ref<Message>): Address<Message> {
  assert(ref instanceof Address, `${ref.path} is not an address of this actor system`);
  return ref;
}

/** The address of what was never there: given out where a system or an actor that stops is asked for a child. */
export class DeadAddress<Message> extends Address<Message> {
  readonly #deadLetters: DeadLetters;

  constructor(
    readonly path: string,
    deadLetters: DeadLetters,
  ) {
    super();
    this.#deadLetters = deadLetters;
  }

  tell(message: Message): Told {
    this.#deadLetters.publish(this.path, message, "dead");
    return "dead";
  }

  tellFirst(message: Message): Told {
    return this.tell(message);
  }

  questions(): undefined {
    return undefined;
  }

  stop(): void {
    // There is nothing to stop.
  }

  watch(): undefined {
    return undefined;
  }
}
