import type { Cancel } from "../system/clock.ts";
import { Address } from "./address.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Questions } from "./question.ts";
import type { Branch } from "./tree.ts";
import type { Told } from "./types.ts";

/** What lives at an address, as the address sees it. */
interface Resident<Message> extends Branch {
  readonly machine: { readonly dispatcher: Dispatcher };
  readonly stopped: boolean;
  readonly questions: Questions;
  tell(message: Message): Told;
  tellFirst(message: Message): Told;
  watch(notify: () => void): Cancel | undefined;
}

/** The address of an actor that stays until it is stopped. */
export class CellAddress<Message> extends Address<Message> {
  readonly #cell: Resident<Message>;

  constructor(
    cell: Resident<Message>,
    readonly path: string,
  ) {
    super();
    this.#cell = cell;
  }

  tell(message: Message): Told {
    return this.#cell.tell(message);
  }

  tellFirst(message: Message): Told {
    return this.#cell.tellFirst(message);
  }

  questions(): Questions | undefined {
    return this.#cell.stopped ? undefined : this.#cell.questions;
  }

  stop(): void {
    this.#cell.machine.dispatcher.defer(() => this.#cell.end());
  }

  watch(notify: () => void): Cancel | undefined {
    return this.#cell.watch(notify);
  }
}
