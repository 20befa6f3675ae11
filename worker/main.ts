/** `orchestrator worker FILE...`: the files are one worker with all their tasks. */
import { Refusal } from "../src/system/errors.ts";
import type { System } from "../src/system/index.ts";
import { mergeDefinitions } from "./definition.ts";
import * as publicModule from "./index.ts";
import { hosting } from "./host.ts";
import { FileHost } from "./load.ts";
import { processSystem, readLogSettings } from "./log.ts";
import { type ProcessOptions, runWorkerProcess } from "./process.ts";

export type { ProcessOptions as RunOptions } from "./process.ts";
export type { Overrides, TransportChoice } from "./settings.ts";

const LOADS_LONG_MS = 10_000;
const BLUEPRINT_MODULE =
  'it, or a file that it imports, imports from "orchestrator", the module of blueprint files. A worker takes Worker and the rest from "orchestrator/worker"; a blueprint file is given to `orchestrator run`, `check` or `serve --blueprints`.';
const EXIT = { done: 0, wentWrong: 1, wrongUse: 2, noServer: 3, refused: 4 } as const;

/** Gives worker files this program's own `orchestrator/worker`. Call it before they are imported. */
export function registerWorkerModule(): void {
  void Bun.plugin({
    name: "orchestrator/worker",
    setup(build) {
      build.module("orchestrator/worker", () => ({ exports: { ...publicModule }, loader: "object" }));
    },
  });
}

/** To worker files alone: a thread that loads blueprints has that module. Call it before they are imported. */
export function refuseBlueprintModule(): void {
  void Bun.plugin({
    name: "orchestrator",
    setup(build) {
      build.module("orchestrator", () => {
        throw new Refusal("BLUEPRINT_MODULE_IN_WORKER", 400, BLUEPRINT_MODULE);
      });
    },
  });
}

/** Runs until SIGTERM or SIGINT, or until `stop` aborts. Resolves with the exit code. */
export async function runWorkerFiles(files: readonly string[], options: ProcessOptions = {}): Promise<number> {
  let report = (refusal: Refusal): void => {
    process.stderr.write(`${refusal.message}\n`);
  };
  try {
    const system = options.system ?? processSystem(readLogSettings(options.environment ?? process.env));
    report = ({ message, code }) => system.log.error(message, { code });
    const refusal = await runLoaded(files, { ...options, system });
    return refusal ? exitCodeOf(refusal) : EXIT.done;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    report(error);
    return EXIT.wrongUse;
  }
}

async function runLoaded(
  files: readonly string[],
  options: ProcessOptions & { readonly system: System },
): Promise<Refusal | undefined> {
  const { system } = options;
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  try {
    const host = new FileHost(ended, system.scheduler);
    return await hosting(host, async () => {
      const loaded = await whileNotStopped(host.load(files), files, options);
      if (!loaded) return undefined;
      const definition = mergeDefinitions(loaded);
      for (const warning of definition.warnings) system.log.warn(warning);
      return await withStrayRejectionsLogged(system, () => runWorkerProcess(definition, options));
    });
  } finally {
    end();
  }
}

/** A file that waits for ever at its top level can be stopped all the same. Undefined: it was. */
async function whileNotStopped<Value>(
  loading: Promise<Value>,
  files: readonly string[],
  { stop, system }: ProcessOptions & { readonly system: System },
): Promise<Value | undefined> {
  const stopped = Promise.withResolvers<undefined>();
  const end = () => stopped.resolve(undefined);
  if (stop?.aborted) end();
  stop?.addEventListener("abort", end, { once: true });
  const cancel = system.timers.after(LOADS_LONG_MS, () => {
    system.log.warn("the worker files are still being loaded: something at their top level has not ended", { files });
  });
  try {
    return await Promise.race([loading, stopped.promise]);
  } finally {
    cancel();
    stop?.removeEventListener("abort", end);
  }
}

function exitCodeOf({ status }: Refusal): number {
  if (status === 401 || status === 403) return EXIT.refused;
  if (status === 404) return EXIT.noServer;
  return status === 400 || status === 422 ? EXIT.wrongUse : EXIT.wentWrong;
}

/** One forgotten `await` in one handler must not end the tasks of all the others. */
async function withStrayRejectionsLogged<Value>(system: System, work: () => Promise<Value>): Promise<Value> {
  const stray = (error: unknown) =>
    system.log.error("a promise failed and no handler waited for it: await it in its task", { error });
  process.on("unhandledRejection", stray);
  try {
    return await work();
  } finally {
    process.off("unhandledRejection", stray);
  }
}
