/** A watched worker is a process of its own: only so does nothing of the files before stay in memory. */
import type { WatchedWorker } from "./supervise.ts";

/** Set for a worker that has to end when the one that started it is gone. */
const WATCHED = "WORKER_ENDS_WITH_INPUT";

/** This program as a command line. */
function ownCommand(): string[] {
  return Bun.main.startsWith("/$bunfs/") ? [process.execPath] : [process.execPath, Bun.main];
}

export interface ChildCall {
  /** Arguments of this program. */
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export function startChild({ argv, environment }: ChildCall): WatchedWorker {
  const child = Bun.spawn([...ownCommand(), ...argv], {
    env: { ...environment, [WATCHED]: "1" },
    // Its standard input ends with this process, however that ends.
    stdio: ["pipe", "inherit", "inherit"],
    // Ctrl-C reaches this process alone, which hands it on: twice would hurry the worker.
    detached: true,
  });
  return {
    ended: child.exited.then((exitCode) => (child.signalCode === null ? exitCode : undefined)),
    stop: () => child.kill("SIGTERM"),
    kill: () => child.kill("SIGKILL"),
  };
}

/** Aborts with `stop`, and for a watched worker when nobody watches it any more. */
export function untilUnwatched(stop: AbortSignal, environment = process.env): AbortSignal {
  if (environment[WATCHED] !== "1") return stop;
  const unwatched = new AbortController();
  process.stdin.once("end", () => unwatched.abort());
  process.stdin.once("error", () => unwatched.abort());
  process.stdin.resume();
  return AbortSignal.any([stop, unwatched.signal]);
}
