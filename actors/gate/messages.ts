/** A job and the group that it counts in. */
export interface Place {
  readonly jobId: string;
  /** Of the job when it came here. */
  readonly visit: number | undefined;
  readonly blueprint: string;
  readonly group: string;
  /** Of the group, as the newest version of the blueprint has it; infinite: no limit. */
  readonly max: number;
  readonly priority: number;
}

export type GateMessage =
  /** On disk, and waits to be let in. `isOld`: it was read from the store at the start. */
  | { readonly type: "arrived"; readonly place: Place; readonly isOld?: true }
  /** That it was let in is on disk. */
  | { readonly type: "entered"; readonly place: Place; readonly isOld?: true }
  /** It is over, and that is on disk. */
  | { readonly type: "left"; readonly jobId: string }
  /** All that stood at a gate when the server was started are known: from here on others may be let in. */
  | { readonly type: "open" }
  | { readonly type: "paused"; readonly blueprint: string }
  | { readonly type: "resumed"; readonly blueprint: string }
  /** The limits of the blueprints that serve now; infinite: none. */
  | { readonly type: "limits"; readonly limits: ReadonlyMap<string, number> }
  /** The sweep saw these jobs, which are not over. */
  | { readonly type: "seen"; readonly jobIds: readonly string[] }
  /** It has seen all of them. */
  | { readonly type: "seen-all" };

export type GateEffect =
  /** The job may write down that it is in, if it still is the one that came. */
  | { readonly type: "admit"; readonly jobId: string; readonly visit: number | undefined }
  /** It was over, and nobody had said so. */
  | { readonly type: "found-gone"; readonly jobId: string };
