/** What the commands need of the rest of the program. `src/main.ts` hands it in. */
import type { Finding, Manifest } from "../catalog/port.ts";
import type { LogLine } from "../system/log.ts";
import type { ServeSettings, WorkerSettings } from "../config/tables.ts";

/** Where a server can be reached, over TCP and over its local door, and what it serves. */
export interface RunningServer {
  readonly url: string;
  readonly socket: string;
  /** Names of the blueprints in service. */
  readonly blueprints: readonly string[];
}

export interface ServeCall {
  /** `blueprints` is a folder, or for `orchestrator run` one file. */
  readonly settings: ServeSettings;
  /** Aborts when the server has to stop: it answers what it began, closes the store, and resolves. */
  readonly stop: AbortSignal;
  /** What the log is to begin with, for people. */
  readonly notes?: readonly string[];
  /** schedules.toml, clients.toml and workers.toml are not looked at. */
  readonly isForOneJob?: true;
  /** Takes the lines of the log, instead of standard error. */
  readonly write?: (line: LogLine) => void;
  /** Called once, when the blueprints are loaded and both doors listen. */
  readonly ready?: (server: RunningServer) => void;
}

export interface WorkerCall {
  readonly files: readonly string[];
  readonly settings: WorkerSettings;
  /** With the lines of an --env-file: the worker and its tasks read more of it than the settings. Left out: the process's own. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Takes the lines of the log, instead of standard error. */
  readonly write?: (line: LogLine) => void;
  /** Takes what the code of the files prints, instead of standard output. */
  readonly print?: (text: string) => void;
  /** The one door to take, whatever the settings say. Without it the worker looks for the local door itself. */
  readonly socket?: string;
  /** Nobody waits for what its tasks do once it has to stop. */
  readonly isForOneJob?: boolean;
  /** Starts anew, drained first, when one of its files or of what they import changes. */
  readonly watch?: boolean;
  /** Aborts when the worker has to stop: it takes no new task, lets running ones end, and resolves. */
  readonly stop: AbortSignal;
}

export interface CheckReport {
  /** Sorted by file and line. */
  readonly findings: readonly Finding[];
  /** How many files were looked at. */
  readonly files: number;
  /** Of the blueprints that could be loaded. */
  readonly manifests: readonly Manifest[];
}

export interface CliParts {
  /**
   * Resolves with the exit code when the server has stopped. Wrong settings (a folder that is locked
   * or newer, a port in use) are thrown as a Refusal before anything is served: exit code 2.
   */
  serve(call: ServeCall): Promise<number>;
  worker(call: WorkerCall): Promise<number>;
  /** Files and folders. */
  check(paths: readonly string[]): Promise<CheckReport>;
}
