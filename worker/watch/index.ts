/** `orchestrator worker FILE... --watch`: what `dev` is made of as well. */
import type { System } from "../../src/system/index.ts";
import { shutdownMs } from "../settings.ts";
import { startChild, type ChildCall } from "./child.ts";
import { lookAt, stampOf } from "./look.ts";
import { superviseWorker, type WatchedWorker } from "./supervise.ts";

export { untilUnwatched } from "./child.ts";

export interface WatchCall extends ChildCall {
  readonly files: readonly string[];
  readonly system: Pick<System, "timers" | "log">;
  readonly stop: AbortSignal;
}

/** Handing in and handing back after the running tasks have had their time. */
const END_SPARE_MS = 15_000;

/** Resolves with the exit code once `stop` has aborted, or the worker ended for a reason that no file can mend. */
export async function watchWorkerFiles({ files, system, stop, ...call }: WatchCall): Promise<number> {
  const endMs = shutdownMs(call.environment) + END_SPARE_MS;
  let worker: WatchedWorker | undefined;
  const start = () => (worker = startChild(call));
  // Whoever owns `stop` took the first signal: the further ones hurry the worker.
  const hurry = () => worker?.stop();
  const listen = () => {
    process.on("SIGTERM", hurry);
    process.on("SIGINT", hurry);
  };
  stop.addEventListener("abort", listen, { once: true });
  try {
    return await superviseWorker({ system, stop, start, look: () => lookAt(files), stamp: stampOf, endMs });
  } finally {
    stop.removeEventListener("abort", listen);
    process.off("SIGTERM", hurry);
    process.off("SIGINT", hurry);
  }
}
