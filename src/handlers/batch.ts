/** Collects messages and posts them as one text. */
import { Packer } from "./packing.ts";

export interface Batch<Message> {
  add(message: Message): void;
  flush(): void;
}

export interface BatchOptions<Message> {
  readonly write: (packer: Packer, message: Message) => void;
  readonly soon: (flush: () => void) => void;
  readonly post: (text: string) => void;
}

/** Lengthy batches are posted before they are complete, so that no string grows without a limit. */
const CHARACTERS_MAX = 4 * 1024 * 1024;

export function createBatch<Message>({ write, soon, post }: BatchOptions<Message>): Batch<Message> {
  const packer = new Packer();
  let isPlanned = false;

  const flush = () => {
    isPlanned = false;
    const text = packer.take();
    if (text !== "") post(text);
  };
  return {
    flush,
    add(message) {
      const { mark } = packer;
      try {
        write(packer, message);
      } catch (error) {
        // Half a message would make all behind it unreadable.
        packer.backTo(mark);
        throw error;
      }
      if (packer.characters > CHARACTERS_MAX) flush();
      else if (!isPlanned) {
        isPlanned = true;
        soon(flush);
      }
    },
  };
}
