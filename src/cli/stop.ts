/** SIGTERM and SIGINT as an abort signal, for as long as something runs. */
import type { Terminal } from "./terminal.ts";

export async function whileRunning<Value>(
  terminal: Terminal,
  run: (stop: AbortSignal) => Promise<Value>,
): Promise<Value> {
  const controller = new AbortController();
  const forget = terminal.onStop(() => controller.abort());
  try {
    return await run(controller.signal);
  } finally {
    forget();
  }
}
