/**
 * A task id says by itself which wait of which job it belongs to, so that a result finds its
 * wait even if the hand-out was never written down. It looks like a UUID v4: workers expect one.
 *
 * Bits: slot 14, visit 16, attempt 8, epoch 16, sequence 24, signature 44; version and variant 6.
 */
export interface TaskIdParts {
  readonly slot: number;
  readonly visit: number;
  readonly attempt: number;
  /** Which start of the server handed it out. */
  readonly epoch: number;
  /** Grows with each hand-out of that start. */
  readonly sequence: number;
}

export interface TaskIds {
  sign(parts: TaskIdParts, jobId: string, workerId: string): string;
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
  return {
    sign(parts, jobId, workerId) {
      const body = bodyOf(parts);
      return layOut(body, signatureOf(keyed, body, jobId, workerId));
    },
    verify(taskId, jobId, workerId) {
      const read = readTaskId(taskId);
      if (!read) return undefined;
      const body = bodyOf(read.parts);
      return read.signature === signatureOf(keyed, body, jobId, workerId) ? read.parts : undefined;
    },
  };
}

/** Whether two sets of parts name the same wait, counters compared as far as an id holds them. */
export function isSameWait(
  parts: Pick<TaskIdParts, "slot" | "visit" | "attempt">,
  slot: number,
  visit: number,
  attempt: number,
): boolean {
  return parts.slot === slot && parts.visit === (visit & VISIT_MASK) && parts.attempt === (attempt & ATTEMPT_MASK);
}

/** The parts of an id, unverified. */
export function readTaskId(taskId: string): { parts: TaskIdParts; signature: string } | undefined {
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
    signature: body.slice(19),
  };
}

/** 19 hex digits, and the two bits of the slot that go beside the variant. */
function bodyOf(parts: TaskIdParts): { digits: string; low: number } {
  return {
    digits:
      hex(parts.slot >>> 2, 3) +
      hex(parts.visit & VISIT_MASK, 4) +
      hex(parts.attempt & ATTEMPT_MASK, 2) +
      hex(parts.epoch & EPOCH_MASK, 4) +
      hex(parts.sequence & SEQUENCE_MASK, 6),
    low: parts.slot & 3,
  };
}

function signatureOf(
  keyed: Bun.CryptoHasher,
  body: { digits: string; low: number },
  jobId: string,
  workerId: string,
): string {
  return keyed.copy().update(`${body.digits}${body.low}${jobId}${workerId}`).digest("hex").slice(0, 11);
}

function layOut(body: { digits: string; low: number }, signature: string): string {
  const text = body.digits + signature;
  const variant = (8 | body.low).toString(16);
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-4${text.slice(12, 15)}-${variant}${text.slice(15, 18)}-${text.slice(18)}`;
}

/** `value` has no more digits than that. The number before it keeps the zeros that it begins with. */
function hex(value: number, digits: number): string {
  return (16 ** digits + value).toString(16).slice(1);
}
