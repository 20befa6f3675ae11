/** A worker that runs in the test's own process, against a fake orchestrator. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { System } from "../../../src/system/index.ts";
import type { Refusal } from "../../../src/system/errors.ts";
import type { LogLine } from "../../../src/system/log.ts";
import { createRealSystem } from "../../../src/system/real.ts";
import { WORKER } from "../../../worker/definition.ts";
import type { Worker } from "../../../worker/index.ts";
import { runWorkerProcess } from "../../../worker/process.ts";
import type { TransportChoice } from "../../../worker/settings.ts";
import type { FakeOrchestrator } from "./fake-orchestrator.ts";
import { Signal, within } from "./wait.ts";

export interface LogBook {
  readonly system: System;
  readonly lines: LogLine[];
  /** Waits for a line whose message has this in it. */
  line(part: string): Promise<LogLine>;
}

export function logBook(): LogBook {
  const lines: LogLine[] = [];
  const signal = new Signal();
  const system = createRealSystem({
    level: "debug",
    write: (line) => {
      lines.push(line);
      signal.raise();
    },
  });
  return {
    system,
    lines,
    line: (part) => signal.until(`the log line "${part}"`, () => lines.find(({ message }) => message.includes(part))),
  };
}

export interface RunningWorker extends LogBook {
  readonly payloadFolder: string;
  readonly ended: Promise<Refusal | undefined>;
  stop(): Promise<void>;
}

export interface RunSettings {
  readonly transport?: TransportChoice;
  readonly environment?: Record<string, string>;
  readonly socket?: string;
}

export function runWorker(worker: Worker, orchestrator: FakeOrchestrator, settings: RunSettings = {}): RunningWorker {
  const book = logBook();
  const stop = new AbortController();
  const payloadFolder = mkdtempSync(join(tmpdir(), "worker-test-"));
  const environment = {
    WORKER_ID: "w1",
    WORKER_TOKEN: "secret",
    WORKER_PAYLOAD_DIR: payloadFolder,
    WORKER_DATA_DIR: join(payloadFolder, "data"),
    ORCHESTRATOR_URL: settings.socket ? undefined : orchestrator.url,
    WORKER_HEARTBEAT_DEBOUNCE_DELAY: "0.01",
    ...settings.environment,
  };
  const ended = runWorkerProcess(worker[WORKER], {
    environment,
    system: book.system,
    stop: stop.signal,
    overrides: { transport: settings.transport, socket: settings.socket },
  });
  return {
    ...book,
    payloadFolder,
    ended,
    async stop() {
      stop.abort();
      await within("the worker's end", ended);
      rmSync(payloadFolder, { recursive: true, force: true });
    },
  };
}
