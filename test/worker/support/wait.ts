/** Waiting for something that another part of the program does, with a limit. */
const LIMIT_MS = 4000;

export class Signal {
  #waiters: Array<() => void> = [];

  /** Something has happened: everybody who waits looks again. */
  raise(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }

  async until<Value>(what: string, look: () => Value | undefined | false): Promise<Value> {
    const endMs = performance.now() + LIMIT_MS;
    for (;;) {
      const found = look();
      if (found !== undefined && found !== false) return found;
      const leftMs = endMs - performance.now();
      if (leftMs <= 0) throw new Error(`waited ${LIMIT_MS} ms in vain for ${what}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#waiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }
}

export async function within<Value>(what: string, promise: Promise<Value>): Promise<Value> {
  let timer: Timer | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${LIMIT_MS} ms in vain for ${what}`)), LIMIT_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A promise whose end is in the test's hand. */
export function gate(): { readonly open: () => void; readonly passed: Promise<void> } {
  let open: () => void = () => undefined;
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, passed };
}
