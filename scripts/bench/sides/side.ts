/** One system under test: how it is started, and which generator loads it. */
import type { Workload } from "../load/workloads.ts";
import type { Program } from "./program.ts";

export interface GeneratorCommand {
  readonly command: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Running {
  /** In the order in which they were started; they are stopped the other way round. */
  readonly programs: readonly Program[];
  /** The one that makes jobs durable: its syncs are counted. */
  readonly store: Program;
  readonly generator: GeneratorCommand;
}

export interface Side {
  readonly name: string;
  /** What its answer promises, for the report. */
  readonly promise: string;
  readonly workloads: readonly Workload[];
  /** `folder` is empty and its own, on the disk that is measured. What was started is passed to `started` at once. */
  start(folder: string, started: (program: Program) => void): Promise<Running>;
}
