/**
 * A task id says by itself which wait of which job it belongs to, so that a result finds its
 * wait even if the hand-out was never written down. It looks like a UUID v4: workers expect one.
 *
 * Bits: slot 14, visit 16, attempt 8, epoch 16, sequence 24, signature 44; version and variant 6.
 */
import { hexDigit, writeHex } from "../system/hex.ts";

export interface TaskIdParts {
  readonly slot: number;
  readonly visit: number;
  readonly attempt: number;
  /** Which start of the server handed it out. */
  readonly epoch: number;
  /** Grows with each hand-out of that start. */
  readonly sequence: number;
}

type Run = Pick<TaskIdParts, "slot" | "visit" | "attempt">;

export interface TaskIds {
  sign(run: Run, epoch: number, sequence: number, jobId: string, workerId: string): string;
  /** Undefined: not an id of ours, or made for another job or worker. */
  verify(taskId: string, jobId: string, workerId: string): TaskIdParts | undefined;
}

export const SLOT_LIMIT = 1 << 14;
const VISIT_MASK = 0xffff;
const ATTEMPT_MASK = 0xff;
/** As many bits of the epoch as an id holds. */
export const EPOCH_MASK = 0xffff;
const SEQUENCE_MASK = 0xffffff;

const TASK_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export function createTaskIds(secret: Uint8Array): TaskIds {
  // Copied for each id, which is faster than taking up the secret each time.
  const keyed = new Bun.CryptoHasher("sha256", secret);
  const sign: TaskIds["sign"] = (run, epoch, sequence, jobId, workerId) => {
    writeBody(run, epoch, sequence);
    keyed.copy().update(BODY).update(jobId).update(workerId).digest(SIGNATURE);
    return layOut();
  };
  return {
    sign,
    verify(taskId, jobId, workerId) {
      const parts = readTaskId(taskId)?.parts;
      if (!parts) return undefined;
      return sign(parts, parts.epoch, parts.sequence, jobId, workerId) === taskId ? parts : undefined;
    },
  };
}

/** Whether two sets of parts name the same wait, counters compared as far as an id holds them. */
export function isSameWait(parts: Run, slot: number, visit: number, attempt: number): boolean {
  return parts.slot === slot && parts.visit === (visit & VISIT_MASK) && parts.attempt === (attempt & ATTEMPT_MASK);
}

/** The parts of an id, unverified. */
export function readTaskId(taskId: string): { readonly parts: TaskIdParts } | undefined {
  if (!TASK_ID.test(taskId)) return undefined;
  const digits = taskId.replaceAll("-", "");
  const body = digits.slice(0, 12) + digits.slice(13, 16) + digits.slice(17);

  const low = Number.parseInt(digits.slice(16, 17), 16) & 3;
  return {
    parts: {
      slot: (Number.parseInt(body.slice(0, 3), 16) << 2) | low,
      visit: Number.parseInt(body.slice(3, 7), 16),
      attempt: Number.parseInt(body.slice(7, 9), 16),
      epoch: Number.parseInt(body.slice(9, 13), 16),
      sequence: Number.parseInt(body.slice(13, 19), 16),
    },
  };
}

// ---- one id is written at a time, in the same bytes

/** What is signed: 19 digits, and one of the two bits of the slot that go beside the variant. */
const BODY = new Uint8Array(20);
/** Room for the longest digest that there is; the first digits count. */
const SIGNATURE = new Uint8Array(64);
const SIGNATURE_DIGITS = 11;
const ID = Buffer.from("00000000-0000-4000-8000-000000000000", "latin1");
/** Where in an id the digits of body and signature stand, one after the other. */
const PLACES = [
  0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 15, 16, 17, 20, 21, 22, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35,
];
const VARIANT_PLACE = 19;
const BODY_DIGITS = PLACES.length - SIGNATURE_DIGITS;

function writeBody({ slot, visit, attempt }: Run, epoch: number, sequence: number): void {
  writeHex(BODY, 0, 3, slot >>> 2);
  writeHex(BODY, 3, 4, visit & VISIT_MASK);
  writeHex(BODY, 7, 2, attempt & ATTEMPT_MASK);
  writeHex(BODY, 9, 4, epoch & EPOCH_MASK);
  writeHex(BODY, 13, 6, sequence & SEQUENCE_MASK);
  writeHex(BODY, BODY_DIGITS, 1, slot & 3);
}

function layOut(): string {
  for (let digit = 0; digit < BODY_DIGITS; digit++) ID[PLACES[digit] ?? 0] = BODY[digit] ?? 0;
  for (let digit = 0; digit < SIGNATURE_DIGITS; digit++) {
    const byte = SIGNATURE[digit >>> 1] ?? 0;
    ID[PLACES[BODY_DIGITS + digit] ?? 0] = hexDigit(digit % 2 === 0 ? byte >>> 4 : byte);
  }
  ID[VARIANT_PLACE] = hexDigit(8 | ((BODY[BODY_DIGITS] ?? 0) & 3));
  return ID.toString("latin1");
}
