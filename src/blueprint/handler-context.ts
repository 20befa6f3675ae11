import type { RunFiles } from "../files/port.ts";
import type { HandlerHost, Turn } from "../handlers/port.ts";
import type { JobError } from "../job/model.ts";
import type { Log } from "../system/log.ts";
import type { RunSignal } from "./handler-run.ts";
import type { RunStores } from "./data-stores.ts";
import type { HistoryDraft } from "./history-draft.ts";
import type { Recorder } from "./recorder.ts";
import type { Context, DataStore, JobState, TaskFiles, TaskResult } from "./sdk.ts";

export interface ContextParts {
  readonly turn: Turn;
  readonly state: string;
  readonly attempt: number;
  readonly error: JobError | undefined;
  /** JSON text: only for an aggregator whose branches have ended. */
  readonly aggregation: string | undefined;
  readonly history: HistoryDraft;
  readonly recorder: Recorder;
  readonly chain: { storesFor(recorder: Recorder): RunStores };
  readonly runSignal: RunSignal;
  readonly host: HandlerHost;
  readonly log: Log;
}

/** What a handler sees. What costs something is made when the handler first looks at it. */
export class HandlerContext implements Context {
  readonly jobId: string;
  readonly blueprint: string;
  readonly currentState: string;
  readonly attempt: number;
  declare readonly error?: JobError;
  readonly #parts: ContextParts;
  #initialData: unknown;
  #aggregation: Record<string, TaskResult> | undefined;
  #log: Log | undefined;
  #files: RunFiles | undefined;

  constructor(parts: ContextParts) {
    this.#parts = parts;
    this.jobId = parts.turn.jobId;
    this.blueprint = parts.turn.blueprint;
    this.currentState = parts.state;
    this.attempt = parts.attempt;
    if (parts.error) this.error = parts.error;
  }

  get initialData(): unknown {
    this.#initialData ??= JSON.parse(this.#parts.turn.initialData);
    return this.#initialData;
  }

  get stateHistory(): Record<string, unknown> {
    this.#parts.recorder.assertOpen();
    return this.#parts.history.values;
  }

  get aggregationResults(): Record<string, TaskResult> {
    this.#aggregation ??= JSON.parse(this.#parts.aggregation ?? "{}") as Record<string, TaskResult>;
    return this.#aggregation;
  }

  get client(): Context["client"] {
    return this.#parts.turn.client as Context["client"];
  }

  get dataStores(): Record<string, DataStore> {
    const { chain, recorder } = this.#parts;
    recorder.assertOpen();
    return chain.storesFor(recorder).byName;
  }

  get taskFiles(): TaskFiles | undefined {
    const { host, recorder, runSignal, turn } = this.#parts;
    if (!host.files) return undefined;
    recorder.assertOpen();
    this.#files ??= host.files.begin(turn.jobId, () => runSignal.signal);
    return this.#files.files;
  }

  /** Calls for files that have not ended. */
  get pendingFiles(): number {
    return this.#files?.pending ?? 0;
  }

  get storage(): Context["storage"] {
    const { host, recorder, turn } = this.#parts;
    return {
      async getJobState(jobId) {
        recorder.assertOpen();
        const text = await host.jobState(turn.jobId, String(jobId));
        return text === undefined ? undefined : (JSON.parse(text) as JobState);
      },
    };
  }

  get signal(): AbortSignal {
    return this.#parts.runSignal.signal;
  }

  get log(): Log {
    const { log, state, turn } = this.#parts;
    this.#log ??= log.with({ job_id: turn.jobId, blueprint: turn.blueprint, state });
    return this.#log;
  }
}
