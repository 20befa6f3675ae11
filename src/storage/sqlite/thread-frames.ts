/** What the engine's thread and the thread that writes say to each other. */
import type { GroupFrame } from "./group-frame.ts";

export type ToWriter =
  | { readonly type: "open"; readonly path: string; readonly pagesMax: number | undefined }
  | WriteFrame
  | { readonly type: "close" };

/** A message of texts and numbers alone crosses without being walked through: what most groups do not have lies deeper. */
export interface WriteFrame {
  readonly type: "write";
  readonly text: string;
  /** The bytes of the numbers, each as a character. */
  readonly codes: string;
  readonly nowMs: number;
  readonly more?: {
    readonly others: GroupFrame["others"];
    /** Jobs that were written elsewhere since the last group. */
    readonly changed: readonly string[];
  };
}

export function writeFrame({ text, codes, others }: GroupFrame, changed: readonly string[], nowMs: number): WriteFrame {
  const { buffer, byteOffset, byteLength } = codes;
  const frame = {
    type: "write",
    text,
    codes: Buffer.from(buffer, byteOffset, byteLength).toString("latin1"),
    nowMs,
  } as const;
  return others.length + changed.length === 0 ? frame : { ...frame, more: { others, changed } };
}

export function groupIn({ text, codes, more }: WriteFrame): GroupFrame {
  const numbers = new Float64Array(codes.length / Float64Array.BYTES_PER_ELEMENT);
  Buffer.from(numbers.buffer).write(codes, "latin1");
  return { text, codes: numbers, others: more?.others ?? [] };
}

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
