/** Collects frames and posts them as one string. */
export interface Batch {
  add(frame: string): void;
  flush(): void;
}

/** Lengthy batches are posted before they are complete, so that no string grows without a limit. */
const LENGTH_MAX = 4 * 1024 * 1024;

export function createBatch(soon: (flush: () => void) => void, post: (text: string) => void): Batch {
  let text = "";
  let isPlanned = false;

  const flush = () => {
    isPlanned = false;
    if (text === "") return;
    const complete = text;
    text = "";
    post(complete);
  };
  return {
    flush,
    add(frame) {
      text += frame;
      if (text.length > LENGTH_MAX) flush();
      else if (!isPlanned) {
        isPlanned = true;
        soon(flush);
      }
    },
  };
}
