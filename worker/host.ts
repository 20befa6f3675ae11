/**
 * Who runs the workers of this process. While a program imports worker files, a file's own
 * `run()` gives its worker to that program instead of running it a second time. It lies under a
 * registered symbol, because a file may have come with another copy of this module.
 */
import type { WorkerDefinition } from "./definition.ts";

const HOST: unique symbol = Symbol.for("orchestrator.worker.host");

export interface WorkerHost {
  /** Resolves when the worker has stopped. */
  adopt(definition: WorkerDefinition): Promise<void>;
}

type HostPlace = { [HOST]?: WorkerHost | undefined };

export function currentHost(): WorkerHost | undefined {
  return (globalThis as HostPlace)[HOST];
}

export async function hosting<Value>(host: WorkerHost, work: () => Promise<Value>): Promise<Value> {
  const place = globalThis as HostPlace;
  const before = place[HOST];
  place[HOST] = host;
  try {
    return await work();
  } finally {
    place[HOST] = before;
  }
}
