/** What the engine's thread and the thread that writes say to each other. */
import type { GroupFrame } from "./group-frame.ts";

export type ToWriter =
  | { readonly type: "open"; readonly path: string; readonly pagesMax: number | undefined }
  | {
      readonly type: "write";
      readonly group: GroupFrame;
      /** Jobs that were written elsewhere since the last group. */
      readonly changed: readonly string[];
      readonly nowMs: number;
    }
  | { readonly type: "close" };

/** Refusals cross as their parts: a class does not. */
export type PlainOutcome =
  | { readonly type: "stored"; readonly refused: readonly PlainRefusal[] }
  | { readonly type: "full" }
  | { readonly type: "invalid"; readonly index: number; readonly reason: string }
  | { readonly type: "unknown"; readonly reason: string };

export interface PlainRefusal {
  readonly index: number;
  readonly code: string;
  readonly status: number;
  readonly message: string;
  readonly details: string | undefined;
}

export type FromWriter =
  | { readonly type: "opened" }
  | { readonly type: "outcome"; readonly outcome: PlainOutcome }
  | { readonly type: "closed" };
