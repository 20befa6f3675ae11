/** The work of a handler thread: it runs the turns that it is sent, many at once, and posts what came of them. */
import { executeTurn } from "../blueprint/index.ts";
import type { Definition } from "../blueprint/index.ts";
import { createPlaceFinder, importDefinitions } from "../catalog/index.ts";
import type { FilesHost, JobFilesSettings } from "../files/port.ts";
import { messageOf } from "../system/errors.ts";
import type { System } from "../system/index.ts";
import type { LogLine } from "../system/log.ts";
import { Lookup } from "../system/lookup.ts";
import { type StopSignal, Stopping } from "../system/stopping.ts";
import { createBatch } from "./batch.ts";
import { type Answer, createFromThreadWriter, createToThreadReader, type FromThread, type ToThread } from "./frames.ts";
import { markHandlers } from "./marked.ts";
import type { HandlerHost, Turn, TurnReply } from "./port.ts";
import type { RunningHandler } from "./running-mark.ts";

export interface ThreadSession {
  receive(batch: string): void;
  log(line: LogLine): void;
  /** An error that nothing caught: logged with the blueprint whose code it comes from, where that can be told. */
  stray(error: unknown): void;
}

export interface ThreadSessionOptions {
  readonly system: Pick<System, "clock" | "timers" | "scheduler" | "log">;
  readonly post: (text: string) => void;
  readonly mark: (running: RunningHandler) => void;
  readonly openFiles: (settings: JobFilesSettings) => FilesHost;
}

interface LoadedBundle {
  readonly definitions: ReadonlyMap<string, Definition>;
  readonly placeOf: (stack: string) => string | undefined;
}

type Run = Extract<ToThread, { kind: "run" }>;

/** After so long messages are read first: pings must be answered while many short turns are begun. */
const BEGIN_MS_MAX = 5;
/** Has a chain pause after each handler, so that it is known which of them fails. */
const PAUSE_ALWAYS_MS = -1;

export function createThreadSession({ system, post, mark, openFiles }: ThreadSessionOptions): ThreadSession {
  const { clock, timers, scheduler, log } = system;
  // One post for all that the turns of one batch answered.
  const batch = createBatch({ write: createFromThreadWriter(), soon: scheduler.afterInput, post });
  const read = createToThreadReader();
  const paths = new Map<string, string>();
  const bundles = new Map<string, LoadedBundle>();
  const loading = new Map<string, Promise<LoadedBundle>>();
  const aborts = new Lookup<number, Stopping>();
  const asked = new Lookup<number, PromiseWithResolvers<Answer>>();
  const toBegin: Run[] = [];
  let isBeginning = false;
  let asks = 0;

  const send = (message: FromThread) => batch.add(message);
  const askHost = (question: (ask: number) => FromThread): Promise<Answer> => {
    const answer = Promise.withResolvers<Answer>();
    asks += 1;
    asked.set(asks, answer);
    send(question(asks));
    return answer.promise;
  };
  let files: FilesHost | undefined;
  const host: HandlerHost = {
    get files() {
      return files;
    },
    async jobState(askingJobId, jobId) {
      return (await askHost((ask) => ({ kind: "ask", ask, askingJobId, jobId }))).json;
    },
    dataStores: {
      async ask(question) {
        const { again, version = 0, json } = await askHost((ask) => ({ kind: "ask-store", ask, question }));
        return again ? "again" : { version, ...(json !== undefined && { json }) };
      },
    },
  };

  function receive(text: string): void {
    for (const message of read(text)) take(message);
    if (!isBeginning) beginRuns();
  }

  function take(message: ToThread): void {
    switch (message.kind) {
      case "run":
        toBegin.push(message);
        return;
      case "bundle":
        paths.set(message.hash, message.path);
        return;
      case "files":
        files = openFiles(message.settings);
        return;
      case "abort":
        aborts.get(message.run)?.abort();
        return;
      case "ping":
        send({ kind: "pong", ping: message.ping });
        // Before any handler runs again: what it does must not look like silence.
        batch.flush();
        return;
      case "answer":
        takeAnswer(message);
        return;
      default:
        message satisfies never;
    }
  }

  function takeAnswer(given: Answer): void {
    const answer = asked.get(given.ask);
    asked.delete(given.ask);
    if (given.problem === undefined) answer?.resolve(given);
    else answer?.reject(new Error(given.problem));
  }

  function beginRuns(): void {
    const startMs = clock.monotonicMs();
    isBeginning = false;
    for (let run = toBegin.shift(); run; run = toBegin.shift()) {
      begin(run);
      if (toBegin.length > 0 && clock.monotonicMs() - startMs > BEGIN_MS_MAX) {
        isBeginning = true;
        scheduler.afterInput(beginRuns);
        return;
      }
    }
  }

  /** Most turns are over before the next message could abort them: nothing is kept of these. */
  function begin(run: Run): void {
    const stopping = new Stopping();
    const reply = execute(run, stopping.signal);
    if (reply instanceof Promise) answerLater(run, stopping, reply);
    else send({ kind: "reply", run: run.run, reply });
  }

  function answerLater({ run, turn }: Run, stopping: Stopping, late: Promise<TurnReply>): void {
    aborts.set(run, stopping);
    void late
      .catch((error: unknown) => unavailable(turn, messageOf(error)))
      .then((reply) => {
        aborts.delete(run);
        send({ kind: "reply", run, reply });
      });
  }

  function execute(run: Run, signal: StopSignal): TurnReply | Promise<TurnReply> {
    const { turn } = run;
    mark(turn);
    try {
      const bundle = bundles.get(turn.hash);
      return bundle ? executeIn(bundle, run, signal) : executeLater(run, signal);
    } catch (error) {
      return unavailable(turn, messageOf(error));
    }
  }

  async function executeLater(run: Run, signal: StopSignal): Promise<TurnReply> {
    return executeIn(await load(run.turn.hash), run, signal);
  }

  function executeIn(bundle: LoadedBundle, { turn, isAlone }: Run, signal: StopSignal) {
    const definition = bundle.definitions.get(turn.blueprint);
    if (!definition) return unavailable(turn, "its bundle does not hold it");
    const options = { clock, timers, log, signal, placeOf: bundle.placeOf };
    return executeTurn(definition, turn, host, isAlone ? { ...options, chainMsMax: PAUSE_ALWAYS_MS } : options);
  }

  async function load(hash: string): Promise<LoadedBundle> {
    const known = loading.get(hash) ?? importBundle(paths.get(hash) ?? "");
    loading.set(hash, known);
    try {
      const bundle = await known;
      bundles.set(hash, bundle);
      return bundle;
    } finally {
      // A failure is not kept: the file may be back at the next try.
      loading.delete(hash);
    }
  }

  async function importBundle(path: string): Promise<LoadedBundle> {
    const definitions = new Map<string, Definition>();
    for (const [name, definition] of await importDefinitions(path))
      definitions.set(name, markHandlers(definition, mark));
    return { definitions, placeOf: createPlaceFinder(path) };
  }

  function stray(error: unknown): void {
    const stack = error instanceof Error ? error.stack : undefined;
    log.error(`a handler left an error behind that nothing caught: ${messageOf(error)}`, {
      ...(stack !== undefined && originOf(stack)),
    });
  }

  function originOf(stack: string): object {
    for (const { definitions, placeOf } of bundles.values()) {
      const place = placeOf(stack);
      if (place !== undefined) return { blueprint: [...definitions.keys()].join(", "), place };
    }
    return { stack };
  }

  send({ kind: "ready" });
  return { receive, stray, log: (line) => send({ kind: "log", line }) };
}

/** Worth another try: the catalog brings a bundle back when it is asked for. */
function unavailable(turn: Turn, why: string): TurnReply {
  const message = `Blueprint "${turn.blueprint}" (version ${turn.hash.slice(0, 12)}) could not be loaded: ${why}.`;
  return {
    steps: [],
    ending: { kind: "broke", state: turn.state, error: { code: "BUNDLE_UNAVAILABLE", message }, alone: false },
  };
}
