/**
 * Running other people's code. A turn enters a state and runs handlers until one records an
 * outcome that has to wait, an end is reached, or something went wrong.
 */
import type { FilesHost } from "../files/port.ts";
import type { StoreUse } from "../job/data-store.ts";
import type { JobError, Join, TaskOrder } from "../job/model.ts";
import type { PauseOrder } from "../job/pause.ts";
import type { StopSignal } from "../system/stopping.ts";

export interface Turn {
  readonly jobId: string;
  readonly hash: string;
  readonly blueprint: string;
  /** The state whose handler runs first. */
  readonly state: string;
  /** 1 on the first run of this handler in this visit. */
  readonly attempt: number;
  /** How many handlers the job ran since it last waited. */
  readonly steps: number;
  readonly maxSteps: number;
  /** JSON texts of objects. */
  readonly initialData: string;
  readonly stateHistory: string;
  /** Merged into the history, key by key, before the first handler runs. */
  readonly merge?: string | undefined;
  readonly aggregation?: string | undefined;
  readonly client: {
    readonly id: string;
    readonly plan?: string | undefined;
    readonly config: Readonly<Record<string, unknown>>;
  };
  readonly error?: JobError | undefined;
  /** For a handler that sets no time of its own. */
  readonly timeoutMs: number;
  /** Filled into orders that set none. */
  readonly defaults: {
    readonly maxAttempts: number;
    readonly priority?: number | undefined;
    readonly dispatchTimeoutMs?: number | undefined;
  };
}

export interface Step {
  readonly state: string;
  readonly startedAtMs: number;
  readonly durationMs: number;
  /** Where it went, if it went on within this turn. */
  readonly next?: string;
  /** JSON text of `{set?, unset?}`: what it changed in the history (the first step's includes the merge). */
  readonly patch?: string;
  /** The reason that it gave for going on (`errorMessage`): the newest of a turn is the job's error. */
  readonly error?: JobError;
}

/** A job of another blueprint, as a handler asks for it. */
export interface ChildOrder {
  readonly blueprint: string;
  /** JSON text of an object. */
  readonly initialData: string;
  readonly transitions: Readonly<Record<string, string>>;
}

/** How a turn ended. `state` is the state that it ended in. */
export type Ending =
  | { readonly kind: "ended"; readonly state: string; readonly error?: JobError }
  | {
      readonly kind: "tasks";
      readonly state: string;
      readonly orders: readonly TaskOrder[];
      readonly children?: readonly ChildOrder[];
      readonly into?: string;
      /** Left out: all. */
      readonly join?: Join;
    }
  | { readonly kind: "pause"; readonly state: string; readonly pause: PauseOrder }
  /** The chain was long: commit what it did and go on with `state`. */
  | { readonly kind: "paused"; readonly state: string; readonly error?: JobError }
  /** Worth another run: it threw, hung past its time, blocked its thread or took it down. */
  | {
      readonly kind: "broke";
      readonly state: string;
      readonly error: JobError;
      readonly alone: boolean;
    }
  /** Not worth another run: no outcome, two, an unknown state, too many steps, an outcome over its limit. */
  | { readonly kind: "invalid"; readonly state: string; readonly error: JobError };

export interface TurnReply {
  /** Handlers that ended well, in order. */
  readonly steps: readonly Step[];
  /** The history after those steps, if it changed: JSON text. */
  readonly stateHistory?: string;
  readonly ending: Ending;
  /** How often handlers of this turn ran when the process died under them: counted as attempts. */
  readonly crashes?: number;
  /** What it did with data stores. Nothing of the reply counts if something that it read has changed since. */
  readonly dataStores?: readonly StoreUse[];
  /** It came upon a data store in which others are ahead: nothing of it counts, and it runs again in its turn. */
  readonly again?: true;
}

/** What a running turn asks of a data store: a key's value, the keys with a prefix, or only that it may use it. */
export interface StoreQuestion {
  readonly jobId: string;
  readonly blueprint: string;
  readonly hash: string;
  readonly store: string;
  readonly key?: string;
  readonly prefix?: string;
}

/** JSON text of the value, or of the list of keys, with its version. "again": the turn has to run again. */
export type StoreAnswer = "again" | { readonly version: number; readonly json?: string };

export interface DataStoreHost {
  ask(question: StoreQuestion): Promise<StoreAnswer>;
}

/** What a running handler may ask of the engine. */
export interface HandlerHost {
  /** A job as `context.storage.getJobState` shows it; JSON text. The asking job sees its own pending status. */
  jobState(askingJobId: string, jobId: string): Promise<string | undefined>;
  /** Left out: there are no data stores. */
  readonly dataStores?: DataStoreHost;
  /** Left out: no store of files is set up. */
  readonly files?: FilesHost | undefined;
}

export interface HandlerRunner {
  /** Never rejects for what a handler did. The signal is of this turn alone; an abort answers with `broke` (code HANDLER_ABORTED). */
  run(turn: Turn, signal?: StopSignal): Promise<TurnReply>;
}

/** Who asked for a turn: told of it by one of the two, once. */
export interface TurnAsker {
  answered(reply: TurnReply): void;
  failed(error: unknown): void;
}

export interface RunningTurn {
  /** Answers at once with `broke`, code HANDLER_ABORTED. Nothing, where it is answered. */
  abort(): void;
}

export interface TurnStarter {
  /** What `run` does, without a promise. */
  begin(turn: Turn, asker: TurnAsker): RunningTurn;
}
