/** One table of schedules.toml, checked and with its defaults filled in. */
import type { CreationOptions } from "../protocol/creation.ts";
import type { Timing } from "./timing.ts";

/** What becomes of due times that passed while nothing could run them. */
export const MISSED_POLICIES = ["skip", "once", "all"] as const;
export type MissedPolicy = (typeof MISSED_POLICIES)[number];

/** What becomes of a due time while the job of the last run is still open. */
export const OVERLAP_POLICIES = ["allow", "skip"] as const;
export type OverlapPolicy = (typeof OVERLAP_POLICIES)[number];

export interface Schedule {
  readonly name: string;
  readonly blueprint: string;
  /** JSON text of an object. */
  readonly initialData: string;
  readonly enabled: boolean;
  readonly timing: Timing;
  readonly timezone: string;
  readonly missed: MissedPolicy;
  readonly overlap: OverlapPolicy;
  /** A run begins up to so much later than it is due, always the same for the same due time. */
  readonly jitterMs: number;
  readonly options: CreationOptions;
}
