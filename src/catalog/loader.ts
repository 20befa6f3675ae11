/** The main thread's side of loading: a thread for each batch of files, and a limit of time for each file. */
import { mkdir } from "node:fs/promises";
import type { Cancel, Timers } from "../system/clock.ts";
import type { Log } from "../system/log.ts";
import { LOADER_THREAD } from "../threads.ts";
import { errorAt } from "./findings.ts";
import type { LoadResult } from "./load.ts";
import type { LoaderMessage, LoadRequest } from "./loader-messages.ts";
import type { Finding } from "./port.ts";

export interface LoaderOptions {
  readonly folder: string;
  readonly bundlesFolder: string;
  readonly timers: Timers;
  readonly log: Log;
  /** The longest time that the loading of one file may take. */
  readonly loadMs?: number;
}

export interface Loader {
  /** One result for each file, whatever the files do. */
  load(files: readonly string[]): Promise<LoadResult[]>;
  /** Ends what is loading; its files come back refused. */
  stop(): void;
}

const LOAD_MS = 10_000;

export function createLoader(options: LoaderOptions): Loader {
  const life = { stopped: false };
  let endCurrent: () => void = () => undefined;

  async function load(files: readonly string[]): Promise<LoadResult[]> {
    const results = new Map<string, LoadResult>();
    let left = [...files];
    if (left.length > 0) await mkdir(options.bundlesFolder, { recursive: true });
    while (left.length > 0 && !life.stopped) {
      const run = startRun(options, left, (result) => results.set(result.file, result));
      endCurrent = run.end;
      const guilty = await run.done;
      if (guilty) results.set(guilty.file, { file: guilty.file, inputs: {}, findings: [guilty] });
      left = left.filter((file) => !results.has(file));
    }
    return files.map((file) => results.get(file) ?? { file, inputs: {}, findings: [stoppedFinding(file)] });
  }

  return {
    load,
    stop() {
      life.stopped = true;
      endCurrent();
    },
  };
}

interface Run {
  /** Resolves when the thread is through, or with what is wrong with the file that stopped it. */
  readonly done: Promise<Finding | undefined>;
  end(): void;
}

function startRun(options: LoaderOptions, files: readonly string[], loaded: (result: LoadResult) => void): Run {
  const loadMs = options.loadMs ?? LOAD_MS;
  const waiting = new Set(files);
  const thread = new Worker(LOADER_THREAD);
  const { promise, resolve } = Promise.withResolvers<Finding | undefined>();
  let evaluating: string | undefined;
  let cancelLimit: Cancel = () => undefined;

  const finish = (finding?: Finding) => {
    cancelLimit();
    thread.terminate();
    resolve(finding);
  };
  const charge = (rule: string, message: string) => {
    const file = evaluating ?? waiting.values().next().value ?? "";
    finish(errorAt({ file }, rule, message));
  };
  const startLimit = () => {
    cancelLimit();
    cancelLimit = options.timers.after(loadMs, () =>
      charge("load-time", `loading took longer than ${loadMs / 1000} s: do no work when the file is loaded`),
    );
  };
  const heard = (message: LoaderMessage) => {
    if (message.type === "console") return options.log[message.level](message.message, { file: evaluating });
    startLimit();
    if (message.type === "evaluating") {
      evaluating = message.file;
      return;
    }
    evaluating = undefined;
    waiting.delete(message.result.file);
    loaded(message.result);
    if (waiting.size === 0) finish();
  };

  thread.addEventListener("message", (event: MessageEvent<LoaderMessage>) => heard(event.data));
  const died = (detail: string) =>
    evaluating === undefined
      ? charge("loader", `the thread that loads files ended before this one ran (${detail}): report this`)
      : charge("load", `the file ended the thread that loads it (${detail}): do no such work when the file is loaded`);
  thread.addEventListener("error", (event) => {
    event.preventDefault();
    died(event.message);
  });
  thread.addEventListener("close", () => died("process.exit was called"));
  startLimit();
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
  thread.postMessage({ files, bundlesFolder: options.bundlesFolder, folder: options.folder } satisfies LoadRequest);
  return { done: promise, end: finish };
}

function stoppedFinding(file: string): Finding {
  return errorAt({ file }, "stopped", "the program stopped before the file was loaded: start it again");
}
