import type { Delivery } from "../../src/notify/port.ts";
import type { Reply } from "../../src/runtime/types.ts";
import type { OutboxRow } from "../../src/storage/port.ts";

export type OutboxMessage =
  /** The server serves: nothing is sent before. */
  | { readonly type: "start" }
  /** Units have written so many rows. */
  | { readonly type: "written"; readonly rows: number }
  /** Something may be due. */
  | { readonly type: "look" }
  | { readonly type: "found"; readonly found: Found }
  | { readonly type: "not-found"; readonly error: unknown }
  | { readonly type: "sent"; readonly row: OutboxRow; readonly delivery: Delivery }
  /** What became of the row is durable, or could not be written. */
  | { readonly type: "settled"; readonly row: OutboxRow }
  | { readonly type: "not-settled"; readonly row: OutboxRow; readonly error: unknown }
  /** An operator's: given up rows are tried again, or thrown away. */
  | {
      readonly type: "take-up" | "discard";
      readonly ids: readonly string[];
      readonly reply: Reply<number>;
    }
  | { readonly type: "changed"; readonly removed: number; readonly reply: Reply<number>; readonly count: number }
  | { readonly type: "not-changed"; readonly reply: Reply<number>; readonly error: unknown }
  | { readonly type: "stop"; readonly reply: Reply<void> }
  | { readonly type: "stop-now" };

export interface Found {
  readonly rows: readonly OutboxRow[];
  /** When the next one is due; undefined: nothing waits for a time. */
  readonly nextAtMs: number | undefined;
  /** Where the next look begins, so that everybody's turn comes. */
  readonly cursor: string;
  /** How many rows there are; undefined: it was not counted. */
  readonly held: number | undefined;
}
