/** What tests need to run turns: time that moves only when told, and a turn with usual settings. */
import type {
  DataStoreHost,
  HandlerHost,
  StoreAnswer,
  StoreQuestion,
  Turn,
  TurnReply,
} from "../../src/handlers/port.ts";
import { definitionOf, executeTurn, type ExecuteOptions } from "../../src/blueprint/index.ts";
import { silentLog } from "../../src/system/log.ts";

export class ManualTime {
  #nowMs = 1_000;
  #due: { atMs: number; run: () => void }[] = [];
  /** Resolves once a timer is set. */
  readonly armed: Promise<void>;
  #isArmed: () => void = () => undefined;
  timersSet = 0;

  constructor() {
    this.armed = new Promise((resolve) => (this.#isArmed = resolve));
  }

  readonly clock = { nowMs: () => this.#nowMs, monotonicMs: () => this.#nowMs };

  readonly timers = {
    after: (delayMs: number, run: () => void) => {
      const entry = { atMs: this.#nowMs + delayMs, run };
      this.#due.push(entry);
      this.timersSet += 1;
      this.#isArmed();
      return () => void (this.#due = this.#due.filter((other) => other !== entry));
    },
  };

  get waiting(): number {
    return this.#due.length;
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    const due = this.#due.filter(({ atMs }) => atMs <= this.#nowMs);
    this.#due = this.#due.filter(({ atMs }) => atMs > this.#nowMs);
    for (const { run } of due) run();
  }
}

export const noJobs: HandlerHost = { jobState: () => Promise.resolve(undefined), dataStores: storesOf({}) };

/** One data store of JSON texts, each at version 7, whatever its name. What was asked is kept. */
export function storesOf(
  entries: Readonly<Record<string, string>>,
): DataStoreHost & { readonly asked: StoreQuestion[] } {
  const asked: StoreQuestion[] = [];
  return {
    asked,
    async ask(question): Promise<StoreAnswer> {
      asked.push(question);
      const { key, prefix } = question;
      if (prefix !== undefined) {
        const keys = Object.keys(entries).filter((name) => name.startsWith(prefix));
        return { version: 5, json: JSON.stringify(keys) };
      }
      const json = key === undefined ? undefined : entries[key];
      return json === undefined ? { version: 0 } : { version: 7, json };
    },
  };
}

export function turnOf(change: Partial<Turn> = {}): Turn {
  return {
    jobId: "job-1",
    hash: "hash",
    blueprint: "flow",
    state: "start",
    attempt: 1,
    steps: 0,
    maxSteps: 100,
    initialData: "{}",
    stateHistory: "{}",
    client: { id: "client", config: {} },
    timeoutMs: 30_000,
    defaults: { maxAttempts: 4 },
    ...change,
  };
}

export async function runTurn(
  blueprint: object,
  change: Partial<Turn> = {},
  options: Partial<ExecuteOptions> & { host?: HandlerHost; time?: ManualTime } = {},
): Promise<TurnReply> {
  const { host = noJobs, time = new ManualTime(), ...rest } = options;
  return executeTurn(definitionOf(blueprint), turnOf(change), host, {
    clock: time.clock,
    timers: time.timers,
    log: silentLog,
    ...rest,
  });
}
